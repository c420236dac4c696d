"""Where a call of MLflow's clients takes place: one organization, as one caller sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Prefetch, Q, QuerySet

from accounts.actors import Actor
from accounts.models import Organization
from registry.errors import ModelNotFound, NothingLogged, TrackingDenied, VersionNotFound
from registry.mlflow.paths import Location, locate
from registry.models import (
    Alias,
    LoggedFile,
    LoggedModel,
    MlflowExperiment,
    MlflowRun,
    Model,
    ModelQuerySet,
    ModelVersion,
    ModelVersionQuerySet,
    Registration,
    Status,
)
from registry.models.mlflow import MODEL_ID, SCHEME, id_of

Holder = MlflowRun | LoggedModel
DEFAULT: Final = "Default"
"""The name of experiment 0, which every organization has."""
HEAVY: Final = (
    "steps", "libraries", "info", "signature", "declared_signature", "example", "hints", "plan",
    "parity", "latency",
)  # fmt: skip
NOTED: Final = (
    *(f"registration__run__{name}" for name in (
        "params", "tags", "inputs", "outputs", "metrics_known"
    )),
    "registration__logged_model__params", "registration__logged_model__tags",
)  # fmt: skip
"""What a version's run and logged model hold, which its own shape does not show."""
WRITERS: Final = frozenset({"owner", "admin", "member"})


@dataclass(frozen=True, slots=True)
class Place:
    """An organization the actor belongs to, and the actor."""

    actor: Actor
    organization: Organization

    @property
    def role(self) -> str:
        return self.actor.role_in(self.organization.id)

    def check_reads(self) -> None:
        """Raise TrackingDenied for a key that may not know of runs."""
        if self.actor.model_refs:
            raise TrackingDenied(
                "Your key is for certain models alone: it sees no experiments, runs or files."
            )

    def check_writes(self) -> None:
        """Raise TrackingDenied for who may not log anything here."""
        self.check_reads()
        if self.role not in WRITERS:
            raise TrackingDenied(f"A viewer of {self.organization.slug} can't log anything.")


def find_place(actor: Actor, slug: str) -> Place:
    """The organization of that slug, or the actor's own where none is named. Or NothingLogged."""
    if not slug:
        return Place(actor, actor.organization)
    found = Organization.objects.visible_to(actor).filter(slug=slug.lower()).first()
    if found is None:
        raise NothingLogged(f"There is no organization {slug!r}.")
    return Place(actor, found)


def experiments(place: Place) -> QuerySet[MlflowExperiment]:
    """The organization's experiments, deleted ones too."""
    place.check_reads()
    visible = MlflowExperiment.objects.visible_to(place.actor)
    return visible.filter(organization=place.organization)


def get_experiment(place: Place, number: str) -> MlflowExperiment:
    """One experiment by its number, deleted or not; 0 is there always, if unsaved.

    Raises NothingLogged.
    """
    digits = len(number) < 10 and number.isascii() and number.isdecimal()
    found = experiments(place).filter(number=int(number)).first() if digits else None
    if found is None and digits and int(number) == 0:
        return MlflowExperiment(organization=place.organization, number=0, name=DEFAULT)
    if found is None:
        raise NothingLogged(f"There is no experiment {number[:100]!r}.")
    return found


def get_experiment_by_name(place: Place, name: str) -> MlflowExperiment:
    """The same by its name."""
    if name == DEFAULT:
        return get_experiment(place, "0")
    found = experiments(place).filter(name=name).first()
    if found is None:
        raise NothingLogged(f"There is no experiment called {name[:100]!r}.")
    return found


def experiments_by_number(place: Place, numbers: Sequence[str]) -> QuerySet[MlflowExperiment]:
    """Those of these numbers that there are, deleted or not; what is no number is passed over."""
    wanted = [int(one) for one in numbers if len(one) < 10 and one.isascii() and one.isdecimal()]
    return experiments(place).filter(number__in=wanted)


def runs(place: Place) -> QuerySet[MlflowRun]:
    """The runs of the organization's experiments, deleted ones too."""
    place.check_reads()
    return _runs(place)


def get_run(place: Place, run_id: str) -> MlflowRun:
    """One run by its id. Raises NothingLogged."""
    return _one_run(runs(place), run_id)


def logged_models(place: Place) -> QuerySet[LoggedModel]:
    """The organization's logged models that are not deleted."""
    place.check_reads()
    return _logged_models(place)


def get_logged_model(place: Place, model_id: str) -> LoggedModel:
    """One logged model by its id. Raises NothingLogged."""
    return _one_logged(logged_models(place), model_id)


