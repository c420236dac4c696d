"""tritonclient's gRPC client: every call it has that we answer. Prints labels as JSON."""

import json
import sys

import numpy as np
import tritonclient.grpc as grpc
from tritonclient.utils import InferenceServerException

address, key, model, owner = sys.argv[1:5]
rows = np.array(json.loads(sys.argv[5]), dtype=np.float32)
headers = {"authorization": f"Bearer {key}"}
made = grpc.InferInput("input", list(rows.shape), "FP32")
made.set_data_from_numpy(rows)

client = grpc.InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.get_server_metadata().name == "triton"
found = []
for name, version in ((model, ""), (f"{owner}/{model}", "1")):
    for packed in (None, "gzip", "deflate"):
        result = client.infer(
            name,
            [made],
            model_version=version,
            headers=headers,
            request_id="from-triton",
            compression_algorithm=packed,
        )
        assert result.get_response().id == "from-triton"
        assert result.as_numpy("predict_proba").shape == (len(rows), 3)
        found.append(result.as_numpy("predict").tolist())
assert client.is_model_ready(model, headers=headers)
metadata = client.get_model_metadata(model, headers=headers)
assert list(metadata.inputs[0].shape) == [-1, rows.shape[1]]
config = client.get_model_config(model, headers=headers, as_json=True)["config"]
assert config["input"][0]["data_type"] == "TYPE_FP64"
index = client.get_model_repository_index(headers=headers)
assert any(entry.name == model and entry.state == "READY" for entry in index.models)
statistics = client.get_inference_statistics(model, headers=headers)
assert statistics.model_stats[0].name == model
client.load_model(model, headers=headers)
client.unload_model(model, headers=headers)
for asked, given, status in (
    ("no-such-model", headers, "StatusCode.NOT_FOUND"),
    (model, {}, "StatusCode.UNAUTHENTICATED"),
):
    try:
        client.infer(asked, [made], headers=given)
    except InferenceServerException as error:
        assert error.status() == status, error
    else:
        raise AssertionError("it answered")
client.close()
print(json.dumps(found, default=bytes.decode))
