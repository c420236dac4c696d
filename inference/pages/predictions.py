"""What was asked: the list, and one prediction with its inputs and outputs."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.pages import actor
from accounts.pages.forms import add_error
from common.errors import NotFound
from common.http.partials import is_partial
from inference import selectors, services
from inference.api.prediction_serializers import DOORS, STATUSES, ExportInput, PredictionFilter
from inference.exports import export
from inference.pages.forms import FeedbackForm
from inference.selectors import PredictionPage

MOST_FEEDBACK = 50
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
def predictions_export(request: HttpRequest) -> StreamingHttpResponse:
    """The same list as a file."""
    given = request.GET.copy()
    given["format"] = "csv"
    form = ExportInput(data=given)
    form.is_valid(raise_exception=True)
    wanted, _ = form.wanted()
    response = StreamingHttpResponse(
        export(actor(request), wanted, "csv"), content_type="text/csv; charset=utf-8"
    )
    response["Content-Disposition"] = 'attachment; filename="predictions.csv"'
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def prediction(request: HttpRequest, prediction_id: UUID) -> HttpResponse:
    """One prediction, and what turned out to be true of it."""
    who = actor(request)
    found = selectors.get_prediction(who, prediction_id)
    form = FeedbackForm(request.POST or None)
    if form.is_valid():
        (told,) = services.give_feedback([form.truth(found)], actor=who)
        if told.error is None:
            messages.success(request, "Noted.")
            return redirect("prediction", prediction_id)
        add_error(form, told.error)
    context = {
        "prediction": found,
        "model": found.version.model,
        "inputs": _pretty(found.inputs),
        "outputs": _pretty(found.outputs),
        "feedback": selectors.list_feedback(found)[:MOST_FEEDBACK],
        "form": form,
    }
    return render(request, "inference/prediction.html", context, status=400 if form.errors else 200)


def _pretty(value: Any) -> str:
    return "" if value is None else json.dumps(value, indent=2, ensure_ascii=False)
