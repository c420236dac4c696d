"""The WSGI application that Granian serves."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SLIPWAY_ROLE", "web")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from django.core.wsgi import get_wsgi_application

from config.process import die_with_parent
from config.warmup import warm_up

# Granian's workers outlive a killed main process otherwise, and go on answering on its port.
die_with_parent()
application = get_wsgi_application()
warm_up(application)
