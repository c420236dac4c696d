"""Pages that htmx updates in part, and forms that a script sends."""

from __future__ import annotations

from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse
from django_htmx.middleware import HtmxDetails

from common.errors import Fault, Invalid
from common.http.problems import problem_response


def is_partial(request: HttpRequest) -> bool:
    """Whether htmx asks for the part that changes, and not for a whole page on its way to one."""
    htmx = getattr(request, "htmx", None)
    if not isinstance(htmx, HtmxDetails):
        return False
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def wants_json(request: HttpRequest) -> bool:
    """Whether a script sent the form, and follows what it is told."""
    return "application/json" in request.headers.get("Accept", "")


def form_problem(form: BaseForm) -> HttpResponse:
    """What is wrong with a form, for the script that sent it."""
    found = form.errors.get_json_data()
    faults = [Fault(f"/{name}", fault["message"]) for name in found for fault in found[name]]
    return problem_response(Invalid("The form is not complete.", errors=faults))
