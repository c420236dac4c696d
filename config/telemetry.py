"""What every serving process starts once: its place in the figures, error reports, traces."""

from __future__ import annotations

from django.conf import settings

from common import tracing
from common.meter import claim
from common.meter.pulse import start_pulse
from config import error_reports


def start_telemetry(role: str) -> None:
    """Count where others see it, and tell of errors and times where the settings say so.

    To be called in the process that does the work, not in one that forks it: threads and locks do
    not come along.
    """
    from config import levels  # noqa: F401  registers what the pulse reads

    claim(settings.METRICS_ROOT)
    start_pulse(role)
    error_reports.start(role)
    tracing.start(role, settings.VERSION)
