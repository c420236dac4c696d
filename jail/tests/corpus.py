"""Hostile and broken model files, each with the text its refusal must contain.

Nothing here is ever loaded in the test's own process: `load_apart.py` does that in a child each.
"""

from __future__ import annotations

import bz2
import io
import lzma
import pickle
import struct
import zlib
from collections.abc import Callable
from typing import Any

import joblib
import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression

X, Y = make_classification(60, 4, n_informative=3, n_redundant=0, random_state=3)

Hostile = dict[str, tuple[bytes | Callable[[], bytes], str]]
"""Name -> (file or what makes it, what the refusal must say)."""


def text(value: str) -> bytes:
    """SHORT_BINUNICODE."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def named(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def packed(*parts: bytes) -> bytes:
    """A tuple of parts."""
    return b"(" + b"".join(parts) + b"t"


def program(*parts: bytes) -> bytes:
    """A protocol-4 pickle without frames."""
    return b"\x80\x04" + b"".join(parts) + b"."


def number(value: int) -> bytes:
    """BININT, or LONG1 for what does not fit."""
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = pickle.encode_long(value)
    return b"\x8a" + bytes([len(raw)]) + raw


def mapping(**entries: bytes) -> bytes:
    """A dict with text keys."""
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


LOGISTIC = named("sklearn.linear_model._logistic", "LogisticRegression")

CALLS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("posix", "system", ("touch {canary}",)),
    ("os", "system", ("touch {canary}",)),
    ("os", "popen", ("touch {canary}",)),
    ("os", "execvp", ("touch", ["touch", "{canary}"])),
    ("subprocess", "Popen", (["touch", "{canary}"],)),
    ("subprocess", "check_output", (["touch", "{canary}"],)),
    ("builtins", "eval", ("open('{canary}', 'w')",)),
    ("builtins", "exec", ("open('{canary}', 'w')",)),
    ("builtins", "compile", ("1", "x", "eval")),
    ("builtins", "open", ("{canary}", "w")),
    ("builtins", "getattr", ("", "format")),
    ("builtins", "__import__", ("os",)),
    ("__builtin__", "eval", ("open('{canary}', 'w')",)),
    ("importlib", "import_module", ("antigravity",)),
    ("importlib.machinery", "SourceFileLoader", ("x", "{canary}")),
    ("pkgutil", "resolve_name", ("os:system",)),
    ("operator", "attrgetter", ("system",)),
    ("operator", "methodcaller", ("system", "true")),
    ("functools", "reduce", ("touch {canary}",)),
    ("types", "CodeType", (0,)),
    ("types", "FunctionType", (0,)),
    ("marshal", "loads", (b"N",)),
    ("pickle", "loads", (b"N.",)),
    ("_pickle", "Unpickler", (b"N.",)),
    ("runpy", "run_path", ("{canary}",)),
    ("timeit", "timeit", ("open('{canary}', 'w')",)),
    ("cProfile", "run", ("open('{canary}', 'w')",)),
    ("pty", "spawn", ("true",)),
    ("ctypes", "CDLL", ("libc.so.6",)),
    ("shutil", "rmtree", ("{canary}",)),
    ("socket", "create_connection", (("127.0.0.1", 9),)),
    ("webbrowser", "open", ("http://127.0.0.1",)),
    ("multiprocessing.util", "spawnv_passfds", ("/bin/true", [], [])),
    ("numpy", "load", ("{canary}",)),
    ("numpy", "fromfile", ("{canary}",)),
    ("numpy", "memmap", ("{canary}",)),
    ("numpy.f2py.crackfortran", "myeval", ("1",)),
    ("numpy.testing._private.utils", "runstring", ("open('{canary}', 'w')", {})),
    ("sklearn.datasets._openml", "fetch_openml", ("iris",)),
    ("sklearn.datasets._base", "load_files", ("{canary}",)),
    ("sklearn.utils._bunch", "getattr", ("", "")),
    ("joblib.memory", "Memory", ("{canary}",)),
    ("joblib.numpy_pickle", "load", ("{canary}",)),
    ("joblib.numpy_pickle_compat", "NDArrayWrapper", ("{canary}", object, True)),
    ("joblib.numpy_pickle_compat", "ZNDArrayWrapper", ("{canary}", {}, ())),
    ("pandas.io.pickle", "read_pickle", ("{canary}",)),
    ("skops.io._persist", "load", ("{canary}",)),
)
"""Functions that do something, and arguments with which they would."""


def calling(module: str, name: str, arguments: tuple[object, ...], canary: str) -> bytes:
    """A pickle that calls module.name(*arguments)."""
    spelt = pickle.dumps(
        tuple(
            each.replace("{canary}", canary) if isinstance(each, str) else each
            for each in arguments
        ),
        2,
    )[2:-1]
    return program(named(module, name), spelt, b"R")


class Calls:
    """Pickles as a call, wherever in a model it stands."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.function, self.arguments


