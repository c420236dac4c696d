"""`manage.py audit`: prove that the trail is whole, write it out, note where its chains end."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Organization
from common.audit.chains import EVERY, Chain, Report, sealed, verify
from common.audit.sealer import Head, heads_of
from common.models import AuditSeal

PLATFORM = "-"


class Command(BaseCommand):
    help = (
        "Checks the audit trail's chains of hashes (verify), writes sealed events as JSON lines "
        "(export), or prints where each chain ends (heads), to be kept elsewhere and given to "
        "`verify --heads`."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["verify", "export", "heads"])
        parser.add_argument(
            "--organization",
            metavar="SLUG",
            help=f"one organization's chain; {PLATFORM} for the platform's own",
        )
        parser.add_argument("--heads", type=Path, metavar="FILE", help="what `heads` printed once")

    def handle(self, *, what: str, organization: str | None, heads: Path | None, **_: Any) -> None:
        chain = _chain(organization)
        act: dict[str, Callable[[], None]] = {
            "verify": lambda: self._verify(chain, _read_heads(heads)),
            "export": lambda: self._export(chain),
            "heads": lambda: self._heads(chain),
        }
        act[what]()

    def _verify(self, chain: Chain, heads: Mapping[UUID | None, Head]) -> None:
        report = verify(chain, heads=heads)
        for found in report.breaks:
            self.stdout.write(
                f"{found.kind}: event {found.event_id}, number {found.number} of "
                f"{found.organization_id or 'the platform'}: {found.detail}"
            )
        self.stdout.write(_summary(report))
        if not report.holds:
            raise CommandError("The audit trail does not hold.", returncode=1)

    def _export(self, chain: Chain) -> None:
        for seal in sealed(chain):
            content = seal.content
            if content is None:
                missing = f"Event {seal.event_id} is gone; `audit verify` says more."
                raise CommandError(missing, returncode=1)
            line = content | {"prev_hash": seal.before.hex(), "hash": seal.hash.hex()}
            self.stdout.write(json.dumps(line, sort_keys=True, ensure_ascii=False))

    def _heads(self, chain: Chain) -> None:
        wanted = _chains() if chain == EVERY else [_as_id(chain)]
        for id_, head in heads_of(wanted).items():
            if chain in (EVERY, id_):
                line = {"organization_id": str(id_) if id_ else None, "number": head.number}
                self.stdout.write(json.dumps(line | {"hash": head.hash.hex()}))


def _summary(report: Report) -> str:
    waiting = ""
    if report.tail.events:
        waiting = f", the oldest for {report.tail.age.total_seconds():.1f} s"
    return (
        f"{report.seals} sealed events in {report.chains} chains, {report.broken} breaks; "
        f"{report.tail.events} events not sealed yet{waiting}"
    )


def _chain(organization: str | None) -> Chain:
    if organization is None:
        return EVERY
    if organization == PLATFORM:
        return None
    found = Organization.objects.filter(slug=organization).values_list("id", flat=True).first()
    if found is None:
        raise CommandError(f"There is no organization {organization!r}.")
    return found


def _chains() -> list[UUID | None]:
    """Every chain's organization. They are as many as there are organizations."""
    return list(AuditSeal.objects.filter(number=1).values_list("organization_id", flat=True))


def _as_id(chain: Chain) -> UUID | None:
    return chain if isinstance(chain, UUID) else None


def _read_heads(file: Path | None) -> dict[UUID | None, Head]:
    if file is None:
        return {}
    found: dict[UUID | None, Head] = {}
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text()
        for line in text.splitlines():
            noted = json.loads(line)
            id_ = UUID(noted["organization_id"]) if noted["organization_id"] else None
            found[id_] = Head(int(noted["number"]), bytes.fromhex(noted["hash"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CommandError(f"{file} does not hold what `audit heads` prints: {error}") from error
    return found
