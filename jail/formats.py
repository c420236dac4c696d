"""What a file is, told by its content; its name is only ever compared with that."""

from __future__ import annotations

import pickletools
import struct

from jail.refusal import Refused
from jail.source import compression_of

SUPPORTED = "Upload a scikit-learn model as .pkl, .joblib or .skops, or an ONNX graph as .onnx."

LOOKS_LIKE = (
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file (a Keras .h5 model?)"),
    (b"PAR1", "a Parquet table"),
    (b"ARROW1", "an Arrow table"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"\x7fELF", "a Linux program"),
    (b"MZ", "a Windows program"),
    (b"#!", "a script"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"ZF0x", "a joblib file from before version 0.10"),
    (b"GGUF", "a GGUF language model"),
    (b"binf", "an XGBoost model"),
)
"""First bytes, and what a person calls the thing."""

ENDINGS = {
    "pkl": "pickle",
    "pickle": "pickle",
    "joblib": "pickle",
    "skops": "skops",
    "onnx": "onnx",
}
"""Name endings with a meaning; .pkl and .joblib say the same, people use either."""
SHOWN = {"pickle": "a pickle", "joblib": "a joblib file", "skops": "a skops file", "onnx": "ONNX"}

_SKOPS_ENTRIES = (".npy", ".npz", ".bin")
_ONNX_FIELDS = {1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2}
"""Field number to wire type of ONNX's ModelProto (onnx.proto3)."""


def sniff(head: bytes, size: int) -> str:
    """The format of a file of `size` bytes: "pickle", "joblib", "skops" or "onnx".

    `head` is its beginning (4 KB are enough). A plain joblib file is told from a pickle when its
    first array's wrapper is in `head`; both load alike. Raises Refused("empty" | "unsupported").
    """
    if size == 0 or not head:
        raise Refused("The file is empty.", "empty")
    for prefix, name in LOOKS_LIKE:
        if head.startswith(prefix):
            raise _unsupported(name)
    if head.startswith(b"PK"):
        return _sniff_zip(head)
    if compression_of(head) is not None:
        return "joblib"
    if _is_pickle(head):
        return "joblib" if b"joblib.numpy_pickle" in head else "pickle"
    if _is_onnx(head, size):
        return "onnx"
    raise _unsupported(_describe_text(head))


def check_declared(name: str, found: str) -> None:
    """Refuse a file whose name's ending promises something other than `found`.

    Raises Refused("mislabelled"); an ending without a meaning of its own is accepted.
    """
    ending = name.rpartition(".")[2].lower() if "." in name else ""
    promised = ENDINGS.get(ending)
    if promised is not None and promised != ("pickle" if found == "joblib" else found):
        raise Refused(
            f"The file is named .{ending} but holds {SHOWN[found]}. Give it its proper ending.",
            "mislabelled",
        )


def _unsupported(what: str) -> Refused:
    return Refused(f"The file is not a model: it looks like {what}. {SUPPORTED}", "unsupported")


def _sniff_zip(head: bytes) -> str:
    if head.startswith(b"PK\x05\x06"):
        raise _unsupported("an empty ZIP archive")
    if not head.startswith(b"PK\x03\x04") or len(head) < 30:
        raise _unsupported("a ZIP archive")
    (length,) = struct.unpack_from("<H", head, 26)
    first = head[30 : 30 + length].decode("utf-8", "replace")
    if first == "schema.json" or ("/" not in first and first.endswith(_SKOPS_ENTRIES)):
        return "skops"
    if first.endswith("data.pkl"):
        raise _unsupported("a PyTorch checkpoint")
    if first in {"metadata.json", "config.json", "model.weights.h5"}:
        raise _unsupported("a Keras model")
    if first in {"[Content_Types].xml", "_rels/.rels", "mimetype"} or first.startswith("xl/"):
        raise _unsupported("an office document")
    raise _unsupported("a ZIP archive")


def _is_pickle(head: bytes) -> bool:
    if head[0] == 0x80:
        return len(head) > 1 and head[1] in {1, 2, 3, 4, 5}
    # Protocols 0 and 1 have no header: see whether the first opcodes make sense. They are text, so
    # many a text would start well; four opcodes in a row, or an end, are asked for.
    seen: list[str] = []
    try:
        for opcode, _argument, _position in pickletools.genops(head):
            seen.append(opcode.name)
            if opcode.proto > 1:
                return False
            if len(seen) == 4 or opcode.name == "STOP":
                break
    except Exception:  # noqa: BLE001 - arbitrary bytes make pickletools raise anything
        return False
    telling = {"GLOBAL", "PUT", "BINPUT"}
    return seen[-1:] == ["STOP"] or not telling.isdisjoint(seen) or "MARK" in seen[1:]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data) and shift < 64:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
    raise ValueError("not a varint")


def _is_onnx(head: bytes, size: int) -> bool:
    """Whether the bytes parse as the top level of a ModelProto with an IR version or a graph."""
    at, seen = 0, set()
    try:
        while at < len(head):
            key, at = _varint(head, at)
            field, wire = key >> 3, key & 7
            if _ONNX_FIELDS.get(field) != wire:
                return False
            value, at = _varint(head, at)
            if wire == 2:
                if at + value > size:
                    return False
                at += value
            seen.add(field)
    except ValueError:
        return len(head) < size and 1 in seen  # the head ends inside a number
    return bool(seen & {7, 8}) if len(head) >= size else 1 in seen or 7 in seen


def _describe_text(head: bytes) -> str:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return "binary data of an unknown kind"
        text = head[: error.start].decode("utf-8")
    if "\0" in text:
        return "binary data of an unknown kind"
    start = text.lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<!doctype html", "<html")):
        return "a web page (HTML), perhaps a download that asked for a log-in"
    if start.startswith("<"):
        return "XML"
    if start.startswith("version https://git-lfs"):
        return "a Git LFS pointer; fetch the real file with `git lfs pull`"
    if start.startswith(("{", "[")):
        return "JSON"
    if start.startswith(("import ", "from ", "def ", "# ")):
        return "source code"
    lines = text.splitlines()[:5]
    if len(lines) > 1 and any(lines[0].count(c) and c in lines[1] for c in ",;\t"):
        return "a CSV table"
    return "text"
