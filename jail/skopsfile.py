"""Reading a skops file: a zip with a tree of typed nodes in `schema.json` and arrays beside it.

skops' own loader decides per node type what to trust and has been wrong about that before, so the
nodes are read here under the same names, calls and checks as a pickle. What the file itself says
about trust is never asked. Nodes that call something (operators, methods, partials) are refused.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np

from jail import arrays
from jail.arrays import damaged
from jail.assembly import Assembly, check_key
from jail.globals import allow_list, find
from jail.refusal import Refused
from jail.source import FREE_BYTES, MAX_INFLATED, MAX_RATIO, Source
from jail.triage import TriageReport, refuse_names

Node = dict[str, Any]

PROTOCOLS = (1, 2)
MAX_ENTRIES = 200_000
MAX_SCHEMA = 512 << 20
MAX_HEADER = 10_000
ENCRYPTED = 0x1
CALLING = {"OperatorFuncNode", "MethodNode", "ConstructorFromReduceNode"}
"""Loaders that call or look up what the file names."""
CONTAINERS = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}


def read(file: BinaryIO, size: int) -> tuple[Any, str | None]:
    """The object in the file and the scikit-learn version it names. Raises Refused."""
    file.seek(0)
    with _open(file, size) as archive:
        reader = _Reader(archive, _schema(archive))
        model = reader.build(reader.schema)
        reader.assembly.finish()
        return model, reader.assembly.version


def triage(file: BinaryIO) -> TriageReport:
    """What the file's nodes name. Raises Refused for what is not on the list, by name."""
    size = file.seek(0, 2)
    with _open(file, size) as archive:
        schema = _schema(archive)
    nodes = list(_nodes(schema))
    for node in nodes:
        if node.get("__loader__") in CALLING:
            raise _calling(node)
    names = {
        (str(node.get("__module__")), str(node.get("__class__")))
        for node in nodes
        if node.get("__loader__") not in {"JsonNode", "CachedNode"}
    } - {("builtins", name) for name in CONTAINERS}
    version = _version_in(nodes)
    refuse_names(names, version)
    listed = [f"{module}.{name}" for module, name in sorted(names)]
    return TriageReport("skops", globals=listed, sklearn_version=version)


def saved_with(file: BinaryIO) -> str | None:
    """The scikit-learn version in the file, if it can be read."""
    try:
        with _open(file, file.seek(0, 2)) as archive:
            return _version_in(list(_nodes(_schema(archive))))
    except Refused:
        return None


def _version_in(nodes: list[Node]) -> str | None:
    for node in nodes:
        content = node.get("content")
        said = content.get("_sklearn_version") if isinstance(content, dict) else None
        text = said.get("content") if isinstance(said, dict) else None
        if isinstance(text, str):
            return text.strip('"')
    return None


def _nodes(schema: Node) -> Any:
    todo: list[Any] = [schema]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            if "__loader__" in value:
                yield value
            todo += value.values()
        elif isinstance(value, list):
            todo += value


