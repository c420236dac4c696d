"""Ready-to-paste calls of a model, with a row it takes and the caller's own key by name."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from accounts.actors import Actor
from accounts.selectors import newest_key_name
from registry.models import Model, ModelVersion

CURL = """curl {url} \\
     -H "X-API-Key: $SLIPWAY_KEY" \\
     -H "Content-Type: application/json" \\
     -d '{body}'"""

PYTHON = """import os
import requests

answer = requests.post(
    "{url}",
    json={body},
    headers={{"X-API-Key": os.environ["SLIPWAY_KEY"]}},
    timeout=10,
)
answer.raise_for_status()
print(answer.json()["predictions"])"""

JAVASCRIPT = """const answer = await fetch("{url}", {{
  method: "POST",
  headers: {{"X-API-Key": process.env.SLIPWAY_KEY, "Content-Type": "application/json"}},
  body: JSON.stringify({body}),
}});
if (!answer.ok) throw new Error((await answer.json()).detail);
console.log((await answer.json()).predictions);"""


@dataclass(frozen=True, slots=True)
class Sample:
    language: str
    code: str


@dataclass(frozen=True, slots=True)
class Samples:
    """`key_name` is the newest key of the caller's that can predict, or "" where there is none."""

    key_name: str
    calls: list[Sample]


def samples(model: Model, version: ModelVersion | None, actor: Actor) -> Samples | None:
    """How to call the model from a shell, Python and JavaScript; None while nothing answers."""
    if version is None or not version.signature:
        return None
    url = f"{settings.PUBLIC_URL}/api/v1/models/{model.reference}/predict"
    body = example_body(version)
    text = json.dumps(body, ensure_ascii=False)
    in_shell = text.replace("'", "'\\''")
    return Samples(
        key_name=newest_key_name(actor, scope="predict"),
        calls=[
            Sample("curl", CURL.format(url=url, body=in_shell)),
            Sample("Python", PYTHON.format(url=url, body=repr(body))),
            Sample("JavaScript", JAVASCRIPT.format(url=url, body=text)),
        ],
    )


def example_body(version: ModelVersion) -> dict[str, Any]:
    """A request the model takes: its own example where it was given, else plain values."""
    given = version.example
    if isinstance(given, dict) and len(given.keys() & {"inputs", "records"}) == 1:
        return given
    signature = version.signature or {}
    features = [feature for part in signature["inputs"] for feature in part["features"]]
    if signature["layout"] == "text":
        return {"inputs": ["some text"]}
    return {"records": [{feature["name"]: _plain_value(feature) for feature in features}]}


def _plain_value(feature: dict[str, Any]) -> Any:
    if feature.get("categories"):
        return feature["categories"][0]
    return {"str": "text", "bool": True, "int": 1}.get(feature["dtype"], 1.0)
