"""Every write to aliases: which version a name leads to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import IntegrityError, transaction
from django.db.models.functions import Lower

from accounts.actors import Actor
from common.events import publish
from registry.errors import AliasConflict, AliasDenied, AliasNotFound, BadAlias
from registry.events import ModelAliasMoved, ModelAliasRemoved
from registry.models import Alias, AliasMove, Model, ModelVersion, MoveKind
from registry.permissions import can_edit_model
from registry.refs import NAME
from registry.selectors import get_alias, get_version, servable
from registry.trials import try_out

MAX_ALIASES: Final = 100  # of a model
MOST_MOVES: Final = 1000  # looked at for the way back
# What would read like a number, or like "the newest there is".
TAKEN: Final = re.compile(r"latest|v?[0-9]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A move as it was asked for. `expected`: where it must lead until then, if that matters."""

    alias: str
    kind: MoveKind
    reason: str
    expected: int | None = None


def set_alias(
    model: Model,
    alias: str,
    number: int,
    *,
    actor: Actor,
    reason: str = "",
    expected: int | None = None,
) -> Alias:
    """Have an alias lead to a version, once that version has answered its own example.

    With `expected` it only moves from that version: of two people who move it at once, one is
    told. Raises AliasDenied, BadAlias, VersionNotFound, VersionNotReady, ModelArchived,
    AliasConflict, and what trying the version out raises; then nothing has changed.
    """
    check_moves(actor, model)
    _check_alias(alias)
    version = servable(get_version(model, number))
    wanted = _Wanted(alias=alias, kind=MoveKind.SET, reason=reason, expected=expected)
    row = _standing(model, alias)
    _check_expected(row, wanted)
    if row is None or row.version_id != version.id:
        try_out(version)
    return _move(model, version, wanted, actor=actor)


def rollback_alias(model: Model, alias: str, *, actor: Actor, reason: str = "") -> Alias:
    """Have an alias lead where it led before its last move; and again, to where before that.

    Versions that would not answer are passed over. Raises AliasDenied, AliasNotFound,
    AliasConflict where there is no way back, and what trying the version out raises.
    """
    check_moves(actor, model)
    now = get_alias(model, alias).version.number
    for number in way_back(_moves(model, alias)):
        version = model.versions.filter(number=number).first()
        if version is not None and version.answers and number != now:
            version.model = model
            break
    else:
        raise AliasConflict(
            f"@{alias} has led to no other version that still answers.", code="no_way_back"
        )
    try_out(version)
    wanted = _Wanted(alias=alias, kind=MoveKind.ROLLED_BACK, reason=reason, expected=now)
    return _move(model, version, wanted, actor=actor)


@transaction.atomic
def remove_alias(model: Model, alias: str, *, actor: Actor, reason: str = "") -> None:
    """Take an alias away: references that name it lead nowhere. Raises AliasNotFound."""
    check_moves(actor, model)
    row = _standing(model, alias, lock=True)
    if row is None:
        raise AliasNotFound(f"{model.name} has no alias {alias!r}.")
    before = row.version.number
    row.delete()
    wanted = _Wanted(alias=alias, kind=MoveKind.REMOVED, reason=reason)
    _note(model, wanted, before, None, actor=actor)
    publish(
        ModelAliasRemoved(
            model_id=model.id, name=model.name, alias=row.name, before=before, reason=reason
        ),
        actor_id=actor.id,
        organization_id=model.organization_id,
    )


def check_moves(actor: Actor, model: Model) -> None:
    """Raise AliasDenied for who may not change the model."""
    if not can_edit_model(actor, model):
        raise AliasDenied(f"You may not move the aliases of {model.name}.")


def way_back(moves: Iterable[AliasMove]) -> list[int]:
    """The versions under the present one, the nearest first, from moves in their order.

    Like undo: setting puts a version on top, rolling back takes what is above its target away.
    """
    stack: list[int] = []
    for move in moves:
        if move.number is None:
            continue  # a name that was taken away and given again can be rolled back over that
        if move.kind == MoveKind.ROLLED_BACK and move.number in stack:
            while stack[-1] != move.number:
                stack.pop()
        elif not stack or stack[-1] != move.number:
            stack.append(move.number)
    return stack[-2::-1]


def _moves(model: Model, alias: str) -> list[AliasMove]:
    newest = model.alias_moves.filter(alias=alias.lower()).order_by("-id")[:MOST_MOVES]
    return list(reversed(newest))


def _check_alias(alias: str) -> None:
    if not re.fullmatch(NAME, alias) or TAKEN.fullmatch(alias):
        raise BadAlias(
            "An alias is 1 to 63 letters, digits, dots, dashes or underscores, begins with a "
            "letter or digit, and is neither a number (3, v3) nor `latest`."
        )


def _standing(model: Model, alias: str, *, lock: bool = False) -> Alias | None:
    rows = Alias.objects.alias(lower=Lower("name")).filter(model=model, lower=alias.lower())
    if lock:
        rows = rows.select_for_update(of=("self",))
    return rows.select_related("version").first()


def _check_expected(row: Alias | None, wanted: _Wanted) -> None:
    now = row.version.number if row is not None else None
    if wanted.expected is not None and now != wanted.expected:
        where = f"leads to version {now}" if now else "leads nowhere"
        raise AliasConflict(
            f"@{wanted.alias} {where}, and not to version {wanted.expected}.", code="alias_moved"
        )


@transaction.atomic
def _move(model: Model, version: ModelVersion, wanted: _Wanted, *, actor: Actor) -> Alias:
    # Locked against being archived in this moment; see `services.models.update_version`.
    locked = ModelVersion.objects.select_for_update().get(id=version.id)
    locked.model = model
    servable(locked)
    row = _standing(model, wanted.alias, lock=True)
    _check_expected(row, wanted)
    before = row.version.number if row is not None else None
    if row is None:
        row = _make(model, wanted.alias, locked)
    elif before == locked.number:
        return row
    row.version = locked
    row.touch("version")
    row.model = model
    _note(model, wanted, before, locked.number, actor=actor)
    publish(
        ModelAliasMoved(
            model_id=model.id, name=model.name, alias=row.name, version_id=locked.id,
            number=locked.number, before=before, reason=wanted.reason,
        ),
        actor_id=actor.id,
        organization_id=model.organization_id,
    )  # fmt: skip
    return row


def _make(model: Model, alias: str, version: ModelVersion) -> Alias:
    if Alias.objects.filter(model=model).count() >= MAX_ALIASES:
        raise AliasConflict(f"At most {MAX_ALIASES} aliases.", code="too_many_aliases")
    try:
        with transaction.atomic():
            return Alias.objects.create(model=model, name=alias, version=version)
    except IntegrityError:
        raise AliasConflict(f"Somebody else has just set @{alias}.", code="alias_moved") from None


def _note(
    model: Model, wanted: _Wanted, before: int | None, number: int | None, *, actor: Actor
) -> None:
    AliasMove.objects.create(
        model=model, alias=wanted.alias.lower(), kind=wanted.kind, before=before, number=number,
        reason=wanted.reason, moved_by=actor.user,
    )  # fmt: skip
