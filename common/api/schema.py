"""The OpenAPI document: what DRF's own introspection can't know."""

from __future__ import annotations

import copy
from typing import Any

from drf_spectacular.openapi import AutoSchema as SpectacularAutoSchema

PROBLEM = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "title", "status", "detail", "code", "request_id"],
    "properties": {
        "type": {"type": "string", "description": "A page that explains the code."},
        "title": {"type": "string", "description": "The kind of problem, for people."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": {"type": "string", "description": "What went wrong this time."},
        "code": {"type": "string", "description": "Stable; branch on this."},
        "request_id": {"type": "string", "description": "Find this request in the logs by it."},
        "errors": {
            "type": "array",
            "description": "Every fault of the input.",
            "items": {
                "type": "object",
                "required": ["pointer", "detail", "code"],
                "properties": {
                    "pointer": {"type": "string", "description": "JSON pointer to the fault."},
                    "detail": {"type": "string", "description": "What is wrong there."},
                    "code": {"type": "string", "description": "Stable; branch on this."},
                },
            },
        },
    },
}
# What other servers' clients read instead, by where they ask.
MLFLOW_ERROR = {
    "type": "object",
    "required": ["error_code", "message"],
    "properties": {
        "error_code": {"type": "string", "description": "One of MLflow's codes."},
        "message": {"type": "string", "description": "What went wrong, with the first faults."},
    },
}
PROTOCOL_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "What went wrong."}},
}
PROBLEM_ANSWERS = {
    "400": "The input is wrong; `errors` names every fault.",
    "401": "No valid credential.",
    "403": "The credential lacks the scope or the right.",
    "404": "It does not exist, or not for this caller.",
    "405": "The method is not allowed here.",
    "406": "JSON is what is answered here.",
    "409": "The present state forbids it.",
    "411": "The body's length is missing.",
    "413": "The body is too large.",
    "415": "The content type is not taken here.",
    "429": "Too many requests.",
    "503": "Not available now; Retry-After says when.",
}


MLFLOW = "/mlflow/api/"
ORGANIZATION = {
    "in": "path",
    "name": "organization",
    "required": True,
    "schema": {"type": "string"},
    "description": "The slug of an organization of the caller's.",
}


class AutoSchema(SpectacularAutoSchema):
    """Adds the scope a route asks for to its description."""

    def get_description(self) -> str:  # type: ignore[override]  # spectacular's own signature
        described: str = super().get_description() or ""
        scope = self._scope()
        return f"{described}\n\nScope: `{scope}`.".strip() if scope else described

    def get_tags(self) -> list[str]:
        """One tag an area: the first part of the path below the version."""
        return [self.path.removeprefix("/api/v1").strip("/").split("/")[0]]

    def _scope(self) -> str:
        scopes = getattr(self.view, "scopes", None)
        if isinstance(scopes, dict):
            action = getattr(self.view, "action", None) or self.method.lower()
            return str(scopes.get(action, ""))
        return str(scopes or "")


def describe_problems(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: every operation lists the problems it can answer with."""
    schemas = result.setdefault("components", {}).setdefault("schemas", {})
    schemas |= {"Problem": PROBLEM, "MLflowError": MLFLOW_ERROR, "ProtocolError": PROTOCOL_ERROR}
    paths = result.get("paths", {})
    paths |= _in_organization(paths)
    for path, operations in paths.items():
        for operation in operations.values():
            for status, text in PROBLEM_ANSWERS.items():
                answer = {"description": text, "content": _error_content(path)}
                operation["responses"].setdefault(status, answer)
    return result


def _in_organization(paths: dict[str, Any]) -> dict[str, Any]:
    """MLflow's routes once more below the organization whose they are: `/mlflow/acme/…`."""
    found: dict[str, Any] = {}
    for path, operations in paths.items():
        if path.startswith(MLFLOW):
            named = copy.deepcopy(operations)
            for operation in named.values():
                operation["operationId"] += "_in"
                operation["parameters"] = [ORGANIZATION, *operation.get("parameters", [])]
            found[path.replace(MLFLOW, f"/mlflow/{{organization}}{MLFLOW[7:]}", 1)] = named
    return found


def _error_content(path: str) -> dict[str, Any]:
    """How an operation tells what went wrong."""
    kinds = {"application/problem+json": "Problem"}
    if path.endswith("/invocations") or path == "/ping":
        # The problem is what an address gets that is none of the route's.
        kinds["application/json"] = "MLflowError"
    elif path.startswith("/mlflow"):
        kinds = {"application/json": "MLflowError"}
    elif path.startswith(("/v1/", "/v2")):
        kinds = {"application/json": "ProtocolError"}
    return {
        kind: {"schema": {"$ref": f"#/components/schemas/{name}"}} for kind, name in kinds.items()
    }
