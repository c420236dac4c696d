"""What a team writes first: FastAPI, pydantic and the estimator."""

import os

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load(os.environ["MODEL"])


class Body(BaseModel):
    inputs: list[list[float]]


@app.post("/predict")
def predict(body: Body):
    rows = np.array(body.inputs)
    return {
        "predictions": model.predict(rows).tolist(),
        "probabilities": model.predict_proba(rows).tolist(),
    }
