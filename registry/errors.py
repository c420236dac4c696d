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


class EditDenied(Denied):
    default_code = "edit_denied"


class BadReference(Invalid):
    default_code = "bad_reference"


class BadUpload(Invalid):
    default_code = "bad_upload"
