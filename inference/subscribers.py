"""What serving does for the registry."""

from __future__ import annotations

import structlog

from common.errors import DomainError, Unavailable
from inference.decode import decode
from inference.serving import served_for
from registry.errors import TrialFailed
from registry.models import ModelVersion
from registry.samples import example_body
from registry.trials import trial

logger = structlog.get_logger(__name__)


@trial
def answer_example(version: ModelVersion) -> None:
    """Load a version and have it answer its example, so that no caller waits for the first time.

    Where its owner gave none, made-up values do to load it, and what it thinks of them is no
    reason to refuse it. Raises TrialFailed with what it said; Unavailable where it can't be loaded.
    """
    served = served_for(version)
    try:
        served.compute(decode(served.signature, example_body(version)))
    except Unavailable:
        raise
    except DomainError as error:
        if version.example is None:
            logger.info("made_up_example_refused", version_id=str(version.id), error=error.message)
            return
        faults = "; ".join(fault.detail for fault in error.errors[:3])
        raise TrialFailed(
            f"{version.model.name} version {version.number} does not answer its example: "
            f"{faults or error.message}"
        ) from error
