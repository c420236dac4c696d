"""The protocol's messages, field by field, numbered as its specification and Triton do.

Made at run time: generated code would bind us to the generator's version of protobuf. Messages
leave out what we neither read nor write; unknown fields are skipped, as the format has it.

Sources: kserve/open-inference-protocol `open_inference_grpc.proto`, Triton's `grpc_service.proto`
and `model_config.proto`.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE: Final = "inference"
SERVICE: Final = f"{PACKAGE}.GRPCInferenceService"
_Field = descriptor_pb2.FieldDescriptorProto
SCALARS: Final[dict[str, int]] = {
    name: getattr(_Field, f"TYPE_{name.upper()}")
    for name in ("bool", "bytes", "double", "float", "int32", "int64", "string", "uint32", "uint64")
}
# "*" before a type: repeated. "{}" after one: a map from text to it.
TENSOR: Final = {1: "name string", 2: "datatype string", 3: "shape *int64"}
NAMED: Final = {1: "name string", 2: "version string"}
REPOSITORY: Final = {
    1: "repository_name string",
    2: "model_name string",
    3: "parameters ModelRepositoryParameter{}",
}
MESSAGES: Final[dict[str, dict[int, str]]] = {
    "ServerLiveRequest": {},
    "ServerLiveResponse": {1: "live bool"},
    "ServerReadyRequest": {},
    "ServerReadyResponse": {1: "ready bool"},
    "ModelReadyRequest": NAMED,
    "ModelReadyResponse": {1: "ready bool"},
    "ServerMetadataRequest": {},
    "ServerMetadataResponse": {1: "name string", 2: "version string", 3: "extensions *string"},
    "ModelMetadataRequest": NAMED,
    "TensorMetadata": TENSOR,
    "ModelMetadataResponse": {
        1: "name string",
        2: "versions *string",
        3: "platform string",
        4: "inputs *TensorMetadata",
        5: "outputs *TensorMetadata",
    },
    "InferParameter": {
        1: "bool_param bool",
        2: "int64_param int64",
        3: "string_param string",
        4: "double_param double",
        5: "uint64_param uint64",
    },
    "InferTensorContents": {
        1: "bool_contents *bool",
        2: "int_contents *int32",
        3: "int64_contents *int64",
        4: "uint_contents *uint32",
        5: "uint64_contents *uint64",
        6: "fp32_contents *float",
        7: "fp64_contents *double",
        8: "bytes_contents *bytes",
    },
    "InferTensor": {
        **TENSOR,
        4: "parameters InferParameter{}",
        5: "contents InferTensorContents",
    },
    "InferRequestedOutputTensor": {1: "name string", 2: "parameters InferParameter{}"},
    "ModelInferRequest": {
        1: "model_name string",
        2: "model_version string",
        3: "id string",
        4: "parameters InferParameter{}",
        5: "inputs *InferTensor",
        6: "outputs *InferRequestedOutputTensor",
        7: "raw_input_contents *bytes",
    },
    "ModelInferResponse": {
        1: "model_name string",
        2: "model_version string",
        3: "id string",
        4: "parameters InferParameter{}",
        5: "outputs *InferTensor",
        6: "raw_output_contents *bytes",
    },
    "ModelConfigRequest": NAMED,
    "ModelInput": {1: "name string", 2: "data_type int32", 4: "dims *int64"},
    "ModelOutput": {1: "name string", 2: "data_type int32", 3: "dims *int64"},
    "ModelConfig": {
        1: "name string",
        2: "platform string",
        4: "max_batch_size int32",
        5: "input *ModelInput",
        6: "output *ModelOutput",
        17: "backend string",
    },
    "ModelConfigResponse": {1: "config ModelConfig"},
    "ModelStatisticsRequest": NAMED,
    "StatisticDuration": {1: "count uint64", 2: "ns uint64"},
    "InferStatistics": {
        number: f"{name} StatisticDuration"
        for number, name in enumerate(
            ("success", "fail", "queue", "compute_input", "compute_infer", "compute_output",
             "cache_hit", "cache_miss"), 1
        )
    },
    "ModelStatistics": {
        **NAMED,
        3: "last_inference uint64",
        4: "inference_count uint64",
        5: "execution_count uint64",
        6: "inference_stats InferStatistics",
    },
    "ModelStatisticsResponse": {1: "model_stats *ModelStatistics"},
    "RepositoryIndexRequest": {1: "repository_name string", 2: "ready bool"},
    "ModelIndex": {**NAMED, 3: "state string", 4: "reason string"},
    "RepositoryIndexResponse": {1: "models *ModelIndex"},
    "ModelRepositoryParameter": {
        1: "bool_param bool",
        2: "int64_param int64",
        3: "string_param string",
        4: "bytes_param bytes",
    },
    "RepositoryModelLoadRequest": REPOSITORY,
    "RepositoryModelLoadResponse": {},
    "RepositoryModelUnloadRequest": REPOSITORY,
    "RepositoryModelUnloadResponse": {},
}  # fmt: skip


def message(name: str) -> Any:
    """The class of a message."""
    return _classes()[name]


@cache
def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="slipway/open_inference.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in MESSAGES.items():
        made = file.message_type.add(name=name)
        for number, text in fields.items():
            _add_field(made, number, *text.split(" "))
        if name in {"InferParameter", "ModelRepositoryParameter"}:
            made.oneof_decl.add(name="parameter_choice")
            for field in made.field:
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = message_factory.GetMessageClassesForFiles([file.name], pool)
    return {name.removeprefix(f"{PACKAGE}."): kind for name, kind in found.items()}


def _add_field(made: descriptor_pb2.DescriptorProto, number: int, name: str, kind: str) -> None:
    field = made.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
    if kind.endswith("{}"):
        entry = made.nested_type.add(name=f"{name.title()}Entry")
        entry.options.map_entry = True
        _add_field(entry, 1, "key", "string")
        _add_field(entry, 2, "value", kind.removesuffix("{}"))
        field.label = _Field.LABEL_REPEATED
        field.type = _Field.TYPE_MESSAGE
        field.type_name = f".{PACKAGE}.{made.name}.{entry.name}"
        return
    if kind.startswith("*"):
        field.label = _Field.LABEL_REPEATED
    plain = kind.removeprefix("*")
    if plain in SCALARS:
        field.type = SCALARS[plain]
    else:
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{plain}"
