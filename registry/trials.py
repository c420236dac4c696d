"""Trying a version before callers are led to it; the apps above say how.

    @trial
    def answer_example(version: ModelVersion) -> None: ...

A trial returns where the version answers, and raises where it does not.
"""

from __future__ import annotations

from collections.abc import Callable

from registry.models import ModelVersion

Trial = Callable[[ModelVersion], None]
_trials: list[Trial] = []


def trial(function: Trial) -> Trial:
    """Have a function asked before an alias moves. Trials live in `<app>/subscribers.py`."""
    _trials.append(function)
    return function


def try_out(version: ModelVersion) -> None:
    """Put a version to every trial; the first error is the caller's. Outside transactions."""
    for function in _trials:
        function(version)
