"""A graph shows what it would do before anything runs it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from jail.batch import Batch
from jail.compile import compile_model
from jail.native import predict_native
from jail.onnxgraph import check_graph, onnx_signature
from jail.onnxmodel import OnnxModel
from jail.parity import compare
from jail.refusal import Refused
from jail.signature import infer_signature
from jail.tests.families import build, numbers

FLOAT = TensorProto.FLOAT
OPSETS = [
    helper.make_opsetid("", 17),
    helper.make_opsetid("ai.onnx.ml", 3),
    helper.make_opsetid("com.microsoft", 1),
]


def graph(
    nodes: list[Any], constants: dict[str, Any] | None = None, *, domains: tuple[str, ...] = ()
) -> bytes:
    """A graph from x (rows, 2) to y, with named constants."""
    made = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, [None, 2])],
        [helper.make_tensor_value_info("y", FLOAT, ["n", "m"])],
        [numpy_helper.from_array(np.array(v), name) for name, v in (constants or {}).items()],
    )
    opsets = [*OPSETS, *(helper.make_opsetid(domain, 1) for domain in domains)]
    model = helper.make_model(made, opset_imports=opsets, ir_version=8)
    return bytes(model.SerializeToString())


def node(name: str, inputs: list[str], **rest: Any) -> Any:
    """One node that makes y."""
    return helper.make_node(name, inputs, ["y"], **rest)


def refused(data: bytes) -> Refused:
    """What the graph is refused with."""
    with pytest.raises(Refused) as caught:
        check_graph(data)
    return caught.value


def test_plain_graph_may_run_in_process() -> None:
    verdict = check_graph(graph([node("Mul", ["x", "two"])], {"two": np.float32(2)}))
    assert verdict.in_process
    assert verdict.reasons == []


BIG = np.array([1 << 16, 1 << 15], dtype=np.int64)


@pytest.mark.parametrize(
    ("name", "inputs", "constants"),
    [
        ("ConstantOfShape", ["size"], {"size": BIG}),
        ("Expand", ["x", "size"], {"size": BIG}),
        ("Tile", ["x", "size"], {"size": BIG}),
        ("Range", ["a", "b", "c"], {"a": np.int64(0), "b": np.int64(1 << 40), "c": np.int64(1)}),
        ("Range", ["a", "b", "c"], {"a": np.float32(0), "b": 1.0, "c": 1e-12}),
        ("Pad", ["x", "size"], {"size": np.array([0, 0, 1 << 20, 1 << 20], dtype=np.int64)}),
        ("Resize", ["x", "", "", "size"], {"size": BIG}),
        ("OneHot", ["x", "size", "pair"], {"size": np.int64(1 << 40), "pair": np.zeros(2)}),
    ],
)
def test_graph_that_asks_for_gigabytes_is_refused_by_name(
    name: str, inputs: list[str], constants: dict[str, Any]
) -> None:
    assert name in refused(graph([node(name, inputs)], constants)).reason


def test_small_file_that_takes_eight_gigabytes_is_refused() -> None:
    data = graph([node("ConstantOfShape", ["size"])], {"size": BIG})
    assert len(data) < 250
    assert "ConstantOfShape" in refused(data).reason


def test_size_from_the_data_does_not_run_in_process() -> None:
    nodes = [
        helper.make_node("Cast", ["x"], ["size"], to=TensorProto.INT64),
        helper.make_node("Squeeze", ["size"], ["flat"]),
        node("ConstantOfShape", ["flat"]),
    ]
    verdict = check_graph(graph(nodes))
    assert not verdict.in_process
    assert "ConstantOfShape" in verdict.reasons[0]


def test_size_of_another_tensor_runs_in_process() -> None:
    nodes = [helper.make_node("Shape", ["x"], ["size"]), node("ConstantOfShape", ["size"])]
    assert check_graph(graph(nodes)).in_process


def loop(trips: str, constants: dict[str, Any]) -> bytes:
    """A loop that carries x unchanged."""
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Identity", ["v"], ["w"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", FLOAT, [None, 2]),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("w", FLOAT, [None, 2]),
        ],
    )
    constants = {"true": np.array(True), **constants}
    return graph([node("Loop", [trips, "true", "x"], body=body)], constants)


@pytest.mark.parametrize(
    ("trips", "constants"), [("", {}), ("n", {"n": np.int64(np.iinfo(np.int64).max)})]
)
def test_loop_without_end_is_refused_by_name(trips: str, constants: dict[str, Any]) -> None:
    assert "Loop" in refused(loop(trips, constants)).reason


def test_short_loop_runs_in_the_jail() -> None:
    verdict = check_graph(loop("n", {"n": np.int64(3)}))
    assert not verdict.in_process
    assert "Loop" in verdict.reasons[0]


def test_branch_runs_in_the_jail() -> None:
    side = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["z"])],
        "side",
        [],
        [helper.make_tensor_value_info("z", FLOAT, ["n", "m"])],
    )
    data = graph([node("If", ["true"], then_branch=side, else_branch=side)], {"true": True})
    assert not check_graph(data).in_process


def test_unknown_operator_runs_in_the_jail() -> None:
    verdict = check_graph(graph([node("GridSample", ["x", "x"])]))
    assert not verdict.in_process
    assert "GridSample" in verdict.reasons[0]


def test_operator_that_is_nowhere_is_refused() -> None:
    assert "Nonsense" in refused(graph([node("Nonsense", ["x"])])).reason


def test_operator_of_its_own_is_refused_by_name() -> None:
    data = graph([node("Evil", ["x"], domain="my.domain")], domains=("my.domain",))
    assert "my.domain.Evil" in refused(data).reason


def test_function_of_its_own_is_refused() -> None:
    model = onnx.load_from_string(graph([node("Identity", ["x"])]))
    model.functions.append(
        helper.make_function(
            "local", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], OPSETS[:1]
        )
    )
    assert "Twice" in refused(model.SerializeToString()).reason


@pytest.mark.parametrize("where", ["initializer", "constant"])
def test_tensor_in_another_file_is_refused(where: str) -> None:
    tensor = TensorProto(name="secret", data_type=FLOAT, dims=[2])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    model = onnx.load_from_string(graph([node("Identity", ["x"])]))
    if where == "initializer":
        model.graph.initializer.append(tensor)
    else:
        model.graph.node.append(helper.make_node("Constant", [], ["c"], value=tensor))
    error = refused(model.SerializeToString())
    assert error.code == "external_data"
    assert "secret" in error.reason


def tree(**changes: list[int]) -> bytes:
    """One split and two leaves, with some of its numbers changed."""
    tables = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        **changes,
    }
    made = node(
        "TreeEnsembleRegressor",
        ["x"],
        domain="ai.onnx.ml",
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_values=[0.5, 0.0, 0.0],
        target_weights=[1.0, 2.0],
        n_targets=1,
        **tables,
    )
    return graph([made])


def test_sound_tree_runs_in_process() -> None:
    assert check_graph(tree()).in_process


@pytest.mark.parametrize(
    "changes",
    [
        {"nodes_truenodeids": [0, 0, 0]},
        {"nodes_truenodeids": [9, 0, 0]},
        {"nodes_truenodeids": [-1, 0, 0]},
        {"nodes_falsenodeids": [1, 0, 0]},
        {"nodes_featureids": [-5, 0, 0]},
        {"nodes_nodeids": [0, 1, 1]},
        {"nodes_treeids": [0, 0]},
        {"target_ids": [0, 7]},
        {"target_ids": [0, -1]},
        {"target_nodeids": [1, 9]},
    ],
)
def test_damaged_tree_is_refused(changes: dict[str, list[int]]) -> None:
    assert refused(tree(**changes)).code == "unsafe_graph"


def honest() -> bytes:
    """A compiled forest."""
    family = build("forest_binary")
    return compile_model(family.model, infer_signature(family.model)).onnx


def test_truncated_graphs_never_pass_as_they_are() -> None:
    data = honest()
    for cut in (1, 10, len(data) // 3, len(data) // 2, len(data) - 1):
        with pytest.raises(Refused):
            check_graph(data[:cut])


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_random_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        check_graph(data)


SMALL = tree()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SMALL) - 1), st.integers(1, 255))
def test_flipped_bits_are_refused_or_judged(place: int, change: int) -> None:
    data = bytearray(SMALL)
    data[place] ^= change
    with suppress(Refused):  # any other error is a fault of ours
        check_graph(bytes(data))


@pytest.mark.parametrize("name", ["logistic", "logistic_named_strings", "forest_binary"])
def test_uploaded_classifier_is_read_and_answers(name: str) -> None:
    from skl2onnx import to_onnx

    family = build(name)
    rows = np.asarray(family.rows, dtype=np.float32)
    # As people save it, with a list of mappings for the probabilities.
    data = to_onnx(family.model, rows[:1], target_opset=17).SerializeToString()
    assert check_graph(data).in_process
    signature, plan = onnx_signature(data)
    assert signature["classes"] == family.model.classes_.tolist()
    batch = Batch("matrix", matrix=rows.astype(float))
    got = OnnxModel(data, signature, plan).predict(batch)
    own = infer_signature(family.model)
    assert compare(predict_native(family.model, own, batch), got, own).passed


def test_uploaded_regressor_is_read() -> None:
    from skl2onnx import to_onnx

    family = build("multi_output_linear")
    data = to_onnx(family.model, numbers()[:1].astype(np.float32)).SerializeToString()
    signature, _ = onnx_signature(data)
    assert signature["task"] == "regression"
    assert signature["outputs"][0]["shape"] == [-1, 2]
    assert signature["inputs"][0]["shape"] == [-1, 5]


def test_uploaded_clusters_are_read() -> None:
    from skl2onnx import to_onnx

    family = build("mini_batch_kmeans")
    data = to_onnx(family.model, numbers()[:1].astype(np.float32)).SerializeToString()
    assert onnx_signature(data)[0]["task"] == "clustering"


def test_picture_is_refused_in_words() -> None:
    made = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", FLOAT, [None, 3, 8, 8])],
        [helper.make_tensor_value_info("y", FLOAT, [None, 3, 8, 8])],
    )
    data = helper.make_model(made, opset_imports=OPSETS[:1], ir_version=8).SerializeToString()
    with pytest.raises(Refused) as caught:
        onnx_signature(data)
    assert "matrix" in caught.value.reason


def test_probabilities_as_an_output_a_class_are_refused() -> None:
    import skl2onnx
    from sklearn.linear_model import LogisticRegression

    rows = numbers()
    model = LogisticRegression(max_iter=500).fit(rows, np.arange(len(rows)) % 3)
    options = {id(model): {"zipmap": "columns"}}
    made = skl2onnx.to_onnx(model, rows[:1].astype(np.float32), options=options)
    with pytest.raises(Refused, match="zipmap=False"):
        onnx_signature(made.SerializeToString())
