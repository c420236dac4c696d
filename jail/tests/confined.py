"""Load a pickle with the stock unpickler in a confined child, and print what became of it.

`python confined.py ROOT PAYLOAD UID`: the walls alone, without an allow-list in front of them.
"""

from __future__ import annotations

import json
import os
import sys

sys.path.insert(0, sys.argv[1])

# What an attack may name is imported beforehand, as it would be in a zygote: that a module cannot
# be found is not what these tests are after.
import ctypes  # noqa: F401
import encodings.idna  # noqa: F401
import importlib  # noqa: F401
import mmap  # noqa: F401
import pathlib  # noqa: F401
import pickle
import shutil  # noqa: F401
import socket  # noqa: F401
import subprocess  # noqa: F401

from jail.confine import Walls, confine
from jail.limits import Budget

GIB = 1 << 30


def main() -> None:
    """Fork, confine, unpickle; the report is one JSON line."""
    with open(sys.argv[2], "rb") as file:  # noqa: PTH123
        payload = file.read()
    uid = int(sys.argv[3]) or None
    os.environ.clear()
    walls = Walls.prepare()
    hear, tell = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(hear)
        try:
            confine(walls, parent=parent, uid=uid, budget=Budget(GIB, GIB, 2, {}))
            report = {"returned": repr(pickle.loads(payload))[:2000]}
        except BaseException as error:  # noqa: BLE001
            report = {"raised": type(error).__name__, "message": str(error)[:2000]}
        os.write(tell, json.dumps(report).encode())
        os._exit(0)
    os.close(tell)
    data = b""
    while chunk := os.read(hear, 4096):
        data += chunk
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    print(json.dumps({"status": status, **(json.loads(data) if data else {})}))


main()
