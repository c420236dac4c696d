"""Every write to the registry that a person or program asks for."""

from __future__ import annotations

from registry.services.aliases import remove_alias, rollback_alias, set_alias
from registry.services.models import (
    Upload,
    archive_model,
    archive_models_of,
    update_model,
    update_version,
    upload_version,
)
from registry.services.sharing import change_share, claim_shares, revoke_share, share_model

__all__ = [
    "Upload",
    "archive_model",
    "archive_models_of",
    "change_share",
    "claim_shares",
    "remove_alias",
    "revoke_share",
    "rollback_alias",
    "set_alias",
    "share_model",
    "update_model",
    "update_version",
    "upload_version",
]
