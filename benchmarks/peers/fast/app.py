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
    return {"predictions": model.predict(np.array(body.inputs)).tolist()}
