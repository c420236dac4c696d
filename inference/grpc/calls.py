"""Each call as a request of the V2 door's, and the door's answer as the call's.

Tensors travel as the door's binary form, whichever way the caller sent them.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

import msgspec
import numpy as np
from google.protobuf import json_format

from common.errors import Invalid
from inference.grpc.messages import message
from inference.oip.door import HEADER_LENGTH
from inference.oip.tensors import FIXED

_encode = msgspec.json.Encoder().encode
CONTENTS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents", "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}  # fmt: skip
"""Where a tensor's elements stand that are not sent as raw bytes; 16-bit floats always are."""
FORMS: Final = frozenset({"binary_data", "binary_data_output", "binary_data_size"})
TYPES: Final = (
    "TYPE_INVALID", "TYPE_BOOL", "TYPE_UINT8", "TYPE_UINT16", "TYPE_UINT32", "TYPE_UINT64",
    "TYPE_INT8", "TYPE_INT16", "TYPE_INT32", "TYPE_INT64", "TYPE_FP16", "TYPE_FP32", "TYPE_FP64",
    "TYPE_STRING", "TYPE_BF16",
)  # fmt: skip
"""Triton's numbers of datatypes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of the door's."""

    method: str
    path: str
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What the door answered with 200. Header names are in small letters."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Method:
    """One method of the service."""

    ask: Callable[[Any], Asked]
    tell: Callable[[Told], Any]


def _get(path: str) -> Callable[[Any], Asked]:
    return lambda _request: Asked("GET", path)


def _of_model(tail: str, *, method: str = "GET") -> Callable[[Any], Asked]:
    def ask(request: Any) -> Asked:
        return Asked(method, f"{_model(request.name, request.version)}{tail}")

    return ask


def _model(name: str, version: str) -> str:
    """The model's path. Paths arrive decoded, as those of HTTP do."""
    if not name:
        raise Invalid("the model's name is missing")
    return f"/v2/models/{name}" + (f"/versions/{quote(version)}" if version else "")


def _as(name: str) -> Callable[[Told], Any]:
    """The JSON answer as the message of that name."""

    def tell(told: Told) -> Any:
        made = message(name)()
        found = msgspec.json.decode(told.body) if told.body else {}
        return json_format.ParseDict(found, made, ignore_unknown_fields=True)

    return tell


def _statistics(request: Any) -> Asked:
    if request.name:
        return Asked("GET", f"{_model(request.name, request.version)}/stats")
    return Asked("GET", "/v2/models/stats")


def _config(told: Told) -> Any:
    found = msgspec.json.decode(told.body)
    for tensor in [*found["input"], *found["output"]]:
        tensor["data_type"] = TYPES.index(tensor["data_type"])
    made = message("ModelConfigResponse")()
    json_format.ParseDict(found, made.config, ignore_unknown_fields=True)
    return made


def _index(told: Told) -> Any:
    found = {"models": msgspec.json.decode(told.body)}
    made = message("RepositoryIndexResponse")()
    return json_format.ParseDict(found, made, ignore_unknown_fields=True)


def _repository(what: str) -> Callable[[Any], Asked]:
    def ask(request: Any) -> Asked:
        if not request.model_name:
            raise Invalid("the model's name is missing")
        parameters = {name: True for name in request.parameters if what == "load"}
        body = _encode({"parameters": parameters}) if parameters else b"{}"
        path = f"/v2/repository/models/{request.model_name}/{what}"
        return Asked("POST", path, body, {"CONTENT_TYPE": "application/json"})

    return ask


