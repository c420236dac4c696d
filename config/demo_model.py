"""Train the demo model: a real scikit-learn pipeline on Fisher's iris measurements.

Run as a program of its own (`python config/demo_model.py FILE`): no process of the platform but
the jail imports scikit-learn.
"""

from __future__ import annotations

import sys
from pathlib import Path


def train(target: Path) -> float:
    """Fit on three quarters of the flowers, write the model with joblib; accuracy on the rest."""
    import joblib
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    iris = load_iris(as_frame=True)
    # "sepal length (cm)" -> "sepal_length_cm": a name that needs no quoting anywhere.
    flowers = iris.data.rename(columns=lambda name: name.replace(" (", "_").strip(")"))
    flowers.columns = [name.replace(" ", "_") for name in flowers.columns]
    species = iris.target_names[iris.target]
    fit_x, test_x, fit_y, test_y = train_test_split(
        flowers, species, test_size=0.25, random_state=0, stratify=species
    )
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    model.fit(fit_x, fit_y)
    joblib.dump(model, target)
    return float(model.score(test_x, test_y))


if __name__ == "__main__":
    sys.stdout.write(f"accuracy {train(Path(sys.argv[1])):.3f}\n")
