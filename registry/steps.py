"""The steps of a version's pipeline, written to its row as they happen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common import clock
from common.leases import Lease
from common.storable import storable
from registry.models import ModelVersion, PipelineJob


class Steps:
    """Moves steps from waiting over running to done, failed or skipped, and saves each move."""

    def __init__(self, version: ModelVersion, lease: Lease[PipelineJob]) -> None:
        self._version = version
        self._lease = lease
        self._by_name: dict[str, dict[str, Any]] = {step["name"]: step for step in version.steps}

    def restart(self) -> None:
        """Forget what an earlier attempt did; the file was received all the same."""
        for name, step in self._by_name.items():
            if name != "received":
                step |= {"state": "waiting", "started_at": None, "ms": None, "detail": ""}

    def move(self, name: str, state: str, detail: str = "") -> None:
        """Record a step's new state; saved while the lease is ours (LeaseLost otherwise)."""
        self.note(name, state, detail)
        with self._lease.write():
            self._version.touch("steps")

    def note(self, name: str, state: str, detail: str = "") -> None:
        """Change a step without saving; the caller's own write saves it."""
        step, detail = self._by_name[name], storable(detail)
        now = clock.now()
        if state == "running":
            step |= {"state": state, "started_at": now.isoformat(), "ms": None, "detail": detail}
            return
        started = step["started_at"]
        ms = (now - datetime.fromisoformat(started)).total_seconds() * 1000 if started else 0
        step |= {"state": state, "ms": round(ms, 1), "detail": detail or step["detail"]}
        if not started:
            step["started_at"] = now.isoformat()

    def fail(self, name: str, detail: str) -> None:
        """The named step failed; what comes after it never ran. Not saved."""
        if self._by_name.get(name, {}).get("state") not in {"waiting", "running", "failed"}:
            name = self._current()
        self.note(name, "failed", detail)
        for step in self._by_name.values():
            if step["state"] in {"waiting", "running"}:
                step["state"] = "skipped"

    def _current(self) -> str:
        for state in ("running", "waiting"):
            for name, step in self._by_name.items():
                if step["state"] == state:
                    return name
        return "published"
