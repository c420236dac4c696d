"""The front door."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """A page for people, a status for programs; who is logged in goes to their models."""
    if not request.accepts("text/html") or "text/html" not in request.headers.get("Accept", ""):
        return JsonResponse({"status": "ok"})
    if request.user.is_authenticated:
        return redirect("models")
    return render(request, "home.html")
