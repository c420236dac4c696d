"""Calls that were counted, as the journal's worker counts them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import transaction

from accounts.models import User
from inference.people import add_people, sum_up_people
from inference.rollups import EPOCH, Fact, add_to_stored, sum_up
from registry.models import ModelVersion

Count = Callable[..., None]


@pytest.fixture
def count() -> Count:
    """`count(version, user, at, labels=["yes"])`: one call, in the roll-ups."""

    def count(
        version: ModelVersion,
        user: User,
        *times: datetime,
        labels: Sequence[str] = ("yes",),
        **given: Any,
    ) -> None:
        call: dict[str, Any] = {
            "status": 200,
            "code": "",
            "rows": 1,
            "inference_us": 500,
            "duration_us": 1000,
            "cache_hit": True,
            "confidence": [0.9],
        } | given
        facts = [
            Fact(
                version_id=version.id,
                user_id=user.id,
                at_ms=int((at - EPOCH).total_seconds() * 1000),
                labels=labels,
                **call,
            )
            for at in times
        ]
        with transaction.atomic():
            add_to_stored(sum_up(facts))
            add_people(sum_up_people(facts))

    return count
