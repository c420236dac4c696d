"""What was asked: the list, and one prediction with its inputs and outputs."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.pages import actor
from common.errors import NotFound
from common.http.partials import is_partial
from inference import selectors
from inference.api.prediction_serializers import DOORS, STATUSES, PredictionFilter
from inference.selectors import PredictionPage

NOBODY = PredictionPage([], None)


@login_required
@require_safe
def predictions(request: HttpRequest) -> HttpResponse:
    """Every prediction one may see, filtered as one types."""
    form = PredictionFilter(data=request.GET)
    page, problem = NOBODY, ""
    if form.is_valid():
        wanted, limit = form.wanted()
        try:
            page = selectors.list_predictions(actor(request), wanted, limit=limit)
        except NotFound as error:
            problem = error.message
    else:
        problem = "; ".join(f"{name}: {faults[0]}" for name, faults in form.errors.items())
    context = {"page": page, "problem": problem, "given": request.GET}
    context |= {"filtered": any(request.GET.values()), "statuses": STATUSES, "doors": list(DOORS)}
    partial = is_partial(request)
    template = "inference/_predictions.html" if partial else "inference/predictions.html"
    return render(request, template, context)


@login_required
@require_safe
def prediction(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """One prediction."""
    found = selectors.get_prediction(actor(request), prediction_id)
    context = {
        "prediction": found,
        "model": found.version.model,
        "inputs": _pretty(found.inputs),
        "outputs": _pretty(found.outputs),
    }
    return render(request, "inference/prediction.html", context)


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
