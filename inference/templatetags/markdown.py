"""How values stand in Markdown."""

from __future__ import annotations

import re

from django import template

register = template.Library()
SPECIAL = re.compile(r"([\\|`*_<>\[\]])")


@register.filter
def cell(value: object) -> str:
    """A value in a cell of a table: one line, and nothing in it is Markdown or HTML."""
    return SPECIAL.sub(r"\\\1", " ".join(str(value).split()))
