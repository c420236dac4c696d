"""The pickle machine without its teeth: exact names, checked calls, bounded stacks.

CPython's own pure-Python machine, with every opcode that could run or change something replaced.
A joblib file is the same stream with array bytes in between; an array of objects is a pickle of
its own inside it and runs through a machine with the same rules.
"""

from __future__ import annotations

import pickle
import pickletools
import struct
from typing import Any, NoReturn

from jail import arrays
from jail.arrays import damaged
from jail.assembly import Assembly, check_key, name_of
from jail.globals import ArrayHeader, find
from jail.refusal import Refused
from jail.source import Source

MAX_OPCODES = 100_000_000
MAX_STACK = 5_000_000
MAX_MEMO = 20_000_000
MAX_MARKS = 5_000
MAX_NESTED = 4
"""Pickles inside of pickles: joblib writes one level, for arrays of objects."""
MAX_DIGITS = 4_096
"""Bytes of one whole number: conversions grow with the square."""

OPCODE_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
FORBIDDEN = (
    "PERSID",
    "BINPERSID",
    "EXT1",
    "EXT2",
    "EXT4",
    "INST",
    "OBJ",
    "NEWOBJ_EX",
    "NEXT_BUFFER",
    "READONLY_BUFFER",
)
"""Opcodes no scikit-learn model needs; each reaches outside of the file or past the checks."""


def opcode(name: str) -> int:
    return int(getattr(pickle, name)[0])


def _forbidden(machine: Machine) -> NoReturn:
    raise Refused(
        f"The file uses the pickle instruction {OPCODE_NAMES[machine.at]}, which no scikit-learn "
        "model needs.",
        "unsafe_opcode",
    )


_Base: Any = pickle._Unpickler


