"""What the registry refuses, each with a stable code."""

from __future__ import annotations

from common.errors import Conflict, Denied, Invalid, NotFound


class ModelNotFound(NotFound):
    default_code = "model_not_found"


class VersionNotFound(NotFound):
    default_code = "version_not_found"


class VersionNotReady(Conflict):
    default_code = "version_not_ready"


class ModelArchived(Conflict):
    default_code = "model_archived"


class ArtifactGone(Conflict):
    """A deleted version's file is kept for a time."""

    default_code = "artifact_gone"


class EditDenied(Denied):
    default_code = "edit_denied"


class BadReference(Invalid):
    default_code = "bad_reference"


class BadUpload(Invalid):
    default_code = "bad_upload"


class UseDenied(Denied):
    """A share to look at is none to call or download by."""

    default_code = "use_denied"


class ShareDenied(Denied):
    """Who owns a model says who else gets at it."""

    default_code = "share_denied"


class BadShare(Invalid):
    default_code = "bad_share"


class ShareNotFound(NotFound):
    default_code = "share_not_found"


class AlreadyShared(Conflict):
    default_code = "already_shared"


class AliasNotFound(NotFound):
    default_code = "no_alias"


class AliasDenied(Denied):
    """Who may edit a model says where its aliases lead."""

    default_code = "alias_denied"


class BadAlias(Invalid):
    default_code = "bad_alias"


class UnknownFeature(Invalid):
    default_code = "unknown_feature"


class AliasConflict(Conflict):
    """An alias stands elsewhere than its mover thinks, or in the way."""

    default_code = "alias_conflict"


class TrialFailed(Conflict):
    """A version did not answer its own example."""

    default_code = "trial_failed"


class BadSource(Invalid):
    """An address that leads, or could lead, elsewhere than to what was logged here."""

    default_code = "bad_source"


class BadFolder(Invalid):
    """A folder that is no MLflow model, or a damaged one."""

    default_code = "bad_mlflow_folder"


class FlavorNotServed(Invalid):
    default_code = "flavor_not_served"


class BadArchive(Invalid):
    """A zip that is not what it says, or not what anybody honest would send."""

    default_code = "bad_archive"


class NothingLogged(NotFound):
    """An experiment, a run, a logged model or a file that is not there, or not for the caller."""

    default_code = "not_logged"


class NameTaken(Conflict):
    """As MLflow tells it: with 400."""

    status = 400
    default_code = "resource_already_exists"


class TrackingDenied(Denied):
    default_code = "tracking_denied"


class TrackingConflict(Conflict):
    """What was written once is not changed, and what is deleted takes no more."""

    default_code = "tracking_conflict"
