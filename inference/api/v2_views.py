"""The Open Inference Protocol's routes. The edge answers most infer calls before they come here.

The protocol's clients send no Content-Type, leave stale headers on later requests and read one form
of error, so that these views negotiate nothing and tell errors their own way.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import actor
from common import strict_json
from common.api.problems import exception_handler
from common.context import request_id
from common.errors import DomainError, Invalid
from common.http import health
from common.ids import uuid7_bytes
from inference.api.door_views import DoorView, MayWrite
from inference.journal.record import pack_facts
from inference.oip import metadata
from inference.oip.answer import JSON, error_body, message_of, status_of
from inference.oip.door import Call, infer
from inference.selectors import check_figures
from inference.services import pin_version, unpin_version
from inference.serving import served_for
from registry.refs import parse_ref
from registry.selectors import get_model, list_versions, resolve_for_use, resolve_version


def tell(exc: Exception, context: dict[str, Any]) -> Any:
    """Every error as `{"error": "<text>"}`."""
    answered = exception_handler(exc, context)
    if answered is None:
        return None
    message, status = str(answered.data["detail"]), answered.status_code
    if isinstance(exc, DomainError):
        message = message_of(exc, context["kwargs"].get("ref", ""))
        status = status_of(exc)
    kept = {k: v for k, v in answered.items() if k in {"WWW-Authenticate", "Retry-After", "Allow"}}
    return HttpResponse(error_body(message), content_type=JSON, status=status, headers=kept)


class V2View(DoorView):
    """What all of them have in common."""

    def get_exception_handler(self) -> Any:
        return tell


class OpenView(V2View):
    authentication_classes = ()
    permission_classes: Any = (AllowAny,)


class LiveView(OpenView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_live", auth=[])
    def get(self, request: Request) -> Response:
        """Whether the server runs."""
        return Response({"live": True})


class ReadyView(OpenView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_ready", auth=[])
    def get(self, request: Request) -> Response:
        """Whether the server can answer."""
        ready = health.check_database()["ok"]
        return Response({"ready": ready}, status=200 if ready else 503)


class ServerView(OpenView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_server", auth=[])
    def get(self, request: Request) -> Response:
        """The server's name, version and extensions."""
        return Response(metadata.server_metadata(settings.VERSION))


class ModelsView(V2View):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_models")
    def get(self, request: Request) -> Response:
        """The models that answer."""
        return Response({"models": metadata.model_names(actor(request))})


class ModelView(V2View):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_model")
    def get(self, request: Request, ref: str) -> Response:
        """A model's inputs and outputs, versions and platform."""
        return Response(metadata.model_metadata(resolve_version(actor(request), ref)))


class ModelReadyView(V2View):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_model_ready")
    def get(self, request: Request, ref: str) -> Response:
        """Whether the model answers; the error says why it does not."""
        version = resolve_version(actor(request), ref)
        return Response({"name": version.model.name, "ready": True})


class AllStatsView(V2View):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_stats")
    def get(self, request: Request) -> Response:
        """Statistics of every version that answers, of one's organizations' models."""
        return Response(metadata.statistics(metadata.ready_versions(actor(request), owned=True)))


class StatsView(V2View):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_model_stats")
    def get(self, request: Request, ref: str) -> Response:
        """Statistics of a model's versions, or of the one that is named; as all its figures are,
        for the people of its organization.
        """
        who, parsed = actor(request), parse_ref(ref)
        model = get_model(who, parsed)
        check_figures(who, model)
        if parsed.number is not None or parsed.alias:
            return Response(metadata.statistics([resolve_version(who, parsed)]))
        versions = list_versions(model).ready().order_by("number")
        return Response(metadata.statistics(versions[: metadata.MOST_LISTED]))


class IndexView(V2View):
    @extend_schema(
        request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT, operation_id="v2_index"
    )
    def post(self, request: Request) -> Response:
        """Every version with its state."""
        body = request._request.body
        asked = strict_json.loads(body) if body else {}
        ready_only = isinstance(asked, dict) and asked.get("ready") is True
        return Response(metadata.repository_index(actor(request), ready_only=ready_only))


class ConfigView(V2View):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v2_model_config")
    def get(self, request: Request, ref: str) -> Response:
        """A model's configuration, in Triton's shape."""
        return Response(metadata.model_config(resolve_version(actor(request), ref)))


class LoadView(V2View):
    scope = "models:write"
    permission_classes = (MayWrite,)

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: None}, operation_id="v2_model_load")
    def post(self, request: Request, ref: str) -> HttpResponse:
        """Load a version in every web process and keep it loaded.

        It needs no loading to answer: this spares the first call its few milliseconds.
        """
        body = request._request.body
        asked = strict_json.loads(body) if body else {}
        if isinstance(asked, dict) and asked.get("parameters"):
            raise Invalid("A model is what was uploaded: a load takes no parameters here.")
        who = actor(request)
        pin_version(resolve_version(who, ref), actor=who)
        return HttpResponse(content_type=JSON)


class UnloadView(V2View):
    scope = "models:write"
    permission_classes = (MayWrite,)

    @extend_schema(
        request=OpenApiTypes.OBJECT, responses={200: None}, operation_id="v2_model_unload"
    )
    def post(self, request: Request, ref: str) -> HttpResponse:
        """Keep a version loaded no more. It still answers, loaded when it is asked."""
        who = actor(request)
        unpin_version(resolve_version(who, ref), actor=who)
        return HttpResponse(content_type=JSON)


class InferView(V2View):
    scope = "predict"

    @extend_schema(
        request={
            "application/json": OpenApiTypes.OBJECT,
            "application/octet-stream": OpenApiTypes.BINARY,
        },
        responses=OpenApiTypes.OBJECT,
        operation_id="v2_infer",
    )
    def post(self, request: Request, ref: str) -> HttpResponse:
        """Ask a model, with tensors in JSON or in binary form."""
        who = actor(request)
        served = served_for(resolve_for_use(who, ref))
        facts = pack_facts(
            version_id=served.version_id,
            model_id=served.model_id,
            organization_id=served.organization_id,
            user_id=who.id,
            key_id=who.key_id,
        )
        call = Call.of(request.META, request._request.body)
        body, headers = infer(
            served, facts, call, uuid7_bytes(), request_id(), most=settings.REQUEST_MAX_BYTES
        )
        return HttpResponse(body, headers=dict([*headers, *served.notices]))
