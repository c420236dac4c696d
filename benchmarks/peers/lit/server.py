"""A LitServe server of two workers."""

import os
import sys

import joblib
import litserve
import numpy as np


class Served(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        return np.array(request["inputs"])

    def predict(self, x):
        return self.model.predict(x), self.model.predict_proba(x)

    def encode_response(self, output):
        predictions, probabilities = output
        return {"predictions": predictions.tolist(), "probabilities": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Served(), accelerator="cpu", workers_per_device=2)
    server.run(
        port=int(sys.argv[1]), num_api_servers=2, log_level="error", generate_client_file=False
    )
