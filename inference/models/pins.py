"""Versions that every web process keeps loaded."""

from __future__ import annotations

from django.db import models

from common.models import Record


class Pin(Record):
    """A version that is loaded when a process starts, and never let go for want of room."""

    version = models.OneToOneField(
        "registry.ModelVersion", on_delete=models.CASCADE, related_name="+"
    )
    pinned_by = models.ForeignKey(
        "accounts.User", on_delete=models.SET_NULL, related_name="+", null=True
    )

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return str(self.version_id)
