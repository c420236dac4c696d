"""When the audit trail was last walked, and what was found."""

from __future__ import annotations

from django.db import models

from common.models import Record


class AuditCheck(Record):
    """One walk over all sealed chains. `breaks` names the first hundred."""

    seals = models.BigIntegerField()
    chains = models.IntegerField()
    broken = models.IntegerField()
    breaks = models.JSONField(default=list)
    unsealed = models.BigIntegerField(help_text="Events that were not sealed yet.")
    ms = models.BigIntegerField(help_text="Milliseconds that it took.")

    class Meta:
        verbose_name = "audit check"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.seals} seals, {self.broken} breaks"
