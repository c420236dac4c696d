"""Looking into an upload: its type, what it names, the model, its signature, its compiled form."""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any

import numpy as np

from jail.batch import Batch
from jail.codec import Packer, Unpacker
from jail.example import example_batch
from jail.job import Job, explain, is_out_of_memory
from jail.refusal import NotCompilable
from jail.wire import Head

PROBES = 4096
MANY_ROWS = 1024
MAX_SUMMARY = 2000
LATENCY_RUNS, LATENCY_SECONDS = 30, 0.4
"""A latency is the median of so many calls, or of as many as fit into so many seconds."""
SLOW_ROW, SLOW_ROWS = 1.0, 5.0
"""Seconds for 1 and for 1,024 rows above which a graph does not run inside a web process."""


def latency_us(call: Callable[[], object]) -> float:
    """Median microseconds of one call, after one that warms up."""
    call()
    times: list[float] = []
    until = time.monotonic() + LATENCY_SECONDS
    while len(times) < LATENCY_RUNS and (not times or time.monotonic() < until):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return median(times) * 1e6


def inspect_model(job: Job, request: Head, _blobs: Unpacker) -> None:
    """A scikit-learn file through every step; a graph is sent on with `elsewhere`."""
    import joblib

    from jail.formats import check_declared, sniff

    job.running("typed")
    found = sniff(job.head(), job.size)
    check_declared(request["filename"], found)
    if found == "onnx":
        job.done("ONNX", format=found, elsewhere=True)
        return
    job.done(f"{found}, told by its content", format=found, elsewhere=False)
    job.guard_pickles(found)
    model = _load(job, found)
    with joblib.parallel_config("sequential"):
        signature = _describe(job, model, request)
        _compile(job, model, signature)
    job.step = "end"
    job.done()


def _load(job: Job, found: str) -> Any:
    from jail.triage import triage
    from jail.unpickle import load

    job.running("triaged")
    job.file.seek(0)
    report = triage(job.file, found)
    job.done(triage=as_json(report))
    job.running("loaded")
    job.file.seek(0)
    loaded = load(job.file, found, job.size)
    info = {**model_info(loaded.model), "saved_with": loaded.saved_with, "notes": loaded.notes}
    detail = ". ".join([_class_name(loaded.model), *loaded.notes])
    job.done(detail, model_info=info, versions=versions())
    return loaded.model


def _describe(job: Job, model: Any, request: Head) -> Head:
    from jail.native import predict_native
    from jail.probes import make_probes
    from jail.signature import infer_signature

    job.running("signature")
    signature: Head = as_json(infer_signature(model))
    example = example_batch(signature, request.get("example"))
    seed = bytes.fromhex(request["sha256"])
    probes = make_probes(model, signature, seed=seed, example=example, rows=PROBES)
    reference = predict_native(model, signature, probes)
    one = probes.take(slice(0, 1))
    native_us = latency_us(lambda: predict_native(model, signature, one))
    packer = Packer()
    job.done(
        _shape_in_words(signature),
        packer=packer,
        signature=signature,
        probes=packer.batch(probes),
        reference=packer.outputs(reference),
        native_us=native_us,
    )
    return signature


def _compile(job: Job, model: Any, signature: Head) -> None:
    from jail.compile import compile_model

    job.running("compiled")
    try:
        compiled = compile_model(model, signature)
    except NotCompilable as error:
        job.skipped(error.reason)
        return
    except Exception as error:  # noqa: BLE001 - a converter may raise anything; the model still serves
        reason = "out of memory" if is_out_of_memory(error) else explain(error)
        job.skipped(f"The converter failed: {reason}")
        return
    packer = Packer()
    place = packer.bytes(compiled.onnx)
    job.done(f"{len(compiled.onnx):,} bytes", packer=packer, plan=compiled.plan, onnx=place)


def inspect_graph(job: Job, request: Head, _blobs: Unpacker) -> None:
    """An uploaded ONNX file: checked, described, and run at 1 and at 1,024 rows."""
    from jail.onnxgraph import check_graph, onnx_signature
    from jail.onnxmodel import OnnxModel

    job.running("triaged")
    data = job.whole()
    verdict = check_graph(data)
    job.done("; ".join(verdict.reasons), triage={"format": "onnx", "reasons": verdict.reasons})
    job.running("loaded")
    signature, plan = onnx_signature(data)
    model = OnnxModel(data, signature, plan)
    job.done("ONNX graph", model_info={"class": "onnx"}, versions=versions())
    job.running("signature")
    probes = plain_probes(signature, request.get("example"), bytes.fromhex(request["sha256"]))
    one_us, reasons = cost_probe(model.predict, probes)
    reasons = [*verdict.reasons, *reasons]
    packer = Packer()
    job.done(
        _shape_in_words(signature),
        packer=packer,
        signature=signature,
        plan=plan,
        probes=packer.batch(probes),
        reference=packer.outputs(model.predict(probes)),
        native_us=one_us,
        graph={"in_process": verdict.in_process and not reasons, "reasons": reasons},
    )
    job.running("compiled")
    job.skipped("The file is the graph itself.")
    job.step = "end"
    job.done()


