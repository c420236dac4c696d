"""From a fitted scikit-learn model to an ONNX graph and the plan of how to feed it.

Nothing here runs the graph: the second jail does, and decides by parity whether it serves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from jail import anatomy, mixing, precision
from jail.columns import Column, columns_of
from jail.folding import fold
from jail.native import quiet
from jail.refusal import NotCompilable

TARGET = {"": 17, "ai.onnx.ml": 3}
"""IsolationForest needs these versions of both operator sets."""
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml"})
CONTRIBUTED = frozenset({"Tokenizer", "CDist"})
"""Operators of com.microsoft that onnxruntime really has and our converters use."""
MISSING_TEXT = "\ue000missing"
"""What `OnnxModel` feeds for a missing text; said again, for onnxruntime is not in this jail."""

# scikit-learn's word patterns in RE2, whose \w knows ASCII only. Python's \w is a letter, a
# number or the underscore of any script.
WORD = r"[\p{L}\p{N}_]"
TOKENS = {
    r"(?u)\b\w\w+\b": WORD + "{2,}",
    r"(?u)\b\w+\b": WORD + "+",
    r"\b\w\w+\b": WORD + "{2,}",
    r"\b\w+\b": WORD + "+",
    r"\w+": WORD + "+",
    r"\w{1,}": WORD + "+",
    r"(?u)\w+": WORD + "+",
}
_MARGINS = frozenset({"LinearSVC", "RidgeClassifier", "RidgeClassifierCV"})


@dataclass(frozen=True, slots=True)
class Compiled:
    """An ONNX file and the plan by which `OnnxModel` feeds it."""

    onnx: bytes
    plan: dict[str, Any]


def compile_model(model: Any, signature: dict[str, Any]) -> Compiled:
    """Convert a fitted model. Raises NotCompilable with the reason.

    Numbers go in as float32 where only scikit-learn's own trees read them (they compare in
    float32 themselves) and as float64 everywhere else, as far as onnxruntime can.
    """
    _check_convertible(model, signature)
    failure: NotCompilable | None = None
    for wide in _widths(model, signature):
        try:
            return _compile(model, signature, wide=wide)
        except NotCompilable as error:
            failure = failure or error
    raise failure or NotCompilable("It has no compiled form.")


def _check_convertible(model: Any, signature: dict[str, Any]) -> None:
    for part in anatomy.walk(model):
        if anatomy.kind(part) == "HashingVectorizer":
            raise NotCompilable("HashingVectorizer has no ONNX form.")
        if anatomy.kind(part) in anatomy.VECTORIZERS:
            _check_vectorizer(part)
    outputs = signature["outputs"]
    if signature["task"] == "classification" and len(outputs[0]["shape"]) == 2:
        raise NotCompilable("Classifiers of several outputs have no ONNX form of one shape.")


def _check_vectorizer(part: Any) -> None:
    if part.analyzer != "word":
        raise NotCompilable(f"{anatomy.kind(part)} by {part.analyzer!r} has no faithful ONNX form.")
    if getattr(part, "sublinear_tf", False):
        # Measured: skl2onnx 1.20 differs by up to 0.04 once a word stands twice in a text.
        raise NotCompilable("TfidfVectorizer(sublinear_tf=True) has no faithful ONNX form.")
    if part.stop_words is not None and part.ngram_range[1] > 1:
        raise NotCompilable("Stop words together with n-grams have no ONNX form.")
    if callable(part.tokenizer) or callable(part.preprocessor):
        raise NotCompilable(f"{anatomy.kind(part)} with functions of its own has no ONNX form.")


def _widths(model: Any, signature: dict[str, Any]) -> tuple[bool, ...]:
    """Which conversions to try: for doubles or not.

    A float64 transform before thresholds, or thresholds that are doubles themselves, must never
    be compared in float32: 4 to 63 % of rounded rows came out differently.
    """
    if _trees_alone(model, signature):
        return (False,)
    trees = anatomy.TREE_ENSEMBLES | anatomy.HISTOGRAM_TREES
    if any(anatomy.kind(part) in trees for part in anatomy.walk(model)):
        return (True,)
    return (True, False)


def _trees_alone(model: Any, signature: dict[str, Any]) -> bool:
    if signature["layout"] != "matrix":
        return False
    ways = list(anatomy.paths(model))
    return all(
        anatomy.kind(step) in anatomy.TREE_ENSEMBLES or anatomy.kind(step) == "SimpleImputer"
        for way in ways
        for step in way
    )


def _compile(model: Any, signature: dict[str, Any], *, wide: bool) -> Compiled:
    inputs = _inputs(model, signature, wide=wide)
    with _arranged(model, inputs):
        proto = _convert(model, [(put["name"], _onnx_type(put)) for put in inputs])
        if wide:
            trees = precision.tree_nodes(proto.graph)
            twin = None
            if trees:
                narrow = [{**put, "dtype": _narrowed(put["dtype"])} for put in inputs]
                twin = _convert(model, [(put["name"], _onnx_type(put)) for put in narrow])
            precision.widen(proto, twin, model)
            mixing.widen_mixed(proto)
        precision.route_missing(proto, model)
    _strip_zipmap(proto.graph)
    _check_result(proto, wide=wide)
    outputs = _outputs(proto.graph, signature)
    used = {name for node in proto.graph.node for name in node.input}
    plan = {"inputs": [put for put in inputs if put["name"] in used], "outputs": outputs}
    linear = fold(model, signature)
    if linear is not None:
        plan["linear"] = linear
    return Compiled(proto.SerializeToString(), plan)


def _narrowed(dtype: str) -> str:
    return "float32" if dtype == "float64" else dtype


def _inputs(model: Any, signature: dict[str, Any], *, wide: bool) -> list[dict[str, Any]]:
    number = "float64" if wide else "float32"
    if signature["layout"] == "text":
        steps = [w[0] for w in anatomy.paths(model)]
        return [{"name": "input", "dtype": "string", "from": "text", **_preparation(steps)}]
    if signature["layout"] == "matrix":
        width = signature["inputs"][0]["shape"][1]
        return [{"name": "input", "dtype": number, "from": "matrix", "width": width}]
    if anatomy.feature_names(model) is None:
        raise NotCompilable("It was fitted on mixed columns without names.")
    columns = columns_of(model)
    vectorizers = {c.name: _vectorizers_of(model, c.name) for c in columns if _is_text(c)}
    return [
        {
            "name": column.name,
            "dtype": _column_dtype(column, number),
            "from": column.name,
            **(_preparation(vectorizers[column.name]) if column.name in vectorizers else {}),
        }
        for column in columns
    ]


def _is_text(column: Column) -> bool:
    return bool(column.reads & anatomy.VECTORIZERS)


def _vectorizers_of(model: Any, name: str) -> list[Any]:
    found = []
    for part in anatomy.walk(model):
        if anatomy.kind(part) == "ColumnTransformer":
            for _, transformer, columns in part.transformers_:
                if columns == name and not isinstance(transformer, str):
                    found += anatomy.flat_steps(transformer)[:1]
    return found


def _preparation(vectorizers: list[Any]) -> dict[str, Any]:
    """What `OnnxModel` does to a text beforehand, where all vectorizers want the same."""
    wanted = {(bool(v.lowercase), v.strip_accents) for v in vectorizers}
    if len(wanted) != 1:
        raise NotCompilable("Its vectorizers treat one text in different ways.")
    lowercase, accents = wanted.pop()
    return {"lowercase": lowercase, "strip_accents": accents}


def _column_dtype(column: Column, number: str) -> str:
    if column.dtype == "str":
        return "string"
    encoded = bool(column.reads & anatomy.ENCODERS)
    if column.dtype in ("int", "bool") and encoded and not column.nullable:
        return "int64"
    return number


def _onnx_type(put: dict[str, Any]) -> Any:
    from skl2onnx.common import data_types

    kinds = {
        "float32": data_types.FloatTensorType,
        "float64": data_types.DoubleTensorType,
        "int64": data_types.Int64TensorType,
        "bool": data_types.BooleanTensorType,
        "string": data_types.StringTensorType,
    }
    return kinds[put["dtype"]]([None, put.get("width", 1)])


@contextmanager
def _arranged(model: Any, inputs: list[dict[str, Any]]) -> Iterator[None]:
    """Parameters as the converters want them, put back afterwards.

    Voting ensembles must not flatten; what the plan does to texts the graph need not do again.
    """
    changes: list[tuple[Any, str, Any]] = []
    for part in anatomy.walk(model):
        if anatomy.kind(part) == "VotingClassifier":
            changes.append((part, "flatten_transform", False))
        elif anatomy.kind(part) in anatomy.VECTORIZERS:
            changes += [(part, "lowercase", False), (part, "strip_accents", None)]
        elif anatomy.kind(part) in anatomy.ENCODERS:
            changes.append((part, "categories_", _named_missing(part.categories_)))
        elif anatomy.kind(part) == "SimpleImputer" and part.statistics_.dtype == object:
            changes.append((part, "missing_values", MISSING_TEXT))
    before = [(part, name, getattr(part, name)) for part, name, _ in changes]
    try:
        for part, name, value in changes:
            setattr(part, name, value)
        yield
    finally:
        for part, name, value in before:
            setattr(part, name, value)


def _named_missing(categories: list[Any]) -> list[Any]:
    """Categories of texts with the missing one as `OnnxModel` feeds it."""
    return [
        np.array([MISSING_TEXT if value is None or value != value else value for value in known])
        if known.dtype == object
        and all(isinstance(v, str) or v is None or v != v for v in known.tolist())
        else known
        for known in categories
    ]


def _convert(model: Any, types: list[tuple[str, Any]]) -> Any:
    from skl2onnx import to_onnx

    options = _options(model)
    attempts = [{**options, id(model): {**options.get(id(model), {}), "zipmap": False}}, options]
    failure: Exception | None = None
    _let_zipmap_pass()
    for attempt in attempts:
        # The converter writes into the options it is given.
        given = {key: dict(value) for key, value in attempt.items()}
        try:
            with quiet():
                return to_onnx(model, initial_types=types, options=given, target_opset=TARGET)
        except Exception as error:  # noqa: BLE001 - a converter may fail in any way
            failure = failure if failure and "zipmap" not in str(failure) else error
            if "zipmap" not in str(error):
                break
    raise NotCompilable(_reason(failure)) from failure


def _let_zipmap_pass() -> None:
    """skl2onnx 1.20 hands `zipmap` on to LinearSVC inside of pipelines, and refuses it there."""
    from skl2onnx.common import _registration

    _registration._converter_pool["SklearnLinearSVC"]._options["zipmap"] = [True, False]


def _options(model: Any) -> dict[int, dict[str, Any]]:
    options: dict[int, dict[str, Any]] = {}
    for part in anatomy.walk(model):
        if anatomy.kind(part) in anatomy.VECTORIZERS:
            pattern = TOKENS.get(part.token_pattern)
            if pattern is None and re.search(r"\\[wWdDsSbB]|[^\x00-\x7f]", part.token_pattern):
                raise NotCompilable(f"The token pattern {part.token_pattern!r} has no ONNX form.")
            options[id(part)] = {"tokenexp": pattern or part.token_pattern, "locale": "C.UTF-8"}
        elif anatomy.kind(part) in _MARGINS:
            # Otherwise the converter takes no doubles.
            options[id(part)] = {"raw_scores": True}
        elif anatomy.kind(part).startswith("KNeighbors"):
            options[id(part)] = {"optim": "cdist"}
    return options


def _reason(error: Exception | None) -> str:
    message = str(error).strip().split("\n")[0]
    unknown = re.search(r"type '<class '([\w.]+)'", message)
    if unknown:
        return f"{unknown[1].rsplit('.', 1)[-1]} has no ONNX form."
    return f"The converter failed: {type(error).__name__}: {message[:200]}"


def _strip_zipmap(graph: Any) -> None:
    """Give probabilities as a tensor where the converter insisted on a list of mappings."""
    from onnx import TensorProto

    for node in list(graph.node):
        if node.op_type != "ZipMap":
            continue
        for output in graph.output:
            if output.name == node.output[0]:
                output.name = node.input[0]
                output.type.Clear()
                output.type.tensor_type.elem_type = TensorProto.FLOAT
        graph.node.remove(node)


def _check_result(proto: Any, *, wide: bool) -> None:
    """Refuse a graph that onnxruntime could not load: unknown operators, types that clash."""
    import onnx

    texts = {
        value.name
        for value in proto.graph.input
        if value.type.tensor_type.elem_type == onnx.TensorProto.STRING
    }
    for node in proto.graph.node:
        if node.domain not in DOMAINS and node.op_type not in CONTRIBUTED:
            raise NotCompilable(f"The graph needs {node.domain}:{node.op_type}, which isn't there.")
        if node.op_type == "FeatureVectorizer" and texts.intersection(node.input):
            raise NotCompilable("Several columns of text can't be imputed together in a graph.")
        if wide and node.op_type in precision.FLOAT_ONLY:
            raise NotCompilable(f"{node.op_type} takes no doubles.")
    if not wide:
        return
    try:
        onnx.shape_inference.infer_shapes(proto, check_type=True, strict_mode=True)
    except Exception as error:  # the library's own error type is not public
        raise NotCompilable(f"In doubles its types clash: {str(error)[:200]}") from error


def _outputs(graph: Any, signature: dict[str, Any]) -> dict[str, str]:
    names = [output.name for output in graph.output]
    if signature["task"] == "transform":
        return {"transform": names[0]}
    found = {"predict": names[0]}
    if any(output["name"] == "predict_proba" for output in signature["outputs"]):
        if len(names) < 2:
            raise NotCompilable("The converted graph gives no probabilities.")
        found["predict_proba"] = names[1]
    return found
