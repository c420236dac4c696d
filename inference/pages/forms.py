"""The playground's form, made from a version's signature."""

from __future__ import annotations

import contextlib
from typing import Any

from django import forms

from common.errors import DomainError
from inference.models import FileFormat, Keep, Prediction
from inference.quality import NUMERIC_TASKS
from inference.services import Truth

MAX_FIELDS = 100


def features_of(signature: dict[str, Any]) -> list[dict[str, Any]]:
    """Every feature of every input, in order."""
    return [feature for part in signature["inputs"] for feature in part["features"]]


class BatchForm(forms.Form):
    """A file of rows, and what is wanted of it."""

    file = forms.FileField(allow_empty_file=True, max_length=255, label="File of rows")
    format = forms.ChoiceField(
        choices=[("", "as its name says"), *FileFormat.choices], required=False, label="What it is"
    )
    keep = forms.ChoiceField(
        choices=[
            (Keep.OTHERS, "those the model does not take"), (Keep.ALL, "all"), (Keep.NONE, "none"),
        ],
        initial=Keep.OTHERS,
        label="Columns of the file that the result has too",
    )  # fmt: skip
    probabilities = forms.BooleanField(
        required=False, initial=True, label="A column for each class's probability"
    )


class PlaygroundForm(forms.Form):
    """One field per feature, of the kind its values are. An empty field is a missing value."""

    def __init__(self, signature: dict[str, Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._features = features_of(signature)
        for i, feature in enumerate(self._features):
            self.fields[f"f{i}"] = _field(feature)

    def body(self) -> dict[str, Any]:
        """The request's body, as a client would send it."""
        values = [self.cleaned_data[f"f{i}"] for i in range(len(self._features))]
        named = {f["name"]: v for f, v in zip(self._features, values, strict=True)}
        return {"records": [named]}

    def blame(self, error: DomainError) -> None:
        """Put each fault of a refused request beside the field it concerns."""
        places = {feature["name"]: f"f{i}" for i, feature in enumerate(self._features)}
        unplaced = not error.errors
        for fault in error.errors:
            name = fault.pointer.rpartition("/")[2].replace("~1", "/").replace("~0", "~")
            if name in places:
                self.add_error(places[name], fault.detail.partition(": ")[2] or fault.detail)
            else:
                unplaced = True
        if unplaced:
            self.add_error(None, error.message)


class FeedbackForm(forms.Form):
    """What was true of one row."""

    label = forms.CharField(label="What was true", max_length=1000)
    row = forms.IntegerField(min_value=0, initial=0, help_text="From 0.")

    def truth(self, prediction: Prediction) -> Truth:
        """For the service: a number where the model answers with numbers."""
        label: Any = self.cleaned_data["label"]
        if (prediction.version.signature or {}).get("task") in NUMERIC_TASKS:
            with contextlib.suppress(ValueError):  # the service says what it must be
                label = float(label)
        return Truth(prediction=prediction.id, label=label, row=self.cleaned_data["row"])


def _field(feature: dict[str, Any]) -> forms.Field:
    common: dict[str, Any] = {
        "label": feature["name"],
        "required": not feature.get("nullable"),
        "help_text": feature.get("description", "") or feature.get("unit", ""),
    }
    if feature.get("categories"):
        return _category_field(feature, common)
    match feature["dtype"]:
        case "str":
            return forms.CharField(
                strip=False,
                empty_value=None,
                widget=forms.Textarea(attrs={"rows": 2}),
                **common,
            )
        case "bool":
            return forms.TypedChoiceField(
                choices=[("true", "yes"), ("false", "no")],
                coerce=lambda text: text == "true",
                empty_value=None,
                **common,
            )
        case "int":
            return forms.IntegerField(**common)
    return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), **common)


def _category_field(feature: dict[str, Any], common: dict[str, Any]) -> forms.Field:
    """A choice among what the model knows. Choices go by place, so that types survive the form."""
    categories = feature["categories"]
    choices = [("", "—")] if not common["required"] else []
    choices += [(str(i), str(value)) for i, value in enumerate(categories)]
    return forms.TypedChoiceField(
        choices=choices, coerce=lambda place: categories[int(place)], empty_value=None, **common
    )
