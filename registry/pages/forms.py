"""What people fill in about models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms

from accounts.models import Organization, Team
from registry.models import (
    CHAMPION,
    MOST_CACHE_SECONDS,
    MOST_CONCURRENCY,
    MOST_TIMEOUT_S,
    Permission,
    Status,
    StoreInputs,
)


class UploadForm(forms.Form):
    """The file and what it is called. The file itself is judged by the pipeline."""

    file = forms.FileField(
        allow_empty_file=True,
        max_length=255,
        label="Model file",
        help_text=".pkl, .joblib, .skops, .onnx, or a zip of an MLflow model folder",
    )
    owner = forms.ChoiceField(required=False, help_text="Whose model it is.")
    name = forms.CharField(
        max_length=63, help_text="A name you have used before gets its next version."
    )
    description = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    tags = forms.CharField(required=False, help_text="Words with commas between.")
    dataset = forms.CharField(
        required=False, max_length=500, help_text="What it was trained on: a name, or an address."
    )
    run = forms.CharField(
        required=False, max_length=500, label="Training run", help_text="Its name or address."
    )

    def __init__(self, *args: Any, owners: Iterable[Organization] = (), **kwargs: Any) -> None:
        """`owners` are the organizations one may upload to, one's own first."""
        super().__init__(*args, **kwargs)
        slugs = {owner.slug: f"{owner.name} ({owner.slug})" for owner in owners}
        given = self.initial.get("owner") or ""
        if given:  # of a model that is shared with one: the page of its next version
            slugs.setdefault(given, given)
        if len(slugs) > 1:
            self.fields["owner"].choices = list(slugs.items())  # type: ignore[attr-defined]  # a ChoiceField
        else:
            del self.fields["owner"]

    def wished(self) -> dict[str, Any]:
        """The fields of an upload, but for the file."""
        data = {key: value for key, value in self.cleaned_data.items() if key != "file"}
        owner = data.pop("owner", "")
        said = {name: data.pop(name) for name in ("dataset", "run")}
        data["origin"] = {name: text for name, text in said.items() if text}
        return data | {"name": f"{owner}/{data['name']}" if owner else data["name"]}

    def clean_tags(self) -> list[str] | None:
        return split_tags(self.cleaned_data["tags"]) or None

    def clean_description(self) -> str | None:
        return self.cleaned_data["description"] or None


class ModelForm(forms.Form):
    """What people may change about a model."""

    description = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    tags = forms.CharField(required=False, help_text="Words with commas between.")
    status = forms.ChoiceField(choices=Status.choices)
    store_inputs = forms.ChoiceField(
        label="Inputs that the log keeps",
        choices=StoreInputs.choices,
        help_text="Outputs are always kept. What was logged before stays.",
    )
    store_inputs_percent = forms.IntegerField(
        label="Percent, where they are sampled", min_value=1, max_value=100
    )
    masked_features = forms.CharField(
        required=False,
        help_text="Features whose values the log never keeps, with commas between.",
    )

    cache_seconds = forms.IntegerField(
        label="Seconds that answers are kept",
        min_value=0,
        max_value=MOST_CACHE_SECONDS,
        help_text="The same rows get the same answer again for so long; 0: never.",
    )
    max_concurrency = forms.IntegerField(
        label="Calls at once",
        required=False,
        min_value=1,
        max_value=MOST_CONCURRENCY,
        help_text="In each web process. Others wait a second, then are told to come back.",
    )
    timeout_s = forms.IntegerField(
        label="Seconds for a call",
        min_value=1,
        max_value=MOST_TIMEOUT_S,
        help_text="What takes longer is ended.",
    )

    def clean_masked_features(self) -> list[str]:
        return sorted(
            {name.strip() for name in self.cleaned_data["masked_features"].split(",")} - {""}
        )

    def clean_tags(self) -> list[str]:
        return split_tags(self.cleaned_data["tags"])


class AliasForm(forms.Form):
    """Where an alias shall lead, and why."""

    alias = forms.CharField(
        max_length=63, initial=CHAMPION, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )
    number = forms.TypedChoiceField(label="Version", coerce=int)
    reason = forms.CharField(
        label="Why", required=False, max_length=1000, help_text="Kept in the history."
    )

    def __init__(self, *args: Any, numbers: Iterable[int], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["number"]
        field.choices = [(n, n) for n in numbers]  # type: ignore[attr-defined]  # a ChoiceField


class ShareForm(forms.Form):
    """With whom to share a model, and what they may do with it then."""

    email = forms.CharField(
        label="E-mail",
        required=False,
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        help_text="Who has no account yet gets an invitation.",
    )
    team = forms.ChoiceField(label="or a team", required=False)
    permission = forms.ChoiceField(
        label="They may",
        choices=[
            (Permission.VIEW.value, "view: see it, its versions and figures"),
            (Permission.USE.value, "use: call and download it as well"),
            (Permission.EDIT.value, "edit: change it and add versions as well"),
        ],
        initial=Permission.USE.value,
    )

    def __init__(self, *args: Any, teams: Iterable[Team], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(str(team.id), f"{team.name} ({team.organization.slug})") for team in teams]
        field = self.fields["team"]
        field.choices = [("", "no team"), *choices]  # type: ignore[attr-defined]  # a ChoiceField

    def wished(self) -> dict[str, Any]:
        """What `share_model` is asked with."""
        data = self.cleaned_data
        team = UUID(data["team"]) if data["team"] else None
        return {"email": data["email"], "team": team, "permission": data["permission"]}


def split_tags(text: str) -> list[str]:
    """Distinct tags from words with commas between; a ValidationError where one is too long."""
    tags: dict[str, Any] = {tag.strip(): None for tag in text.split(",") if tag.strip()}
    if any(len(tag) > 50 for tag in tags) or len(tags) > 50:
        raise forms.ValidationError("At most 50 tags of at most 50 characters each.")
    return list(tags)
