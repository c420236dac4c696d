"""Charts on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from reportlab.graphics.charts.barcharts import VerticalBarChart
from reportlab.graphics.shapes import Drawing
from reportlab.lib import colors

WIDTH: Final = 430
HEIGHT: Final = 150
MOST_NAMES: Final = 8


def calls_chart(daily: Sequence[Mapping[str, Any]]) -> Drawing:
    """Calls of each stretch as bars: answered below, failed on top."""
    chart = VerticalBarChart()
    chart.x, chart.y, chart.width, chart.height = 40, 25, WIDTH - 50, HEIGHT - 35
    chart.data = [
        [point["succeeded"] for point in daily],
        [point["failed"] for point in daily],
    ]
    chart.categoryAxis.style = "stacked"
    step = max(1, -(-len(daily) // MOST_NAMES))
    chart.categoryAxis.categoryNames = [
        _name(point["date"]) if place % step == 0 else "" for place, point in enumerate(daily)
    ]
    chart.categoryAxis.labels.fontSize = chart.valueAxis.labels.fontSize = 7
    chart.valueAxis.valueMin = 0
    most = max((point["total"] for point in daily), default=0)
    chart.valueAxis.valueMax = max(most, 1)
    chart.bars[0].fillColor = colors.HexColor("#0b6b64")
    chart.bars[1].fillColor = colors.HexColor("#a8201f")
    for bar in (chart.bars[0], chart.bars[1]):
        bar.strokeWidth = 0
    drawing = Drawing(WIDTH, HEIGHT)
    drawing.add(chart)
    return drawing


def _name(date: str) -> str:
    """`2026-03-01` as 03-01, an hour as its time."""
    return date[11:16] if "T" in date else date[5:]
