"""The two ways the jail says no to a model, each with a reason a person can act on.

Refused         the file will not be served at all
NotCompilable   the model is fine but has no faithful ONNX form; it serves in its own runtime
"""

from __future__ import annotations


class Refused(Exception):
    """The file is rejected. `code` is stable and machine-readable, e.g. `unsafe_global`."""

    def __init__(self, reason: str, code: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class NotCompilable(Exception):
    """The model cannot be expressed as ONNX; `reason` says which part of it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
