"""The floor: Granian and onnxruntime, no duties. Run by Granian, told by FLOOR_GRAPH."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import msgspec
import numpy as np
import onnxruntime


class Body(msgspec.Struct):
    inputs: list[list[float]]


def _session() -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        os.environ["FLOOR_GRAPH"], options, providers=["CPUExecutionProvider"]
    )


_model = _session()
_input = _model.get_inputs()[0]
_dtype = np.float64 if "double" in _input.type else np.float32
_names = [output.name for output in _model.get_outputs()]
_decode = msgspec.json.Decoder(Body).decode
_encode = msgspec.json.Encoder().encode


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    body = _decode(environ["wsgi.input"].read())
    found = _model.run(_names, {_input.name: np.array(body.inputs, dtype=_dtype)})
    out = _encode({"predictions": found[0].tolist(), "probabilities": found[1].tolist()})
    start_response("200 OK", [("Content-Type", "application/json")])
    return [out]
