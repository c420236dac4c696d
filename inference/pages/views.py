"""The playground: a form made from the signature, an answer beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts.pages import actor
from common.errors import DomainError
from common.http.partials import is_partial
from inference.journal.record import Door
from inference.pages.forms import MAX_FIELDS, PlaygroundForm, features_of
from inference.predict import Prediction, predict
from registry.refs import ModelRef
from registry.samples import example_body
from registry.selectors import resolve_for_use

TOP_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Bar:
    """One class's probability, for the bar chart and its table."""

    label: str
    probability: float
    percent: float


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def playground(request: HttpRequest, owner: str, name: str) -> HttpResponse:
    """Ask a model by hand."""
    who, ref = actor(request), ModelRef(owner=owner, name=name)
    version = resolve_for_use(who, ref)
    signature = version.signature or {}
    form = PlaygroundForm(signature, request.POST or None, initial=_initial(signature, version))
    answer: Prediction | None = None
    if request.method == "POST" and form.is_valid():
        try:
            answer = predict(ref, form.body, actor=who, door=Door.PLAYGROUND).prediction
        except DomainError as error:
            form.blame(error)
    context = {"model": version.model, "version": version, "form": form, "answer": answer}
    context |= {"bars": _bars(answer), "too_wide": len(features_of(signature)) > MAX_FIELDS}
    partial = is_partial(request)
    template = "inference/_answer.html" if partial else "inference/playground.html"
    # htmx shows what it is sent only with a 200; the faults stand in the fragment.
    status = 400 if form.errors and not partial else 200
    return render(request, template, context, status=status)


def _initial(signature: dict[str, Any], version: Any) -> dict[str, Any]:
    """The example row's values, where it was given by name."""
    records = example_body(version).get("records")
    if not records or not isinstance(records[0], dict):
        return {}
    row = records[0]
    initial: dict[str, Any] = {}
    for i, feature in enumerate(features_of(signature)):
        value = row.get(feature["name"])
        categories = feature.get("categories")
        initial[f"f{i}"] = categories.index(value) if categories and value in categories else value
    return initial


def _bars(answer: Prediction | None) -> list[Bar]:
    if answer is None or not answer.probabilities or not answer.classes:
        return []
    pairs = zip(answer.classes, answer.probabilities[0], strict=True)
    bars = [Bar(str(label), p or 0.0, round((p or 0.0) * 100, 1)) for label, p in pairs]
    return sorted(bars, key=lambda bar: -bar.probability)[:TOP_CLASSES]
