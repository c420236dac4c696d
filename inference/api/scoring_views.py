"""The routes of MLflow's scoring server, SageMaker and KServe V1. The edge answers most calls."""

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
from common.api.problems import as_domain_error, exception_handler
from common.context import request_id
from common.errors import DomainError, Invalid, NotFound
from common.ids import uuid7_bytes
from inference.api.door_views import DoorView
from inference.journal.record import pack_facts
from inference.oip import metadata
from inference.scoring.door import (
    INVOCATIONS,
    JSON,
    PARQUET,
    V1,
    ScoringDoor,
    kserve_error,
    mlflow_error,
)
from inference.serving import served_for
from registry.selectors import check_answers, resolve_for_use, resolve_version

PASSED_ON = frozenset({"WWW-Authenticate", "Retry-After", "Allow"})


class UnsupportedMediaType(Invalid):
    status = 415
    title = "Unsupported media type"
    default_code = "unsupported_media_type"


class ScoringView(DoorView):
    """Errors in the shape that MLflow's clients read."""

    def error_body(self, error: DomainError) -> bytes:
        return mlflow_error(error)

    def get_exception_handler(self) -> Any:
        return self._tell

    def _tell(self, exc: Exception, context: dict[str, Any]) -> Any:
        answered, known = exception_handler(exc, context), as_domain_error(exc)
        if answered is None or known is None:
            return None
        kept = {name: value for name, value in answered.items() if name in PASSED_ON}
        body = self.error_body(known)
        return HttpResponse(body, content_type=JSON, status=answered.status_code, headers=kept)

    def answer(self, request: Request, ref: str, door: ScoringDoor) -> HttpResponse:
        who = actor(request)
        served = served_for(resolve_for_use(who, ref))
        facts = pack_facts(
            version_id=served.version_id,
            model_id=served.model_id,
            organization_id=served.organization_id,
            user_id=who.id,
            key_id=who.key_id,
        )
        body = request._request.body
        out, headers = door.answer(served, facts, body, uuid7_bytes(), request_id())
        return HttpResponse(out, headers=dict([*headers, *served.notices]))


BODIES = {
    "application/json": OpenApiTypes.OBJECT,
    "text/csv": OpenApiTypes.STR,
    PARQUET: OpenApiTypes.BINARY,
}


class InvocationsView(ScoringView):
    """MLflow's door to a model."""

    scope = "predict"

    @extend_schema(
        request=BODIES,
        responses=OpenApiTypes.OBJECT,
        operation_id="models_invocations",
    )
    def post(self, request: Request, ref: str) -> HttpResponse:
        """Ask a model as MLflow's scoring server is asked.

        JSON with one of `dataframe_split`, `dataframe_records`, `instances`, `inputs`, CSV with a
        line of names, or Parquet. `params.predict_method` may be `predict_proba`.
        """
        return self.answer(request, ref, _door_for(request))


class DefaultInvocationsView(InvocationsView):
    """The same without a name, as MLflow's and SageMaker's clients ask."""

    @extend_schema(
        request=BODIES,
        responses=OpenApiTypes.OBJECT,
        operation_id="invocations",
    )
    def post(self, request: Request) -> HttpResponse:  # type: ignore[override]  # the same, named
        """Ask the model that `SLIPWAY_DEFAULT_MODEL` names."""
        return super().post(request, _default_model())


class PingView(ScoringView):
    """Whether the default model answers. Open: whoever starts containers asks without a key."""

    authentication_classes = ()
    permission_classes: Any = (AllowAny,)

    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR}, operation_id="ping", auth=[])
    def get(self, request: Request) -> HttpResponse:
        """200 while the model that `SLIPWAY_DEFAULT_MODEL` names answers."""
        check_answers(_default_model())
        return HttpResponse("\n", content_type="text/plain")


class KServeView(ScoringView):
    """Errors in the shape that KServe's clients read."""

    def error_body(self, error: DomainError) -> bytes:
        return kserve_error(error)


class V1ModelsView(KServeView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v1_models")
    def get(self, request: Request) -> Response:
        """The models that answer."""
        return Response({"models": metadata.model_names(actor(request))})


class V1ModelView(KServeView):
    @extend_schema(responses=OpenApiTypes.OBJECT, operation_id="v1_model")
    def get(self, request: Request, ref: str) -> Response:
        """Whether a model answers; the error says why it does not."""
        version = resolve_version(actor(request), ref)
        return Response({"name": version.model.name, "ready": True})


class V1PredictView(KServeView):
    scope = "predict"

    @extend_schema(
        request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT, operation_id="v1_predict"
    )
    def post(self, request: Request, ref: str) -> HttpResponse:
        """Ask a model as KServe's V1 clients do: `{"instances": […]}`."""
        return self.answer(request, ref, V1)


def _default_model() -> str:
    name: str = settings.SLIPWAY_DEFAULT_MODEL
    if not name:
        raise NotFound(
            "This installation has no default model. Ask a model by its own address: "
            "/api/v1/models/{owner}/{name}/invocations.",
            code="no_default_model",
        )
    return name


def _door_for(request: Request) -> ScoringDoor:
    """By the content type; JSON where none is named."""
    kind, *parameters = request.headers.get("Content-Type", JSON).lower().split(";")
    door = INVOCATIONS.get(kind.strip() or JSON)
    if door is None:
        raise UnsupportedMediaType(
            f"{kind.strip()!r} is not taken here; {', '.join(INVOCATIONS)} are."
        )
    charset = dict(part.strip().partition("=")[::2] for part in parameters).get("charset", "utf-8")
    if charset.strip("\"'") not in {"utf-8", "utf8"}:
        raise UnsupportedMediaType(f"The charset is utf-8 here, not {charset!r}.")
    return door
