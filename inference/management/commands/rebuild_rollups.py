"""`manage.py rebuild_rollups`: the dashboards' sums made anew from the log, or compared with it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from common import clock
from inference import recount

MOST_SHOWN = 20


class Command(BaseCommand):
    help = (
        "Rebuild the roll-ups from the predictions that are kept and the feedback on them, a "
        "quarter of an hour at a time. "
        "With --check, compare them and change nothing; the exit code is 1 where they differ. "
        "Predictions are answered meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="since", type=date.fromisoformat, help="2026-03-01")
        parser.add_argument("--to", dest="until", type=date.fromisoformat, help="the last day")
        parser.add_argument("--check", action="store_true", help="compare, and change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        since, until = self._range(options["since"], options["until"])
        if options["check"]:
            self._check(since, until)
            return
        count = recount.rebuild(since, until)
        self.stdout.write(f"rebuilt from {count:,} predictions, {since:%Y-%m-%d} on")

    def _range(self, since: date | None, until: date | None) -> tuple[datetime, datetime]:
        first = recount.first_whole_day()
        if first is None:
            raise CommandError("There is no log to count.")
        start = _midnight(since) if since else first
        if start < first:
            raise CommandError(
                f"The log is kept from {first:%Y-%m-%d} on; what is older can't be counted."
            )
        if until and until > clock.now().date():
            raise CommandError("--to lies in the future.")
        end = _midnight(until) + timedelta(days=1) if until else clock.now()
        if end <= start:
            raise CommandError("--to must not lie before --from.")
        return start, end

    def _check(self, since: datetime, until: datetime) -> None:
        count = 0
        for difference in recount.compare(since, until):
            count += 1
            if count <= MOST_SHOWN:
                self.stderr.write(
                    f"{difference.table} {difference.version_id} {difference.start:%Y-%m-%d %H:%M}"
                    f"\n  stored  {_brief(difference.stored)}\n"
                    f"  counted {_brief(difference.counted)}"
                )
        if count:
            raise CommandError(f"{count} roll-ups are not the sums of the log.")
        self.stdout.write("the roll-ups are the sums of the log")


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _brief(figures: Any) -> str:
    if figures is None:
        return "nothing"
    names = (
        "requests", "rows", "failed", "errors", "labels", "labelled", "correct", "measured",
        "squared_error",
    )  # fmt: skip
    return ", ".join(f"{name} {figures[name]}" for name in names if name in figures)
