"""The catalogue of events in the OpenAPI document, under `webhooks` (OpenAPI 3.1, 4.8.1)."""

from __future__ import annotations

from typing import Any

from webhooks.catalogue import EventType, event_types

HEADERS = {
    "webhook-id": "The message's id: the same with every attempt and replay.",
    "webhook-timestamp": "When this attempt began, in Unix seconds.",
    "webhook-signature": "`v1,` and base64 of the HMAC-SHA256 of `id.timestamp.body`; two of "
    "them, with a space between, while a secret is rotated.",
}


def describe_webhooks(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Postprocessing hook: one entry for each type, with what is sent and what answers mean."""
    result["webhooks"] = {name: {"post": _operation(kind)} for name, kind in event_types().items()}
    return result


def _operation(kind: EventType) -> dict[str, Any]:
    return {
        "operationId": f"webhook_{kind.name.replace('.', '_')}",
        "summary": kind.name,
        "description": kind.description,
        "tags": ["webhooks"],
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": text,
                "schema": {"type": "string"},
            }
            for name, text in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": _message(kind),
                    "example": {
                        "type": kind.name,
                        "timestamp": "2026-03-01T12:00:00Z",
                        "data": kind.example,
                    },
                }
            },
        },
        "responses": {
            "2XX": {"description": "Delivered. Everything else is tried again."},
            "410": {"description": "The webhook is turned off."},
        },
    }


def _message(kind: EventType) -> dict[str, Any]:
    return {
        "type": "object",
        "description": kind.description,
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": kind.name, "description": "What happened."},
            "timestamp": {
                "type": "string",
                "format": "date-time",
                "description": "When it happened.",
            },
            "data": kind.schema,
        },
    }
