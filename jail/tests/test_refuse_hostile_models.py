"""Every hostile file is refused by name, twice: by triage where it can tell, and by the loader."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from jail.tests import corpus, crafted

ROOT = Path(__file__).resolve().parents[2]
CANARY = Path(tempfile.gettempdir()) / f"slipway-canary-{os.getpid()}"
CORPUS = corpus.hostile(str(CANARY)) | crafted.crafted()
NAMES = sorted(CORPUS)
NAMED_BY_TRIAGE = [name for name in NAMES if name.startswith("call ")]

Outcome = dict[str, list[str]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """What triage and the loader said of each file, each in a process of its own."""
    folder = tmp_path_factory.mktemp("corpus")
    places = {}
    for place, (name, (data, _text)) in enumerate(CORPUS.items()):
        places[name] = f"{place:03}"
        (folder / places[name]).write_bytes(data if isinstance(data, bytes) else data())
    done = subprocess.run(
        [sys.executable, "-m", "jail.tests.load_apart", str(folder)],
        cwd=ROOT,
        capture_output=True,
        check=True,
        timeout=170,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return {name: found[place] for name, place in places.items()}


@pytest.mark.parametrize("name", NAMES)
def test_loader_refuses_and_names(name: str, outcomes: dict[str, Outcome]) -> None:
    outcome, code, reason = outcomes[name]["load"]
    assert outcome == "refused", (outcome, code, reason)
    assert CORPUS[name][1] in reason


@pytest.mark.parametrize("name", NAMES)
def test_triage_raises_nothing_but_refusals(name: str, outcomes: dict[str, Outcome]) -> None:
    outcome, code, reason = outcomes[name]["triage"]
    assert outcome in {"refused", "loaded"}, (outcome, code, reason)


@pytest.mark.parametrize("name", NAMED_BY_TRIAGE)
def test_triage_names_what_would_be_called(name: str, outcomes: dict[str, Outcome]) -> None:
    outcome, _code, reason = outcomes[name]["triage"]
    assert outcome == "refused"
    assert name.removeprefix("call ") in reason


def test_nothing_ran(outcomes: dict[str, Outcome]) -> None:
    assert len(outcomes) > 100
    assert not CANARY.exists()


def test_the_corpus_is_dangerous(tmp_path: Path) -> None:
    """The same files do run where nothing stops them; else the tests above prove nothing."""
    touched = tmp_path / "touched"
    data = corpus.calling("posix", "system", ("touch {canary}",), str(touched))
    (tmp_path / "file").write_bytes(data)
    stock = "import pickle, sys; pickle.load(open(sys.argv[1], 'rb'))"
    subprocess.run([sys.executable, "-c", stock, str(tmp_path / "file")], check=True, timeout=60)
    assert touched.exists()