def _infer(request: Any) -> Asked:
    """The request's tensors behind its JSON, which names their sizes."""
    raw = list(request.raw_input_contents)
    if raw and len(raw) != len(request.inputs):
        raise Invalid(f"{len(raw)} raw contents were sent for {len(request.inputs)} inputs")
    blobs = [
        raw[place] if raw else _bytes_of(tensor) for place, tensor in enumerate(request.inputs)
    ]
    head: dict[str, Any] = {
        "inputs": [
            {
                "name": tensor.name,
                "datatype": tensor.datatype,
                "shape": list(tensor.shape),
                "parameters": _parameters(tensor) | {"binary_data_size": len(blob)},
            }
            for tensor, blob in zip(request.inputs, blobs, strict=True)
        ],
        "parameters": _parameters(request) | {"binary_data_output": True},
    }
    if request.id:
        head["id"] = request.id
    if request.outputs:
        head["outputs"] = [
            {"name": output.name, "parameters": _parameters(output)} for output in request.outputs
        ]
    json = _encode(head)
    path = f"{_model(request.model_name, request.model_version)}/infer"
    headers = {
        "CONTENT_TYPE": "application/octet-stream",
        "HTTP_INFERENCE_HEADER_CONTENT_LENGTH": str(len(json)),
    }
    return Asked("POST", path, b"".join([json, *blobs]), headers)


def _parameters(holder: Any) -> dict[str, Any]:
    """What the caller says of it, but for the form that tensors travel in, which is ours."""
    return {
        name: getattr(value, kind)
        for name, value in holder.parameters.items()
        if (kind := value.WhichOneof("parameter_choice")) and name not in FORMS
    }


def _bytes_of(tensor: Any) -> bytes:
    """The elements of a tensor that was sent in fields of their type, as raw bytes."""
    where = CONTENTS.get(tensor.datatype)
    if where is None:
        raise Invalid(f"input {tensor.name!r}: {tensor.datatype[:20]!r} comes as raw contents")
    elements = getattr(tensor.contents, where)
    if tensor.datatype == "BYTES":
        return b"".join(struct.pack("<I", len(one)) + one for one in elements)
    dtype = FIXED[tensor.datatype]
    # One after the other: as objects they would take many times the message's size.
    wide = np.dtype("f8" if dtype.kind == "f" else "u8" if dtype.kind == "u" else "i8")
    array = np.fromiter(elements, dtype=wide, count=len(elements))
    if dtype.kind != "f" and array.size:
        room = np.iinfo(dtype)
        if array.max() > room.max or array.min() < room.min:
            raise Invalid(f"input {tensor.name!r}: a number is no {tensor.datatype}")
    return array.astype(dtype).tobytes()


def _answer(told: Told) -> Any:
    """The door's answer, its tensors as raw contents."""
    length = int(told.headers.get(HEADER_LENGTH.lower(), len(told.body)))
    head = msgspec.json.decode(told.body[:length])
    made = message("ModelInferResponse")(
        model_name=head["model_name"], model_version=head["model_version"], id=head["id"]
    )
    at = length
    for output in head["outputs"]:
        made.outputs.add(name=output["name"], datatype=output["datatype"], shape=output["shape"])
        end = at + output["parameters"]["binary_data_size"]
        made.raw_output_contents.append(told.body[at:end])
        at = end
    return made


METHODS: Final = {
    "ServerLive": Method(_get("/v2/health/live"), _as("ServerLiveResponse")),
    "ServerReady": Method(_get("/v2/health/ready"), _as("ServerReadyResponse")),
    "ServerMetadata": Method(_get("/v2"), _as("ServerMetadataResponse")),
    "ModelReady": Method(_of_model("/ready"), _as("ModelReadyResponse")),
    "ModelMetadata": Method(_of_model(""), _as("ModelMetadataResponse")),
    "ModelConfig": Method(_of_model("/config"), _config),
    "ModelStatistics": Method(_statistics, _as("ModelStatisticsResponse")),
    "ModelInfer": Method(_infer, _answer),
    "RepositoryIndex": Method(
        lambda request: Asked(
            "POST", "/v2/repository/index", _encode({"ready": request.ready}),
            {"CONTENT_TYPE": "application/json"},
        ),
        _index,
    ),
    "RepositoryModelLoad": Method(_repository("load"), _as("RepositoryModelLoadResponse")),
    "RepositoryModelUnload": Method(_repository("unload"), _as("RepositoryModelUnloadResponse")),
}  # fmt: skip
OPEN: Final = frozenset({"ServerLive", "ServerReady", "ServerMetadata"})
"""What is told to everybody."""
