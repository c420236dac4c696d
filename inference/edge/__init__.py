"""The edge: a small WSGI application in front of Django that answers predictions itself."""
