"""What people fill in about webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms

from accounts.actors import Actor
from accounts.models import Organization
from webhooks.catalogue import ALL, chosen_types
from webhooks.errors import BadReplay
from webhooks.models import MAX_ATTEMPTS, MAX_TIMEOUT_S, Webhook
from webhooks.models.webhooks import MAX_BATCH_S
from webhooks.permissions import EDITORS

OVERLAPS = {"86400": "for a day", "3600": "for an hour", "0": "no longer: it has leaked"}
REPLAYED = {"failed": "what failed or was missed", "all": "what was delivered, too"}


class WebhookForm(forms.Form):
    url = forms.CharField(
        label="URL",
        max_length=2048,
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/hook"}),
        help_text="Messages are sent there by POST.",
    )
    description = forms.CharField(label="Description", max_length=500, required=False)
    events = forms.MultipleChoiceField(
        label="Tell it of", widget=forms.CheckboxSelectMultiple, help_text=""
    )
    model = forms.CharField(
        label="Model",
        max_length=200,
        required=False,
        help_text="A name, to hear of this model alone.",
    )
    timeout_s = forms.IntegerField(
        label="Seconds for an answer", min_value=1, max_value=MAX_TIMEOUT_S, initial=15
    )
    max_attempts = forms.IntegerField(
        label="Attempts",
        min_value=1,
        max_value=MAX_ATTEMPTS,
        initial=10,
        help_text="Ten go over more than three days.",
    )
    batch_s = forms.IntegerField(
        label="Seconds between batches of predictions",
        min_value=5,
        max_value=MAX_BATCH_S,
        initial=10,
    )
    sample_percent = forms.IntegerField(
        label="Percent of predictions to tell of", min_value=1, max_value=100, initial=100
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = [(ALL, "everything"), *((name, name) for name in sorted(chosen_types()))]
        field = self.fields["events"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101  # for the type
        field.choices = names

    @classmethod
    def of(cls, webhook: Webhook) -> dict[str, Any]:
        """What the form shows of a webhook."""
        names = [name for name in cls.base_fields if name != "model"]
        model = webhook.model
        reference = f"{model.organization.slug}/{model.name}" if model is not None else ""
        return {name: getattr(webhook, name) for name in names} | {"model": reference}


class NewWebhookForm(WebhookForm):
    organization = forms.ChoiceField(label="Organization", help_text="Whose events it hears.")

    def __init__(self, *args: Any, actor: Actor, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        ids = [id_ for id_, role in actor.roles.items() if role in EDITORS]
        places = Organization.objects.filter(id__in=ids).order_by("slug")
        slugs = [place.slug for place in places]
        field = self.fields["organization"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # for the type
        field.choices = [(slug, slug) for slug in slugs]
        self.initial.setdefault("organization", actor.organization.slug)
        if len(slugs) == 1:
            field.widget = forms.HiddenInput()


class RotateForm(forms.Form):
    overlap = forms.ChoiceField(
        label="The old secret signs too", choices=list(OVERLAPS.items()), initial="86400"
    )


class ReplayForm(forms.Form):
    since = forms.DateTimeField(
        label="From (UTC)", widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    until = forms.DateTimeField(
        label="To (UTC)",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
        help_text="Now, if empty.",
    )
    what = forms.ChoiceField(label="What", choices=list(REPLAYED.items()), initial="failed")

    def wanted(self, now: datetime) -> dict[str, Any]:
        """What `replay_range` is asked for. Raises BadReplay where a time can't be read."""
        if not self.is_valid():
            raise BadReplay("Say from when on, as a day and a time.")
        data = self.cleaned_data
        return {
            "since": data["since"],
            "until": data["until"] or now,
            "failed_only": data["what"] == "failed",
        }
