"""It parses references to models by one grammar."""

from __future__ import annotations

import re
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.errors import BadReference
from registry.refs import MODEL_PATTERN, REF_PATTERN, RESERVED, ModelRef, check_name, parse_ref

ID = uuid.UUID("01890a5d-ac96-774b-bcce-b302099a8057")
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", fullmatch=True).filter(
    lambda name: name.lower() not in RESERVED and len(name) not in {32, 36}
)


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("churn", ModelRef(name="churn")),
        ("Acme/churn", ModelRef(name="churn", owner="acme")),
        ("churn@champion", ModelRef(name="churn", alias="champion")),
        ("acme/churn/versions/3", ModelRef(name="churn", owner="acme", number=3)),
        (str(ID), ModelRef(model_id=ID)),
        (f"{ID}@live", ModelRef(model_id=ID, alias="live")),
        (ID.hex, ModelRef(model_id=ID)),
    ],
)
def test_every_form_is_understood(text: str, ref: ModelRef) -> None:
    assert parse_ref(text) == ref


@pytest.mark.parametrize(
    "text",
    ["", "a/b/c", "-a", ".a", "a b", "a@", "a@b@c", "a/versions/", "a/versions/x", "../a", "a\n",
     "a/versions/1@b", "ä", "a" * 64],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadReference):
        parse_ref(text)


@given(owner=names, name=names, alias=names, number=st.integers(1, 10**8))
def test_the_routes_and_the_parser_agree(owner: str, name: str, alias: str, number: int) -> None:
    for model in (name, f"{owner}/{name}"):
        assert re.fullmatch(MODEL_PATTERN, model)
        for ref in (model, f"{model}@{alias}", f"{model}/versions/{number}"):
            assert re.fullmatch(REF_PATTERN, ref)
            assert parse_ref(ref).name == name


@given(st.text(string.ascii_letters + string.digits + "._-/@%", max_size=80))
def test_the_parser_never_fails_in_another_way(text: str) -> None:
    try:
        ref = parse_ref(text)
    except BadReference:
        return
    assert bool(ref.name) != bool(ref.model_id)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_model_can_not_take_the_name_of_an_action(name: str) -> None:
    assert not re.fullmatch(MODEL_PATTERN, name)
    with pytest.raises(BadReference, match="reserved"):
        check_name(name.upper())


def test_a_name_that_only_begins_like_an_action_is_fine() -> None:
    assert re.fullmatch(MODEL_PATTERN, "acme/prediction")
    assert check_name("versions2") == "versions2"
