"""Events: a service says what happened, in its own transaction; subscribers hear of it later.

    @event("model_version.ready", subject="version_id")
    class ModelVersionReady(Event):
        version_id: UUID

    publish(ModelVersionReady(version_id=version.id), actor_id=…, organization_id=…)

    @on(ModelVersionReady)
    def warm_up(event: ModelVersionReady, *, event_id: UUID) -> None: ...

An event exists exactly when its change was committed. Delivery is at least once, so subscribers
are idempotent by `event_id`.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar, dataclass_transform

import msgspec
import structlog
from django.db import transaction

from common.context import origin, request_id
from common.models import EventRecord

logger = structlog.get_logger(__name__)


class Event:
    """What every event is: a frozen dataclass of ids and facts, with a dotted type name.

    `subject` names the field whose id it happened to: what a History tab is found by.
    """

    type: ClassVar[str]
    subject: ClassVar[str]


class Subscriber(Protocol):
    def __call__(self, event: Any, *, event_id: uuid.UUID) -> None: ...


E = TypeVar("E", bound=type[Event])
S = TypeVar("S", bound=Subscriber)
Listener = Callable[[EventRecord], None]

types: dict[str, type[Event]] = {}
_subscribers: dict[str, list[Subscriber]] = {}
_listeners: list[Listener] = []


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(name: str, *, subject: str = "") -> Callable[[E], E]:
    """Make the class a frozen dataclass and enter it in the catalogue under its dotted name.

    `subject` names the field with the id of what it happens to.
    """

    def enter(cls: E) -> E:
        if name in types:
            raise ValueError(f"Two event classes are called {name}.")
        made = dataclasses.dataclass(frozen=True, kw_only=True)(cls)
        if subject and subject not in made.__dataclass_fields__:  # type: ignore[attr-defined]
            raise TypeError(f"{name} has no field {subject}.")
        made.type, made.subject = name, subject
        types[name] = made
        return made  # type: ignore[return-value]  # dataclass() returns the class it was given

    return enter


def on(kind: type[Event]) -> Callable[[S], S]:
    """Subscribe a function to an event class. Subscribers live in `<app>/subscribers.py`."""

    def subscribe(function: S) -> S:
        _subscribers.setdefault(kind.type, []).append(function)
        return function

    return subscribe


def on_every(function: Listener) -> Listener:
    """Subscribe a function to every event: it gets the row, with who did it and where."""
    _listeners.append(function)
    return function


def publish(
    happened: Event,
    *,
    actor_id: uuid.UUID | None = None,
    organization_id: uuid.UUID | None = None,
) -> EventRecord:
    """Write the event into the present transaction; hand it to a worker once that commits.

    A worker or broker that is down at that moment loses nothing: the sweeper finds the row.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{happened.type} was published outside a transaction.")
    where = origin()
    row = EventRecord.objects.create(
        type=happened.type,
        payload=msgspec.to_builtins(happened),
        actor_id=actor_id,
        organization_id=organization_id,
        subject_id=getattr(happened, happened.subject) if happened.subject else None,
        via=where.via,
        key_id=where.key_id,
        address=where.address or None,
        request_id=request_id(),
    )
    from common.heard import say_something_happened
    from common.tasks import send_event

    transaction.on_commit(say_something_happened, robust=True)
    transaction.on_commit(lambda: send_event(row.id), robust=True)
    return row


def deliver(row: EventRecord) -> None:
    """Call every subscriber of the row's event. The first error stops it; the sweeper retries."""
    kind = types.get(row.type)
    if kind is None:
        logger.warning("event_type_unknown", type=row.type, event_id=str(row.id))
        return
    happened = msgspec.convert(row.payload, kind)
    for subscriber in _subscribers.get(row.type, []):
        subscriber(happened, event_id=row.id)
    for listener in _listeners:
        listener(row)
