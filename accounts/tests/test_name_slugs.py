"""It names people so that addresses with their names work, whatever they are called."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import keys, slugs
from accounts.emails import BadEmail, check_email, email_key


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_candidate_is_always_a_slug(local: str, name: str) -> None:
    assert slugs.is_slug(slugs.slug_candidate(f"{local}@example.org", name))


@given(
    st.from_regex(slugs.PATTERN, fullmatch=True), st.from_regex(r"[0-9a-f]{1,8}", fullmatch=True)
)
def test_a_suffix_leaves_a_slug(slug: str, suffix: str) -> None:
    assert slugs.PATTERN.fullmatch(slugs.with_suffix(slug, suffix))


@pytest.mark.parametrize(
    ("email", "name", "slug"),
    [
        ("dora@example.org", "", "dora"),
        ("Dora.B+news@example.org", "", "dora.b"),
        ("m\u00fcller@example.org", "", "muller"),
        ("\u7528\u6237@example.org", "Zhang Wei", "zhang-wei"),
        ("\u7528\u6237@example.org", "\u7528\u6237", "user"),
        ("admin@example.org", "", "admin-ml"),
        ("models@example.org", "Olga", "models-ml"),
        ("0198c1a0-0000-7000-8000-000000000000@example.org", "", None),
        ("_._@example.org", "", "user"),
    ],
)
def test_a_slug_comes_from_the_address_or_the_name(email: str, name: str, slug: str | None) -> None:
    found = slugs.slug_candidate(email, name)
    assert slugs.is_slug(found)
    assert slug is None or found == slug


@pytest.mark.parametrize("word", ["api", "models", "v2", "ajax-api", "shared-with-me", "Dora", ""])
def test_reserved_words_and_capitals_are_no_slugs(word: str) -> None:
    assert not slugs.is_slug(word)


def test_a_key_knows_its_checksum() -> None:
    key = keys.make_key()
    assert len(key) == 43
    assert key.startswith("slip_")
    assert keys.is_key(key)
    assert keys.make_key() != key


@given(st.integers(5, 42), st.sampled_from("0123456789ABCXYZabcxyz-_é"))
def test_one_wrong_character_is_found(place: int, character: str) -> None:
    key = "slip_" + "7hQ2" * 8
    key += keys._checksum(key[5:])
    assert keys.is_key(key)
    changed = key[:place] + character + key[place + 1 :]
    assert keys.is_key(changed) == (changed == key)


@given(st.text(max_size=60))
def test_what_is_no_key_is_no_key(text: str) -> None:
    assert not keys.is_key(text)
    assert not keys.is_key("slip_" + text)


@given(st.emails())
def test_an_address_has_one_key_however_it_is_written(address: str) -> None:
    assert email_key(address.upper()) == email_key(address.lower()) == email_key(address)
    assert email_key(email_key(address)) == email_key(address)


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = check_email(text)
    except BadEmail:
        return
    assert "@" in address
    assert len(email_key(address)) <= 254
