"""KServe's InferenceRESTClient with the protocols v2 and v1. Prints labels as JSON."""

import asyncio
import json
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

address, key, model, _ = sys.argv[1:5]
rows = np.array(json.loads(sys.argv[5]), dtype=np.float64)
headers = {"Authorization": f"Bearer {key}"}


async def main() -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2", timeout=10))
    base = f"http://{address}"
    assert await client.is_server_live(base)
    assert await client.is_server_ready(base)
    assert await client.is_model_ready(base, model_name=model, headers=headers)
    found = []
    for binary in (False, True):
        tensor = InferInput("input", list(rows.shape), "FP64")
        tensor.set_data_from_numpy(rows, binary_data=binary)
        request = InferRequest(model_name=model, infer_inputs=[tensor])
        answer = await client.infer(base, request, model_name=model, headers=dict(headers))
        output = next(each for each in answer.outputs if each.name == "predict")
        found.append(output.as_numpy().tolist())
    old = InferenceRESTClient(RESTConfig(protocol="v1", timeout=10))
    assert await old.is_model_ready(base, model_name=model, headers=headers)
    asked = {"instances": rows.tolist()}
    told = await old.infer(base, asked, model_name=model, headers=dict(headers))
    found.append(told["predictions"])
    print(json.dumps(found, default=bytes.decode))


asyncio.run(main())
