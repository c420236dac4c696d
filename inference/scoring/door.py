"""A scoring door: a body's bytes in, `{"predictions": […]}` out, the call in the journal."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from common.errors import DomainError, Invalid
from common.http import mlflow
from common.http.mlflow import message_of
from common.ids import uuid_text
from common.runtime import Outputs
from inference.journal.record import Door
from inference.journal.writer import journal
from inference.kept import kept_answer
from inference.native import note_failure
from inference.scoring.parquet import parse_parquet
from inference.scoring.request import Asked, Parser, parse_csv, parse_instances, parse_json
from inference.serving import Served
from inference.tabular import batch_of

JSON: Final = "application/json"
PARQUET: Final = "application/vnd.apache.parquet"
PREDICTION_ID: Final = "X-Prediction-ID"
Headers = list[tuple[str, str]]
_encode = msgspec.json.Encoder().encode  # not finite becomes null


@dataclass(frozen=True, slots=True)
class ScoringDoor:
    """How one kind of client asks, and how it is told what went wrong."""

    door: Door
    parse: Parser
    error_body: Callable[[DomainError], bytes]

    @property
    def name(self) -> str:
        """As figures call it."""
        return self.door.name.lower()

    def answer(
        self, served: Served, facts: bytes, body: bytes, id_: bytes, request_id: str
    ) -> tuple[bytes, Headers]:
        """Answer a request and note it, also where it failed.

        Raises what the parser and the engine raise, and JournalUnavailable: what is not noted is
        not answered.
        """
        start = time.perf_counter_ns()
        try:
            asked = self.parse(body)
            batch = batch_of(served.signature, asked.table)
            ran = served.run(batch)
            out = _encode({"predictions": _wanted(asked, ran.outputs)})
        except Exception as error:
            took = time.perf_counter_ns() - start
            note_failure(facts, id_, self.door, error, took, request_id)
            raise
        kind, inputs = served.kept_rows(batch)
        journal().append(
            facts, id_, self.door, 200, "", batch.rows, ran.inference_ns,
            time.perf_counter_ns() - start, ran.cache_hit, request_id, "", kind, inputs,
            kept_answer(ran.outputs),
        )  # fmt: skip
        return out, [("Content-Type", JSON), (PREDICTION_ID, uuid_text(id_)), *ran.notices]


def mlflow_error(error: DomainError) -> bytes:
    """As MLflow's scoring server tells it."""
    return mlflow.mlflow_error(error, otherwise="BAD_REQUEST")


def kserve_error(error: DomainError) -> bytes:
    """As KServe tells it."""
    return _encode({"error": message_of(error)})


def _wanted(asked: Asked, outputs: Outputs) -> list[Any]:
    if asked.method == "predict":
        found: list[Any] = outputs.predict.tolist()
        return found
    if outputs.predict_proba is None:
        raise Invalid("The model gives no probabilities.", code="no_probabilities")
    probabilities: list[Any] = outputs.predict_proba.tolist()
    return probabilities


V1: Final = ScoringDoor(Door.V1, parse_instances, kserve_error)
INVOCATIONS: Final = {
    JSON: ScoringDoor(Door.INVOCATIONS, parse_json, mlflow_error),
    "text/csv": ScoringDoor(Door.INVOCATIONS, parse_csv, mlflow_error),
    PARQUET: ScoringDoor(Door.INVOCATIONS, parse_parquet, mlflow_error),
}
"""MLflow's door, by what the body is."""
