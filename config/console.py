"""How the operators' console looks: django-unfold's settings."""

from __future__ import annotations

from typing import Any

from django.templatetags.static import static

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Slipway",
    "SITE_HEADER": "Slipway",
    "SITE_SUBHEADER": "Operator's console",
    "SITE_SYMBOL": "sailing",
    "SITE_ICON": lambda _: static("img/logo.svg"),
    # The pages' own accent (static/css/slipway.css), in unfold's scale.
    "COLORS": {
        "primary": {
            "50": "#effaf8",
            "100": "#d3f1ec",
            "200": "#a9e3da",
            "300": "#6fd8cd",
            "400": "#3fc1b4",
            "500": "#14a098",
            "600": "#0b6b64",
            "700": "#095a54",
            "800": "#084f4a",
            "900": "#073f3b",
            "950": "#04211f",
        }
    },
    "SITE_URL": "/",
    "DASHBOARD_CALLBACK": "config.dashboard.callback",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
