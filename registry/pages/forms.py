"""What people fill in about models."""

from __future__ import annotations

from typing import Any

from django import forms

from registry.models import Status


class UploadForm(forms.Form):
    """The file and what it is called. The file itself is judged by the pipeline."""

    file = forms.FileField(
        allow_empty_file=True,
        max_length=255,
        label="Model file",
        help_text=".pkl, .joblib, .skops or .onnx",
    )
    name = forms.CharField(
        max_length=63, help_text="A name you have used before gets its next version."
    )
    description = forms.CharField(
        required=False, max_length=10_000, widget=forms.Textarea(attrs={"rows": 3})
    )
    tags = forms.CharField(required=False, help_text="Words with commas between.")

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

    def clean_tags(self) -> list[str]:
        return split_tags(self.cleaned_data["tags"])


def split_tags(text: str) -> list[str]:
    """Distinct tags from words with commas between; a ValidationError where one is too long."""
    tags: dict[str, Any] = {tag.strip(): None for tag in text.split(",") if tag.strip()}
    if any(len(tag) > 50 for tag in tags) or len(tags) > 50:
        raise forms.ValidationError("At most 50 tags of at most 50 characters each.")
    return list(tags)
