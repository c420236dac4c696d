"""Filters of lists."""

from __future__ import annotations

from typing import Any

from django_filters import ChoiceFilter
from django_filters.rest_framework import DjangoFilterBackend

from common.errors import Fault, Invalid


class FilterBackend(DjangoFilterBackend):
    """A choice is one of those named: the empty one is a form's way to say "any", not the API's."""

    def filter_queryset(self, request: Any, queryset: Any, view: Any) -> Any:
        filters = getattr(getattr(view, "filterset_class", None), "base_filters", {})
        faults = [
            Fault(f"?{name}", "must be one of the choices", "invalid_choice")
            for name, found in filters.items()
            if isinstance(found, ChoiceFilter) and request.query_params.get(name) == ""
        ]
        if faults:
            raise Invalid("Leave out what is not to be filtered by.", errors=faults)
        return super().filter_queryset(request, queryset, view)
