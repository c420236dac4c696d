"""Looking at an ONNX graph before anything runs it: may it run in a process that serves?

A graph is as untrusted as the file it came from: a few hundred bytes can ask for gigabytes, or
never end. Graphs made of the operators our converters emit, with no loop and no constant that
grows, may run in process once their cost has been probed. Everything else runs in a jail, and what
reaches outside of the file is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import onnx
from google.protobuf.message import DecodeError

from jail import graphsize, graphtrees
from jail.refusal import Refused

MAX_NODES = 20_000
REFUSED_ELEMENTS = 1 << 27
"""A constant size beyond it, 1 GB of doubles, is no honest model's."""

SAFE = {
    "": (
        "Abs Add And ArgMax ArgMin BatchNormalization Binarizer Cast CastLike Ceil Clip Compress "
        "Concat Constant ConstantOfShape CumSum Div Equal Erf Exp Expand Flatten Floor Gather "
        "GatherElements GatherND Gemm Greater GreaterOrEqual HardSigmoid Identity IsInf IsNaN "
        "LeakyRelu Less LessOrEqual Log LpNormalization MatMul Max Mean Min Mod Mul Neg Not "
        "OneHot Or Pad Pow "
        "Range Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin "
        "ReduceProd ReduceSum ReduceSumSquare Relu Reshape Round ScatterElements Selu Shape "
        "Sigmoid Sign Slice Softmax Softplus Split Sqrt Squeeze StringNormalizer Sub Sum Tanh "
        "TfIdfVectorizer Tile TopK Transpose Unsqueeze Where Xor"
    ),
    "ai.onnx.ml": (
        "ArrayFeatureExtractor Binarizer CategoryMapper FeatureVectorizer Imputer LabelEncoder "
        "LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor "
        "Scaler TreeEnsemble TreeEnsembleClassifier TreeEnsembleRegressor ZipMap"
    ),
    "com.microsoft": "Tokenizer CDist",
}
KNOWN = {(domain, name) for domain, names in SAFE.items() for name in names.split()}
LOOPS = {"If", "Loop", "Scan", "SequenceMap"}
# Operators whose output can be far larger than their inputs, and the input that says how large.
GROWING = {"ConstantOfShape": 0, "Expand": 1, "Tile": 1, "Range": 1, "Pad": 1, "Resize": 3}
ELEMENTS: dict[int, tuple[str, str]] = {
    onnx.TensorProto.FLOAT: ("FP64", "float32"),
    onnx.TensorProto.DOUBLE: ("FP64", "float64"),
    onnx.TensorProto.INT64: ("INT64", "int64"),
    onnx.TensorProto.BOOL: ("BOOL", "bool"),
    onnx.TensorProto.STRING: ("BYTES", "string"),
}


@dataclass(slots=True)
class GraphVerdict:
    """Whether the graph may run in a process that serves; if not, why."""

    in_process: bool
    reasons: list[str] = field(default_factory=list)


def check_graph(data: bytes) -> GraphVerdict:
    """Judge a graph before it runs.

    Raises Refused, naming the operator, for what is no ONNX, reaches outside of its file, brings
    operators of its own, asks for gigabytes outright, never ends or holds damaged trees.
    """
    model = _parsed(data)
    nodes = list(_all_nodes(model.graph))
    foreign = sorted(
        f"{node.domain}.{node.op_type}" for node in nodes if node.domain not in {"ai.onnx", *SAFE}
    )
    if foreign:
        raise Refused(f"The graph uses {foreign[0]}, an operator of its own.", "custom_operators")
    _refuse_excess(model.graph, nodes)
    reasons = list(_reasons(model.graph, nodes))
    return GraphVerdict(in_process=not reasons, reasons=reasons)


def _parsed(data: bytes) -> onnx.ModelProto:
    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError, TypeError) as error:
        raise _invalid(error) from None
    if not model.graph.node:
        raise Refused("The file is no ONNX graph, or one without nodes.", "invalid_onnx")
    _refuse_outside(model)
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, TypeError, RuntimeError) as error:
        raise _invalid(error) from None
    return model


def _invalid(error: Exception) -> Refused:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return Refused(f"The file is no valid ONNX graph: {lines[0][:200]}", "invalid_onnx")