def cost_probe(predict: Callable[[Batch], object], probes: Batch) -> tuple[float, list[str]]:
    """Microseconds for one row, and why the cost forbids running it in a web process."""
    one, many = probes.take(slice(0, 1)), probes.take(slice(0, MANY_ROWS))
    started = time.perf_counter()
    predict(one)
    first = time.perf_counter() - started
    started = time.perf_counter()
    predict(many)
    second = time.perf_counter() - started
    reasons = []
    if first > SLOW_ROW:
        reasons.append(f"one row takes {first:.1f} s")
    if second > SLOW_ROWS:
        reasons.append(f"{many.rows:,} rows take {second:.1f} s")
    return latency_us(lambda: predict(one)), reasons


def plain_probes(signature: Head, example: Any, seed: bytes) -> Batch:
    """Rows of the right types for a graph of which nothing but the signature is known."""
    rng = np.random.default_rng(np.frombuffer(seed, dtype=np.uint32))
    given = example_batch(signature, example)
    if given is not None and given.rows:
        return given.take(np.arange(MANY_ROWS) % given.rows)
    if signature["layout"] == "text":
        words = ["good", "bad", "naïve", "a", "model", "42"]
        picked = rng.choice(words, size=(MANY_ROWS, 4))
        return Batch("text", texts=[" ".join(row) for row in picked.tolist()])
    if signature["layout"] == "matrix":
        width = len(signature["inputs"][0]["features"])
        return Batch("matrix", matrix=rng.normal(size=(MANY_ROWS, width)))
    return Batch("columns", columns={i["name"]: _column(i, rng) for i in signature["inputs"]})


def _column(described: Mapping[str, Any], rng: np.random.Generator) -> Any:
    feature = described["features"][0]
    if feature.get("categories"):
        return rng.choice(np.array(feature["categories"], dtype=object), size=MANY_ROWS)
    if feature["dtype"] == "float":
        return rng.normal(size=MANY_ROWS)
    if feature["dtype"] in {"int", "bool"}:
        whole = rng.integers(0, 2, size=MANY_ROWS)
        return whole.astype(bool) if feature["dtype"] == "bool" else whole
    return np.array(["a"] * MANY_ROWS, dtype=object)


def as_json(report: Any) -> Any:
    """A report of plain values as JSON, whatever small types it uses."""
    data: Any = report
    if dataclasses.is_dataclass(report) and not isinstance(report, type):
        data = dataclasses.asdict(report)
    return json.loads(json.dumps(data, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, set | frozenset | tuple):
        return sorted(value)
    if isinstance(value, np.generic):
        plain: object = np.asarray(value).tolist()
        return plain
    return str(value)


def versions() -> dict[str, str]:
    """What this jail runs, of what its zygote has imported."""
    modules = {
        "scikit-learn": "sklearn",
        "numpy": "numpy",
        "skl2onnx": "skl2onnx",
        "onnxruntime": "onnxruntime",
    }
    loaded = {name: sys.modules.get(module) for name, module in modules.items()}
    return {name: str(module.__version__) for name, module in loaded.items() if module}


def _class_name(model: Any) -> str:
    return f"{type(model).__module__}.{type(model).__qualname__}"


def model_info(model: Any) -> Head:
    """What a person wants to know of a model at a glance."""
    info: Head = {"class": _class_name(model), "summary": repr(model)[:MAX_SUMMARY]}
    steps = getattr(model, "steps", None)
    if isinstance(steps, list):
        info["steps"] = [[str(name), type(step).__name__] for name, step in steps]
    width = getattr(model, "n_features_in_", None)
    if isinstance(width, (int, np.integer)):
        info["n_features"] = int(width)
    return info


def _shape_in_words(signature: Head) -> str:
    features = sum(len(each["features"]) for each in signature["inputs"])
    return f"{signature['task']}, {features} feature{'' if features == 1 else 's'}"
