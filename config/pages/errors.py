"""The page that every problem's `type` points to."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from common.errors import DomainError


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    status: int
    code: str
    title: str


@require_safe
def errors(request: HttpRequest) -> HttpResponse:
    """Every kind of problem, by status; a code that is not listed is a special case of one."""
    return render(request, "docs/errors.html", {"kinds": sorted(_kinds(DomainError))})


def _kinds(parent: type[DomainError]) -> set[Kind]:
    found: set[Kind] = set()
    for child in parent.__subclasses__():
        if child.default_code != DomainError.default_code:
            found.add(Kind(child.status, child.default_code, child.title))
        found |= _kinds(child)
    return found
