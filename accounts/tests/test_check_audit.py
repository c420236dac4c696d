"""The daily walk over the audit trail: kept, and told to operators where it finds a break."""

from __future__ import annotations

import pytest
from django.db import connection

from accounts import services
from accounts.actors import actor_for_user
from accounts.models import AuditCheck, Notification, User
from accounts.tasks import check_audit
from common.models import AuditSeal, EventRecord
from common.tasks import dispatch_event, seal_events

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sealed(alice: User) -> EventRecord:
    """Two events, sealed; the first of them."""
    for name in ("one", "two"):
        services.create_api_key(actor=actor_for_user(alice), name=name)
    seal_events()
    return EventRecord.objects.order_by("id")[0]


def test_a_whole_trail_is_noted_as_such(sealed: EventRecord) -> None:
    assert check_audit() == 0
    check = AuditCheck.objects.get()
    assert (check.seals, check.chains, check.broken, check.breaks) == (2, 1, 0, [])


def test_a_break_is_told_to_the_operators(sealed: EventRecord, olga: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE common_eventrecord SET payload = '{}' WHERE id = %s", [sealed.id])
    assert check_audit() == 1
    found = AuditCheck.objects.get().breaks
    assert [(one["kind"], one["event_id"]) for one in found] == [("changed", str(sealed.id))]
    event = EventRecord.objects.get(type="audit.chain_broken")
    assert event.payload["broken_event_id"] == str(sealed.id)
    dispatch_event(str(event.id))
    told = Notification.objects.get(user=olga)
    assert told.text == "The audit trail is broken in 1 places"


def test_fewer_seals_than_before_are_a_break(sealed: EventRecord) -> None:
    check_audit()
    AuditSeal.objects.filter(number=2).delete()
    EventRecord.objects.exclude(id=sealed.id).delete()
    assert check_audit() == 1
    assert AuditCheck.objects.all()[0].breaks[0]["kind"] == "removed"
