"""What a confined child does with a model: inspect it, check its compiled form, serve it.

Results leave frame by frame, so that a child that dies in a later step keeps what came before.
Frames of an inspection: `{"step", "state": "running"|"done"|"failed"|"skipped", "detail", …}` and
at last `{"end": true}`. A failure carries `failed`: `{"kind": "refused"|"budget", …}`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jail import checking, inspection
from jail.codec import Packer, Unpacker
from jail.job import Job, failure
from jail.wire import Head, receive, send

MAX_REQUEST = 1 << 30


def run(name: str, job: Job, request: Head, blobs: list[bytearray]) -> None:
    """Do the job named; every outcome becomes a frame."""
    try:
        JOBS[name](job, request, Unpacker(blobs))
    except OSError:
        raise  # the socket: nobody is there to tell
    except Exception as error:  # noqa: BLE001 - a model's code can raise anything at all
        job.failed(failure(error, job.step))


def load_runner(job: Job, request: Head) -> Callable[[Any, bool], Any]:
    """The model behind the file as a function of a batch and whether probabilities are wanted."""
    if request["runtime"] == "onnx":
        from jail.onnxmodel import OnnxModel

        graph = OnnxModel(job.whole(), request["signature"], request["plan"] or {})
        return lambda batch, proba: graph.predict(batch, proba=proba)
    import joblib

    from jail.formats import sniff
    from jail.native import predict_native
    from jail.unpickle import load_model

    found = sniff(job.head(), job.size)
    job.guard_pickles(found)
    model = load_model(job.file, found, job.size)
    signature = request["signature"]
    # In force for the process's whole life: n_jobs of any value then runs in this one thread.
    joblib.parallel_config("sequential")
    return lambda batch, _proba: predict_native(model, signature, batch)


def serve(job: Job, request: Head, _blobs: Unpacker) -> None:
    """Load once, then answer one batch after another until the other end hangs up."""
    job.step = "serve"
    predict = load_runner(job, request)
    send(job.stream, {"step": "serve", "state": "done"})
    job.step = "predict"
    while True:
        asked, blobs = receive(job.stream, limit=MAX_REQUEST)
        packer = Packer()
        try:
            outputs = predict(Unpacker(blobs).batch(asked["batch"]), bool(asked["proba"]))
            answer: Head = {"outputs": packer.outputs(outputs)}
        except Exception as error:  # noqa: BLE001 - a model may fail on one batch and live on
            answer, packer = {"failed": failure(error, "predict")}, Packer()
        send(job.stream, answer, packer.blobs)


def _in_tables(name: str) -> Callable[[Job, Head, Unpacker], None]:
    """A job of `jail.tables`, whose libraries the other zygotes do without."""

    def work(job: Job, request: Head, blobs: Unpacker) -> None:
        from jail import tables

        getattr(tables, name)(job, request, blobs)

    return work


JOBS: dict[str, Callable[[Job, Head, Unpacker], None]] = {
    "inspect": inspection.inspect_model,
    "probe": inspection.inspect_graph,
    "check": checking.check,
    "serve": serve,
    "table": _in_tables("work_on_table"),
    "join": _in_tables("join_parts"),
}
