"""The WSGI application that Granian serves: the edge, and Django behind it."""

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("SLIPWAY_ROLE", "web")
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from django.core.wsgi import get_wsgi_application

from config.process import die_with_parent
from config.telemetry import start_telemetry
from config.warmup import warm_up

# A thread that computes gives way after so many seconds: five milliseconds, as Python has it, are a
# hundred predictions long.
sys.setswitchinterval(0.001)
# Granian's workers outlive a killed main process otherwise, and go on answering on its port.
die_with_parent()
django = get_wsgi_application()

# Only now: the edge knows models, which exist once Django is set up.
from inference.edge.app import Edge  # noqa: E402

application = Edge(django)
warm_up(application)
# Only now: what warms up is nobody's request.
start_telemetry("web")
application.start()
