"""What a file names, found by walking its instructions without carrying any of them out.

For people: it says early and by name what is wrong. It accepts nothing; the loader has rules of its
own and does not look at this report.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, BinaryIO, NoReturn

import numpy as np

from jail import arrays, machine
from jail.arrays import damaged
from jail.assembly import Assembly
from jail.globals import ARRAY_HEADER, ArrayHeader, canonical, find
from jail.machine import Machine
from jail.refusal import Refused
from jail.source import Source, compression_of, open_source

MAX_NAMED = 5
MAX_LISTED = 500
DTYPE = ("numpy", "dtype")
VERSION = "_sklearn_version"
VERSION_CODES = frozenset(
    ("version_mismatch", "damaged", "unsafe_structure", "unsafe_state", "unexpected")
)
"""Refusals that another version of scikit-learn explains, when the file names one."""


@dataclass(slots=True)
class TriageReport:
    """What was seen. `globals`: "module.name", sorted; `opcodes`: those no model needs."""

    format: str
    compression: str | None = None
    protocol: int = 0
    globals: list[str] = field(default_factory=list)
    opcodes: list[str] = field(default_factory=list)
    arrays: int = 0
    array_bytes: int = 0
    nested: int = 0
    sklearn_version: str | None = None


class Stub:
    """Stands for an object that is not made: what it is called by, and its state."""

    __slots__ = ("args", "made_by", "name", "state")

    def __init__(self, name: tuple[str, str] | None, made_by: Any = None, args: Any = None) -> None:
        self.name = name
        self.made_by = made_by
        self.args = args
        self.state: Any = None


@dataclass(slots=True)
class Seen:
    """What the walkers of one file have come across."""

    names: set[tuple[str, str]] = field(default_factory=set)
    opcodes: set[str] = field(default_factory=set)
    protocol: int = 0
    arrays: int = 0
    array_bytes: int = 0
    nested: int = 0
    version: str | None = None


class _Forbidden(Exception):
    """An instruction behind which the stack means nothing to us any more."""


class Walker(Machine):
    """A machine that pushes stubs where the real one would make objects."""

    dispatch = dict(Machine.dispatch)

    def __init__(self, source: Source, seen: Seen, *, depth: int = 0) -> None:
        super().__init__(source, Assembly(), depth=depth)
        self.seen = seen

    def find_class(self, module: str, name: str) -> Stub:
        self.seen.names.add((module, name))
        return Stub(canonical(module, name))

    def load_proto(self) -> None:
        super().load_proto()
        self.seen.protocol = max(self.seen.protocol, self.proto)

    def load_reduce(self) -> None:
        args = self.stack.pop()
        function = self.stack[-1]
        dtype = isinstance(function, Stub) and function.name == DTYPE
        self.stack[-1] = Stub(None, function, args if dtype else None)

    def load_newobj(self) -> None:
        self.stack.pop()
        self.stack[-1] = Stub(None, self.stack[-1])

    def load_build(self) -> None:
        state = self.stack.pop()
        stub = self.stack[-1]
        if type(state) is tuple and state:
            state = state if isinstance(stub, Stub) and stub.args else state[0]
        if type(state) is dict and type(state.get(VERSION)) is str:
            self.seen.version = self.seen.version or state[VERSION]
        if isinstance(stub, Stub):
            stub.state = state
            if isinstance(stub.made_by, Stub) and stub.made_by.name == ARRAY_HEADER:
                self._skip_array(state)

    def _skip_array(self, state: Any) -> None:
        frame = self._unframer.current_frame
        if type(state) is not dict or (frame is not None and frame.read(1)):
            raise damaged("an array's description")
        self._unframer.current_frame = None
        header = ArrayHeader()
        header.state = {**state, "subclass": np.ndarray, "dtype": _dtype_of(state.get("dtype"))}
        arrays.skip_segment(self.source, header, self._walk_nested)
        self.seen.arrays += 1

    def _walk_nested(self) -> None:
        if self.depth >= machine.MAX_NESTED:
            raise Refused("The model is nested too deeply.", "too_deep")
        self.seen.nested += 1
        Walker(self.source, self.seen, depth=self.depth + 1).load()

    def _list(self) -> list[Any]:
        held = self.stack[-1]
        return held if type(held) is list else []

    def _set_items(self, items: list[Any]) -> None:
        held = self.stack[-1]
        if type(held) is dict:
            keys = zip(items[::2], items[1::2], strict=False)
            held.update({key: value for key, value in keys if type(key) is str})

    def load_additems(self) -> None:
        self.pop_mark()

    def load_frozenset(self) -> None:
        self.pop_mark()
        self.append(Stub(None))

    def load_inst(self) -> None:
        module, name = self.readline()[:-1], self.readline()[:-1]
        self.seen.names.add((module.decode("latin-1"), name.decode("latin-1")))
        self.forbid()

    def forbid(self) -> NoReturn:
        """Note the instruction and end the walk."""
        self.seen.opcodes.add(machine.OPCODE_NAMES[self.at])
        raise _Forbidden


for _opcode_byte, _inherited in list(Walker.dispatch.items()):
    Walker.dispatch[_opcode_byte] = Walker.__dict__.get(_inherited.__name__, _inherited)
for _name in machine.FORBIDDEN:
    Walker.dispatch[machine.opcode(_name)] = Walker.forbid
Walker.dispatch[machine.opcode("INST")] = Walker.load_inst


def _dtype_of(stub: Any) -> Any:
    """The real dtype behind a stub: its bytes say how far the array reaches."""
    if not isinstance(stub, Stub) or type(stub.args) is not tuple:
        raise damaged("an array's dtype")
    dtype = arrays.new_dtype(stub.args)
    if type(stub.state) is tuple:
        state = list(stub.state)
        if len(state) > 4 and type(state[4]) is dict:
            state[4] = {
                name: (_dtype_of(entry[0]), *entry[1:]) if type(entry) is tuple and entry else entry
                for name, entry in state[4].items()
            }
        arrays.fill_dtype(dtype, tuple(state))
    return dtype


def _walk(file: BinaryIO, size: int) -> tuple[Seen, Exception | None]:
    seen = Seen()
    try:
        source = open_source(file, size)
        Walker(source, seen).load()
        source.finish()
    except _Forbidden:
        return seen, None
    except Exception as error:  # noqa: BLE001 - whatever a damaged stream provokes is its verdict
        return seen, error
    return seen, None


def triage(file: BinaryIO, format: str) -> TriageReport:  # noqa: A002 - the field's own word
    """Walk the file from its start and report what it names.

    Raises Refused naming what no served model may use; a file that passes is not yet accepted.
    """
    if format == "skops":
        from jail import skopsfile

        return skopsfile.triage(file)
    if format not in {"pickle", "joblib"}:
        return TriageReport(format)
    size = file.seek(0, 2)
    seen, error = _walk(file, size)
    file.seek(0)
    kind = compression_of(file.read(16))
    file.seek(0)
    refuse_names(seen.names, seen.version)
    if seen.opcodes:
        listed = ", ".join(sorted(seen.opcodes))
        raise Refused(
            f"The file uses the pickle instruction {listed}, which no scikit-learn model needs.",
            "unsafe_opcode",
        )
    if isinstance(error, Refused):
        raise with_versions(error, seen.version)
    if error is not None:
        detail = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise Refused(f"The file is no whole pickle: {detail}", "damaged")
    return TriageReport(
        format=format,
        compression=kind,
        protocol=seen.protocol,
        globals=[f"{module}.{name}" for module, name in sorted(seen.names)][:MAX_LISTED],
        arrays=seen.arrays,
        nested=seen.nested,
        sklearn_version=seen.version,
    )


def refuse_names(names: set[tuple[str, str]], version: str | None) -> None:
    """Raises Refused for the worst of the names that are not on the list, naming up to five."""
    refusals: dict[str, list[str]] = {}
    first: dict[str, Refused] = {}
    for module, name in sorted(names):
        try:
            find(module, name)
        except Refused as refused:
            refusals.setdefault(refused.code, []).append(f"{module}.{name}"[:200])
            first.setdefault(refused.code, refused)
    for code in ("unsafe_global", "custom_code", "version_mismatch"):
        if code not in refusals:
            continue
        if code != "unsafe_global":
            raise with_versions(first[code], version)
        listed = refusals[code]
        more = f" and {len(listed) - MAX_NAMED} more" if len(listed) > MAX_NAMED else ""
        shown = ", ".join(listed[:MAX_NAMED])
        raise Refused(f"The file names {shown}{more}, which no served model may use.", code)


def saved_with(file: BinaryIO, format: str) -> str | None:  # noqa: A002 - the field's own word
    """The scikit-learn version that the file says it was written by, if it can be found."""
    if format == "skops":
        from jail import skopsfile

        return skopsfile.saved_with(file)
    return _walk(file, file.seek(0, 2))[0].version


def with_versions(refused: Refused, theirs: str | None) -> Refused:
    """The same refusal, naming both versions when another scikit-learn wrote the file."""
    import sklearn

    if refused.code not in VERSION_CODES:
        return refused
    if theirs is None or theirs == sklearn.__version__:
        return refused
    return Refused(
        f"The model was saved with scikit-learn {theirs[:40]} and this server runs "
        f"{sklearn.__version__}, where it does not load. {refused.reason}",
        "version_mismatch",
    )
