"""Train one of the two models and write it where a peer looks for it."""

import importlib.util
import sys
from pathlib import Path

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

name, folder = sys.argv[1], Path(sys.argv[2])
X, y = load_breast_cancer(return_X_y=True)
X = X / X.max(axis=0)
model = {
    "logreg": LogisticRegression(max_iter=5000),
    "forest": RandomForestClassifier(100, random_state=0),
}[name].fit(X, y)
joblib.dump(model, folder / "model.joblib")
if importlib.util.find_spec("mlflow"):
    import mlflow.sklearn

    mlflow.sklearn.save_model(model, str(folder / "mlflow"), serialization_format="cloudpickle")