def _open(file: BinaryIO, size: int) -> zipfile.ZipFile:
    """The archive, its directory checked: few entries, plain names, no more than a bomb's ratio."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        raise Refused(f"The ZIP archive is damaged or cut off: {error}.", "damaged") from None
    entries = archive.infolist()
    if len(entries) > MAX_ENTRIES:
        raise Refused(f"The archive has {len(entries):,} entries.", "decompression_bomb")
    names = set()
    for entry in entries:
        name = entry.filename
        if "/" in name or "\\" in name or name.startswith(".") or name in names:
            raise Refused(f"The archive has an entry named {name[:100]!r}.", "unsafe_archive")
        names.add(name)
        if entry.flag_bits & ENCRYPTED or entry.compress_type not in {
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        }:
            raise Refused(f"The archive's entry {name[:100]!r} is encoded.", "unsafe_archive")
    total = sum(entry.file_size for entry in entries)
    if total > min(MAX_INFLATED, max(FREE_BYTES, MAX_RATIO * size)):
        raise Refused(
            f"The file unpacks to {total:,} bytes, more than {MAX_RATIO} times its size.",
            "decompression_bomb",
        )
    return archive


def _schema(archive: zipfile.ZipFile) -> Node:
    try:
        entry = archive.getinfo("schema.json")
    except KeyError:
        raise Refused(
            "The ZIP archive holds no schema.json: it is no skops file.", "unsupported"
        ) from None
    if entry.file_size > MAX_SCHEMA:
        raise Refused("The archive's schema.json is too large.", "decompression_bomb")
    try:
        schema = json.loads(_member(archive, "schema.json").read(entry.file_size))
    except RecursionError:
        raise Refused("The model is nested too deeply.", "too_deep") from None
    except ValueError as error:
        raise damaged(f"schema.json is not JSON: {error}") from None
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise damaged(f"the ZIP archive: {error}") from None
    if not isinstance(schema, dict) or schema.get("protocol") not in PROTOCOLS:
        raise Refused(
            "The skops file is of a version this server does not read; save it again with skops "
            "0.10 or later.",
            "version_mismatch",
        )
    return schema


def _member(archive: zipfile.ZipFile, name: Any) -> Source:
    """An entry's bytes; zlib and zip errors become Refused in `load`'s net."""
    try:
        entry = archive.getinfo(name) if isinstance(name, str) else None
    except KeyError:
        entry = None
    if entry is None:
        raise damaged(f"the archive lacks {str(name)[:100]!r}")
    return Source(archive.open(entry), entry.file_size)  # type: ignore[arg-type]


def _calling(node: Node) -> Refused:
    shown = f"{node.get('__module__')}.{node.get('__class__')}"[:200]
    return Refused(
        f"The file calls {shown} ({node.get('__loader__')}), which loading a model never needs.",
        "unsafe_call",
    )


class _Reader:
    """Builds the objects of one file, each node once."""

    def __init__(self, archive: zipfile.ZipFile, schema: Node) -> None:
        self.archive = archive
        self.schema = schema
        self.assembly = Assembly()
        self.memo: dict[int, Any] = {}
        self.building: set[int] = set()
        self.loaders: dict[str, Callable[[Node], Any]] = {
            "JsonNode": self._json,
            "DictNode": self._dict,
            "DefaultDictNode": self._default_dict,
            "ListNode": self._sequence,
            "TupleNode": self._sequence,
            "SetNode": self._sequence,
            "SliceNode": self._slice,
            "BytesNode": self._bytes,
            "BytearrayNode": self._bytes,
            "PartialNode": self._partial,
            "TypeNode": self._named,
            "FunctionNode": self._named,
            "ObjectNode": self._object,
            "LossNode": self._reduced,
            "TreeNode": self._reduced,
            "NdArrayNode": self._array,
            "MaskedArrayNode": self._masked,
            "DTypeNode": self._dtype,
            "RandomStateNode": self._random_state,
            "RandomGeneratorNode": self._generator,
            "SparseMatrixNode": self._sparse,
        }

    def build(self, node: Any) -> Any:
        """The object of a node."""
        if not isinstance(node, dict):
            raise damaged("a node of the schema")
        place = node.get("__id__")
        if type(place) is int and place in self.memo:
            return self.memo[place]
        loader = self.loaders.get(str(node.get("__loader__")))
        if loader is None:
            raise _calling(node)
        built = loader(node)
        if type(place) is int:
            self.memo[place] = built
        return built

    def _find(self, node: Node) -> Any:
        module, name = node.get("__module__"), node.get("__class__")
        if type(module) is not str or type(name) is not str:
            raise damaged("a node without a type")
        return find(module, name)

    def _json(self, node: Node) -> Any:
        content = node.get("content")
        value = json.loads(content) if type(content) is str else damaged
        if isinstance(value, str | int | float | bool | None):
            return value
        raise damaged("a scalar that is none")

    def _dict(self, node: Node) -> Any:
        cls, content = self._find(node), node.get("content")
        if not (isinstance(cls, type) and issubclass(cls, dict)) or not isinstance(content, dict):
            raise damaged("a dictionary")
        types = self.build(node.get("key_types"))
        made: dict[Any, Any] = cls()
        for kind, (key, value) in zip(types, content.items(), strict=True):
            made[_key(kind, key)] = self.build(value)
        return made

    def _default_dict(self, node: Node) -> Any:
        content = node["content"]
        factory = self.build(content["default_factory"])
        made = self.assembly.make(find("collections", "defaultdict"), (factory,))
        made.update(self.build(content["main"]))
        return made

    def _sequence(self, node: Node) -> Any:
        name, content = str(node.get("__class__")), node.get("content")
        kind = CONTAINERS.get(name)
        if node.get("__module__") != "builtins" or kind is None or not isinstance(content, list):
            raise Refused(
                f"The file names {node.get('__module__')}.{name[:100]} as a list.", "unsafe_global"
            )
        items = [self.build(each) for each in content]
        if kind in {set, frozenset}:
            for each in items:
                check_key(each)
        return kind(items)

    def _slice(self, node: Node) -> Any:
        content = node["content"]
        args = (content["start"], content["stop"], content["step"])
        return self.assembly.make(slice, args)

    def _bytes(self, node: Node) -> Any:
        member = _member(self.archive, node.get("file"))
        data = member.read(member.left)
        return bytearray(data) if node["__loader__"] == "BytearrayNode" else data

    def _named(self, node: Node) -> Any:
        return self._find(node)

    def _object(self, node: Node) -> Any:
        instance = self.assembly.blank(self._find(node))
        content = node.get("content")
        if content is not None:
            self.assembly.fill(instance, self.build(content))
        return instance

    def _reduced(self, node: Node) -> Any:
        instance = self.assembly.make(self._find(node), self.build(node["__reduce__"]["args"]))
        state = self.build(node["content"])
        if state:
            self.assembly.fill(instance, state)
        return instance

    def _partial(self, node: Node) -> Any:
        content = {name: self.build(part) for name, part in node["content"].items()}
        made = self.assembly.make(find("functools", "partial"), (content["func"],))
        self.assembly.fill(made, (content["func"], content["args"], content["kwds"], None))
        return made

    def _array(self, node: Node) -> Any:
        cls = self._find(node)
        if node.get("type") == "json":
            return self._objects(node)
        array = _npy(_member(self.archive, node.get("file")))
        if cls is np.ndarray:
            return array
        if isinstance(cls, type) and issubclass(cls, np.generic) and array.shape == ():
            return cls(array[()])
        raise damaged("an array of a foreign type")

    def _objects(self, node: Node) -> Any:
        shape = arrays.checked_shape(self.build(node["shape"]))
        items = self._flat(node["content"], len(shape))
        array = np.empty(len(items), dtype=object)
        array[:] = items
        return array.reshape(shape)

    def _flat(self, content: list[Any], dimensions: int) -> list[Any]:
        """The items of nested lists: skops writes an object array as `tolist` gives it."""
        if dimensions <= 1:
            return [self.build(each) for each in content]
        return [item for each in content for item in self._flat(each["content"], dimensions - 1)]

    def _masked(self, node: Node) -> Any:
        data, mask = self.build(node["content"]["data"]), self.build(node["content"]["mask"])
        if type(data) is not np.ndarray or np.shape(mask) not in {(), data.shape}:
            raise damaged("a masked array")
        return np.ma.MaskedArray(data, mask)

    def _dtype(self, node: Node) -> Any:
        return arrays.checked_dtype(self.build(node["content"]).dtype)

    def _random_state(self, node: Node) -> Any:
        maker = find("numpy.random._pickle", "__randomstate_ctor")
        generator = self.assembly.make(maker, ("MT19937",))
        self.assembly.fill(generator, self.build(node["content"]))
        return generator

    def _generator(self, node: Node) -> Any:
        state = self.build(node["content"]["bit_generator"])
        maker = find("numpy.random._pickle", "__bit_generator_ctor")
        bits = self.assembly.make(maker, (state["bit_generator"],))
        self.assembly.fill(bits, state)
        return self.assembly.make(find("numpy.random._pickle", "__generator_ctor"), (bits,))

    def _sparse(self, node: Node) -> Any:
        cls = self._find(node)
        member = _member(self.archive, node.get("file"))
        size = member.left
        with _open(io.BytesIO(member.read(size)), size) as inner:
            parts = {name: _npy(_member(inner, name)) for name in inner.namelist()}
        if cls not in allow_list().classes or not cls.__module__.startswith("scipy.sparse."):
            raise damaged("a sparse matrix of a foreign type")
        shape = arrays.checked_shape(tuple(parts["shape.npy"].tolist()))
        if "indptr.npy" in parts:
            given = tuple(parts[f"{name}.npy"] for name in ("data", "indices", "indptr"))
            return cls(given, shape=shape)
        return cls((parts["data.npy"], (parts["row.npy"], parts["col.npy"])), shape=shape)


def _key(kind: Any, key: str) -> Any:
    if kind is str:
        return key
    if kind is type(None):
        return None
    if kind is bool:
        return key.lower() == "true"
    if kind in {int, float} or (isinstance(kind, type) and issubclass(kind, np.generic)):
        return kind(key)
    raise damaged("a dictionary's key")


def _npy(source: Source) -> Any:
    """An array in NumPy's own format, never of objects."""
    magic = source.read(8)
    if magic[:6] != b"\x93NUMPY" or magic[6] not in {1, 2, 3}:
        raise damaged("an array file")
    length = source.read(2 if magic[6] == 1 else 4)
    header = source.read(int.from_bytes(length, "little"))
    if len(header) > MAX_HEADER:
        raise damaged("an array file's header")
    reader = (
        np.lib.format.read_array_header_1_0
        if magic[6] == 1
        else np.lib.format.read_array_header_2_0
    )
    shape, fortran, dtype = reader(io.BytesIO(length + header))
    dtype = arrays.checked_dtype(dtype)
    if dtype.hasobject:
        raise Refused("The file hides a pickle in an array.", "unsafe_call")
    source.check(int(np.prod(shape, dtype=object)) * dtype.itemsize)
    return arrays.read_items(source, dtype, arrays.checked_shape(shape), "F" if fortran else "C")
