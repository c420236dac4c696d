"""Models made live by the real pipeline and the real jail."""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from pytest_django import Settings

from accounts.actors import actor_for_user
from accounts.models import User
from common import storage
from inference.edge.app import Edge
from inference.journal import writer
from registry import tasks
from registry.models import ModelVersion
from registry.services import Upload, upload_version

GoLive = Callable[..., ModelVersion]


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> Path:
    """Blobs and quarantine of this test alone."""
    settings.MEDIA_ROOT = tmp_path / "files"
    settings.QUARANTINE_ROOT = tmp_path / "quarantine"
    return tmp_path


@pytest.fixture
def go_live(alice: User, jail: str) -> GoLive:
    """Upload a fitted estimator (or a file's bytes) as alice and take it through the pipeline."""

    def go_live(model: Any, name: str = "churn", filename: str = "model.pkl") -> ModelVersion:
        content = model if isinstance(model, bytes) else pickle.dumps(model)
        receiver = storage.Receiver(most=10**9)
        receiver.write(content)
        version = upload_version(
            receiver.finish(),
            Upload(name=name, filename=filename),
            actor=actor_for_user(alice, via="jwt"),
        )
        tasks.run_pipeline(str(version.job.id))
        version.refresh_from_db()
        return version

    return go_live


@pytest.fixture
def journal_root(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A journal of this test alone."""
    settings.JOURNAL_ROOT = tmp_path / "journal"
    _end_journal()
    yield tmp_path / "journal"
    _end_journal()


def _end_journal() -> None:
    if writer._journal is not None:
        writer._journal.close()
        writer._journal = None


@pytest.fixture
def edge(jail: str, journal_root: Path) -> Iterator[Edge]:
    """The edge in front of Django, following what happens; nothing ships its journal."""
    made = Edge(get_wsgi_application())
    made.callers.start()
    deadline = time.monotonic() + 10
    while time.monotonic() - made.callers.follower.looked_at > 1:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield made
    made.stop()
