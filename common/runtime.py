"""What serving a compiled model in this very process needs, re-exported from the jail's types.

`OnnxModel` is imported when it is first asked for: naming this module must not load onnxruntime
into a process that never serves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jail.batch import Batch, Layout, OneRow, Outputs, RowBatch

if TYPE_CHECKING:
    from jail.onnxmodel import OnnxModel

__all__ = ["Batch", "Layout", "OneRow", "OnnxModel", "Outputs", "RowBatch"]


def __getattr__(name: str) -> Any:
    if name == "OnnxModel":
        from jail.onnxmodel import OnnxModel

        return OnnxModel
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
