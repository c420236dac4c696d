"""One child's job as the steps see it: where frames go, and what a failure is called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

from jail.codec import Packer
from jail.refusal import Refused
from jail.wire import Head, Stream, send

SNIFFED = 1 << 12
"""Bytes from which a file's type is told."""
MAX_REASON = 500

FAILURES = {
    "typed": "unreadable",
    "triaged": "unreadable",
    "loaded": "does_not_load",
    "signature": "not_servable",
    "compiled": "does_not_compile",
    "serve": "does_not_load",
    "predict": "predict_failed",
    "check": "does_not_run",
    "table": "bad_table",
}
"""What a surprise in a step is called."""


@dataclass(slots=True)
class Job:
    """One child's job: where frames go, the model's file, and whether a pickle may be loaded."""

    stream: Stream
    file: BinaryIO
    size: int
    pickles: bool
    step: str = "typed"

    def running(self, step: str) -> None:
        """A step begins; what goes wrong from here on is its."""
        self.step = step
        send(self.stream, {"step": step, "state": "running", "detail": ""})

    def done(self, detail: str = "", *, packer: Packer | None = None, **data: Any) -> None:
        """The step at hand is done; `data` is JSON, `packer` holds the blobs it refers to."""
        blobs = packer.blobs if packer is not None else []
        send(self.stream, {"step": self.step, "state": "done", "detail": detail, **data}, blobs)

    def skipped(self, detail: str) -> None:
        """The step at hand does not apply, for a stated reason."""
        send(self.stream, {"step": self.step, "state": "skipped", "detail": detail})

    def failed(self, failure: Head) -> None:
        """The step at hand ends the job."""
        send(
            self.stream,
            {"step": self.step, "state": "failed", "detail": "", "failed": failure},
        )

    def head(self) -> bytes:
        """The file's first bytes; the next read starts over."""
        self.file.seek(0)
        head = self.file.read(SNIFFED)
        self.file.seek(0)
        return head

    def whole(self) -> bytes:
        """All of the file."""
        self.file.seek(0)
        return self.file.read()

    def guard_pickles(self, format: str) -> None:  # noqa: A002 - the field's own word
        """Raises Refused for a pickle where the jail's self-test failed."""
        if format in {"pickle", "joblib"} and not self.pickles:
            raise Refused(
                "The jail's self-test failed on this machine, so pickles are not loaded here.",
                "jail_does_not_hold",
            )


def explain(error: BaseException) -> str:
    """An exception as one line a person can read, bounded."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"


def failure(error: BaseException, step: str) -> Head:
    """What an exception in a step means to whoever asked."""
    if isinstance(error, Refused):
        return {"kind": "refused", "code": error.code, "reason": explain(error)}
    if is_out_of_memory(error):
        return {"kind": "budget", "resource": "memory", "reason": "it ran out of memory"}
    if isinstance(error, RecursionError):
        return {"kind": "refused", "code": "too_deep", "reason": "The model is nested too deeply."}
    reason = f"{type(error).__name__}: {explain(error)}"
    return {"kind": "refused", "code": FAILURES.get(step, "failed"), "reason": reason}


def is_out_of_memory(error: BaseException) -> bool:
    """Whether numpy, Python or onnxruntime ran into the limit on address space."""
    if isinstance(error, MemoryError):
        return True
    text = str(error).lower()
    return any(
        sign in text for sign in ("bad_alloc", "failed to allocate", "cannot allocate memory")
    )
