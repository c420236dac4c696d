"""Casts where a converted graph mixes float32 and float64, which onnxruntime does not allow.

Some converters (one-hot encoders, polynomial features, boosting votes) make float32 whatever they
are given. In a graph of doubles their results are widened where they meet doubles.
"""

from __future__ import annotations

from typing import Any

# Inputs that must be of one type, by operator; the condition of Where is none of them.
MEETING = {
    "Add": 0, "Concat": 0, "Div": 0, "Equal": 0, "Gemm": 0, "Greater": 0, "Less": 0, "MatMul": 0,
    "Max": 0, "Min": 0, "Mul": 0, "Pow": 0, "Sub": 0, "Sum": 0, "Where": 1,
}  # fmt: skip


def widen_mixed(proto: Any) -> None:
    """Cast each float32 input that meets a double to double, in place, node by node.

    Nodes must be in order. Types are followed as operators define them; what is unknown is left.
    """
    from onnx import TensorProto, helper

    types = {value.name: value.type.tensor_type.elem_type for value in proto.graph.input}
    types |= {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    ordered = []
    for node in proto.graph.node:
        first = MEETING.get(node.op_type)
        if first is not None and node.domain in ("", "ai.onnx"):
            met = {types.get(name) for name in node.input[first:]}
            if {TensorProto.FLOAT, TensorProto.DOUBLE} <= met:
                for place in range(first, len(node.input)):
                    name = node.input[place]
                    if types.get(name) != TensorProto.FLOAT:
                        continue
                    widened = f"{name}_as_float64"
                    if widened not in types:
                        cast = helper.make_node("Cast", [name], [widened], to=TensorProto.DOUBLE)
                        ordered.append(cast)
                        types[widened] = TensorProto.DOUBLE
                    node.input[place] = widened
        ordered.append(node)
        types.update(_made(node, types, proto))
    copies = [type(node).FromString(node.SerializeToString()) for node in ordered]
    del proto.graph.node[:]
    proto.graph.node.extend(copies)
    for output in proto.graph.output:
        if types.get(output.name) == TensorProto.DOUBLE:
            output.type.tensor_type.elem_type = TensorProto.DOUBLE


def _made(node: Any, types: dict[str, int], proto: Any) -> dict[str, int]:
    """The element types of what a node makes, by the library's own inference."""
    from onnx import helper, shape_inference

    known = [
        helper.make_tensor_value_info(name, types[name], None)
        for name in dict.fromkeys(node.input)
        if types.get(name)
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in node.output if name]
    graph = helper.make_graph([node], "one", known, outputs)
    alone = helper.make_model(graph, opset_imports=proto.opset_import)
    inferred = shape_inference.infer_shapes(alone)
    found = {v.name: v.type.tensor_type.elem_type for v in inferred.graph.output}
    return {name: kind for name, kind in found.items() if kind}
