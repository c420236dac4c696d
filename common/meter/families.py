"""Counters, histograms and levels: declared once in a module, counted from anywhere.

Adding takes no lock: between reading a cell and writing it CPython reaches no point at which it
would hand the interpreter to another thread.
"""

from __future__ import annotations

import os
import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import ClassVar, Final, Literal

from common.meter.slots import LEVEL, Slot, private_slot

MS: Final = 1_000_000  # nanoseconds
SECOND: Final = 1_000 * MS
# Upper bounds in milliseconds, as Prometheus users know them.
REQUEST_BOUNDS: Final = (
    1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
)  # fmt: skip
SEPARATOR: Final = "\x1f"
MOST_CHILDREN: Final = 2000
OTHER: Final = "other"

families: dict[str, Family] = {}
_slot: Slot = private_slot()
_lock = threading.Lock()


class Child:
    """One series' place in the slot of this process."""

    __slots__ = ("_at", "_cells", "_count", "_key")

    def __init__(self, key: str, count: int) -> None:
        self._key, self._count = key, count
        self._cells, self._at = _slot.place(key, count)

    def move(self) -> None:
        """Go on in the present slot, from where its last owner left off."""
        self._cells, self._at = _slot.place(self._key, self._count)


class Tally(Child):
    """A number that only grows."""

    __slots__ = ()

    def add(self, count: int = 1) -> None:
        self._cells[self._at] += count


class Reading(Child):
    """A number of this process that goes up and down; it counts as long as the process lives."""

    __slots__ = ()

    def set(self, value: int) -> None:
        self._cells[self._at] = value


class Timing(Child):
    """How often something took how long: a cell a bucket, then the sum in nanoseconds."""

    __slots__ = ("_bounds", "_sum")

    def __init__(self, key: str, bounds: Sequence[int]) -> None:
        super().__init__(key, len(bounds) + 2)
        self._bounds = bounds
        self._sum = self._at + len(bounds) + 1

    def move(self) -> None:
        super().move()
        self._sum = self._at + len(self._bounds) + 1

    def observe(self, nanoseconds: int) -> None:
        cells = self._cells
        cells[self._at + bisect_left(self._bounds, nanoseconds)] += 1
        cells[self._sum] += nanoseconds


class Family:
    """One metric and its series by label values.

    Labels must come from a closed set (a route, a status); after MOST_CHILDREN series the rest
    are counted together as `other`.
    """

    kind: ClassVar[str]

    def __init__(self, name: str, help_: str, labels: Sequence[str] = ()) -> None:
        if name in families:
            raise ValueError(f"Two metrics are called {name}.")
        self.name, self.help, self.labels = name, help_, tuple(labels)
        self._children: dict[tuple[str, ...], Child] = {}
        families[name] = self

    def _find(self, values: tuple[str, ...]) -> Child:
        child = self._children.get(values)
        if child is not None:
            return child
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}.")
        with _lock:
            if len(self._children) >= MOST_CHILDREN:
                values = (OTHER,) * len(values)
            if values not in self._children:
                self._children[values] = self._make(SEPARATOR.join((self.name, *values)))
            return self._children[values]

    def _make(self, key: str) -> Child:
        raise NotImplementedError

    def move(self) -> None:
        """Go on in the present slot."""
        for child in self._children.values():
            child.move()


class Counter(Family):
    kind = "counter"

    def of(self, *values: str) -> Tally:
        found = self._find(values)
        assert isinstance(found, Tally)  # noqa: S101  what _make makes
        return found

    def _make(self, key: str) -> Tally:
        return Tally(key, 1)


class Level(Family):
    """A gauge of every process; `over` says what is told of all: their sum, or the highest."""

    kind = "gauge"

    def __init__(
        self,
        name: str,
        help_: str,
        labels: Sequence[str] = (),
        *,
        over: Literal["sum", "max"] = "sum",
    ) -> None:
        super().__init__(name, help_, labels)
        self.over = over

    def of(self, *values: str) -> Reading:
        found = self._find(values)
        assert isinstance(found, Reading)  # noqa: S101  what _make makes
        return found

    def _make(self, key: str) -> Reading:
        return Reading(LEVEL + key, 1)


class Histogram(Family):
    """Durations. `bounds` are the buckets' upper ends in milliseconds."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        help_: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float] = REQUEST_BOUNDS,
    ) -> None:
        super().__init__(name, help_, labels)
        self.bounds = tuple(int(bound * MS) for bound in bounds)

    def of(self, *values: str) -> Timing:
        found = self._find(values)
        assert isinstance(found, Timing)  # noqa: S101  what _make makes
        return found

    def _make(self, key: str) -> Timing:
        return Timing(key, self.bounds)


def slot() -> Slot:
    """Where this process counts."""
    return _slot


def move_to(where: Slot) -> None:
    """Count there from now on."""
    global _slot  # noqa: PLW0603  one a process
    with _lock:
        _slot = where
        for family in families.values():
            family.move()


def _start_anew() -> None:
    """A forked process has counted nothing yet, and its parent's slot is not its own."""
    global _lock  # noqa: PLW0603  the parent may have held it
    _lock = threading.Lock()
    move_to(private_slot())


os.register_at_fork(after_in_child=_start_anew)
