"""Lists: `page` and `page_size` in, `{"count", "next", "previous", "results"}` out."""

from __future__ import annotations

from typing import Any

from django.core.paginator import InvalidPage
from rest_framework.pagination import PageNumberPagination as RestPageNumberPagination
from rest_framework.request import Request

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
