"""What people choose about being counted."""

from __future__ import annotations

from django.db import transaction

from accounts.actors import Actor
from analytics.events import AnalyticsPreferenceChanged
from analytics.models import OptOut
from common.events import publish


@transaction.atomic
def set_counted(*, actor: Actor, counted: bool) -> None:
    """Be counted in the operators' figures of feature use, or not; what is due to oneself stays."""
    was = not OptOut.objects.filter(user=actor.user).exists()
    if was == counted:
        return
    if counted:
        OptOut.objects.filter(user=actor.user).delete()
    else:
        OptOut.objects.get_or_create(user=actor.user)
    publish(
        AnalyticsPreferenceChanged(user_id=actor.id, counted=counted),
        actor_id=actor.id,
        organization_id=actor.organization.id,
    )