def joblibbed(model: object, **options: Any) -> bytes:
    """As joblib.dump writes it."""
    buffer = io.BytesIO()
    joblib.dump(model, buffer, **options)
    return buffer.getvalue()


def opcodes() -> Hostile:
    """Instructions that no model needs."""
    return {
        "ext1": (program(b"\x82\x01"), "EXT1"),
        "ext2": (program(b"\x83\x01\x00"), "EXT2"),
        "ext4": (program(b"\x84\x01\x00\x00\x00"), "EXT4"),
        "persid": (b"Pexternal\n.", "PERSID"),
        "binpersid": (program(text("external"), b"Q"), "BINPERSID"),
        "inst": (b"(S'true'\nios\nsystem\n.", "INST"),
        "obj": (program(b"(", named("os", "system"), text("true"), b"o"), "os.system"),
        "obj_allowed": (program(b"(", LOGISTIC, b"o"), "OBJ"),
        "newobj_ex": (program(LOGISTIC, b")}\x92"), "NEWOBJ_EX"),
        "next_buffer": (program(b"\x97"), "NEXT_BUFFER"),
        "readonly_buffer": (program(b"C\x01a\x98"), "READONLY_BUFFER"),
        "unknown_opcode": (program(b"\xff"), "0xff"),
        "memo_confusion": (
            program(
                text("numpy"), b"q\x00", text("os"), b"q\x00", b"h\x00", text("system"), b"\x93"
            ),
            "os.system",
        ),
        "memo_missing": (program(b"h\x07"), "Memo value not found"),
        "dotted_name": (
            program(named("sklearn.linear_model._logistic", "LogisticRegression.fit.__globals__")),
            "LogisticRegression.fit.__globals__",
        ),
        "dotted_module_attribute": (program(named("numpy", "ma.core.sys")), "numpy.ma.core.sys"),
        "name_of_no_text": (program(b"K\x01K\x02\x93"), "STACK_GLOBAL"),
    }


def states() -> Hostile:
    """Calls, instances and states that go past a plain allow-list of names."""
    setattr_on_class = program(LOGISTIC, b"N", mapping(predict=text("gone")), b"\x86b")
    twice = program(LOGISTIC, b")\x81", mapping(C=b"K\x01"), b"b", mapping(C=b"K\x02"), b"b")
    array = (
        named("numpy._core.multiarray", "_reconstruct")
        + packed(named("numpy", "ndarray"), packed(number(0)), b"C\x01b")
        + b"R\x94"
    )
    double = named("numpy", "dtype") + packed(text("f8"), b"\x89", b"\x88") + b"R"
    double += packed(number(3), text("<"), b"NNN", number(-1), number(-1), number(0)) + b"b"
    full = packed(number(1), packed(number(1)), double, b"\x89", b"C\x08" + bytes(8))
    return {
        "setattr_on_class": (setattr_on_class, "LogisticRegression"),
        "dict_on_class": (program(LOGISTIC, mapping(predict=b"N"), b"b"), "LogisticRegression"),
        "state_of_function": (
            program(named("sklearn.metrics._regression", "r2_score"), mapping(x=b"N"), b"b"),
            "r2_score",
        ),
        "state_set_twice": (twice, "did not just make"),
        "class_called": (program(LOGISTIC, b")R"), "LogisticRegression"),
        "function_called": (
            program(named("sklearn.metrics._regression", "r2_score"), b")R"),
            "r2_score",
        ),
        "new_with_arguments": (program(LOGISTIC, b"K\x01\x85\x81"), "LogisticRegression"),
        "new_of_array": (program(named("numpy", "ndarray"), b"K\x01\x85\x81"), "numpy.ndarray"),
        "method_replaced": (
            program(LOGISTIC, b")\x81", mapping(predict=named("numpy", "mean")), b"b"),
            "LogisticRegression.predict",
        ),
        "dunder_set": (program(LOGISTIC, b")\x81", mapping(__class__=b"N"), b"b"), "__class__"),
        "slot_state": (
            program(LOGISTIC, b")\x81", b"N", mapping(x=b"N"), b"\x86b"),
            "LogisticRegression",
        ),
        "items_on_instance": (program(LOGISTIC, b")\x81", b"K\x01K\x02s"), "items set on"),
        "append_to_instance": (program(LOGISTIC, b")\x81", b"K\x01a"), "items appended"),
        "array_filled_twice": (program(array, full, b"b", full, b"b"), "did not just make"),
        "array_used_early": (
            program(named("builtins", "list"), packed(array[:-1]), b"R"),
            "before it is complete",
        ),
        "hash_bomb": (
            program(b"}", b")", b"".join(b"2\x86" for _ in range(64)), b"K\x01s"),
            "as the key",
        ),
        "factory": (
            program(named("collections", "defaultdict"), packed(LOGISTIC), b"R"),
            "defaultdict",
        ),
        "threads_of_an_object": (
            program(LOGISTIC, b")\x81", mapping(n_jobs=b"]"), b"b"),
            "n_jobs",
        ),
        "partial_of_metric": (
            program(
                named("functools", "partial"),
                packed(named("sklearn.metrics._regression", "r2_score")),
                b"R",
            ),
            "partial of sklearn.metrics._regression.r2_score",
        ),
        "leftover": (program(b"N", LOGISTIC, b")\x81"), "left over"),
    }


