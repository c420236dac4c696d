"""A report's files: the figures as CSV, and as a page of PDF."""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.utils.text import slugify

from accounts.actors import Actor
from analytics import selectors
from analytics.api.renderers import table
from analytics.models import About, Report
from analytics.periods import Period
from analytics.shapes import Counts

MOST_LINES: Final = 12
NOTHING: Final = "\u2013"


@dataclass(frozen=True, slots=True)
class Document:
    """What goes with the mail, and the few figures that stand in it."""

    name: str
    title: str
    period: str
    counts: Counts
    csv: bytes
    pdf: bytes

    @property
    def answered(self) -> str:
        """The share of calls that were answered, in words."""
        rate = self.counts.success_rate
        return NOTHING if rate is None else f"{100 * rate:.1f} %"


def document(report: Report, actor: Actor, period: Period) -> Document:
    """A report's files for one period. Raises what the figures' selectors raise."""
    if report.about == About.PLATFORM:
        found: Any = selectors.platform_overview(actor, period)
        lines = [("People who predicted", str(found.active_users)), ("Models", str(found.models))]
        ranked = [(one["type"], one["count"]) for one in found.features]
        heading = "What people did"
    elif report.model is not None:
        reference = f"{report.model.organization.slug}/{report.model.name}"
        found = selectors.model_figures(actor, reference, period)
        lines = [
            (f"Milliseconds {where}, {name}", _ms(value))
            for where, times in (("of a call", found.latency_ms), ("inside", found.inference_ms))
            for name, value in times.items()
        ]
        ranked, heading = found.labels, "Labels"
    else:
        found = selectors.user_dashboard(actor, period)
        lines, heading = [], "Models"
        ranked = [(one.model, one.counts.total) for one in found.models]
    title = f"Slipway: {report.subject}"
    shown = f"{period.since.astimezone(period.zone):%Y-%m-%d} to {_last_day(period)}"
    return Document(
        name=f"{slugify(report.subject)}-{period.since.astimezone(period.zone):%Y-%m-%d}",
        title=title,
        period=f"{shown}, {period.zone_name}",
        counts=found.counts,
        csv=table({"daily": found.daily}, "daily").encode(),
        pdf=_pdf(title, f"{shown}, {period.zone_name}", found, lines, heading, ranked),
    )


def _last_day(period: Period) -> str:
    return f"{(period.until - timedelta(seconds=1)).astimezone(period.zone):%Y-%m-%d}"


def _ms(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.2f}"


def _pdf(
    title: str,
    shown: str,
    found: Any,
    lines: list[tuple[str, str]],
    heading: str,
    ranked: list[tuple[str, int]],
) -> bytes:
    """One page: the sums, a chart of the calls, and what there was most of."""
    # 30 MB that a process which sends no report never loads.
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import getSampleStyleSheet
    from reportlab.lib.units import mm
    from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table

    from analytics.drawing import calls_chart

    styles = getSampleStyleSheet()
    counts: Counts = found.counts
    rate = counts.success_rate
    rows = [
        ("Calls", f"{counts.total:,}"),
        ("Rows", f"{counts.rows:,}"),
        ("Failed", f"{counts.failed:,}"),
        ("Answered", NOTHING if rate is None else f"{100 * rate:.1f} %"),
        *lines,
    ]
    grid = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, colors.lightgrey),
        ("ALIGN", (1, 0), (1, -1), "RIGHT"),
    ]
    story = [
        Paragraph(_plain(title), styles["Title"]),
        Paragraph(_plain(shown), styles["Normal"]),
        Spacer(1, 5 * mm),
        Table(rows, colWidths=[90 * mm, 60 * mm], style=grid),
        Spacer(1, 5 * mm),
        calls_chart(found.daily),
        Paragraph(heading, styles["Heading2"]),
        Table(
            [(_cut(name), f"{count:,}") for name, count in ranked[:MOST_LINES]] or [(NOTHING, "")],
            colWidths=[90 * mm, 60 * mm],
            style=grid,
        ),
    ]
    out = io.BytesIO()
    SimpleDocTemplate(out, pagesize=A4, title=title, author="Slipway").build(story)
    return out.getvalue()


def _plain(text: str) -> str:
    """Text in which reportlab finds no markup."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str) -> str:
    return text if len(text) <= 50 else text[:49] + "\u2026"
