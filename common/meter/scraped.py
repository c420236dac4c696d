"""Figures that are looked up when somebody asks for them: queues, tables, servers.

@at_scrape("slipway_queue_length", "Tasks that wait, by queue.", labels=("queue",))
def queues() -> Rows:
    return [((name,), length) for name, length in queue_lengths().items()]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Rows = Iterable[tuple[tuple[str, ...], float]]
"""The values of the labels, and the figure."""
Lookup = Callable[[], Rows]


@dataclass(frozen=True, slots=True)
class Scraped:
    """A gauge with how to look it up."""

    name: str
    help: str
    labels: tuple[str, ...]
    look_up: Lookup


registered: dict[str, Scraped] = {}


def at_scrape(name: str, help_: str, *, labels: Sequence[str] = ()) -> Callable[[Lookup], Lookup]:
    """Register what gives a gauge's figures. It may raise: then the gauge is absent for once."""

    def register(look_up: Lookup) -> Lookup:
        if name in registered:
            raise ValueError(f"Two gauges are called {name}.")
        registered[name] = Scraped(name, help_, tuple(labels), look_up)
        return look_up

    return register
