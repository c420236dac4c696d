"""Who may do what in the database: three roles, and the grants that tell them apart.

The owner's role owns the tables and changes them. The application's reads and writes rows, and can
only add to the audit trail. The read-only one is for people and dashboards: it sees no secrets.
Grants are given anew after every migration; doing it twice is doing it once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import connections, transaction
from psycopg import sql

OWNER: Final = "owner"  # the alias of the owner's connection
READER: Final = "slipway_readonly"
SCHEMA: Final = sql.Identifier("public")

# What the application may do with these tables, beyond reading: everything else is refused.
NARROWED: Final[Mapping[str, str]] = {
    "common_auditseal": "INSERT",
    "common_eventrecord": "INSERT, UPDATE (dispatched_at, attempts)",
    "accounts_auditcheck": "INSERT",
    "accounts_statuschange": "INSERT",
    "django_migrations": "",
}
# Columns of these names are kept from the read-only role, in whatever table they come to stand.
HIDDEN: Final = (
    r"password|secret|token|_hash$|^hash$|^code$|session_key|session_data|private_key|credential"
)
# The chains' hashes are there to be checked, and a failed prediction's code is no secret.
OPEN: Final = frozenset({"common_auditseal", "inference_prediction", "registry_modelversion"})

TABLES: Final = """
SELECT c.relname, array_agg(a.attname ORDER BY a.attnum),
    array_agg(a.attname ~ %(hidden)s ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
    AND pg_has_role(c.relowner, 'USAGE')
GROUP BY c.relname ORDER BY c.relname
"""
FUNCTIONS: Final = """
SELECT oid::regprocedure::text FROM pg_proc
WHERE pronamespace = 'public'::regnamespace AND prosecdef AND pg_has_role(proowner, 'USAGE')
"""
ROLES: Final = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s)"
OWNS_DATABASE: Final = """
SELECT current_database(), pg_has_role(datdba, 'USAGE') FROM pg_database
WHERE datname = current_database()
"""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the owner's, and those of its columns that anybody may read."""

    name: str
    columns: Sequence[str]
    open_columns: Sequence[str]


class RoleMissingError(Exception):
    """The application's role does not exist; the message names it."""


def separate() -> bool:
    """Whether the application works under another role than its tables' owner."""
    return OWNER in connections and _user(OWNER) != _user("default")


def grant(*, owner: str = OWNER, application: str = "", reader: str = READER) -> list[str]:
    """Give each role its rights, by the owner's connection; the roles that now have theirs.

    The read-only role gets its rights where it exists. Raises RoleMissingError.
    """
    app = application or _user("default")
    connection = connections[owner]
    with transaction.atomic(using=owner), connection.cursor() as cursor:
        cursor.execute(ROLES, [[app, reader]])
        roles = {name for (name,) in cursor.fetchall()}
        if app not in roles:
            raise RoleMissingError(f"There is no role {app!r} in the database.")
        cursor.execute(TABLES, {"hidden": HIDDEN})
        tables = [_table(*row) for row in cursor.fetchall()]
        cursor.execute(FUNCTIONS)
        functions = [name for (name,) in cursor.fetchall()]
        cursor.execute(OWNS_DATABASE)
        database, owns_database = cursor.fetchone()
        steps = list(_application(app, tables, functions))
        if owns_database:
            steps += _doors(database, [app, *({reader} & roles)])
        if reader in roles:
            steps += _reader(reader, tables)
        for step in steps:
            cursor.execute(step)
    return sorted(roles)


def _application(
    role: str, tables: Iterable[Table], functions: Iterable[str]
) -> Iterator[sql.Composed]:
    who = sql.Identifier(role)
    for table in tables:
        rights = NARROWED.get(table.name, "INSERT, UPDATE, DELETE")
        wanted = sql.SQL(f"SELECT, {rights}" if rights else "SELECT")
        name = sql.Identifier(table.name)
        # Those of single columns go with it.
        yield _sql("REVOKE ALL ON {}.{} FROM {}", SCHEMA, name, who)
        yield _sql("GRANT {} ON {}.{} TO {}", wanted, SCHEMA, name, who)
    for function in functions:
        # A signature as PostgreSQL itself writes it.
        yield _sql("GRANT EXECUTE ON FUNCTION {} TO {}", sql.SQL(function), who)


def _reader(role: str, tables: Iterable[Table]) -> Iterator[sql.Composed]:
    who = sql.Identifier(role)
    for table in tables:
        name = sql.Identifier(table.name)
        yield _sql("REVOKE ALL ON {}.{} FROM {}", SCHEMA, name, who)
        if len(table.open_columns) == len(table.columns):
            yield _sql("GRANT SELECT ON {}.{} TO {}", SCHEMA, name, who)
        elif table.open_columns:
            columns = sql.SQL(", ").join(map(sql.Identifier, table.open_columns))
            yield _sql("GRANT SELECT ({}) ON {}.{} TO {}", columns, SCHEMA, name, who)


def _doors(database: str, roles: Iterable[str]) -> Iterator[sql.Composed]:
    """Who may come in, and that nobody but the owner makes tables."""
    name = sql.Identifier(database)
    yield _sql("REVOKE CREATE ON SCHEMA {} FROM PUBLIC", SCHEMA)
    for role in roles:
        who = sql.Identifier(role)
        yield _sql("GRANT CONNECT ON DATABASE {} TO {}", name, who)
        yield _sql("GRANT USAGE ON SCHEMA {} TO {}", SCHEMA, who)
        yield _sql("REVOKE CREATE ON SCHEMA {} FROM {}", SCHEMA, who)
        # The journal's batches are copied into a temporary table.
        yield _sql("GRANT TEMPORARY ON DATABASE {} TO {}", name, who)


def _table(name: str, columns: Sequence[str], secret: Sequence[bool]) -> Table:
    if name in OPEN:
        return Table(name, columns, columns)
    open_ones = [column for column, hidden in zip(columns, secret, strict=True) if not hidden]
    return Table(name, columns, open_ones)


def _sql(text: str, *parts: sql.Composable) -> sql.Composed:
    return sql.SQL(text).format(*parts)


def _user(alias: str) -> str:
    settings: dict[str, Any] = connections[alias].settings_dict
    return str(settings["USER"])
