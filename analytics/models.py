"""What analytics keep of their own: who does not want to be counted, and reports."""

from __future__ import annotations

from django.db import models

from common import clock


class OptOut(models.Model):
    """A person whom the operators' figures of feature use leave out."""

    user = models.OneToOneField(
        "accounts.User", on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    since = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name = "opt-out"

    def __str__(self) -> str:
        return str(self.user_id)
