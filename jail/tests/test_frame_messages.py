"""Frames carry what was sent, and nothing that a hostile sender makes of them."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time

import numpy as np
import pytest

from jail.batch import Batch, Outputs
from jail.claims import check_plan, check_signature
from jail.codec import Packer, Unpacker
from jail.wire import Closed, Late, SocketStream, WireError, receive, send

SIGNATURE = {
    "task": "classification",
    "layout": "matrix",
    "inputs": [
        {
            "name": "input",
            "datatype": "FP64",
            "shape": [-1, 1],
            "features": [{"name": "x0", "dtype": "float"}],
        }
    ],
    "outputs": [{"name": "predict", "datatype": "INT64", "shape": [-1]}],
    "classes": [0, 1],
}


def through(raw: bytes, limit: int = 1 << 20) -> tuple[dict[str, object], list[bytearray]]:
    """What a receiver makes of raw bytes."""
    ours, theirs = socket.socketpair()

    def write() -> None:
        with ours:
            ours.sendall(raw)

    with theirs:
        writer = threading.Thread(target=write)
        writer.start()
        try:
            return receive(SocketStream(theirs), limit=limit)
        finally:
            theirs.close()
            writer.join()


def framed(head: object) -> bytes:
    """A frame with any head."""
    text = head if isinstance(head, bytes) else json.dumps(head).encode()
    return struct.pack("<I", len(text)) + text


def test_large_and_empty_blobs_arrive() -> None:
    ours, theirs = socket.socketpair()
    blobs = [b"", bytes(3 << 20), b"tail"]
    with ours, theirs:
        sender = threading.Thread(target=send, args=(SocketStream(ours), {"a": 1}, blobs))
        sender.start()
        head, got = receive(SocketStream(theirs), limit=4 << 20)
        sender.join()
    assert head == {"a": 1}
    assert [bytes(blob) for blob in got] == blobs


@pytest.mark.parametrize(
    "raw",
    [
        framed(b"not json"),
        framed([]),
        framed({"blobs": -1}),
        framed({"blobs": [-1]}),
        framed({"blobs": [True]}),
        framed({"blobs": [1 << 60]}),
        framed({"blobs": [1 << 20, 1]}),
        framed({"blobs": [0] * 30_000}),
        framed(b'{"a": NaN, "blobs": []}'),
        framed(b"[" * 200_000),
        struct.pack("<I", 1 << 31),
        b"\x01",
        b"",
        framed({"blobs": [10]}) + b"short",
    ],
)
def test_nonsense_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        through(raw)


def test_silence_ends_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        stream = SocketStream(theirs)
        stream.deadline = time.monotonic() + 0.05
        with pytest.raises(Late):
            receive(stream, limit=0)


def test_hang_up_is_noticed() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(Closed):
        receive(SocketStream(theirs), limit=0)


BATCHES = [
    Batch("matrix", matrix=np.array([[1.5, np.nan], [np.inf, -0.0]])),
    Batch("matrix", matrix=np.empty((0, 3))),
    Batch("text", texts=["plain", "naïve café", "", "\ud800 lone", "nul \0"]),
    Batch(
        "columns",
        columns={
            "age": np.array([1.0, np.nan]),
            "n": np.array([1, 2**62]),
            "yes": np.array([True, False]),
            "city": np.array(["Göteborg", None], dtype=object),
        },
    ),
]


@pytest.mark.parametrize("batch", BATCHES)
def test_batch_comes_back_as_it_was(batch: Batch) -> None:
    packer = Packer()
    described = json.loads(json.dumps(packer.batch(batch)))
    back = Unpacker([bytearray(blob) for blob in packer.blobs]).batch(described)
    assert back.layout == batch.layout
    assert back.rows == batch.rows
    assert back.texts == batch.texts
    if batch.matrix is not None:
        np.testing.assert_array_equal(back.matrix, batch.matrix)
    for name, values in (batch.columns or {}).items():
        np.testing.assert_array_equal((back.columns or {})[name], values)
        assert (back.columns or {})[name].dtype == values.dtype


@pytest.mark.parametrize(
    "outputs",
    [
        Outputs(np.array([1, 2]), np.array([[0.1, 0.9], [1.0, 0.0]])),
        Outputs(np.array(["a", "b"], dtype=object)),
        Outputs(np.array([[1.5, 2.5]])),
    ],
)
def test_outputs_come_back_as_they_were(outputs: Outputs) -> None:
    packer = Packer()
    described = json.loads(json.dumps(packer.outputs(outputs)))
    back = Unpacker([bytearray(blob) for blob in packer.blobs]).outputs(described)
    np.testing.assert_array_equal(back.predict, outputs.predict)
    if outputs.predict_proba is not None:
        np.testing.assert_array_equal(back.predict_proba, outputs.predict_proba)


@pytest.mark.parametrize(
    "described",
    [
        None,
        {"dtype": "<f8", "shape": [2], "blob": 0},
        {"dtype": "<f8", "shape": [-1], "blob": 0},
        {"dtype": "<f8", "shape": [1, 1, 1], "blob": 0},
        {"dtype": "O", "shape": [1], "blob": 0},
        {"dtype": "<f8", "shape": [1], "blob": 7},
        {"dtype": "<f8", "shape": [True], "blob": 0},
        {"dtype": "str", "shape": [1], "blob": 0},
        {"dtype": "<f8", "shape": [1 << 62, 1 << 62], "blob": 0},
    ],
)
def test_array_that_does_not_add_up_is_refused(described: object) -> None:
    with pytest.raises(WireError):
        Unpacker([bytearray(8)]).array(described)


def test_signature_passes_as_it_is() -> None:
    assert check_signature(SIGNATURE) == SIGNATURE


@pytest.mark.parametrize(
    "change",
    [
        {"task": "<script>"},
        {"layout": None},
        {"inputs": []},
        {"inputs": [{"name": "", "datatype": "FP64", "shape": [-1]}]},
        {"outputs": [{"name": "predict", "datatype": "OBJECT", "shape": [-1]}]},
        {"classes": "many"},
    ],
)
def test_signature_of_another_shape_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        check_signature({**SIGNATURE, **change})


@pytest.mark.parametrize("plan", [None, {}, {"inputs": [{"name": "x"}], "outputs": {}}])
def test_plan_of_another_shape_is_refused(plan: object) -> None:
    with pytest.raises(ValueError):
        check_plan(plan)
