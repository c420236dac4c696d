"""The supervisor: starts an installation, keeps it alive, ends it without a trace.

One process, one thread, no database connection of its own. Every child carries a leash
(PDEATHSIG): when this process is killed, the kernel ends them.
"""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from config import env, home, private
from config.embedded.ports import is_free
from config.program import Program, tail
from config.supervisor.child import Child
from config.supervisor.installation import Installation, migrations_digest
from config.supervisor.servers import Servers
from config.supervisor.stopping import Signals, StopAskedError

# From the request to stop, in seconds: when what still serves is killed, when the rest is.
# What is left of five seconds is this process's own end.
SERVING_ENDS = 3.2
HURRY = 3.9
ALL_ENDS = 4.3
# A killed supervisor's children need a moment to let go of the port.
PORT_PATIENCE = 3.0
LOG_CHECK = 30.0


class StartError(Exception):
    """The installation can't start; the message is for the person who typed the command."""


def say(text: str) -> None:
    sys.stdout.write(f"slipway: {text}\n")
    sys.stdout.flush()


class Supervisor:
    """Runs one installation until it is told to stop; `run()` gives the exit code."""

    def __init__(self, installation: Installation, *, demo: bool = True) -> None:
        self.installation = installation
        self.demo = demo
        self.home = installation.home
        self.logs = self.home / "log"
        self.signals = Signals()
        self.servers: Servers | None = None
        self.serving: list[Child] = []
        self.jail: Child | None = None

    def run(self) -> int:
        """Start, watch, stop.

        Raises:
            StartError, HomeBusyError, ServerError, PostgresError, ServerMissingError,
            IdentityError: what keeps it from starting, after all that had started was stopped.
        """
        claim = home.claim(self.home)
        home.sign(claim, os.getpid())
        try:
            self._start()
            self._watch()
        except StopAskedError:
            say("stopping")
        finally:
            self._stop()
            claim.close()
        say("stopped")
        return 0

    # Start.

    def _start(self) -> None:
        self._await_port()
        self.servers = Servers(self.home)
        self.servers.start(self.signals, say)
        if self._has_old_tables():
            # The sandbox's warm-up is the longest of all, and there is time for it now.
            self.jail = self._begin(self.installation.jail())
            self._migrate()
        self.serving.append(self._begin(self.installation.web()))
        self._await_web()
        # Compiled models answer without the sandbox; its warm-up need not slow the first answer.
        self.jail = self.jail or self._begin(self.installation.jail())
        if self.installation.grpc_port:
            self.serving.append(self._begin(self.installation.grpc()))
        self.serving.append(self._begin(self.installation.worker()))
        self.serving.append(self._begin(self.installation.webhooks()))
        self.serving.append(self._begin(self.installation.bulk()))
        self.serving.append(self._begin(self.installation.beat()))
        self._greet()

    def _begin(self, program: Program) -> Child:
        child = Child(program, self.logs)
        child.start()
        return child

    def _await_port(self) -> None:
        deadline = time.monotonic() + PORT_PATIENCE
        host, port = self.installation.host, self.installation.port
        while not is_free(port, host):
            if time.monotonic() > deadline:
                raise StartError(
                    f"PORT {port} on {host} is in use by another program. Stop that one, or choose "
                    f"another port: PORT={port + 1}."
                )
            self.signals.wait(0.1)

    def _has_old_tables(self) -> bool:
        """Whether migrations may have to run: not where the embedded server has seen these."""
        if self._embedded_note is None:
            return True
        note = self._embedded_note
        return not (note.exists() and note.read_text() == migrations_digest())

    @property
    def _embedded_note(self) -> Path | None:
        """Beside the embedded cluster, so that it goes when the cluster goes."""
        embedded = self.servers is not None and self.servers.postgres is not None
        return self.home / "pg" / "migrated" if embedded else None

    def _migrate(self) -> None:
        """Bring the tables up to date."""
        say("bringing the database up to date")
        digest = migrations_digest()
        if self._finish(self.installation.migrate()) != 0:
            log = self.logs / "migrate.log"
            raise StartError(f"The database could not be brought up to date ({log}):\n{tail(log)}")
        if self._embedded_note is not None:
            private.write(self._embedded_note, digest)

    def _finish(self, program: Program) -> int:
        """Run a program to its end, watching the others meanwhile; its exit code."""
        child = self._begin(program)
        self.serving.append(child)
        while not child.gone:
            self._keep(besides=child)
            self.signals.wait(0.2)
        self.serving.remove(child)
        child.kill()
        return child.process.returncode if child.process is not None else 1

    def _await_web(self) -> None:
        """Wait for the first good answer; complain once where it takes long, and go on waiting."""
        web = self.serving[0]
        slow = time.monotonic() + 30.0
        while not self._answers():
            if web.failures >= 3:
                raise StartError(f"The web process does not start ({web.log}):\n{tail(web.log)}")
            if time.monotonic() > slow:
                say(f"the web process is slow to answer (log: {web.log})")
                slow = float("inf")
            self._keep()
            self.signals.wait(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.installation.url}/ready", timeout=2):  # noqa: S310
                return True
        except (OSError, urllib.error.HTTPError):
            return False

    def _greet(self) -> None:
        """Have the demo model loaded, then print what a newcomer needs."""
        if self.demo and self._finish(self.installation.load_demo()) != 0:
            log = self.logs / "demo.log"
            say(f"the demo model could not be loaded ({log}):\n{tail(log, 5)}")
        sys.stdout.write(greeting(self.installation))
        sys.stdout.flush()

    # Watch.

    def _children(self) -> list[Child]:
        servers = self.servers.children if self.servers is not None else []
        return [*servers, *([self.jail] if self.jail else []), *self.serving]

    def _keep(self, besides: Child | None = None) -> None:
        for child in self._children():
            if child is not besides and (news := child.keep()):
                say(news)

    def _watch(self) -> None:
        next_look = time.monotonic() + LOG_CHECK
        while True:
            self._keep()
            if time.monotonic() > next_look:
                next_look = time.monotonic() + LOG_CHECK
                for child in self._children():
                    child.rotate()
            self.signals.wait(self._pause())

    def _pause(self) -> float:
        """Until the next child is due, at most some seconds: an end wakes us anyway."""
        now = time.monotonic()
        due = [child.due - now for child in self._children() if child.process is None]
        return max(0.01, min([5.0, *due]))

    # Stop.

    def _stop(self) -> None:
        """End everything: first what serves, then what it stands on.

        Within five seconds, and DRAIN_SECONDS, for which the web server goes on serving.
        """
        began = time.monotonic() + env.integer("DRAIN_SECONDS", 0, high=300)
        asked = self.signals.asked
        self._end(self.serving, began + SERVING_ENDS, asked)
        if self.servers is not None:
            # Before the servers end, so that nobody is sent to them any more.
            self.servers.note.unlink(missing_ok=True)
        standing = [child for child in self._children() if child not in self.serving]
        self._end(standing, began + HURRY, asked, kill=False)
        if self.servers is not None and not all(child.gone for child in standing):
            self.servers.hurry()
        self._await_gone(standing, began + ALL_ENDS, asked)
        for child in standing:
            child.kill()

    def _end(
        self, children: list[Child], deadline: float, asked: int, *, kill: bool = True
    ) -> None:
        """Ask the children to end, wait until the deadline, then kill what is left of them."""
        for child in children:
            child.ask_to_end()
        self._await_gone(children, deadline, asked)
        if kill:
            for child in children:
                child.kill()

    def _await_gone(self, children: list[Child], deadline: float, asked: int) -> None:
        """Until all are gone, the deadline passed, or Ctrl-C was pressed once more."""
        while not all(child.gone for child in children):
            left = deadline - time.monotonic()
            if left <= 0 or self.signals.asked > asked:
                return
            self.signals.rest(min(left, 0.1))


def greeting(installation: Installation) -> str:
    """What is printed when all is up: the address, and how to get an answer from the demo.

    Whatever of the demo is missing, because a step of it was refused, is left out.
    """
    demo = private.read_json(installation.home / "demo.json")
    lines = ["", f"  Slipway is live at {installation.url}   (Ctrl-C stops it)", ""]
    if "password" in demo:
        lines.append(f"  Log in     {demo['email']}   {demo['password']}")
    if "api_key" in demo:
        lines += [f"  API key    {demo['api_key']}", ""]
    if "model" in demo:
        lines += [
            f"  curl -s {installation.url}/api/v1/models/{demo['model']}/predict \\",
            f"    -H 'Authorization: Bearer {demo['api_key']}' \\",
            "    -H 'Content-Type: application/json' \\",
            "    -d '{\"inputs\": [[5.1, 3.5, 1.4, 0.2], [6.7, 3.0, 5.2, 2.3]]}'",
            "",
        ]
    return "\n".join([*lines, f"  Logs in {installation.home / 'log'}", "", ""])
