"""Clusters whose tables are there already: what most of a first start takes, done once.

One is kept in `.cache/clusters` for as long as the migrations stay as they are. A home that gets a
copy starts as it would a second time, and with nothing in its tables.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from config import private
from config.embedded.postgres import Postgres
from config.process import server_identity
from config.program import stop, tail, wait_until
from config.supervisor.installation import BASE_DIR

KEPT: Final = BASE_DIR / ".cache" / "clusters"
MIGRATE = """
import sys, django
from django.core.management import call_command
django.setup()
call_command("migrate", interactive=False, verbosity=0, stdout=sys.stderr)
from config.supervisor.installation import migrations_digest
print(migrations_digest())
"""


def seed(home: Path) -> None:
    """Give a home that has never started a cluster of its own. Where it is not up to date, because
    a dependency brought new tables, the start migrates it.
    """
    kept = private.folder(KEPT) / _digest()
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not kept.exists():
            for old in KEPT.glob("*/"):
                shutil.rmtree(old)
            _make(kept)
    shutil.copytree(kept, private.folder(home) / "pg", symlinks=True)


def _digest() -> str:
    whole = hashlib.sha256()
    for file in sorted([*BASE_DIR.glob("*/migrations/*.py"), BASE_DIR / "config" / "roles.py"]):
        whole.update(str(file.relative_to(BASE_DIR)).encode() + b"\0" + file.read_bytes())
    return whole.hexdigest()


def _make(kept: Path) -> None:
    # Not below the checkout: the server's own user may not be let in there.
    with tempfile.TemporaryDirectory(prefix="slipway-cluster-") as name:
        server = Postgres(Path(name) / "pg", server_identity())
        server.prepare()
        log = Path(name) / "log"
        process = server.program.start(log)
        try:
            if not wait_until(server.is_ready, process, patience=60):
                raise RuntimeError(f"PostgreSQL did not start:\n{tail(log)}")
            digest = subprocess.run(
                [sys.executable, "-c", MIGRATE],
                cwd=BASE_DIR,
                env={
                    "PATH": os.environ["PATH"],
                    "DJANGO_SETTINGS_MODULE": "config.settings",
                    "SLIPWAY_HOME": name,
                    "DATABASE_URL": server.url,
                    "DATABASE_OWNER_URL": server.owner_url,
                },
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            ).stdout
        finally:
            stop(process, server.program.stop_signal, patience=30)
        private.write(server.folder / "migrated", digest.strip())
        (server.folder / "port").unlink()
        draft = kept.with_suffix(".draft")
        shutil.copytree(server.folder, draft, symlinks=True)
        draft.rename(kept)
