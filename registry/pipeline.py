"""The way of a file from upload to live: typed, triaged, loaded, signature, compiled, parity,
published.

Everything that touches the file's content happens in the jail; this module asks, decides and
writes down. It may die at any moment and be run again from the start.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import structlog
from django.conf import settings

from common import clock, storage
from common.errors import Invalid
from common.events import publish
from common.jail import Inspection, Jail, JailBudget, JailDied, JailRefused, JailUnavailable
from common.leases import Lease, LeaseLost
from common.runtime import Batch
from common.storable import storable
from registry import blobs
from registry.errors import BadUpload
from registry.events import ModelVersionReady, ModelVersionRejected
from registry.models import ModelVersion, PipelineJob, State
from registry.signatures import edit_signature, hints_of, named_as_hinted
from registry.steps import Steps
from registry.verdict import Verdict, compiled_verdict, native_verdict, uploaded_graph_verdict

logger = structlog.get_logger(__name__)

# Not what people may decide meanwhile: a version that is deleted while it is checked stays so.
FOUND_OUT = (
    "state", "ready_at", "format", "framework", "libraries", "info", "signature", "example", "plan",
    "runtime", "in_process", "runtime_reason", "graph_sha256", "parity", "latency", "steps",
)  # fmt: skip
MAX_ATTEMPTS = 4
RETRY_AFTER = timedelta(seconds=5)


def run_pipeline(job: PipelineJob) -> None:
    """Take a claimed job through every step, to `ready` or `rejected`, or put it back for later."""
    with Lease(job) as lease:
        run = _Run(job, lease)
        try:
            run.check_attempts()
            run.go()
        except LeaseLost:
            logger.warning("pipeline_lease_lost", version_id=str(job.version_id))
        except JailUnavailable as error:
            run.put_back(str(error))
        except JailDied as error:
            run.put_back(f"The process that held the model died: {error}", counted=True)
        except JailRefused as error:
            run.reject(error.step, error.reason, error.code)
        except JailBudget as error:
            run.reject(error.step, str(error), "over_budget")
        except BadUpload as error:
            run.reject("received", error.message, error.code)
        except Invalid as error:
            places = "; ".join(f"{fault.pointer} {fault.detail}" for fault in error.errors)
            run.reject("signature", f"{error.message} {places}".strip(), "bad_signature")


class _Run:
    """One attempt at one version."""

    def __init__(self, job: PipelineJob, lease: Lease[PipelineJob]) -> None:
        self.job = job
        self.lease = lease
        self.version = job.version
        self.steps = Steps(self.version, lease)
        self.jail = Jail(settings.JAIL_SOCKET)

    def check_attempts(self) -> None:
        if self.job.attempts > MAX_ATTEMPTS:
            raise BadUpload(
                f"The model brought its process down {MAX_ATTEMPTS} times; it can't be served.",
                code="kept_crashing",
            )

    def go(self) -> None:
        inspection = self._inspect()
        signature = named_as_hinted(inspection.signature, hints_of(self.version))
        if self.version.declared_signature is not None:
            signature = edit_signature(signature, self.version.declared_signature)
        verdict = self._judge(inspection)
        self._publish(inspection, signature, verdict)

    def _inspect(self) -> Inspection:
        """Have the jail load the file; an example that is a hint and does not fit is let go."""
        version = self.version
        hinted = hints_of(version).get("example") if version.example is None else None
        with self._source() as fd:
            try:
                found = self._ask(fd, version.example if hinted is None else hinted)
            except JailRefused as error:
                if hinted is None or error.code != "example_mismatch":
                    raise
                os.lseek(fd, 0, os.SEEK_SET)
                return self._ask(fd, None)
        version.example = version.example if hinted is None else hinted
        return found

    def _ask(self, fd: int, example: Any) -> Inspection:
        self.steps.restart()
        return self.jail.inspect(
            fd,
            filename=self.version.filename,
            sha256=self.version.sha256,
            example=example,
            on_step=self.steps.move,
        )

    def _judge(self, found: Inspection) -> Verdict:
        """Decide what serves: the graph where it agrees and is the faster, else the original."""
        if found.graph is not None:  # the upload is a graph itself: there is nothing to compare
            self.steps.move("parity", "skipped", "The file is the graph itself.")
            return uploaded_graph_verdict(found, graph_sha256="")
        if found.onnx is None or found.probes is None:
            self.steps.move("parity", "skipped", "There is no compiled form to compare.")
            return native_verdict(found, found.not_compiled or "It can't be compiled.")
        self.steps.move("parity", "running")
        received = storage.quarantine(found.onnx)
        try:
            verdict = self._compare(found, found.probes, received)
            if verdict.graph_sha256:
                blobs.adopt(received.path, received.sha256)
        finally:
            received.drop()  # a graph that does not serve is not kept
        return verdict

    def _compare(self, found: Inspection, probes: Batch, graph: storage.Received) -> Verdict:
        """Have a fresh jail run the compiled form on the probes."""
        with graph.path.open("rb") as file:
            try:
                report = self.jail.check(
                    file.fileno(),
                    signature=found.signature,
                    plan=found.plan or {},
                    probes=probes,
                    reference=found.reference,
                )
            except (JailBudget, JailRefused) as error:
                self.steps.move("parity", "failed", str(error))
                return native_verdict(found, f"The compiled form could not be used: {error}")
        if found.plan is not None and not report.linear:
            found.plan.pop("linear", None)
        verdict = compiled_verdict(found, report, graph.sha256)
        state = "done" if verdict.parity and verdict.parity.get("passed", True) else "failed"
        self.steps.move("parity", state, verdict.reason)
        return verdict

    def _publish(self, found: Inspection, signature: dict[str, Any], verdict: Verdict) -> None:
        version = self.version
        self.steps.note("published", "running")
        blobs.adopt(Path(self.job.quarantine_path), version.sha256)
        with self.lease.write() as job:
            version.state = State.READY
            version.ready_at = clock.now()
            version.format = found.format
            version.framework = version.framework or _framework(found)
            version.libraries = hints_of(version).get("libraries", {}) | _saved_with(found)
            version.info = storable({"triage": found.triage, **found.model_info})
            version.signature = signature
            version.plan = found.plan
            version.runtime = verdict.runtime
            version.in_process = verdict.in_process
            version.runtime_reason = verdict.reason
            version.graph_sha256 = verdict.graph_sha256
            version.parity = verdict.parity
            version.latency = verdict.latency
            self.steps.note("published", "done")
            version.touch(*FOUND_OUT)
            _finish(job)
            publish(
                ModelVersionReady(
                    model_id=version.model_id,
                    version_id=version.id,
                    name=version.model.name,
                    number=version.number,
                    runtime=version.runtime,
                    user_id=version.created_by_id,
                ),
                organization_id=version.model.organization_id,
            )
        logger.info("version_ready", version_id=str(version.id), runtime=version.runtime)

    def reject(self, step: str, reason: str, code: str) -> None:
        """The end of a file that can't be served: the reason stays, the file goes."""
        version = self.version
        self.steps.fail(step, reason)
        try:
            with self.lease.write() as job:
                version.state = State.REJECTED
                version.reason, version.code = storable(reason), code
                version.touch("state", "reason", "code", "steps")
                _finish(job)
                publish(_rejected(version), organization_id=version.model.organization_id)
        except LeaseLost:
            return
        Path(self.job.quarantine_path).unlink(missing_ok=True)
        logger.info("version_rejected", version_id=str(version.id), code=code, reason=reason)

    def put_back(self, why: str, *, counted: bool = False) -> None:
        """Try again later. Unless `counted`, this was not the file's fault and costs no attempt."""
        try:
            with self.lease.write() as job:
                job.release(job.State.QUEUED, not_before=clock.now() + RETRY_AFTER)
                job.attempts -= 0 if counted else 1
                job.save()
        except LeaseLost:
            return
        logger.warning("pipeline_put_back", version_id=str(self.version.id), reason=why)

    @contextmanager
    def _source(self) -> Iterator[int]:
        """A read-only descriptor of the file, in quarantine or, after a crash, in its place."""
        for path in (Path(self.job.quarantine_path), storage.blob_path(self.version.sha256)):
            try:
                fd = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue
            try:
                yield fd
            finally:
                os.close(fd)
            return
        raise BadUpload("The uploaded file is gone from the disk.", code="file_lost")


def _rejected(version: ModelVersion) -> ModelVersionRejected:
    return ModelVersionRejected(
        model_id=version.model_id,
        version_id=version.id,
        name=version.model.name,
        number=version.number,
        code=version.code,
        reason=version.reason,
        user_id=version.created_by_id,
    )


def _finish(job: PipelineJob) -> None:
    job.release(job.State.DONE)
    job.finished_at = clock.now()
    job.save()


def _saved_with(found: Inspection) -> dict[str, str]:
    """The library versions that the file itself names."""
    saved_with = found.model_info.get("saved_with")
    return {"scikit-learn": str(saved_with)} if saved_with else {}


def _framework(found: Inspection) -> str:
    return "onnx" if found.format == "onnx" else "scikit-learn"
