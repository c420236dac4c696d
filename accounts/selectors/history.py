"""Reads of the event trail: one's own, an organization's, an object's, the platform's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q, QuerySet, Value
from django.db.models.fields.json import KT
from django.db.models.lookups import Exact

from accounts.actors import Actor
from accounts.catalogue import ALARMS, SECURITY, entry_of, text_of
from accounts.models import Organization, User, UserStatus
from accounts.permissions import check_admin, check_operator
from common.ids import least_id
from common.models import AuditSeal, EventRecord

NOBODY = "the system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which events: what is empty or None does not matter. `type` also takes a first part alone.

    Times include `since` and not `until`; `cursor` is the last id of the page before.
    """

    actor: UUID | None = None
    subject: UUID | None = None
    type: str = ""
    since: datetime | None = None
    until: datetime | None = None
    cursor: UUID | None = None
    limit: int = 20


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An event as people read it: who, did what, to whom.

    `address` is empty where it is somebody else's and none of the reader's business.
    """

    event: EventRecord
    actor: str
    person: str
    address: str
    number: int | None = None

    @property
    def text(self) -> str:
        """What was done, after the name of who did it."""
        return text_of(entry_of(self.event.type).done, self.event.payload)

    @property
    def is_security(self) -> bool:
        return self.event.type in SECURITY


@dataclass(frozen=True, slots=True)
class History:
    """Some rows, newest first, and the cursor of those after them; None at the end."""

    rows: list[HistoryRow]
    next_cursor: UUID | None


def own_activity(actor: Actor, wanted: Wanted) -> History:
    """What the actor did, and what was done to them or their things."""
    return _own(actor, wanted, EventRecord.objects.all())


def own_security_events(actor: Actor, wanted: Wanted) -> History:
    """Of these, what one should look through for what was not oneself."""
    return _own(actor, wanted, EventRecord.objects.filter(type__in=SECURITY))


def organization_audit(actor: Actor, organization: Organization, wanted: Wanted) -> History:
    """All that happened in an organization, for its owners and admins. Raises AdminsOnly."""
    check_admin(actor, organization)
    rows = EventRecord.objects.filter(organization_id=organization.id)
    return _page(list(_newest(rows, wanted)), wanted.limit, sealed=True)


def platform_audit(actor: Actor, wanted: Wanted) -> History:
    """All that happened anywhere, for operators. Raises OperatorsOnly."""
    check_operator(actor)
    return _page(list(_newest(EventRecord.objects.all(), wanted)), wanted.limit, sealed=True)


def everybodys_activity(actor: Actor, wanted: Wanted) -> History:
    """What people did, all of them, for operators. Raises OperatorsOnly."""
    check_operator(actor)
    rows = EventRecord.objects.filter(actor_id__isnull=False)
    return _page(list(_newest(rows, wanted)), wanted.limit)


def history_of(subject_id: UUID, *, organization_id: UUID, wanted: Wanted) -> History:
    """What happened to one object of an organization's.

    Whoever calls has made sure that the reader may see the object. Addresses stay out of it.
    """
    rows = EventRecord.objects.filter(subject_id=subject_id, organization_id=organization_id)
    return _page(list(_newest(rows, wanted)), wanted.limit, addresses=False)


def count_alarms(*, since: datetime) -> dict[str, int]:
    """How often what accounts must be warned of happened on the whole platform, by type."""
    rows = EventRecord.objects.filter(id__gte=least_id(since), type__in=ALARMS).order_by()
    return dict(rows.values_list("type").annotate(Count("id")))


def _own(actor: Actor, wanted: Wanted, rows: QuerySet[EventRecord]) -> History:
    if not actor.is_at_home:  # a key of an organization's, which reaches what is there
        rows = rows.filter(organization_id__in=actor.organization_ids)
    about = (
        Q(actor_id=actor.id),
        Q(subject_id=actor.id),
        Exact(KT("payload__user_id"), Value(str(actor.id))),
    )
    # One short range of an index each: a single condition would have all of them sorted.
    parts = [_newest(rows.filter(one), wanted).values("id") for one in about]
    ids = parts[0].union(*parts[1:]).order_by("-id")[: wanted.limit + 1]
    found = EventRecord.objects.filter(id__in=[row["id"] for row in ids]).order_by("-id")
    return _page(list(found), wanted.limit, reader=actor.id)


def _newest(rows: QuerySet[EventRecord], wanted: Wanted) -> QuerySet[EventRecord]:
    """One more than a page, newest first."""
    if wanted.actor:
        rows = rows.filter(actor_id=wanted.actor)
    if wanted.subject:
        rows = rows.filter(subject_id=wanted.subject)
    if wanted.type:
        rows = rows.filter(Q(type=wanted.type) | Q(type__startswith=f"{wanted.type}."))
    # Bounds on the key, which tells the time: they need no index of their own.
    if wanted.since:
        rows = rows.filter(id__gte=least_id(wanted.since))
    if wanted.until:
        rows = rows.filter(id__lt=least_id(wanted.until))
    if wanted.cursor:
        rows = rows.filter(id__lt=wanted.cursor)
    return rows.order_by("-id")[: wanted.limit + 1]


def _page(
    found: Sequence[EventRecord],
    limit: int,
    *,
    reader: UUID | None = None,
    addresses: bool = True,
    sealed: bool = False,
) -> History:
    """At most `limit` rows with the names that stand in them.

    A `reader` of their own history sees where they were themselves, and where came from what
    nobody known did; operators stay nameless to them.
    """
    events = found[:limit]
    names = _names(events)
    numbers = _numbers(events) if sealed else {}
    rows = []
    for event in events:
        known = addresses and (reader is None or event.actor_id in (None, reader))
        address = (event.address or "") if known else ""
        who, whom = _actor_name(event, names, reader), _person_name(event, names)
        rows.append(HistoryRow(event, who, whom, address, numbers.get(event.id)))
    return History(rows, events[-1].id if len(found) > limit else None)


def _names(events: Iterable[EventRecord]) -> dict[UUID, User]:
    """The people who stand in these events, in one query."""
    ids = {event.actor_id for event in events if event.actor_id}
    ids |= {person for event in events if (person := _person(event))}
    return User.objects.only("email", "full_name", "status", "is_staff").in_bulk(ids)


def _person(event: EventRecord) -> UUID | None:
    """Whom it is about, where that is not who did it."""
    try:
        person = UUID(str(event.payload.get("user_id")))
    except ValueError:
        return None
    return person if person != event.actor_id else None


def _actor_name(event: EventRecord, names: dict[UUID, User], reader: UUID | None) -> str:
    if event.actor_id is None:
        return NOBODY
    who = names.get(event.actor_id)
    if who is not None and who.is_staff and reader is not None and event.organization_id is None:
        return "an operator" if reader != who.id else _shown(who)
    return _shown(who)


def _person_name(event: EventRecord, names: dict[UUID, User]) -> str:
    person = _person(event)
    return _shown(names.get(person)) if person else ""


def _shown(user: User | None) -> str:
    if user is None or user.status == UserStatus.DELETED:
        return "somebody who was deleted"
    return user.email


def _numbers(events: Iterable[EventRecord]) -> dict[UUID, int]:
    """Their places in the sealed chains; those that wait are absent."""
    seals = AuditSeal.objects.filter(event_id__in=[event.id for event in events])
    return dict(seals.values_list("event_id", "number"))
