"""References to models: one grammar, used by every door.

    reference = ( uuid | [ owner "/" ] name ) [ "@" alias | "/versions/" number ]

`owner` is a slug. Paths arrive decoded, so `owner%2Fname` has become `owner/name` by now.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass

from registry.errors import BadReference

NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}"
# Words that stand where a name could: a model called `versions` would be unreachable.
RESERVED = frozenset(
    {
        "aliases", "ajax-api", "api", "card", "compare", "config", "download", "drift",
        "experiments", "explain", "infer", "invocations", "lineage", "live", "load", "playground",
        "predict",
        "ready", "shared-with-me", "shares", "stats", "unload", "upload", "v1", "v2", "versions",
    }
)  # fmt: skip
_NOT_RESERVED = rf"(?!(?:{'|'.join(sorted(RESERVED))})(?:[/@]|$))"

# For URL patterns: a model, and a model with the alias or version a call may name.
MODEL_PATTERN = rf"{_NOT_RESERVED}{NAME}(?:/{_NOT_RESERVED}{NAME})?"
REF_PATTERN = rf"{MODEL_PATTERN}(?:@{NAME}|/versions/[0-9]{{1,9}})?"
# For pages: owner and name, each by itself.
MODEL_PATH = rf"(?P<owner>{_NOT_RESERVED}{NAME})/(?P<name>{_NOT_RESERVED}{NAME})"

_REF = re.compile(
    rf"(?:(?P<owner>{NAME})/)?(?P<name>{NAME})(?:@(?P<alias>{NAME})|/versions/(?P<number>[0-9]{{1,9}}))?"
)
_NAME = re.compile(NAME)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A parsed reference. Exactly one of `model_id` and `name` is set."""

    name: str = ""
    owner: str = ""
    model_id: uuid.UUID | None = None
    alias: str = ""
    number: int | None = None


def parse_ref(text: str) -> ModelRef:
    """Parse a reference; raises BadReference with the grammar in its message."""
    found = _REF.fullmatch(text)
    if not found:
        raise BadReference(
            f"{text[:100]!r} is no model reference. Write name, owner/name or an id, "
            "with @alias or /versions/n after it."
        )
    name, owner = found["name"], (found["owner"] or "").lower()
    model_id = None if owner else _as_uuid(name)
    return ModelRef(
        name="" if model_id else name,
        owner=owner,
        model_id=model_id,
        alias=found["alias"] or "",
        number=int(found["number"]) if found["number"] else None,
    )


def check_name(name: str) -> str:
    """A new model's name, or BadReference saying what is wrong with it."""
    if not _NAME.fullmatch(name):
        raise BadReference(
            "A model's name is 1 to 63 letters, digits, dots, dashes or underscores, and starts "
            "with a letter or digit.",
            code="bad_name",
        )
    if name.lower() in RESERVED or _as_uuid(name):
        raise BadReference(f"{name!r} is a reserved word; choose another name.", code="bad_name")
    return name


def _as_uuid(text: str) -> uuid.UUID | None:
    if len(text) not in {32, 36}:
        return None
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
