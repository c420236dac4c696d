"""Every write to models and versions that a person or program asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.actors import Actor
from accounts.models import Organization
from common import clock
from common.errors import DomainError, Fault
from common.events import publish
from common.storage import Received
from registry.errors import (
    AliasConflict,
    ArtifactGone,
    BadUpload,
    EditDenied,
    ModelArchived,
    ModelNotFound,
    UnknownFeature,
)
from registry.events import ModelUpdated, ModelVersionReceived, ModelVersionUpdated
from registry.models import Model, ModelVersion, PipelineJob, Status, waiting_steps
from registry.permissions import can_edit_model
from registry.refs import check_name
from registry.selectors import locate_version
from registry.signatures import edit_signature


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """What comes with a file. `example` and `signature` are JSON values, judged by the pipeline.

    `origin` says where it comes from, `parents` are references to versions it was made from.
    `hints` is what somebody else said of it: taken where it fits, passed over where it does not.
    """

    name: str
    filename: str
    description: str | None = None
    framework: str = ""
    metadata: Mapping[str, Any] | None = None
    tags: list[str] | None = None
    example: Any = None
    signature: Any = None
    origin: Mapping[str, Any] | None = None
    parents: Sequence[str] = ()
    hints: Mapping[str, Any] | None = None


def upload_version(received: Received, upload: Upload, *, actor: Actor) -> ModelVersion:
    """Take a quarantined file in as the next version of the model of that name.

    The model is made where there is none. When this commits, the version is the pipeline's and
    is never lost. Raises BadUpload for an empty file, EditDenied, ModelArchived.
    """
    if received.size == 0:
        raise BadUpload("The file is empty.", code="empty_file")
    parents = [_parent(actor, place, ref) for place, ref in enumerate(upload.parents)]
    with transaction.atomic():
        model = _model_for_upload(upload, actor)
        newest = versions_of(model).order_by("-number").values_list("number", flat=True).first()
        version = ModelVersion.objects.create(
            model=model,
            number=(newest or 0) + 1,
            filename=upload.filename[-255:],
            sha256=received.sha256,
            size=received.size,
            framework=upload.framework,
            example=upload.example,
            declared_signature=upload.signature,
            origin=dict(upload.origin or {}),
            hints=upload.hints or None,
            steps=_received_steps(),
            created_by_id=actor.id,
        )
        version.parents.set(parents)
        job = PipelineJob.objects.create(version=version, quarantine_path=str(received.path))
        model.touch()
        publish(
            ModelVersionReceived(
                model_id=model.id,
                version_id=version.id,
                name=model.name,
                number=version.number,
                sha256=version.sha256,
            ),
            actor_id=actor.id,
            organization_id=model.organization_id,
        )
        from registry.tasks import send_job

        transaction.on_commit(partial(send_job, job.id), robust=True)
    return version


def _parent(actor: Actor, place: int, ref: str) -> ModelVersion:
    """The version that an uploader says theirs was made from."""
    try:
        return locate_version(actor, ref)
    except DomainError as error:
        fault = Fault(f"/parents/{place}", error.message, error.code)
        raise BadUpload(f"The parent {ref[:100]!r}: {error.message}", errors=[fault]) from error


def _model_for_upload(upload: Upload, actor: Actor) -> Model:
    """The model of that name, locked, so that its versions are numbered one after the other."""
    first, slash, rest = upload.name.partition("/")
    owner, name = (first, check_name(rest)) if slash else ("", check_name(first))
    existing = Model.objects.visible_to(actor).named(name).select_for_update(of=("self",))
    if not owner or owner.lower() == actor.organization.slug:
        home: Organization | None = actor.organization
    else:
        home = Organization.objects.visible_to(actor).filter(slug=owner.lower()).first()
    mine = existing.filter(organization=home) if home else existing.filter(
        organization__slug=owner.lower()
    )  # fmt: skip
    model = mine.first()
    if model is None:
        home = _home_for_upload(actor, home, name, owner=owner)
        try:
            with transaction.atomic():
                return Model.objects.create(
                    organization=home,
                    name=name,
                    description=upload.description or "",
                    metadata=dict(upload.metadata or {}),
                    tags=upload.tags or [],
                    created_by_id=actor.id,
                )
        except IntegrityError:  # somebody else made it in this very moment
            model = mine.get()
    _check_edit(actor, model)
    if model.status == Status.ARCHIVED:
        raise ModelArchived(f"{model.name} is archived. Restore it before adding a version.")
    changes = {"description": upload.description, "metadata": upload.metadata, "tags": upload.tags}
    given = {key: value for key, value in changes.items() if value is not None}
    for key, value in given.items():
        setattr(model, key, value)
    if given:
        model.touch(*given)
    return model


def _home_for_upload(
    actor: Actor, home: Organization | None, name: str, *, owner: str
) -> Organization:
    """Where a new model of this name goes; raises for who may not make one there."""
    if home is None:
        raise ModelNotFound(f"There is no model {f'{owner}/{name}'!r}.")
    if actor.role_in(home.id) not in {"owner", "admin", "member"}:
        raise EditDenied(f"A viewer of {home.slug} can't make models.")
    if actor.model_refs and f"{home.slug}/{name.lower()}" not in actor.model_refs:
        raise EditDenied(f"Your key is for certain models alone, and not for {name}.")
    return home


def _received_steps() -> list[dict[str, Any]]:
    steps = waiting_steps()
    steps[0] |= {"state": "done", "started_at": clock.now().isoformat(), "ms": 0}
    return steps


@transaction.atomic
def update_model(model: Model, changes: Mapping[str, Any], *, actor: Actor) -> Model:
    """Change description, status, metadata, tags, how it answers, or what the log keeps.

    A status goes for every version as well. Raises EditDenied, and UnknownFeature for a masked
    feature that no version has: what is misspelled would be kept.
    """
    _check_edit(actor, model)
    _check_features(model, changes.get("masked_features", ()))
    changed = sorted(key for key, value in changes.items() if getattr(model, key) != value)
    if not changed:
        return model
    for key in changed:
        setattr(model, key, changes[key])
    model.touch(*changed)
    if "status" in changed:
        _set_statuses(model, model.status)
    publish(
        ModelUpdated(model_id=model.id, name=model.name, changed=changed),
        actor_id=actor.id,
        organization_id=model.organization_id,
    )
    return model


def _check_features(model: Model, names: Collection[str]) -> None:
    if not names:
        return
    signatures = versions_of(model).exclude(signature=None).values_list("signature", flat=True)
    known = {
        feature["name"]
        for signature in signatures
        for part in (signature or {})["inputs"]
        for feature in part["features"]
    }
    unknown = sorted(set(names) - known)
    if unknown:
        raise UnknownFeature(
            f"No version of {model.name} has the features {', '.join(unknown)[:500]}.",
            errors=[Fault("/masked_features", f"there is no feature {name!r}") for name in unknown],
        )


@transaction.atomic
def archive_models_of(organization_id: UUID) -> int:
    """Take all of a deleted organization's models out of service; how many there were.

    Pipelines that are under way run to their end: what was acknowledged is kept.
    """
    models = list(Model.objects.filter(organization_id=organization_id).exclude(
        status=Status.ARCHIVED
    ))  # fmt: skip
    for model in models:
        model.status = Status.ARCHIVED
        model.touch("status")
        _set_statuses(model, Status.ARCHIVED)
        publish(
            ModelUpdated(model_id=model.id, name=model.name, changed=["status"]),
            organization_id=organization_id,
        )
    return len(models)


def versions_of(model: Model) -> QuerySet[ModelVersion]:
    """All of them: a list that was fetched with the model may have been of some alone."""
    return ModelVersion.objects.filter(model=model)


def _set_statuses(model: Model, status: str) -> None:
    """For every version but those whose files are gone, which stay archived."""
    now = clock.now()
    if status != Status.ARCHIVED:
        versions_of(model).exclude(purge_at=None).filter(purged_at=None).update(purge_at=None)
    versions_of(model).exclude(status=status).filter(purged_at=None).update(
        status=status,
        deprecated_at=now if status == Status.DEPRECATED else None,
        updated_at=now,
    )


@transaction.atomic
def update_version(
    version: ModelVersion, changes: Mapping[str, Any], *, actor: Actor
) -> ModelVersion:
    """Change a version's status or signature; the signature is checked against the artifact's.

    What an alias leads to can't be archived: its callers would have no answer. What was deleted is
    restored by any other status, as long as its file is there. Raises EditDenied, AliasConflict,
    ArtifactGone, and what `edit_signature` raises.
    """
    _check_edit(actor, version.model)
    wanted = dict(changes)
    if wanted.get("status") == Status.ARCHIVED:
        _check_unnamed(version)
    if wanted.get("status", Status.ARCHIVED) != Status.ARCHIVED:
        version = _restorable(version)
        wanted["purge_at"] = None
    if "status" in wanted:
        deprecated = wanted["status"] == Status.DEPRECATED
        wanted["deprecated_at"] = (version.deprecated_at or clock.now()) if deprecated else None
    if "signature" in wanted:
        wanted["signature"] = edit_signature(version.signature, wanted["signature"])
    changed = sorted(key for key, value in wanted.items() if getattr(version, key) != value)
    if not changed:
        return version
    for key in changed:
        setattr(version, key, wanted[key])
    version.touch(*changed)
    changed = [name for name in changed if name not in {"deprecated_at", "purge_at"}]
    publish(
        ModelVersionUpdated(
            model_id=version.model_id,
            version_id=version.id,
            name=version.model.name,
            number=version.number,
            changed=changed,
        ),
        actor_id=actor.id,
        organization_id=version.model.organization_id,
    )
    return version


def _restorable(version: ModelVersion) -> ModelVersion:
    """The version as it is now, locked: its file is not to go in this very moment."""
    model = version.model
    version = ModelVersion.objects.select_for_update().get(id=version.id)
    version.model = model
    if version.purged_at is not None:
        raise ArtifactGone(
            f"{model.name} version {version.number} was deleted, and its file is gone. "
            "Upload the file again."
        )
    return version


def _check_unnamed(version: ModelVersion) -> None:
    # The lock is what keeps an alias from being moved here in this very moment.
    ModelVersion.objects.select_for_update().get(id=version.id)
    names = [f"@{name}" for name in version.aliases.values_list("name", flat=True)]
    if names:
        raise AliasConflict(
            f"{', '.join(names)} leads to version {version.number}. Move it first.",
            code="version_has_alias",
        )


def _check_edit(actor: Actor, model: Model) -> None:
    if not can_edit_model(actor, model):
        raise EditDenied(f"You may not change {model.name}.")
