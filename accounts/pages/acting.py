"""Buttons and small forms on pages: do it, say how it went, show the page again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from common.errors import DomainError


def acted(
    request: HttpRequest, done: str, act: Callable[[], Any], to: str, *where: object
) -> HttpResponse:
    """Call `act`; go to the page `to` with `done` said there, or why it was refused."""
    try:
        act()
    except DomainError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, done)
    return redirect(to, *where)
