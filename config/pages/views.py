"""The front door."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

SAMPLE = """\
$ curl {url}/api/v1/models/churn/predict \\
    -H "Authorization: Bearer $SLIPWAY_KEY" \\
    -H "Content-Type: application/json" \\
    -d '{{"records": [{{"age": 42, "plan": "pro"}}]}}'

{{
  "model": "ada/churn",
  "version": 3,
  "predictions": ["stays"],
  "probabilities": [[0.07, 0.93]],
  "classes": ["leaves", "stays"],
  "inference_ms": 0.02
}}"""


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """A page for people, a status for programs; who is logged in goes to their models."""
    if not request.accepts("text/html") or "text/html" not in request.headers.get("Accept", ""):
        return JsonResponse({"status": "ok"})
    if request.user.is_authenticated:
        return redirect("models")
    return render(request, "home.html", {"sample": SAMPLE.format(url=settings.PUBLIC_URL)})
