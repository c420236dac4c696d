"""Roles in the database: what the application and the read-only role may do, and what not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from psycopg import errors

from accounts import services
from accounts.actors import actor_for_user
from accounts.models import User
from accounts.tests.factories import make_key
from common import clock
from common.audit.chains import verify
from common.models import AuditSeal, EventRecord
from common.tasks import dispatch_event, seal_events
from config import private, roles
from config.embedded.postgres import READER, ROLE
from inference import partitions
from inference.models import Prediction

PASSWORDS = Path(settings.SLIPWAY_HOME) / "pg" / "passwords.json"
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not PASSWORDS.exists(), reason="the roles are those of a server of ours"),
]


@pytest.fixture(autouse=True)
def granted(db: None, transactional_db: None) -> None:
    """Twice, since twice is once."""
    for _ in range(2):
        found = roles.grant(owner="default", application=ROLE, reader=READER)
        assert found == [ROLE, READER]


def connect(role: str, name: str) -> psycopg.Connection[Any]:
    where = connection.settings_dict
    return psycopg.connect(
        dbname=where["NAME"],
        host=where["HOST"],
        port=where["PORT"],
        user=role,
        password=private.read_json(PASSWORDS)[name],
        autocommit=True,
    )


@pytest.fixture
def application() -> Iterator[psycopg.Connection[Any]]:
    with connect(ROLE, "role") as found:
        yield found


@pytest.fixture
def reader() -> Iterator[psycopg.Connection[Any]]:
    with connect(READER, "reader") as found:
        yield found


@contextmanager
def as_application() -> Iterator[None]:
    """Django itself under the application's role."""
    own = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    connection.close()
    connection.settings_dict |= {"USER": ROLE, "PASSWORD": private.read_json(PASSWORDS)["role"]}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict |= own


@pytest.fixture
def sealed(alice: User) -> EventRecord:
    services.create_api_key(actor=actor_for_user(alice), name="robot")
    seal_events()
    return EventRecord.objects.get()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE common_eventrecord SET payload = '{}'",
        "UPDATE common_eventrecord SET dispatched_at = now(), actor_id = NULL",
        "UPDATE common_eventrecord SET xact = '1'",
        "DELETE FROM common_eventrecord",
        "TRUNCATE common_eventrecord",
        "UPDATE common_auditseal SET hash = prev_hash",
        "DELETE FROM common_auditseal",
        "TRUNCATE common_auditseal",
        "UPDATE accounts_statuschange SET reason = ''",
        "DELETE FROM accounts_auditcheck",
        "DELETE FROM django_migrations",
        "TRUNCATE accounts_user CASCADE",
        "CREATE TABLE mine (x int)",
        "ALTER TABLE common_eventrecord ADD COLUMN mine int",
        "ALTER TABLE common_eventrecord OWNER TO slipway",
        "ALTER TABLE common_auditseal DISABLE TRIGGER ALL",
        "DROP TABLE common_auditseal",
        "CREATE INDEX ON common_eventrecord (via)",
        "CREATE SCHEMA mine",
        "SET ROLE slipway_owner",
        "CREATE ROLE mine",
        "COPY common_eventrecord TO PROGRAM 'cat'",
    ],
)
def test_the_application_may_not(
    sealed: EventRecord, application: psycopg.Connection[Any], statement: str
) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        application.execute(statement)
    assert verify().holds


def test_a_right_somebody_gave_by_hand_is_taken_back(
    sealed: EventRecord, application: psycopg.Connection[Any]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"GRANT DELETE, UPDATE (hash) ON common_auditseal TO {ROLE}")
    roles.grant(owner="default", application=ROLE, reader=READER)
    for statement in ("DELETE FROM common_auditseal", "UPDATE common_auditseal SET hash = ''"):
        with pytest.raises(errors.InsufficientPrivilege):
            application.execute(statement)


def test_the_application_does_its_work(alice: User, olga: User) -> None:
    with as_application():
        key = services.create_api_key(actor=actor_for_user(alice), name="robot").row
        services.suspend_user(alice, actor=actor_for_user(olga), reason="unpaid")
        for row in EventRecord.objects.all():
            dispatch_event(str(row.id))
        assert not EventRecord.objects.filter(dispatched_at=None).exists()
        assert seal_events() == EventRecord.objects.count() == AuditSeal.objects.count()
        assert verify().holds
        key.delete()


def test_the_application_has_days_made_and_dropped_by_the_owner() -> None:
    day = clock.now().date() + timedelta(days=40)
    with as_application():
        partitions.ensure_partitions([day])
        assert day in partitions.partitions().values()
        with connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE copied (x int)")
            cursor.execute("SELECT inference_drop_partition(%s)", [day])
        assert day not in partitions.partitions().values()
        assert not Prediction.objects.exists()


def test_the_way_to_the_owner_is_no_wider_than_that(
    application: psycopg.Connection[Any],
) -> None:
    """A table of the asker's own that stands in the way is passed by; a far day is refused."""
    day = clock.now().date() + timedelta(days=41)
    application.execute("CREATE TEMPORARY TABLE inference_prediction (id uuid)")
    application.execute("SELECT inference_make_partition(%s)", [day])
    assert day in partitions.partitions().values()
    with pytest.raises(errors.RaiseException):
        application.execute("SELECT inference_make_partition('2199-01-01')")
    with connection.cursor() as cursor:
        cursor.execute("SELECT inference_drop_partition(%s)", [day])


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password FROM accounts_user",
        "SELECT * FROM accounts_user",
        "SELECT key_hash FROM accounts_apikey",
        "SELECT session_data FROM django_session",
        "UPDATE accounts_user SET full_name = ''",
        "INSERT INTO common_auditseal (number) VALUES (1)",
        "DELETE FROM accounts_user",
        "CREATE TABLE mine (x int)",
        "SELECT inference_make_partition(current_date)",
    ],
)
def test_the_read_only_role_may_not(
    alice: User, reader: psycopg.Connection[Any], statement: str
) -> None:
    make_key(alice)
    with pytest.raises(errors.InsufficientPrivilege):
        reader.execute(statement)


def test_the_read_only_role_reads_the_rest(
    sealed: EventRecord, reader: psycopg.Connection[Any]
) -> None:
    assert reader.execute("SELECT email, status FROM accounts_user").fetchall()
    assert reader.execute("SELECT name, prefix FROM accounts_apikey").fetchall()
    assert reader.execute("SELECT * FROM common_eventrecord").fetchall()
    assert reader.execute("SELECT hash FROM common_auditseal").fetchall()
    assert reader.execute("SELECT count(*) FROM inference_prediction").fetchall() == [(0,)]


def test_a_role_that_is_missing_is_named() -> None:
    with pytest.raises(roles.RoleMissingError, match="nobody_of_that_name"):
        roles.grant(owner="default", application="nobody_of_that_name")


def test_one_role_for_both_needs_no_grants() -> None:
    out = StringIO()
    call_command("grant_database_roles", stdout=out)
    assert "owns its tables" in out.getvalue()
