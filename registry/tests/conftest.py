"""Files of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django.fixtures import SettingsWrapper


@pytest.fixture(autouse=True)
def folders(settings: SettingsWrapper, tmp_path: Path) -> Path:
    """Blobs and quarantine of this test alone."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    return tmp_path
