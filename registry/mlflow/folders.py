"""An MLflow model's folder, read: which file in it is the model, and what is said about it.

What the folder says is a hint and no more. Its code, its loader and its list of trusted types are
never looked at: the model's file goes the way of every upload.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import yaml

from common import strict_json
from common.errors import Invalid
from common.storable import storable
from registry.errors import BadFolder, BadSource, FlavorNotServed
from registry.mlflow.paths import check_path

MANIFEST: Final = "MLmodel"
MANIFEST_MOST: Final = 512 * 1024  # bytes
EXAMPLE_MOST: Final = 1024 * 1024
EXAMPLE_ROWS: Final = 100
REQUIREMENTS_MOST: Final = 64 * 1024
DEEPEST: Final = 30  # levels of a manifest
_PIN: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,80})==([0-9][^\s;,]{0,60})")

# What is served: the flavor's field that names its file, and the name where it is silent.
FLAVORS: Final = {
    "sklearn": ("scikit-learn", "pickled_model", "model.pkl"),
    "onnx": ("onnx", "data", "model.onnx"),
}


class Files(Protocol):
    """The files of one folder."""

    def read(self, path: str, *, most: int) -> bytes | None:
        """A file's bytes; None where there is none, or it has more than `most`."""

    def has(self, path: str) -> bool: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFolder:
    """What a folder holds. `path` is of the model's own file; `hints` may turn out wrong."""

    path: str
    framework: str
    hints: dict[str, Any] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        return self.path.rpartition("/")[2]


def read_folder(files: Files) -> ModelFolder:
    """Read a folder. Raises BadFolder, and FlavorNotServed naming the flavors that it has."""
    manifest = _manifest(files)
    flavors = manifest.get("flavors")
    if not isinstance(flavors, dict) or not flavors:
        raise BadFolder("MLmodel names no flavors.")
    for flavor, (framework, where, usual) in FLAVORS.items():
        said = flavors.get(flavor)
        if isinstance(said, dict):
            path = _inside(said.get(where) or usual)
            if not files.has(path):
                raise BadFolder(f"MLmodel says that the model is {path!r}; there is no such file.")
            return ModelFolder(path=path, framework=framework, hints=_hints(manifest, files))
    named = ", ".join(sorted(map(str, flavors)))[:200]
    raise FlavorNotServed(
        f"Models of the flavor {named} are not served here; {' and '.join(FLAVORS)} are."
    )


def _manifest(files: Files) -> dict[str, Any]:
    data = files.read(MANIFEST, most=MANIFEST_MOST)
    if data is None:
        raise BadFolder(f"There is no {MANIFEST} of at most {MANIFEST_MOST:,} bytes in the folder.")
    try:
        found = yaml.load(data.decode(), Loader=_PlainLoader)  # noqa: S506  texts, lists, maps only
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadFolder(f"MLmodel can't be read: {str(error)[:300]}") from None
    if not isinstance(found, dict):
        raise BadFolder("MLmodel must be a map.")
    manifest: dict[str, Any] = storable(found)
    return manifest


class _PlainLoader(yaml.BaseLoader):
    """YAML without its powers: every scalar is a text, tags mean nothing, nothing refers back."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.YAMLError("references (*name) are not taken")
        self._depth += 1
        if self._depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested deeper than {DEEPEST} levels")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _inside(path: Any) -> str:
    if not isinstance(path, str):
        raise BadFolder("MLmodel names the model's file by something other than a text.")
    try:
        return check_path(path)
    except BadSource as error:
        raise BadFolder(f"MLmodel names a file outside of its folder: {error.message}") from None


def _hints(manifest: dict[str, Any], files: Files) -> dict[str, Any]:
    """The example, the columns' names and the pinned requirements, as far as they can be read."""
    found = {
        "example": _example(manifest, files),
        "feature_names": _column_names(manifest),
        "libraries": _pins(files),
    }
    return {name: value for name, value in found.items() if value}


def _example(manifest: dict[str, Any], files: Files) -> list[Any] | None:
    """The example's rows, each a list; None where there is none that can be read."""
    about = manifest.get("saved_input_example_info")
    path = about.get("artifact_path") if isinstance(about, dict) else None
    if not isinstance(path, str):
        return None
    value = _json(files.read(_inside(path), most=EXAMPLE_MOST))
    if isinstance(value, dict):
        value = value.get("data", value.get("inputs"))
    if not isinstance(value, list) or not value:
        return None
    if all(isinstance(text, str) for text in value):
        value = [[text] for text in value]
    rows = value if isinstance(value[0], list) else [value]
    flat = all(isinstance(row, list) and not _nested(row) for row in rows)
    return rows[:EXAMPLE_ROWS] if flat else None


def _nested(row: list[Any]) -> bool:
    return any(isinstance(cell, (list, dict)) for cell in row)


def _column_names(manifest: dict[str, Any]) -> list[str] | None:
    signature = manifest.get("signature")
    said = signature.get("inputs") if isinstance(signature, dict) else None
    columns = _json(said.encode()) if isinstance(said, str) else None
    if not isinstance(columns, list):
        return None
    names = [column.get("name") for column in columns if isinstance(column, dict)]
    usable = [name for name in names if isinstance(name, str) and 0 < len(name) <= 200]
    return usable if len(set(usable)) == len(columns) else None


def _pins(files: Files) -> dict[str, str]:
    data = files.read("requirements.txt", most=REQUIREMENTS_MOST) or b""
    pins = (_PIN.match(line.strip()) for line in data.decode(errors="replace").splitlines())
    return {pin[1]: pin[2] for pin in pins if pin is not None}


def _json(data: bytes | None) -> Any:
    """JSON that may be wrong: a hint that can't be read is none."""
    if data is None:
        return None
    try:
        return strict_json.loads(data)
    except Invalid:
        return None