def roots() -> Hostile:
    """Well-formed files without a model in them."""
    model = LogisticRegression().fit(X, Y)
    honest = pickle.dumps(model)
    deep = b"".join(b"(" for _ in range(10_000)) + b"N"
    return {
        "root_dict": (pickle.dumps({"model": model}), "dictionary"),
        "root_list": (pickle.dumps([model]), "builtins.list"),
        "root_number": (pickle.dumps(7), "builtins.int"),
        "root_array": (joblibbed(np.eye(3)), "numpy.ndarray"),
        "root_class": (pickle.dumps(LogisticRegression), "LogisticRegression"),
        "root_function": (pickle.dumps(np.mean), "mean"),
        "billion_laughs": (program(b"]" + (b"q\x00](h\x00h\x00e") * 40), "left over"),
        "trailing_bytes": (honest + b"more", "follow the end"),
        "two_pickles": (honest + honest, "follow the end"),
        "too_deep": (program(deep), "nested too deeply"),
        "custom_class": (
            program(named("__main__", "MyTransformer"), b")\x81"),
            "code of your own",
        ),
        "removed_class": (
            program(
                named("sklearn.linear_model._logistic", "OldRegression"),
                b")\x81",
                mapping(_sklearn_version=text("0.20.1")),
                b"b",
            ),
            "saved with scikit-learn 0.20.1 and this server runs",
        ),
    }


def _zeros() -> bytes:
    """A pickle of 80 MB of zeros."""
    return program(b"\x8e" + struct.pack("<Q", 80 << 20), bytes(80 << 20))


def bombs() -> Hostile:
    """Small files that want to be large."""
    return {
        "zlib_bomb": (lambda: zlib.compress(_zeros()), "decompression bomb"),
        "xz_bomb": (lambda: lzma.compress(_zeros(), preset=0), "decompression bomb"),
        "bz2_bomb": (lambda: bz2.compress(_zeros()), "decompression bomb"),
        "object_bomb": (lambda: program(b"]" * 6_000_000), "more objects"),
        "claimed_bytes": (program(b"\x8e" + struct.pack("<Q", 1 << 60)), "cut off"),
        "claimed_text": (program(b"\x8d" + struct.pack("<Q", 1 << 60)), "cut off"),
        "claimed_bytearray": (program(b"\x96" + struct.pack("<Q", 1 << 60)), "cut off"),
        "claimed_frame": (program(b"\x95" + struct.pack("<Q", 1 << 60)), "cut off"),
        "claimed_number": (program(b"\x8b" + struct.pack("<i", 1 << 30)), "a whole number of"),
        "corrupt_zlib": (zlib.compress(pickle.dumps(X))[:-900] + bytes(900), "damaged"),
        "zlib_with_tail": (zlib.compress(pickle.dumps(LogisticRegression())) + b"x", "follow"),
        "empty_stream": (zlib.compress(b""), "cut off"),
        "lz4": (b"\x04\x22\x4d\x18" + bytes(40), "lz4"),
    }


def nested(canary: str) -> Hostile:
    """Calls where a loader that polices only its outer stream would miss them."""
    import os

    call = Calls(os.system, f"touch {canary}")
    objects = np.array([call, 1], dtype=object)
    model = LogisticRegression().fit(X, Y)
    model.classes_ = objects
    inside = LogisticRegression().fit(X, Y)
    inside.coef_ = call
    return {
        "joblib_object_array": (joblibbed(model), "posix.system"),
        "joblib_object_array_zlib": (joblibbed(model, compress=3), "posix.system"),
        "pickle_object_array": (pickle.dumps(model), "posix.system"),
        "in_an_attribute": (joblibbed(inside), "posix.system"),
        "protocol_0": (pickle.dumps(inside, 0), "posix.system"),
        "protocol_5": (pickle.dumps(inside, 5), "posix.system"),
    }


def calls(canary: str) -> Hostile:
    """Every call of CALLS."""
    return {
        f"call {module}.{name}": (calling(module, name, arguments, canary), f"{module}.{name}")
        for module, name, arguments in CALLS
    }


def hostile(canary: str) -> Hostile:
    """Hostile pickles; what would run touches the file `canary`."""
    return calls(canary) | opcodes() | states() | roots() | bombs() | nested(canary)
