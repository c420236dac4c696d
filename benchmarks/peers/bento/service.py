"""A BentoML service of two workers."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=2, logging={"access": {"enabled": False}})
class Served:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, inputs: list[list[float]]) -> dict:
        rows = np.array(inputs)
        return {
            "predictions": self.model.predict(rows).tolist(),
            "probabilities": self.model.predict_proba(rows).tolist(),
        }
