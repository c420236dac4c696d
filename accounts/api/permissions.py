"""What a credential's scopes open."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts.actors import Actor
from accounts.errors import InsufficientScope


class HasScope(BasePermission):
    """The view says which scope it needs: `scopes`, a name, or names by action or method.

    A view that says nothing is closed to everybody: that is a bug, and answered as one.
    """

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, Actor):
            return False
        if request.method == "OPTIONS" or request.method not in view.allowed_methods:
            return True  # a description, or the 405 that follows
        scope = required_scope(view, request.method or "")
        if not request.auth.has_scope(scope):
            raise InsufficientScope(scope)
        return True


def required_scope(view: Any, method: str) -> str:
    """The scope that a view asks for with this method."""
    scopes = getattr(view, "scopes", None)
    if isinstance(scopes, dict):
        name = "get" if method == "HEAD" else method.lower()
        scopes = scopes.get(getattr(view, "action", None)) or scopes.get(name)
    if not isinstance(scopes, str):
        raise ImproperlyConfigured(f"{type(view).__name__} names no scope for {method}.")
    return scopes
