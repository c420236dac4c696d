"""What happens in the registry."""

from __future__ import annotations

from uuid import UUID

from common.events import Event, event


@event("model_version.received", subject="model_id")
class ModelVersionReceived(Event):
    """A file was taken in; the pipeline has it now."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    sha256: str


@event("model_version.ready", subject="model_id")
class ModelVersionReady(Event):
    """A version answers predictions from now on. `user_id` is whose upload it was."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    runtime: str
    user_id: UUID | None = None


@event("model_version.rejected", subject="model_id")
class ModelVersionRejected(Event):
    """The pipeline refused a file. `user_id` is whose upload it was."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    code: str
    reason: str
    user_id: UUID | None = None


@event("model.updated", subject="model_id")
class ModelUpdated(Event):
    """Somebody changed a model's description, status, metadata or tags."""

    model_id: UUID
    name: str
    changed: list[str]


@event("model_version.updated", subject="model_id")
class ModelVersionUpdated(Event):
    """Somebody changed a version's status or signature."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    changed: list[str]


@event("model_version.purged", subject="model_id")
class ModelVersionPurged(Event):
    """The file of a version that was deleted is gone; its digest says which it was."""

    model_id: UUID
    version_id: UUID
    name: str
    number: int
    sha256: str


@event("model.shared", subject="model_id")
class ModelShared(Event):
    """A user, a team or (neither set) an address nobody has yet was given a share of a model."""

    model_id: UUID
    name: str
    share_id: UUID
    user_id: UUID | None
    team_id: UUID | None
    permission: str


@event("model.share_changed", subject="model_id")
class ModelShareChanged(Event):
    """A share gives more or less than before."""

    model_id: UUID
    name: str
    share_id: UUID
    user_id: UUID | None
    team_id: UUID | None
    before: str
    permission: str


@event("model.unshared", subject="model_id")
class ModelUnshared(Event):
    """A share was taken or given back."""

    model_id: UUID
    name: str
    share_id: UUID
    user_id: UUID | None
    team_id: UUID | None


@event("model.alias_moved", subject="model_id")
class ModelAliasMoved(Event):
    """An alias leads to a version, `number`; `before` is where it led until then, if anywhere."""

    model_id: UUID
    name: str
    alias: str
    version_id: UUID
    number: int
    before: int | None
    reason: str


@event("model.alias_removed", subject="model_id")
class ModelAliasRemoved(Event):
    """An alias leads nowhere any more."""

    model_id: UUID
    name: str
    alias: str
    before: int
    reason: str


@event("model.created", subject="model_id")
class ModelCreated(Event):
    """A name was made that has no version yet; most models come with their first one."""

    model_id: UUID
    name: str


@event("model.renamed", subject="model_id")
class ModelRenamed(Event):
    """A model is called `new_name` from now on; `name` is what it was called until then."""

    model_id: UUID
    name: str
    new_name: str


@event("mlflow_experiment.created", subject="experiment_id")
class MlflowExperimentCreated(Event):
    """An MLflow client made an experiment."""

    experiment_id: UUID
    name: str


@event("mlflow_experiment.updated", subject="experiment_id")
class MlflowExperimentUpdated(Event):
    """An experiment was renamed, tagged, deleted or restored."""

    experiment_id: UUID
    name: str
    changed: list[str]


@event("mlflow_run.started", subject="run_id")
class MlflowRunStarted(Event):
    """An MLflow client began a run."""

    run_id: UUID
    name: str
    experiment: str


@event("mlflow_run.updated", subject="run_id")
class MlflowRunUpdated(Event):
    """A run ended, was renamed, deleted or restored."""

    run_id: UUID
    name: str
    status: str
    changed: list[str]


@event("mlflow_model.logged", subject="logged_model_id")
class MlflowModelLogged(Event):
    """The files of a logged model are there, or did not come: `status` says."""

    logged_model_id: UUID
    name: str
    status: str


@event("mlflow_model.deleted", subject="logged_model_id")
class MlflowModelDeleted(Event):
    """Somebody deleted a logged model."""

    logged_model_id: UUID
    name: str
