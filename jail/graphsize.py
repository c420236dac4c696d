"""Operators whose result can be far larger than what goes in, and how large it gets."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import onnx

MAX_ELEMENTS = 1_000_000
"""Elements one operator may make of a constant size; with doubles 8 MB."""
MAX_TRIPS = 100_000
"""Rounds of a loop at the most."""
MAX_RANK = 64
# The inputs that say how large the result is.
SIZES = {
    "ConstantOfShape": (0,),
    "Expand": (1,),
    "Tile": (1,),
    "Range": (0, 1, 2),
    "Pad": (1,),
    "Resize": (2, 3),
    "OneHot": (1,),
}

Constants = dict[str, onnx.TensorProto]


def constants_of(graph: onnx.GraphProto, nodes: Sequence[onnx.NodeProto]) -> Constants:
    """Every tensor whose value stands in the file, by name."""
    found = {tensor.name: tensor for tensor in graph.initializer}
    for node in nodes:
        if node.op_type == "Constant" and node.output:
            for attribute in node.attribute:
                if attribute.name == "value":
                    found[node.output[0]] = attribute.t
        for attribute in node.attribute:
            found |= {tensor.name: tensor for tensor in attribute.g.initializer}
    return found


def elements_made(
    node: onnx.NodeProto, constants: Constants, shapes: frozenset[str]
) -> float | None:
    """How many elements the node makes of a constant size, or of each element that goes in.

    0 where the size is that of another tensor of the graph (`shapes` are the outputs of Shape);
    None where it can't be told before the graph runs.
    """
    places = [place for place in SIZES[node.op_type] if place < len(node.input)]
    names = [node.input[place] for place in places if node.input[place]]
    if len(names) == 1 and names[0] in shapes and node.op_type in ("ConstantOfShape", "Expand"):
        return 0
    if not names:
        return None
    values = [_values(constants.get(name)) for name in names]
    if any(value is None for value in values):
        return None
    return _size(node.op_type, [value for value in values if value is not None])


def _size(name: str, values: list[list[float]]) -> float | None:
    if name == "Range":
        if len(values) != 3 or any(len(value) != 1 for value in values):
            return None
        start, limit, delta = (value[0] for value in values)
        return abs((limit - start) / delta) if delta else float("inf")
    if name == "Pad":
        half = len(values[0]) // 2
        both = zip(values[0][:half], values[0][half:], strict=False)
        return float(prod(1 + abs(before) + abs(after) for before, after in both))
    return float(max(prod(max(abs(size), 1.0) for size in value) for value in values))


def _values(tensor: onnx.TensorProto | None) -> list[float] | None:
    if tensor is None or prod(tensor.dims) > MAX_RANK:
        return None
    try:
        array: Any = onnx.numpy_helper.to_array(tensor)
        return [float(value) for value in array.ravel().tolist()]
    except (ValueError, TypeError, OverflowError):
        return None


def has_no_end(node: onnx.NodeProto, constants: Constants) -> bool:
    """Whether a Loop's number of rounds is left out, or a constant beyond MAX_TRIPS."""
    if not node.input or not node.input[0]:
        return True
    trips = _values(constants.get(node.input[0]))
    return bool(trips) and max(trips or [0]) > MAX_TRIPS
