"""tritonclient's synchronous client: every call it has that we answer. Prints labels as JSON."""

import json
import sys

import numpy as np
import tritonclient.http as http
from tritonclient.http import InferenceServerClientPlugin
from tritonclient.http.auth import BasicAuth
from tritonclient.utils import InferenceServerException

address, key, model, owner = sys.argv[1:5]
rows = np.array(json.loads(sys.argv[5]), dtype=np.float32)
headers = {"Authorization": f"Bearer {key}"}


def tensor(binary: bool) -> http.InferInput:
    made = http.InferInput("input", list(rows.shape), "FP32")
    made.set_data_from_numpy(rows, binary_data=binary)
    return made


def outputs(binary: bool) -> list[http.InferRequestedOutput]:
    return [http.InferRequestedOutput(n, binary_data=binary) for n in ("predict", "predict_proba")]


class Bearer(InferenceServerClientPlugin):
    """Adds the key to every request."""

    def __call__(self, request):
        request.headers["authorization"] = f"Bearer {key}"


client = http.InferenceServerClient(address)
assert client.is_server_live()
assert client.is_server_ready()
assert client.get_server_metadata()["name"] == "triton"
found = []
for binary in (True, False):
    for packed in (None, "gzip", "deflate"):
        for answer in (None, "gzip", "deflate"):
            result = client.infer(
                model,
                [tensor(binary)],
                outputs=outputs(binary),
                headers=headers,
                request_id="from-triton",
                request_compression_algorithm=packed,
                response_compression_algorithm=answer,
                query_params={"test_1": 1},
            )
            assert result.get_response()["id"] == "from-triton"
            assert result.as_numpy("predict_proba").shape == (len(rows), 3)
            found.append(result.as_numpy("predict").tolist())
            # The headers of the last request are still in this dictionary.
            assert client.is_model_ready(model, headers=headers)
# Without outputs it asks for binary ones.
found.append(client.infer(model, [tensor(True)], headers=headers).as_numpy("predict").tolist())
found.append(
    client.infer(f"{owner}/{model}", [tensor(True)], model_version="1", headers=headers)
    .as_numpy("predict")
    .tolist()
)
metadata = client.get_model_metadata(model, headers=headers)
assert metadata["inputs"][0]["shape"] == [-1, rows.shape[1]]
index = client.get_model_repository_index(headers=headers)
assert any(entry["name"] == model and entry["state"] == "READY" for entry in index)
statistics = client.get_inference_statistics(model, headers=headers)
assert statistics["model_stats"][0]["name"] == model
try:
    client.infer("no-such-model", [tensor(True)], headers=headers)
except InferenceServerException as error:
    assert error.message().startswith("Request for unknown model: 'no-such-model'"), error
else:
    raise AssertionError("an unknown model answered")
try:
    client.infer(model, [tensor(True)])
except InferenceServerException as error:
    assert error.status() == "401", error
else:
    raise AssertionError("no key was needed")
handle = client.async_infer(model, [tensor(True)], headers=headers)
found.append(handle.get_result().as_numpy("predict").tolist())
for plugin in (BasicAuth("anybody", key), Bearer()):
    with http.InferenceServerClient(address) as other:
        other.register_plugin(plugin)
        found.append(other.infer(model, [tensor(True)]).as_numpy("predict").tolist())
assert client.get_model_config(model, headers=headers)["input"][0]["data_type"] == "TYPE_FP64"
client.load_model(model, headers=headers)
client.unload_model(model, headers=headers)
client.close()
print(json.dumps(found, default=bytes.decode))
