"""What the views of other servers' protocols have in common: their clients negotiate nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.actors import Actor
from accounts.errors import InsufficientScope


class MayAsk(BasePermission):
    """Who may read models or predict: clients ask for metadata before they predict."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Actor):
            return False
        if not {"predict", view.scope} & request.auth.scopes:
            raise InsufficientScope(view.scope)
        return True


class MayWrite(BasePermission):
    """Who may change models: the view's scope and no other."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Actor):
            return False
        if view.scope not in request.auth.scopes:
            raise InsufficientScope(view.scope)
        return True


class DoorView(APIView):
    """JSON, whatever the client says it accepts."""

    permission_classes: Any = (MayAsk,)
    scope: ClassVar[str] = "models:read"

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        renderer = self.get_renderers()[0]
        return renderer, renderer.media_type
