"""The second look at a compiled graph, in a fresh jail that never saw the model it came from."""

from __future__ import annotations

import resource

from jail.codec import Unpacker
from jail.inspection import as_json, cost_probe
from jail.job import Job
from jail.wire import Head, send


def peak_bytes() -> int:
    """The most memory this process has had resident, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def check(job: Job, request: Head, blobs: Unpacker) -> None:
    """Check the graph, run it on the probes, compare with the reference, measure its cost."""
    from jail.onnxgraph import check_graph
    from jail.onnxmodel import OnnxModel, joined
    from jail.parity import compare

    job.step = "check"
    signature, plan = request["signature"], request["plan"]
    probes = blobs.batch(request["probes"])
    before = peak_bytes()
    data = job.whole()
    verdict = check_graph(data)
    model = OnnxModel(data, signature, plan)
    onnx_us, reasons = cost_probe(model.predict, probes)
    parity, linear = None, False
    if request["reference"] is not None:
        reference = blobs.outputs(request["reference"])
        parity = as_json(compare(reference, model.predict(probes), signature))
        if model.linear is not None:
            rows = (probes.take(slice(at, at + 1)) for at in range(probes.rows))
            answers = joined([model.linear(row.row) or model.predict(row) for row in rows])
            linear = compare(reference, answers, signature).passed
    reasons = [*verdict.reasons, *reasons]
    send(
        job.stream,
        {
            "step": "check",
            "state": "done",
            "parity": parity,
            "linear": linear,
            "onnx_us": onnx_us,
            "in_process": verdict.in_process and not reasons,
            "reasons": reasons,
            "peak_bytes": max(peak_bytes() - before, 0),
        },
    )
