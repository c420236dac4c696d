"""How figures read on pages."""

from __future__ import annotations

from django import template

register = template.Library()


@register.filter
def percent(share: float | None, sign: str = "") -> str:
    """A share as percent: 0.9876 is `98.8 %`; with `+`, growth carries its sign."""
    if share is None:
        return "\u2013"
    return f"{100 * share:{sign}.1f} %"
