"""Handing an artifact out: stored by digest, named by owner, model and version."""

from __future__ import annotations

import structlog
from django.http import FileResponse  # noqa: TID251  a file is streamed by the framework's own

from common import storage
from common.errors import Unavailable
from registry.errors import ArtifactGone
from registry.models import ModelVersion

logger = structlog.get_logger(__name__)


def artifact_response(version: ModelVersion) -> FileResponse:
    """The file as an attachment called owner-model-version-filename.

    It is read twice: what is handed out is what was uploaded. Raises ArtifactGone, Unavailable.
    """
    if version.purged_at is not None:
        raise ArtifactGone(
            f"{version.model.name} version {version.number} was deleted: its file is gone."
        )
    name = f"{version.model.organization.slug}-{version.model.name}-{version.number}"
    try:
        file = storage.open_sound_blob(version.sha256)
    except FileNotFoundError:
        logger.exception("artifact_missing", version_id=str(version.id), sha256=version.sha256)
        raise Unavailable("The artifact is not on this server's disk.") from None
    except storage.Damaged:
        logger.exception("artifact_damaged", version_id=str(version.id), sha256=version.sha256)
        raise Unavailable(
            f"The file of {name} is damaged on this server's disk, and is not handed out. Restore "
            "it from a backup, or upload it again.",
            code="artifact_damaged",
        ) from None
    response = FileResponse(
        file,
        as_attachment=True,
        filename=f"{name}-{version.filename}",
        content_type="application/octet-stream",
    )
    response["ETag"] = f'"{version.sha256}"'
    return response