class Machine(_Base):  # type: ignore[misc] # the types know the C machine alone
    """Runs one pickle stream of `source`. Raises Refused, or whatever a damaged stream provokes."""

    dispatch: dict[int, Any] = dict(_Base.dispatch)

    def __init__(self, source: Source, assembly: Assembly, *, depth: int = 0) -> None:
        super().__init__(source, fix_imports=False, encoding="latin1")
        self.source = source
        self.assembly = assembly
        self.depth = depth
        self.at = 0

    def load(self) -> Any:
        """The object of the stream, its bytes read up to and including STOP."""
        self._unframer = pickle._Unframer(self.source.read, self.source.readline)  # type: ignore[attr-defined]
        self.read, self.readline = self._unframer.read, self._unframer.readline
        self.readinto = self._unframer.readinto
        self.metastack: list[list[Any]] = []
        self.stack: list[Any] = []
        self.append = self.stack.append
        self.proto = 0
        dispatch, read = self.dispatch, self.read
        try:
            for _ in range(MAX_OPCODES):
                self.at = read(1)[0]
                handler = dispatch.get(self.at)
                if handler is None:
                    raise damaged(f"{self.at:#04x} is no pickle instruction")
                handler(self)
                if len(self.stack) > MAX_STACK:
                    break
        except pickle._Stop as stop:  # type: ignore[attr-defined]
            return self._stopped(stop.value)
        raise Refused("The file builds more objects than any model has.", "too_many_objects")

    def _stopped(self, value: Any) -> Any:
        if self.stack or self.metastack:
            raise damaged("something is left over at the end of its pickle")
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise Refused("Bytes follow the end of the model's pickle.", "trailing_bytes")
        return value

    def find_class(self, module: str, name: str) -> Any:
        """Exactly the names of the allow-list; a dotted name would reach inside of one."""
        return find(module, name)

    def load_frame(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        self.source.check(size)
        self._unframer.load_frame(size)

    def load_bytearray8(self) -> None:
        (size,) = struct.unpack("<Q", self.read(8))
        frame = self._unframer.current_frame
        if frame is None or frame.tell() == len(frame.getbuffer()):
            self.source.check(size)
            buffer = bytearray(size)
            self._unframer.current_frame = None
            self.source.readinto(buffer)
        else:
            buffer = bytearray(self.read(size))
        self.append(buffer)

    def load_long4(self) -> None:
        (size,) = struct.unpack("<i", self.read(4))
        if not 0 <= size <= MAX_DIGITS:
            raise damaged(f"a whole number of {size} bytes")
        self.append(pickle.decode_long(self.read(size)))

    def load_mark(self) -> None:
        if len(self.metastack) >= MAX_MARKS:
            raise Refused("The model is nested too deeply.", "too_deep")
        self.metastack.append(self.stack)
        self.stack = []
        self.append = self.stack.append

    def load_reduce(self) -> None:
        args = self.stack.pop()
        self.stack[-1] = self.assembly.make(self.stack[-1], args)

    def load_newobj(self) -> None:
        args = self.stack.pop()
        cls = self.stack.pop()
        self.append(self.assembly.new(cls, args))

    def load_build(self) -> None:
        state = self.stack.pop()
        instance = self.stack[-1]
        self.assembly.fill(instance, state)
        if type(instance) is ArrayHeader:
            self.stack[-1] = self._read_array(instance)

    def _read_array(self, header: ArrayHeader) -> Any:
        frame = self._unframer.current_frame
        if frame is not None and frame.read(1):
            raise damaged("array bytes inside of a frame")
        self._unframer.current_frame = None
        return arrays.read_segment(self.source, header, self._nested)

    def _nested(self) -> Any:
        if self.depth >= MAX_NESTED:
            raise Refused("The model is nested too deeply.", "too_deep")
        assembly = Assembly()
        value = Machine(self.source, assembly, depth=self.depth + 1).load()
        assembly.finish()
        return value

    def load_append(self) -> None:
        value = self.stack.pop()
        self._list().append(value)

    def load_appends(self) -> None:
        items = self.pop_mark()
        self._list().extend(items)

    def _list(self) -> list[Any]:
        if type(self.stack[-1]) is not list:
            raise damaged(f"items appended to {name_of(self.stack[-1])}")
        found: list[Any] = self.stack[-1]
        return found

    def load_setitem(self) -> None:
        value = self.stack.pop()
        key = self.stack.pop()
        self._set_items([key, value])

    def load_setitems(self) -> None:
        self._set_items(self.pop_mark())

    def _set_items(self, items: list[Any]) -> None:
        held = self.stack[-1]
        if not isinstance(held, dict) or len(items) % 2:
            raise damaged(f"items set on {name_of(held)}")
        for key, value in zip(items[::2], items[1::2], strict=True):
            check_key(key)
            held[key] = value

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set_items(items)

    def load_additems(self) -> None:
        items = self.pop_mark()
        if type(self.stack[-1]) is not set:
            raise damaged(f"items added to {name_of(self.stack[-1])}")
        for item in items:
            check_key(item)
        self.stack[-1].update(items)

    def load_frozenset(self) -> None:
        items = self.pop_mark()
        for item in items:
            check_key(item)
        self.append(frozenset(items))

    def load_memoize(self) -> None:
        self._remember(len(self.memo))

    def load_put(self) -> None:
        self._remember(int(self.readline()[:20]))

    def load_binput(self) -> None:
        self._remember(self.read(1)[0])

    def load_long_binput(self) -> None:
        self._remember(struct.unpack("<I", self.read(4))[0])

    def _remember(self, place: int) -> None:
        if place < 0 or len(self.memo) >= MAX_MEMO:
            raise Refused("The file builds more objects than any model has.", "too_many_objects")
        self.memo[place] = self.stack[-1]


# The table holds functions, not names: whatever is redefined above goes in anew.
for _opcode_byte, _inherited in list(Machine.dispatch.items()):
    Machine.dispatch[_opcode_byte] = Machine.__dict__.get(_inherited.__name__, _inherited)
for _name in FORBIDDEN:
    Machine.dispatch[opcode(_name)] = _forbidden
