"""tritonclient's asyncio client. Prints labels as JSON."""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http.aio as http

address, key, model, _ = sys.argv[1:5]
rows = np.array(json.loads(sys.argv[5]), dtype=np.float64)
headers = {"Authorization": f"Bearer {key}"}


async def main() -> None:
    found = []
    async with http.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        assert await client.is_model_ready(model, headers=headers)
        for binary in (True, False):
            tensor = http.InferInput("input", list(rows.shape), "FP64")
            tensor.set_data_from_numpy(rows, binary_data=binary)
            calls = [client.infer(model, [tensor], headers=dict(headers)) for _ in range(8)]
            found += [r.as_numpy("predict").tolist() for r in await asyncio.gather(*calls)]
    print(json.dumps(found, default=bytes.decode))


asyncio.run(main())
