"""Calls written down as a door does it, for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from accounts.models import User
from common.ids import least_id, uuid7
from inference.journal.record import Door, Kind, pack_facts
from inference.journal.writer import Journal
from registry.models import ModelVersion


def facts_of(version: ModelVersion, user: User) -> bytes:
    return pack_facts(
        version_id=version.id,
        model_id=version.model_id,
        organization_id=version.model.organization_id,
        user_id=user.id,
        key_id=None,
    )


def answer(*predictions: Any, confidence: list[float] | None = None) -> bytes:
    return msgspec.json.encode({"predictions": list(predictions), "confidence": confidence})


def write_call(journal: Journal, facts: bytes, **given: Any) -> int:
    """Append one call, a good one of one row unless said otherwise; its id as a number."""
    at: datetime | None = given.pop("at", None)
    id_: int = given.pop("id", None) or uuid7().int
    if at is not None:
        id_ = least_id(at).int | (id_ & (2**80 - 1))
    call: dict[str, Any] = {
        "door": Door.NATIVE,
        "status": 200,
        "code": "",
        "rows": 1,
        "inference_ns": 12_000,
        "duration_ns": 40_000,
        "cache_hit": True,
        "request_id": "0123456789abcdef",
        "correlation_id": "",
        "kind": Kind.BODY,
        "inputs": b'{"inputs":[[1.5,2.5]]}',
        "outputs": answer("yes", confidence=[0.9]),
    } | given
    journal.append(facts, id_.to_bytes(16, "big"), **call)
    return id_


def written(journal: Journal) -> tuple[str, bytes]:
    """The journal's present segment: its name and its bytes."""
    path, size = journal.present
    return path.name, path.read_bytes()[:size]