def find_holder(place: Place, where: Location) -> Holder:
    """Whose files a path leads to, for who may download them. Raises NothingLogged, TrackingDenied.

    A key that is for some models alone gets at the folders these were registered from.
    """
    if place.role not in WRITERS:
        raise TrackingDenied(f"A viewer of {place.organization.slug} can't download files.")
    if place.actor.model_refs and not _is_registered(place, where):
        place.check_reads()
    found: Holder
    if where.run_id is not None:
        found = _one_run(_runs(place), where.run_id.hex)
    else:
        # A deleted one's files stay for as long as a version is loaded from them.
        found = _one_logged(_all_logged_models(place), where.model_name)
    if where.number not in {None, found.experiment.number}:
        raise NothingLogged(f"There is no such folder in experiment {where.number}.")
    return found


def files_of(holder: Holder, path: str = "") -> QuerySet[LoggedFile]:
    """The file of this path and those below it, of a run or a logged model; all without one."""
    rows = LoggedFile.objects.filter(**key_of(holder))
    return rows.filter(Q(path=path) | Q(path__startswith=f"{path}/")) if path else rows


def key_of(holder: Holder) -> dict[str, Any]:
    """Whose a file is, as its row says."""
    return {"run": holder} if isinstance(holder, MlflowRun) else {"logged_model": holder}


def registered_models(place: Place) -> ModelQuerySet:
    """The organization's models that are not archived, with what their shape shows."""
    rows = Model.objects.visible_to(place.actor).filter(organization=place.organization)
    present = rows.exclude(status=Status.ARCHIVED).select_related("organization")
    newest = (
        ModelVersion.objects.exclude(status=Status.ARCHIVED)
        .select_related("registration__run", "registration__logged_model")
        .defer(*HEAVY, *NOTED)
    )
    return present.prefetch_related(
        Prefetch("aliases", Alias.objects.select_related("version")),
        Prefetch("versions", newest.order_by("-number")),
    )


def get_registered(place: Place, name: str) -> Model:
    """One model by its name; ModelNotFound also for an archived one."""
    found = registered_models(place).named(name).first() if name else None
    if found is None:
        raise ModelNotFound(f"There is no registered model {name[:100]!r}.")
    return found


def registered_versions(place: Place) -> ModelVersionQuerySet:
    """The versions of the organization's models that are not archived."""
    visible = Model.objects.visible_to(place.actor).filter(organization=place.organization)
    rows: ModelVersionQuerySet = ModelVersion.objects.filter(
        model__in=visible.exclude(status=Status.ARCHIVED).values("id")
    )
    present = rows.exclude(status=Status.ARCHIVED)
    return (
        present.select_related(
            "model__organization", "registration__run", "registration__logged_model"
        )
        .defer(*NOTED)
        .prefetch_related("aliases")
    )


def get_registered_version(place: Place, name: str, number: str) -> ModelVersion:
    """One version by its number, as a text. Raises ModelNotFound, VersionNotFound."""
    model = get_registered(place, name)
    digits = len(number) < 10 and number.isascii() and number.isdecimal()
    rows = registered_versions(place).filter(model=model)
    found = rows.filter(number=int(number)).first() if digits else None
    if found is None:
        raise VersionNotFound(f"{model.name} has no version {number[:20]}.")
    return found


def registration_of(version: ModelVersion) -> Registration:
    """What is kept with a version; an unsaved one where nothing is."""
    try:
        return version.registration
    except Registration.DoesNotExist:
        return Registration(version=version, updated_at=version.updated_at)


def _runs(place: Place) -> QuerySet[MlflowRun]:
    rows = MlflowRun.objects.filter(experiment__organization=place.organization)
    return rows.select_related("experiment")


def _logged_models(place: Place) -> QuerySet[LoggedModel]:
    return _all_logged_models(place).filter(deleted_at=None)


def _all_logged_models(place: Place) -> QuerySet[LoggedModel]:
    rows = LoggedModel.objects.filter(experiment__organization=place.organization)
    return rows.select_related("experiment", "run")


def _one_run(rows: QuerySet[MlflowRun], run_id: str) -> MlflowRun:
    id_ = None if run_id.startswith(MODEL_ID) else id_of(run_id)
    found = rows.filter(id=id_).first() if id_ else None
    if found is None:
        raise NothingLogged(f"There is no run {run_id[:100]!r}.")
    return found


def _one_logged(rows: QuerySet[LoggedModel], model_id: str) -> LoggedModel:
    id_ = id_of(model_id) if model_id.startswith(MODEL_ID) else None
    found = rows.filter(id=id_).first() if id_ else None
    if found is None:
        raise NothingLogged(f"There is no logged model {model_id[:100]!r}.")
    return found


def _is_registered(place: Place, where: Location) -> bool:
    """Whether a version the actor can see was registered from this folder."""
    rows = Registration.objects.filter(version__in=registered_versions(place).values("id"))
    if where.run_id is None:
        return rows.filter(logged_model=where.model_id).exists()
    sources = rows.filter(run=where.run_id, logged_model=None).values_list("source", flat=True)
    folders = [locate(source.removeprefix(SCHEME)).rest for source in sources]
    return any(f"{where.rest}/".startswith(f"{folder}/") for folder in folders if folder)
