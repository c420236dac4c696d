"""Addresses of files and folders: what a client may name, and where it leads.

A run's files lie at `<experiment>/<run>/artifacts/…`, a logged model's at
`<experiment>/models/<m-id>/artifacts/…`. Nothing a client writes is ever a path on our disk: files
are found by rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from registry.errors import BadSource
from registry.models.mlflow import MODEL_ID, SCHEME, id_of

MOST: Final = 1000  # characters of a path
DEEPEST: Final = 30  # folders
# What other programs read as a way out of a folder, or as something other than a path.
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\\#?]|%[0-9A-Fa-f]{2}|^[A-Za-z]:")
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_HEX: Final = "[0-9a-f]{32}"
_ROOT: Final = re.compile(
    rf"(?P<number>[0-9]{{1,9}})/(?:(?P<run>{_HEX})|models/(?P<model>{MODEL_ID}{_HEX}))"
    r"/artifacts(?:/(?P<rest>.+))?"
)
_VERSION: Final = re.compile(
    r"(?P<name>[^/@]+)(?:/(?P<number>[0-9]{1,9})|@(?P<alias>[A-Za-z0-9][A-Za-z0-9._-]*))"
)


@dataclass(frozen=True, slots=True)
class Location:
    """Files of a run or of a logged model: `rest` is the path below its artifacts, or empty."""

    rest: str
    run_id: UUID | None = None
    model_id: UUID | None = None
    number: int | None = None

    @property
    def model_name(self) -> str:
        """The logged model's id as MLflow writes it; "" where this is a run's."""
        return f"{MODEL_ID}{self.model_id.hex}" if self.model_id else ""


@dataclass(frozen=True, slots=True)
class VersionSource:
    """A version of a registered model, by number or alias."""

    name: str
    number: int | None
    alias: str


def check_path(path: str) -> str:
    """The path, if it is a plain one below a folder: `a/b/c`. Raises BadSource saying why not."""
    if len(path) > MOST:
        raise BadSource(f"The path has {len(path):,} characters; {MOST:,} is the most.")
    if path.startswith("/"):
        raise BadSource(f"{path[:100]!r} is an absolute path.")
    if (found := _UNSAFE.search(path)) is not None:
        raise BadSource(f"The path {path[:100]!r} holds {found[0]!r}, which no path may here.")
    parts = path.split("/")
    if len(parts) > DEEPEST:
        raise BadSource(f"The path has {len(parts)} levels; {DEEPEST} is the most.")
    if any(part in {"", ".", ".."} for part in parts):
        raise BadSource(f"The path {path[:100]!r} has an empty part, or one of dots alone.")
    return path


def locate(path: str) -> Location:
    """Where an artifact's path leads. Raises BadSource for what is no such path."""
    found = _ROOT.fullmatch(check_path(path))
    if found is None:
        raise BadSource(
            f"{path[:100]!r} is not among the files of a run or of a logged model: "
            "<experiment>/<run>/artifacts/…, <experiment>/models/<id>/artifacts/…"
        )
    return Location(
        rest=found["rest"] or "",
        run_id=id_of(found["run"]) if found["run"] else None,
        model_id=id_of(found["model"]) if found["model"] else None,
        number=int(found["number"]),
    )


def parse_source(source: str) -> Location | VersionSource:
    """Where a version's source leads: `runs:/`, `models:/` or `mlflow-artifacts:/` and no other.

    Raises BadSource: what lies elsewhere is never fetched, and no path on a disk is followed.
    """
    scheme, _, path = source.partition(":/")
    if scheme not in {"runs", "models", SCHEME.partition(":")[0]} or not path:
        kind = _SCHEME.match(source)
        raise BadSource(
            f"The source {source[:200]!r} is not taken"
            + (f": {kind[0]} is never followed here." if kind else ".")
            + " Log the model here first; a source begins with runs:/, models:/ or "
            "mlflow-artifacts:/."
        )
    check_path(path)
    if scheme == "runs":
        return _in_run(path)
    if scheme == "models":
        return _of_model(path)
    return locate(path)


def _in_run(path: str) -> Location:
    run, _, rest = path.partition("/")
    run_id = id_of(run)
    if run_id is None or run.startswith(MODEL_ID) or not rest:
        raise BadSource(f"runs:/{path[:100]} names no folder of a run: runs:/<run id>/<folder>.")
    return Location(rest=rest, run_id=run_id)


def _of_model(path: str) -> Location | VersionSource:
    first, _, rest = path.partition("/")
    model_id = id_of(first) if first.startswith(MODEL_ID) else None
    if model_id is not None:
        return Location(rest=rest, model_id=model_id)
    found = _VERSION.fullmatch(path)
    if found is None:
        raise BadSource(
            f"models:/{path[:100]} names no model: models:/m-<id>, models:/<name>/<version> or "
            "models:/<name>@<alias>."
        )
    number = int(found["number"]) if found["number"] else None
    return VersionSource(name=found["name"], number=number, alias=found["alias"] or "")
