"""The demo: an account, a key and a real model, made through the public API alone.

`$SLIPWAY_HOME/demo.json` (0600) holds `url`, `email`, `password`, `api_key` and `model` for
scripts. Every step can be repeated: a start that was killed half-way is finished by the next one.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import requests

from accounts.scopes import ALL, in_order
from config import private
from config.process import die_with_parent

MODEL = "iris"
NEARNESS = ("ready", "scanning", "rejected")
WEB_PATIENCE = 60.0
PIPELINE_PATIENCE = 180.0
TIMEOUT = 30.0
TRAINER = Path(__file__).with_name("demo_model.py")


class DemoError(Exception):
    """The demo could not be made; the message says which step, and what was answered."""


class Demo:
    """Makes the demo at `url`, or finds that it is there already.

    `vouch` is told the account's address, which nobody reads the mail to.
    """

    def __init__(self, url: str, home: Path, vouch: Callable[[str], None]) -> None:
        self.url = url
        self.file = home / "demo.json"
        self.known: dict[str, Any] = private.read_json(self.file)
        self.session = requests.Session()
        self._vouch = vouch

    def make(self) -> dict[str, Any]:
        """Account, key and model, each only where it is missing; what demo.json holds then.

        Raises:
            DemoError: a step was refused.
        """
        self._await_web()
        if not self._works():
            with tempfile.TemporaryDirectory(prefix="slipway-demo-") as folder:
                file = Path(folder, "iris.joblib")
                training = train_aside(file)
                self._account()
                self._key()
                self._model(file, training)
        if self.known.get("url") != self.url:
            self._note(url=self.url)
        return self.known

    def _await_web(self) -> None:
        deadline = time.monotonic() + WEB_PATIENCE
        while time.monotonic() < deadline:
            try:
                if self.session.get(f"{self.url}/live", timeout=2).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise DemoError(f"Nothing answers at {self.url}.")

    def _works(self) -> bool:
        """Whether the key of the last start still opens a model that answers."""
        if not (self.known.get("api_key") and self.known.get("model")):
            return False
        return self._best_version().get("state") == "ready"

    def _account(self) -> None:
        """Sign up with an address and password noted beforehand, so that no crash loses them."""
        if not self.known.get("password"):
            self._note(email="demo@example.com", password=secrets.token_urlsafe(12))
        if self._sign_in():
            return
        # The address is somebody else's by now: demo.json was lost, the database was not.
        self._note(
            email=f"demo-{secrets.token_hex(4)}@example.com", password=secrets.token_urlsafe(12)
        )
        if not self._sign_in():
            raise DemoError("The account made for the demo can't log in.")

    def _sign_in(self) -> bool:
        """Register and log in; False when the address exists with another password."""
        credentials = {"email": self.known["email"], "password": self.known["password"]}
        made = self._post("auth/register", json={**credentials, "full_name": "Demo"})
        if made.status_code not in (201, 202, 409):
            raise refusal("Registering", made)
        self._vouch(self.known["email"])
        answer = self._post("auth/login", json=credentials)
        if answer.status_code == 200:
            self.session.headers["Authorization"] = f"Bearer {answer.json()['access']}"
            return True
        if made.status_code == 409 and answer.status_code in (400, 401):
            return False
        raise refusal("Logging in", answer)

    def _key(self) -> None:
        answer = self._post("api-keys", json={"name": "demo", "scopes": in_order(ALL)})
        if answer.status_code != 201:
            raise refusal("Making an API key", answer)
        self._note(api_key=answer.json()["key"])

    def _model(self, file: Path, training: Callable[[], None]) -> None:
        training()
        if self._best_version().get("state") in (None, "rejected"):
            with file.open("rb") as stream:
                answer = self._post(
                    "models",
                    data={"name": MODEL, "description": "Iris species from four measurements."},
                    files={"file": (file.name, stream)},
                )
            if answer.status_code != 202:
                raise refusal("Uploading the model", answer)
        self._await_ready()
        self._note(model=MODEL)

    def _await_ready(self) -> None:
        deadline = time.monotonic() + PIPELINE_PATIENCE
        while time.monotonic() < deadline:
            best = self._best_version()
            if best["state"] == "ready":
                return
            if best["state"] == "rejected":
                raise DemoError(f"The demo model was rejected: {best.get('reason')}")
            time.sleep(0.2)
        raise DemoError("The demo model did not get ready in time; its page shows the step.")

    def _best_version(self) -> dict[str, Any]:
        """The version nearest to serving; empty where there is no such model or no right to it."""
        headers = {}
        if self.known.get("api_key"):
            headers["Authorization"] = f"Bearer {self.known['api_key']}"
        answer = self.session.get(
            f"{self.url}/api/v1/models/{MODEL}/versions", headers=headers, timeout=TIMEOUT
        )
        if answer.status_code in (401, 403, 404):
            return {}
        if answer.status_code != 200:
            raise refusal("Asking for the model", answer)
        versions: list[dict[str, Any]] = answer.json()["results"]
        return min(versions, key=lambda one: NEARNESS.index(one["state"]), default={})

    def _post(self, route: str, **content: Any) -> requests.Response:
        return self.session.post(f"{self.url}/api/v1/{route}", timeout=TIMEOUT, **content)

    def _note(self, **facts: str) -> None:
        self.known.update(facts)
        private.write_json(self.file, self.known)


def train_aside(file: Path) -> Callable[[], None]:
    """Begin to train in a process of its own; the answer waits for its end."""
    process = subprocess.Popen(
        [sys.executable, str(TRAINER), str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=partial(die_with_parent, parent=os.getpid()),  # noqa: PLW1509  one thread
    )

    def finish() -> None:
        said = process.communicate()[0].decode(errors="replace")
        if process.returncode != 0:
            raise DemoError(f"Training the demo model failed:\n{said}")

    return finish


def refusal(step: str, answer: requests.Response) -> DemoError:
    return DemoError(f"{step} was answered with {answer.status_code}: {answer.text[:500]}")
