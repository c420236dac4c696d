"""It answers whatever the OpenAPI document allows, and what it does not, without a 5xx."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck, settings
from schemathesis import checks

from accounts.models import User
from accounts.scopes import ALL
from registry.tests.factories import make_model, make_version

schema = schemathesis.openapi.from_wsgi("/openapi.json", WSGIHandler()).include(
    path_regex="^/api/v1/"
)


@schema.hook
def filter_query(context: Any, query: dict[str, Any] | None) -> bool:
    """A parameter that is empty is one that is absent: forms send such."""
    return not query or "" not in query.values()


@schema.hook
def filter_case(context: Any, case: Any) -> bool:
    """A form has no way to say an empty list: what it sends is nothing."""
    is_form = case.media_type == "multipart/form-data" and isinstance(case.body, dict)
    return not is_form or [] not in case.body.values()


@pytest.fixture
def principals(
    alice: User,
    charlie: User,
    olga: User,
    key_for: Callable[..., str],
    jail: str,
) -> Iterator[dict[str, str]]:
    """Turn by turn the keys, with every scope, of an owner, a stranger and an operator."""
    make_version(make_model(alice))
    keys = (key_for(user, scopes=sorted(ALL)) for user in (alice, charlie, olga))
    return itertools.cycle([{"X-API-Key": key} for key in keys])


@pytest.mark.django_db(transaction=True)
@schema.parametrize()
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_call_brings_it_down(case: Any, principals: Iterator[dict[str, str]]) -> None:
    case.call_and_validate(
        headers=next(principals),
        excluded_checks=[
            # Rules that no schema can say (a known model, one of two fields) refuse valid data.
            checks.positive_data_acceptance,
            # Two credentials at once are refused before anybody looks at the method.
            checks.unsupported_method,
        ],
    )
