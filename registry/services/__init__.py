"""Every write to the registry that a person or program asks for."""

from __future__ import annotations

from registry.services.aliases import remove_alias, rollback_alias, set_alias
from registry.services.deletion import delete_model, delete_version, purge_deleted
from registry.services.folders import upload_file
from registry.services.models import (
    Upload,
    archive_models_of,
    update_model,
    update_version,
    upload_version,
)
from registry.services.sharing import change_share, claim_shares, revoke_share, share_model

__all__ = [
    "Upload",
    "archive_models_of",
    "change_share",
    "claim_shares",
    "delete_model",
    "delete_version",
    "purge_deleted",
    "remove_alias",
    "revoke_share",
    "rollback_alias",
    "set_alias",
    "share_model",
    "update_model",
    "update_version",
    "upload_file",
    "upload_version",
]
