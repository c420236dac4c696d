"""Walking the audit trail by the clock, and raising the alarm."""

from __future__ import annotations

import time
from dataclasses import asdict

from django.db import transaction

from accounts.events import AuditChainBroken
from accounts.models import AuditCheck
from common.audit.chains import Break, Report, verify
from common.events import publish
from common.ids import uuid7


def check_audit() -> AuditCheck:
    """Verify every chain and keep the finding; a break is told to the operators.

    Fewer seals than at the check before is a break too: a chain can't tell that its end is gone.
    """
    start = time.perf_counter()
    report = verify()
    before = AuditCheck.objects.values_list("seals", flat=True).first()
    if before is not None and report.seals < before:
        detail = f"There were {before} seals at the check before, and are {report.seals} now."
        report.add(Break("removed", None, 0, uuid7(), detail))
    return _keep(report, round((time.perf_counter() - start) * 1000))


@transaction.atomic
def _keep(report: Report, ms: int) -> AuditCheck:
    check = AuditCheck.objects.create(
        seals=report.seals,
        chains=report.chains,
        broken=report.broken,
        breaks=[_plain(one) for one in report.breaks],
        unsealed=report.tail.events,
        ms=ms,
    )
    if report.breaks:
        first = report.breaks[0]
        publish(
            AuditChainBroken(
                check_id=check.id,
                breaks=report.broken,
                kind=first.kind,
                broken_event_id=first.event_id,
                detail=first.detail,
            ),
            organization_id=first.organization_id,
        )
    return check


def _plain(found: Break) -> dict[str, object]:
    return {
        name: str(value) if value is not None and name.endswith("_id") else value
        for name, value in asdict(found).items()
    }
