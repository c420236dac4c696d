"""Lists: `page` and `page_size` in, `{"count", "next", "previous", "results"}` out.

Histories and logs, which grow at their head: `cursor` and `limit` in, `{"next", "results"}` out.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.core.paginator import InvalidPage
from rest_framework import serializers
from rest_framework.pagination import PageNumberPagination as RestPageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from common.api.serializers import Input, Output
from common.errors import Fault, Invalid, NotFound


class PageNumberPagination(RestPageNumberPagination):
    """20 rows a page, at most 200. A page that does not exist is a 404, a wrong number a 400."""

    page_size = 20
    max_page_size = 200
    page_size_query_param = "page_size"

    def get_page_size(self, request: Request) -> int | None:
        return self._number(request, "page_size", self.page_size or 20, self.max_page_size)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        paginator = self.django_paginator_class(queryset, self.get_page_size(request) or 20)
        number = self._number(request, "page", 1, None)
        try:
            self.page = paginator.page(number)
        except InvalidPage:
            raise NotFound(f"There is no page {number}.") from None
        return list(self.page)

    @staticmethod
    def _number(request: Request, name: str, default: int, most: int | None) -> int:
        given = request.query_params.get(name)
        if given is None:
            return default
        if given.isascii() and given.isdigit() and 1 <= int(given) <= (most or 10**9):
            return int(given)
        bound = f"from 1 to {most}" if most else "of at least 1"
        raise Invalid(
            f"{name} must be a whole number {bound}.",
            errors=[Fault(f"?{name}", f"must be a whole number {bound}")],
        )


class CursorInput(Input):
    """Which part of a history, from the address. The cursor is the last id of the page before."""

    cursor = serializers.UUIDField(required=False, help_text="From the page before, in `next`.")
    limit = serializers.IntegerField(
        default=20, min_value=1, max_value=200, help_text="Rows a page."
    )


class CursorPageOutput(Output):
    """A page of a history; subclasses add `results`."""

    next = serializers.CharField(allow_null=True, help_text="The address of older ones, or null.")


def cursor_response(
    request: Request,
    output: type[CursorPageOutput],
    rows: Any,
    next_cursor: UUID | None,
    **more: Any,
) -> Response:
    """A page of a history, with the address of the next one, and whatever else it shows."""
    following: str | None = None
    if next_cursor is not None:
        address = request.build_absolute_uri()
        following = replace_query_param(address, "cursor", str(next_cursor))
    return Response(output({"next": following, "results": rows, **more}).data)
