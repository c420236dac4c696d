"""A row of the matrix: one request, and what each caller gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.matrix.cast import CALLERS


class Named(dict[str, Any]):
    """A body whose texts may name things of the world, in braces."""


@dataclass(frozen=True, slots=True)
class Row:
    """`path` is below /api/v1 unless it starts with a slash; `statuses` go by caller."""

    method: str
    path: str
    body: Any
    statuses: dict[str, int]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def address(self, names: dict[str, Any]) -> str:
        """The whole path, with what stands in braces filled in."""
        path = self.path if self.path.startswith("/") else f"/api/v1/{self.path}"
        return path.format_map(names)

    def content(self, names: dict[str, Any]) -> Any:
        """The body, with what stands in braces filled in where it is Named."""
        if not isinstance(self.body, Named):
            return self.body
        return {
            key: value.format_map(names) if isinstance(value, str) else value
            for key, value in self.body.items()
        }


def columns(*rows: tuple[str, str, Any, str]) -> list[Row]:
    """Rows from their short form: the statuses in the order of CALLERS, with spaces between."""
    return [
        Row(method, path, body, dict(zip(CALLERS, map(int, statuses.split()), strict=True)))
        for method, path, body, statuses in rows
    ]