def _refuse_outside(model: onnx.ModelProto) -> None:
    """Before the library's checker, which would look for the files."""
    if model.functions:
        name = model.functions[0].name[:80]
        raise Refused(f"The graph brings a function of its own, {name!r}.", "custom_functions")
    nodes = list(_all_nodes(model.graph))
    if len(nodes) > MAX_NODES:
        raise Refused(
            f"The graph has {len(nodes):,} nodes; {MAX_NODES:,} is the most.", "too_large"
        )
    for tensor in _all_tensors(model.graph, nodes):
        if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
            raise Refused(
                f"{tensor.name[:80]!r} lies in a file outside of the graph.", "external_data"
            )


def _refuse_excess(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    constants = graphsize.constants_of(graph, nodes)
    for node in nodes:
        for fault in graphtrees.faults(node):
            raise Refused(f"{node.op_type} is damaged: {fault}.", "unsafe_graph")
        if node.op_type == "Loop" and graphsize.has_no_end(node, constants):
            raise Refused("Loop has no end: it must say how many rounds it runs.", "unsafe_graph")
        if node.op_type in graphsize.SIZES:
            made = graphsize.elements_made(node, constants, frozenset())
            if made is not None and made > REFUSED_ELEMENTS:
                raise Refused(
                    f"{node.op_type} asks for {made:,.0f} elements; {REFUSED_ELEMENTS:,} is the "
                    "most.",
                    "unsafe_graph",
                )


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    todo = [graph]
    while todo:
        for node in todo.pop().node:
            yield node
            for attribute in node.attribute:
                todo += [attribute.g] if attribute.type == onnx.AttributeProto.GRAPH else []
                todo += list(attribute.graphs)


def _all_tensors(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for node in nodes:
        for attribute in node.attribute:
            yield from (attribute.t, *attribute.tensors)
            for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                yield from (sparse.values, sparse.indices)
            for inner in (attribute.g, *attribute.graphs):
                yield from inner.initializer


def _reasons(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> Iterator[str]:
    """Why the graph may not run in process, each once."""
    names = {(("" if n.domain == "ai.onnx" else n.domain), n.op_type) for n in nodes}
    for _, name in sorted(names):
        if name in LOOPS:
            yield f"{name} can run for ever"
    for domain, name in sorted(names - KNOWN):
        if name not in LOOPS:
            yield f"{domain + '.' if domain else ''}{name} is not on the list of known operators"
    if graph.sparse_initializer:
        yield "it has sparse constants"
    constants = graphsize.constants_of(graph, nodes)
    shapes = frozenset(name for node in nodes if node.op_type == "Shape" for name in node.output)
    for name in sorted({node.op_type for node in nodes} & graphsize.SIZES.keys()):
        made = [
            graphsize.elements_made(node, constants, shapes)
            for node in nodes
            if node.op_type == name
        ]
        if any(each is None or each > graphsize.MAX_ELEMENTS for each in made):
            yield f"{name} can make a tensor of any size"


def onnx_signature(data: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    """The signature and plan of an uploaded graph.

    Raises Refused where its inputs are no table, text or matrix.
    """
    graph = _parsed(data).graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [each for each in graph.input if each.name not in constants]
    layout, described, sources = _graph_inputs(inputs)
    task, outputs, classes, wanted = _graph_outputs(graph)
    signature = {
        "task": task,
        "layout": layout,
        "inputs": described,
        "outputs": outputs,
        "classes": classes,
    }
    return signature, {"inputs": sources, "outputs": wanted}


def _shape(value: onnx.ValueInfoProto) -> list[int]:
    """The tensor's dimensions; -1 where one is open."""
    dims = value.type.tensor_type.shape.dim
    return [dim.dim_value if dim.HasField("dim_value") else -1 for dim in dims]


def _element(value: onnx.ValueInfoProto) -> tuple[str, str]:
    kind = value.type.tensor_type.elem_type
    if kind not in ELEMENTS:
        name = onnx.TensorProto.DataType.Name(kind)
        raise Refused(
            f"Input {value.name!r} is of type {name}, which is not served.", "unsupported"
        )
    return ELEMENTS[kind]


def _graph_inputs(
    inputs: list[onnx.ValueInfoProto],
) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    if not inputs:
        raise Refused("The graph takes no input.", "unsupported")
    if len(inputs) == 1:
        only, shape = inputs[0], _shape(inputs[0])
        _, dtype = _element(only)
        if dtype == "string" and (len(shape) == 1 or shape[1:] == [1]):
            tensor = _tensor("input", "BYTES", [-1], [{"name": "text", "dtype": "str"}])
            source = {"name": only.name, "dtype": dtype, "from": "text", "rank": len(shape)}
            return "text", [tensor], [source]
        if dtype != "string" and len(shape) == 2 and shape[1] > 0:
            features = [
                {"name": f"x{i}", "dtype": "float", "nullable": False} for i in range(shape[1])
            ]
            tensor = _tensor("input", "FP64", [-1, shape[1]], features)
            return "matrix", [tensor], [{"name": only.name, "dtype": dtype, "from": "matrix"}]
    return _table_inputs(inputs)


def _table_inputs(
    inputs: list[onnx.ValueInfoProto],
) -> tuple[str, list[dict[str, Any]], list[dict[str, Any]]]:
    kinds = {"FP64": "float", "INT64": "int", "BOOL": "bool", "BYTES": "str"}
    described, sources = [], []
    for each in inputs:
        shape = _shape(each)
        if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
            raise Refused(
                f"Input {each.name!r} has the shape {shape}; a matrix of a known width, or columns "
                "of one value a row, can be served.",
                "unsupported",
            )
        datatype, dtype = _element(each)
        feature = {"name": each.name, "dtype": kinds[datatype], "nullable": False}
        described.append(_tensor(each.name, datatype, [-1, 1], [feature]))
        sources.append({"name": each.name, "dtype": dtype, "from": each.name, "rank": len(shape)})
    return "columns", described, sources


def _tensor(
    name: str, datatype: str, shape: list[int], features: list[dict[str, Any]]
) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "features": features}


Described = tuple[str, list[dict[str, Any]], list[Any] | None, dict[str, str]]


def _graph_outputs(graph: onnx.GraphProto) -> Described:
    outputs = list(graph.output)
    first = outputs[0]
    if not first.type.HasField("tensor_type"):
        raise Refused("The graph's first output is no tensor.", "unsupported")
    datatype, _ = _element(first)
    classes = _class_labels(graph)
    if datatype in {"INT64", "BYTES"} and classes:
        described = [{"name": "predict", "datatype": datatype, "shape": [-1]}]
        wanted = {"predict": first.name}
        if len(outputs) > 1:
            _check_probabilities(outputs[1:], classes)
            shape = [-1, len(classes)]
            described.append({"name": "predict_proba", "datatype": "FP64", "shape": shape})
            wanted["predict_proba"] = outputs[1].name
        return "classification", described, classes, wanted
    shape = _shape(first)
    width = shape[1] if len(shape) == 2 else 1
    flat = len(shape) <= 1 or width == 1
    described = [{"name": "predict", "datatype": datatype, "shape": [-1] if flat else [-1, width]}]
    task = "clustering" if datatype == "INT64" and flat else "regression"
    return task, described, None, {"predict": first.name}


def _check_probabilities(outputs: list[onnx.ValueInfoProto], classes: list[Any]) -> None:
    """Refuse probabilities in another form than one tensor or one list of mappings."""
    first = outputs[0]
    if first.type.HasField("sequence_type"):
        return
    shape = _shape(first)
    if len(outputs) == 1 and len(shape) == 2 and shape[1] in {-1, 1, len(classes)}:
        return
    raise Refused(
        f"The graph's probabilities are no tensor of rows x {len(classes)} classes. Convert the "
        "model with zipmap=False.",
        "unsupported",
    )


def _class_labels(graph: onnx.GraphProto) -> list[Any] | None:
    """The labels a classifier's node carries."""
    for node in reversed(graph.node):
        for attribute in node.attribute:
            if attribute.name in {"classlabels_int64s", "classlabels_ints"} and attribute.ints:
                return list(attribute.ints)
            if attribute.name == "classlabels_strings" and attribute.strings:
                return [label.decode() for label in attribute.strings]
    return None
