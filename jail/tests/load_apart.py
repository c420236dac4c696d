"""Load each file of a folder in a process of its own; print what came of it as JSON.

Run as `python -m jail.tests.load_apart FOLDER`. Per file: `triage` and `load`, each a list
[outcome, code, reason] where the outcome is "refused", "loaded", "raised" or "died".
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from jail.formats import sniff
from jail.globals import preimport
from jail.refusal import Refused
from jail.triage import triage
from jail.unpickle import load_model

SECONDS = 60
GROWTH = 3 << 30


def attempt(path: Path, action: Callable[[BinaryIO, str, int], object]) -> list[str]:
    """What one action on one file comes to."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            head = file.read(4096)
            action(file, sniff(head, size), size)
    except Refused as refused:
        return ["refused", refused.code, refused.reason]
    except BaseException as error:  # noqa: BLE001 - the test asks which one it was
        return ["raised", type(error).__name__, str(error)[:300]]
    return ["loaded", "", ""]


def apart(path: Path, action: Callable[[BinaryIO, str, int], object]) -> list[str]:
    """The same in a child with little time and memory."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_DATA, (GROWTH, GROWTH))
        os.write(write, json.dumps(attempt(path, action)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        answer = answers.read()
    status = os.waitpid(child, 0)[1]
    found: list[str] = json.loads(answer) if answer else ["died", str(status), ""]
    return found


def main(folder: Path) -> None:
    preimport()
    found = {
        path.name: {
            "triage": apart(path, lambda file, kind, _size: triage(file, kind)),
            "load": apart(path, load_model),
        }
        for path in sorted(folder.iterdir())
    }
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
