"""Other ways to serve the same two models, each in its own environment, as its manual says.

Each is asked for what Slipway answers, labels and probabilities, but for MLflow, which gives labels
alone. Slipway checks the key and the row and logs the call besides.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from benchmarks.environments import python_with
from benchmarks.stack import free_port
from benchmarks.wrk import Target

HERE = Path(__file__).parent
READY_WITHIN = 120.0  # seconds
MODELS = ("logreg", "forest")


@dataclass(frozen=True)
class Peer:
    """How to start a peer and what to ask it. `{…}` stands for python, bin, model, port, folder."""

    name: str
    command: tuple[str, ...]
    path: str
    is_v2: bool = False

    def body(self, row: list[float]) -> bytes:
        if self.is_v2:
            tensor = {"name": "x", "datatype": "FP64", "shape": [1, len(row)], "data": [row]}
            outputs = [{"name": "predict"}, {"name": "predict_proba"}]
            return json.dumps({"inputs": [tensor], "outputs": outputs}).encode()
        return json.dumps({"inputs": [row]}).encode()


PEERS = (
    Peer(
        "fastapi",
        ("{bin}/uvicorn", "app:app", "--port", "{port}", "--workers", "2", "--log-level", "error",
         "--no-access-log", "--app-dir", str(HERE / "fast")),
        "/predict",
    ),
    Peer("mlserver", ("{bin}/mlserver", "start", "{folder}"), "/v2/models/m/infer", is_v2=True),
    Peer(
        "bentoml",
        ("{bin}/bentoml", "serve", "service:Served", "--port", "{port}", "--working-dir",
         str(HERE / "bento")),
        "/predict",
    ),
    Peer("litserve", ("{python}", str(HERE / "lit" / "server.py"), "{port}"), "/predict"),
    Peer(
        "mlflow",
        ("{bin}/mlflow", "models", "serve", "-m", "{folder}/mlflow", "--port", "{port}",
         "--env-manager", "local", "--workers", "2"),
        "/invocations",
    ),
)  # fmt: skip


def trained(name: str, model: str, work: Path) -> tuple[Path, Path]:
    """A peer's interpreter, and a folder with the model as its own libraries write it."""
    python = python_with(HERE / f"{name}.txt", "bench")
    folder = work / f"{name}-{model}"
    folder.mkdir()
    subprocess.run([str(python), str(HERE / "train.py"), model, str(folder)], check=True)
    return python, folder


@contextmanager
def serving(peer: Peer, model: str, row: list[float], work: Path) -> Iterator[Target]:
    """The peer with the model, trained in its own environment, until it is no longer needed."""
    python, folder = trained(peer.name, model, work)
    port = free_port()
    _settings(folder, port)
    known = {"python": python, "bin": python.parent, "port": port, "folder": folder}
    command = [part.format(**known) for part in peer.command]
    path = f"{python.parent}:{os.environ['PATH']}"
    log = (folder / "log").open("wb")
    process = subprocess.Popen(
        command,
        env={**os.environ, "MODEL": str(folder / "model.joblib"), "PATH": path},
        cwd=folder,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    target = Target(peer.name, f"http://127.0.0.1:{port}{peer.path}", (peer.body(row),))
    try:
        _wait(target, process, folder)
        yield target
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        log.close()


def _settings(folder: Path, port: int) -> None:
    """MLServer's, which it reads from files."""
    settings = {
        "http_port": port,
        "grpc_port": free_port(),
        "metrics_port": free_port(),
        "parallel_workers": 2,
        "debug": False,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {
        "name": "m",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./model.joblib"},
    }
    (folder / "model-settings.json").write_text(json.dumps(model))


def _wait(target: Target, process: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    headers = {"Content-Type": "application/json"}
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.post(target.url, target.bodies[0], headers=headers, timeout=5).ok:
                return
        except requests.RequestException:
            pass
        time.sleep(0.2)
    raise RuntimeError(f"{target.name} did not start:\n{(folder / 'log').read_text()[-2000:]}")
