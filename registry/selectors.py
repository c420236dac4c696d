"""Reads: finding models and versions by reference, lists for pages and the API."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from accounts.actors import Actor
from registry.errors import (
    AliasNotFound,
    ModelArchived,
    ModelNotFound,
    ShareDenied,
    ShareNotFound,
    UseDenied,
    VersionNotFound,
    VersionNotReady,
)
from registry.models import (
    CHAMPION,
    Alias,
    AliasMove,
    Model,
    ModelQuerySet,
    ModelShare,
    ModelVersion,
    ModelVersionQuerySet,
    State,
    Status,
)
from registry.permissions import can_share_model, can_use_model
from registry.refs import ModelRef, parse_ref


def list_models(actor: Actor) -> ModelQuerySet:
    """The models of the actor's organizations, with what a list shows of the newest version."""
    return Model.objects.owned_by(actor).select_related("organization").with_latest()


def list_shared(actor: Actor) -> ModelQuerySet:
    """The models others have shared with the actor, or with a team of theirs."""
    return Model.objects.shared_with(actor).select_related("organization").with_latest()


def get_model(actor: Actor, ref: ModelRef | str) -> Model:
    """The model a reference names; ModelNotFound where there is none the actor may see.

    A name without an owner is looked for in the actor's own organization first, then among the
    others the actor can see; there it must be the only one.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    visible = Model.objects.visible_to(actor).select_related("organization").with_latest()
    if parsed.model_id:
        found = visible.filter(id=parsed.model_id)
    elif parsed.owner:
        found = visible.named(parsed.name).filter(organization__slug=parsed.owner)
    else:
        found = visible.named(parsed.name)
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


def list_shares(model: Model, *, actor: Actor) -> QuerySet[ModelShare]:
    """Whom a model is shared with, newest first, for who may share it; else ShareDenied."""
    if not can_share_model(actor, model):
        raise ShareDenied(f"Only who owns {model.name} may see whom it is shared with.")
    return _shares(model)


def get_share(model: Model, share_id: UUID, *, actor: Actor) -> ModelShare:
    """One share, for who may share the model and for whose it is; else ShareNotFound."""
    found = _shares(model).filter(id=share_id).first()
    if found is None or not (can_share_model(actor, model) or found.user_id == actor.id):
        raise ShareNotFound(f"{model.name} has no such share.")
    found.model = model
    return found


def get_waiting_share(share_id: UUID) -> ModelShare | None:
    """A share that waits for whoever has its address, with what its mail says; None for others."""
    shares = ModelShare.objects.select_related("shared_by", "model__organization")
    return shares.filter(id=share_id, user=None, team=None).first()


def _shares(model: Model) -> QuerySet[ModelShare]:
    return ModelShare.objects.filter(model=model).select_related("user", "team", "shared_by")


def check_use(actor: Actor, model: Model) -> None:
    """Raise UseDenied for who may see a model and not call or download it."""
    if not can_use_model(actor, model):
        raise UseDenied(f"You may see {model.name}, and not use it.")


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


def locate_version(actor: Actor, ref: ModelRef | str) -> ModelVersion:
    """The version a reference leads to; one that is named by its number in whatever state it is.

    Raises what `resolve_version` raises.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    if parsed.number is None:
        return resolve_version(actor, parsed)
    return get_version(get_model(actor, parsed), parsed.number)


def resolve_for_use(actor: Actor, ref: ModelRef | str) -> ModelVersion:
    """The version that answers a call, for who may call it; else UseDenied, and the same as below.

    A call by who may not use the model is refused before it is said whether it would answer.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    return _resolve(actor, parsed, for_use=True)


def resolve_version(actor: Actor, ref: ModelRef | str) -> ModelVersion:
    """The version that answers a call to this reference.

    Without an alias or number that is the version of the alias `champion`, else the highest that
    is ready and not archived. Raises ModelNotFound, VersionNotFound, AliasNotFound, VersionNotReady
    or ModelArchived, each saying what to do.
    """
    parsed = parse_ref(ref) if isinstance(ref, str) else ref
    return _resolve(actor, parsed, for_use=False)


def check_answers(ref: str) -> None:
    """Raise what a call to `owner/name` would meet; for the installation's own default model."""
    parsed = parse_ref(ref)
    rows = Model.objects.named(parsed.name).filter(organization__slug=parsed.owner)
    model = rows.select_related("organization").first()
    if model is None:
        raise ModelNotFound(f"There is no model {ref!r}.")
    _answering(model, parsed)


def check_still_answers(version_id: UUID) -> None:
    """Raise what a call to a version would meet now; for work that was taken in before."""
    version = ModelVersion.objects.select_related("model").get(id=version_id)
    if version.model.status == Status.ARCHIVED:
        raise ModelArchived(f"{version.model.name} is archived. Restore it to use it.")
    servable(version)


def _resolve(actor: Actor, parsed: ModelRef, *, for_use: bool) -> ModelVersion:
    model = get_model(actor, parsed)
    if for_use:
        check_use(actor, model)
    return _answering(model, parsed)


def _answering(model: Model, parsed: ModelRef) -> ModelVersion:
    if model.status == Status.ARCHIVED:
        raise ModelArchived(f"{model.name} is archived. Restore it to use it.")
    if parsed.alias:
        return servable(get_alias(model, parsed.alias).version)
    if parsed.number is not None:
        return servable(get_version(model, parsed.number))
    chosen = list_answering(model).first()
    if chosen is None:
        raise _nothing_ready(model)
    chosen.model = model
    return chosen


def list_answering(model: Model) -> ModelVersionQuerySet:
    """A model's versions that answer; first the one that answers where none is named."""
    answering = list_versions(model).ready().exclude(status=Status.ARCHIVED)
    champion = Exists(_named(CHAMPION).filter(version=OuterRef("pk")))
    return answering.annotate(champion=champion).order_by("-champion", "-number")


def list_aliases(model: Model) -> QuerySet[Alias]:
    """A model's aliases by name, with the versions they lead to."""
    rows = Alias.objects.filter(model=model).select_related("version", "model__organization")
    return rows.order_by(Lower("name"))


def get_alias(model: Model, alias: str) -> Alias:
    """One alias, written in any case; AliasNotFound where there is none."""
    found = _named(alias).filter(model=model).select_related("version__created_by").first()
    if found is None:
        raise AliasNotFound(f"{model.name} has no alias {alias!r}.")
    found.model = found.version.model = model
    return found


def list_moves(model: Model, alias: str = "") -> QuerySet[AliasMove]:
    """Where a model's aliases, or one of them, have led, the latest first; gone ones too."""
    rows = AliasMove.objects.filter(model=model).select_related("moved_by").order_by("-id")
    return rows.filter(alias=alias.lower()) if alias else rows


def _named(alias: str) -> QuerySet[Alias]:
    return Alias.objects.alias(lower=Lower("name")).filter(lower=alias.lower())


def servable(version: ModelVersion) -> ModelVersion:
    """The version, if it answers; else VersionNotReady or ModelArchived with the reason."""
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
