"""The figures as Prometheus reads them."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from accounts.api.authentication import CredentialAuthentication
from accounts.errors import BadToken
from accounts.pages import actor
from accounts.permissions import check_operator
from common.errors import DomainError
from common.http.health import has_token
from common.http.problems import challenge_of, problem_response
from common.meter.reading import CONTENT_TYPE, exposition


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """All figures of this installation; for METRICS_TOKEN and operators."""
    from config import scraped  # noqa: F401  registers what is looked up

    try:
        check_may_read(request)
    except DomainError as error:
        answer = problem_response(error)
        for name, value in challenge_of(error).items():
            answer[name] = value
        return answer
    return HttpResponse(exposition(settings.METRICS_ROOT), content_type=CONTENT_TYPE)


def check_may_read(request: HttpRequest) -> None:
    """Raises BadToken (401), also where there is no credential, and OperatorsOnly (403).

    A credential that is sent in two ways at once is refused as everywhere.
    """
    if has_token(request):
        return
    known = CredentialAuthentication().authenticate(Request(request))
    if known is not None:
        check_operator(known[1])
        return
    if not request.user.is_authenticated:
        raise BadToken
    check_operator(actor(request))
