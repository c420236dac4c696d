"""Reads: finding models and versions by reference, lists for pages and the API."""

from __future__ import annotations

from django.db.models import Count, Q

from accounts.actors import Actor
from registry.errors import ModelArchived, ModelNotFound, VersionNotFound, VersionNotReady
from registry.models import Model, ModelQuerySet, ModelVersion, ModelVersionQuerySet, State, Status
from registry.refs import ModelRef, parse_ref


def list_models(actor: Actor) -> ModelQuerySet:
    """Every model the actor may see, with what a list shows of its newest version."""
    return Model.objects.visible_to(actor).select_related("organization").with_latest()


def get_model(actor: Actor, ref: ModelRef | str) -> Model:
    """The model a reference names; ModelNotFound where there is none the actor may see.

    A name without an owner is looked for in the actor's own organization first, then among the
    others the actor can see; there it must be the only one.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    visible = list_models(actor)
    if parsed.model_id:
        found = visible.filter(id=parsed.model_id)
    elif parsed.owner:
        found = visible.filter(organization__slug=parsed.owner, name__iexact=parsed.name)
    else:
        found = visible.filter(name__iexact=parsed.name)
    rows = list(found[:20])
    own = [row for row in rows if row.organization_id == actor.organization.id]
    if own:
        return own[0]
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise ModelNotFound(
            f"Several owners have a model called {parsed.name!r}. Write owner/name.",
            code="model_ambiguous",
        )
    wanted = f"{parsed.owner}/{parsed.name}" if parsed.owner else parsed.name or parsed.model_id
    raise ModelNotFound(f"There is no model {str(wanted)!r}.")


def list_versions(model: Model) -> ModelVersionQuerySet:
    """A model's versions, newest first."""
    versions: ModelVersionQuerySet = ModelVersion.objects.filter(model=model)
    return versions.select_related("model__organization", "created_by")


def get_version(model: Model, number: int) -> ModelVersion:
    """One version of a model by its number, in whatever state it is."""
    version = list_versions(model).filter(number=number).first()
    if version is None:
        raise VersionNotFound(f"{model.name} has no version {number}.")
    version.model = model
    return version


def resolve_version(actor: Actor, ref: ModelRef | str) -> ModelVersion:
    """The version that answers a call to this reference.

    Without an alias or number that is the highest version that is ready and not archived. Raises
    ModelNotFound, VersionNotFound, VersionNotReady or ModelArchived, each saying what to do.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    model = get_model(actor, parsed)
    if model.status == Status.ARCHIVED:
        raise ModelArchived(f"{model.name} is archived. Restore it to use it.")
    if parsed.alias:
        raise VersionNotFound(f"{model.name} has no alias {parsed.alias!r}.", code="no_alias")
    if parsed.number is not None:
        return _servable(get_version(model, parsed.number))
    newest = list_versions(model).ready().exclude(status=Status.ARCHIVED).first()
    if newest is None:
        raise _nothing_ready(model)
    newest.model = model
    return newest


def _servable(version: ModelVersion) -> ModelVersion:
    label = f"{version.model.name} version {version.number}"
    if version.state == State.SCANNING:
        raise VersionNotReady(f"{label} is still being checked.", retry_after=1)
    if version.state == State.REJECTED:
        raise VersionNotReady(f"{label} was rejected: {version.reason}", code="version_rejected")
    if version.status == Status.ARCHIVED:
        raise ModelArchived(f"{label} is archived. Restore it to use it.")
    return version


def _nothing_ready(model: Model) -> VersionNotReady | ModelArchived:
    newest = list_versions(model).first()
    if newest is None:
        return VersionNotReady(f"{model.name} has no version yet.")
    if newest.state == State.READY:
        return ModelArchived(f"Every version of {model.name} that is ready is archived.")
    if newest.state == State.SCANNING:
        return VersionNotReady(
            f"{model.name} version {newest.number} is still being checked.", retry_after=1
        )
    return VersionNotReady(
        f"{model.name} version {newest.number} was rejected: {newest.reason}",
        code="version_rejected",
    )


def search_models(models: ModelQuerySet, text: str) -> ModelQuerySet:
    """Those whose name, description or tags hold every word of the text."""
    for word in text.split()[:10]:
        models = models.filter(
            Q(name__icontains=word) | Q(description__icontains=word) | Q(tags__icontains=word)
        )
    return models


def count_models() -> int:
    """Every model there is, archived ones too; for operators."""
    return Model.objects.count()


def count_versions_by_state() -> dict[str, int]:
    """How many versions there are in each state of the pipeline; for operators."""
    rows = ModelVersion.objects.order_by()
    return dict(rows.values_list("state").annotate(Count("id")))
