"""From what a model answered to the protocol's response, in JSON or with binary tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from common.errors import DomainError
from common.runtime import Outputs
from inference.oip.request import InferRequest
from inference.oip.tensors import to_binary

JSON = "application/json"
BINARY = "application/octet-stream"
_encode = msgspec.json.Encoder().encode  # not finite becomes null


@dataclass(frozen=True, slots=True)
class InferAnswer:
    """A response. `json_length` is how much of the body is JSON, None where all of it is."""

    body: bytes
    content_type: str
    json_length: int | None


def answer(
    signature: dict[str, Any],
    request: InferRequest,
    outputs: Outputs,
    *,
    model: str,
    version: str,
    id: str,  # noqa: A002  the protocol's name
) -> InferAnswer:
    """The response to a request; `id` is the prediction's, unless the request brought one."""
    described = {output["name"]: output for output in signature["outputs"]}
    tensors: list[dict[str, Any]] = []
    blobs: list[bytes] = []
    for name, binary in request.outputs:
        array = outputs.predict_proba if name == "predict_proba" else outputs.predict
        if array is None:
            continue
        datatype = described[name]["datatype"]
        tensor: dict[str, Any] = {
            "name": name,
            "datatype": datatype,
            "shape": list(array.shape),
        }
        if binary:
            blobs.append(to_binary(array, datatype))
            tensor["parameters"] = {"binary_data_size": len(blobs[-1])}
        else:
            tensor["data"] = _data(array)
        tensors.append(tensor)
    head = _encode(
        {
            "model_name": model,
            "model_version": version,
            "id": request.id or id,
            "outputs": tensors,
        }
    )
    if not blobs:
        return InferAnswer(head, JSON, None)
    return InferAnswer(b"".join([head, *blobs]), BINARY, len(head))


def _data(array: np.ndarray[Any, Any]) -> list[Any]:
    found: list[Any] = array.reshape(-1).tolist()
    return found


def error_body(message: str) -> bytes:
    """Every error has this one form: clients read `error` as a text."""
    return _encode({"error": message})


def status_of(error: DomainError) -> int:
    """The status as Triton and KServe choose it: 400 for whatever has none of its own."""
    if error.status == 409:
        return 503 if error.retry_after is not None else 400
    return error.status


def message_of(error: DomainError, name: str) -> str:
    """The error's text; clients look for how the one about an unknown model begins."""
    if error.code in {"model_not_found", "version_not_found", "no_alias", "bad_reference"}:
        return f"Request for unknown model: '{name}' is not found. {error.message}"
    return error.message
