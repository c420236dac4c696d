"""The jail's daemon: takes requests on a Unix socket, has zygotes fork for them, keeps watch.

One thread, one loop, no numpy and no model in this process. A client connects, sends one JSON
message with a read-only descriptor, and gets back one end of a socket pair whose other end a
freshly jailed child holds. The connection then stands for the child: when the client closes it or
dies, the child is killed; when the child ends, the client is told why.
"""

from __future__ import annotations

import json
import logging
import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jail import confine, door, limits, selftest, trial
from jail.assignment import Assignment
from jail.spawn import Zygote
from jail.wire import Head
from jail.work import Options, Work

log = logging.getLogger("jail")

MAX_MESSAGE = 64 << 10
MAX_CHILDREN = 128
MAX_CLIENTS = 1024
TICK = 0.05
"""Seconds between two looks at the children's memory and clocks, while any has a deadline."""
SERVING_TICK = 0.25
IDLE_TICK = 1.0
JOBS = {"inspect": 1, "check": 1, "probe": 1, "serve": 1, "table": 1, "join": 0, "selftest": 0}
"""How many descriptors each kind of job comes with: the model, or none."""
EAGER = ("sklearn", "onnx")
LAZY = ("tables",)
"""Started when they are first asked for: most installations never read a Parquet file."""


class NotStarted(Exception):
    """A zygote ends again and again before it is warm; its own traceback says why."""


def _zygotes() -> dict[str, Zygote]:
    return {kind: Zygote(kind, state="cold" if kind in LAZY else "dead") for kind in EAGER + LAZY}


@dataclass(slots=True)
class Daemon:
    """The state of the loop: zygotes, children by number, clients by descriptor."""

    options: Options
    zygotes: dict[str, Zygote] = field(default_factory=_zygotes)
    works: dict[int, Work] = field(default_factory=dict)
    clients: dict[int, tuple[socket.socket, Work | None]] = field(default_factory=dict)
    verdict: selftest.Verdict = field(default_factory=selftest.Verdict)
    poller: select.epoll = field(default_factory=select.epoll)
    listener: socket.socket | None = None
    last_number: int = 0
    stopping: bool = False

    # -- life -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Warm up, test the walls, then serve until SIGTERM. Raises door.InUse, NotStarted."""
        wake, wakened = socket.socketpair()
        for end in (wake, wakened):
            end.setblocking(False)
        signal.set_wakeup_fd(wakened.fileno())
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self.poller.register(wake, select.EPOLLIN)
        try:
            with door.claim(self.options.socket_path):
                self._prepare()
                self._loop()
        finally:
            self._end()

    def _stop(self, _number: int, _frame: object) -> None:
        self.stopping = True

    def _prepare(self) -> None:
        started = time.monotonic()
        eager = [self.zygotes[kind] for kind in EAGER]
        for zygote in eager:
            self._start(zygote)
        while not self.stopping and any(zygote.state != "warm" for zygote in eager):
            self._turn(IDLE_TICK)
            if any(zygote.restarts > 3 for zygote in eager):
                raise NotStarted("a zygote does not start; its own message stands above")
        if self.stopping:
            return
        self._test_walls()
        self._listen()
        seconds = ", ".join(f"{zygote.kind} {zygote.facts['seconds']} s" for zygote in eager)
        held = sum(result["held"] for result in self.verdict.actions.values())
        log.info(
            "ready in %.2f s (%s); self-test: %d of %d held%s",
            time.monotonic() - started,
            seconds,
            held,
            len(selftest.ACTIONS),
            "".join(f"; {note}" for note in self.verdict.notes),
        )

    def _loop(self) -> None:
        while not self.stopping:
            self._turn(self._pause())

    def _pause(self) -> float:
        if not self.works:
            return IDLE_TICK
        hasty = any(work.deadline is not None for work in self.works.values())
        return TICK if hasty else SERVING_TICK

    def _end(self) -> None:
        for work in list(self.works.values()):
            work.kill("stopped")
        for zygote in self.zygotes.values():
            zygote.bury()
        if self.listener is not None:
            self.listener.close()

    def _listen(self) -> None:
        self.listener = door.listen(self.options.socket_path)
        self.poller.register(self.listener, select.EPOLLIN)

    # -- the loop -------------------------------------------------------------------------------

    def _turn(self, pause: float) -> None:
        for descriptor, _ in self.poller.poll(pause):
            if self.listener is not None and descriptor == self.listener.fileno():
                self._accept()
            elif descriptor in self.clients:
                self._hear_client(descriptor)
            else:
                self._hear_zygote(descriptor)
        now = time.monotonic()
        self._watch(now)
        for zygote in self.zygotes.values():
            if zygote.state == "dead" and now >= zygote.due:
                self._start(zygote)

    def _start(self, zygote: Zygote) -> None:
        zygote.start()
        if zygote.control is not None:
            self.poller.register(zygote.control, select.EPOLLIN)

    def _watch(self, now: float) -> None:
        for work in self.works.values():
            if work.pid is None or work.cause is not None:
                continue
            if work.deadline is not None and now > work.deadline:
                work.kill("time")
                continue
            baseline = self.zygotes[work.kind].facts.get("anonymous", 0)
            used = limits.anonymous_bytes(work.pid)
            if used is not None and used - baseline > work.assignment.budget.growth:
                work.kill("memory")

    # -- zygotes --------------------------------------------------------------------------------

    def _hear_zygote(self, descriptor: int) -> None:
        zygote = next(
            (z for z in self.zygotes.values() if z.control and z.control.fileno() == descriptor),
            None,
        )
        if zygote is None:
            return
        message, descriptors = zygote.listen()
        if message is None:
            self._lose_zygote(zygote)
        elif message["event"] == "forked":
            self._child_forked(message, descriptors)
        elif message["event"] == "ended":
            self._child_ended(message["id"], message["status"])
        elif message["event"] == "failed":
            self._child_failed(message["id"], message["reason"])
        elif message["event"] == "warm" and zygote.restarts:
            log.info("the %s zygote is warm again after %s s", zygote.kind, message["seconds"])

    def _lose_zygote(self, zygote: Zygote) -> None:
        if zygote.control is not None:
            self.poller.unregister(zygote.control)
        zygote.bury()
        log.warning("the %s zygote died; starting it again in %.1f s", zygote.kind, zygote.pause)
        for work in [w for w in self.works.values() if w.kind == zygote.kind]:
            work.kill("zygote")
            self._child_ended(work.assignment.id, -signal.SIGKILL)

    def _child_forked(self, message: dict[str, Any], descriptors: list[int]) -> None:
        work = self.works.get(message["id"])
        if work is None:
            for descriptor in descriptors:
                os.close(descriptor)
            return
        work.pid, work.pidfd = message["pid"], descriptors[0]
        if work.client is None:
            work.kill("abandoned")
        elif work.theirs is not None:
            budget = work.assignment.budget
            reply = {"pid": work.pid, "steps": dict(budget.steps), "memory": budget.growth}
            self._reply(work.client, reply, [work.theirs.fileno()])
        if work.theirs is not None:
            work.theirs.close()
            work.theirs = None

    def _child_failed(self, number: int, reason: str) -> None:
        work = self.works.pop(number, None)
        if work is not None and work.client is not None:
            self._forget_child(work)
            self._reply(work.client, {"error": "busy", "reason": f"no child: {reason}"})

    def _child_ended(self, number: int, status: int) -> None:
        work = self.works.pop(number, None)
        if work is None:
            return
        self._forget_child(work)
        if work.client is not None:
            ended_by = signal.Signals(-status).name if status < 0 else None
            cause = work.cause or ("signal" if ended_by else "exit")
            self._reply(
                work.client,
                {"event": "ended", "cause": cause, "signal": ended_by, "status": status},
            )
            self._drop_client(work.client.fileno())

    def _forget_child(self, work: Work) -> None:
        if work.pidfd is not None:
            os.close(work.pidfd)
            work.pidfd = None
        if work.theirs is not None:
            work.theirs.close()
            work.theirs = None
        if work.client is not None and work.client.fileno() in self.clients:
            self.clients[work.client.fileno()] = (work.client, None)

    # -- clients --------------------------------------------------------------------------------

    def _accept(self) -> None:
        if self.listener is None:
            return
        client, _ = self.listener.accept()
        if len(self.clients) >= MAX_CLIENTS or not door.same_user(client):
            client.close()
            return
        self._admit(client)

    def _admit(self, client: socket.socket) -> None:
        client.setblocking(False)
        self.clients[client.fileno()] = (client, None)
        self.poller.register(client, select.EPOLLIN)

    def _drop_client(self, descriptor: int) -> None:
        client, work = self.clients.pop(descriptor)
        self.poller.unregister(client)
        client.close()
        if work is not None:
            work.client = None
            work.kill("abandoned")

    def _reply(
        self, client: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None
    ) -> None:
        try:
            socket.send_fds(client, [json.dumps(message).encode()], descriptors or [])
        except OSError:  # gone, or not reading: its own connection's end clears it away
            log.debug("a client took no answer")

    def _hear_client(self, descriptor: int) -> None:
        client, work = self.clients[descriptor]
        try:
            data, received, _, _ = socket.recv_fds(client, MAX_MESSAGE, 2)
        except BlockingIOError:
            return  # an event of a connection that had this number before
        except OSError:
            data, received = b"", []
        try:
            if not data:
                self._drop_client(descriptor)
                return
            self._answer(client, work, door.parse(data), received)
        finally:
            for number in received:
                os.close(number)

    def _answer(
        self, client: socket.socket, work: Work | None, message: Head, received: list[int]
    ) -> None:
        asked = message.get("op")
        if asked == "status":
            self._reply(client, self.status())
        elif asked == "memory" and work is not None and work.pid is not None:
            self._reply(client, {"memory": self._memory(work)})
        elif asked == "job" and work is None:
            self._begin(client, message, received)
        else:
            self._reply(client, {"error": "request", "reason": "no such request"})

    def _memory(self, work: Work) -> int:
        pid = work.pid or 0
        private = limits.private_bytes(pid)
        if private is not None:
            return private
        baseline = int(self.zygotes[work.kind].facts.get("anonymous", 0))
        return max((limits.anonymous_bytes(pid) or 0) - baseline, 0)

    def _begin(self, client: socket.socket, message: Head, received: list[int]) -> None:
        job, kind = message.get("job"), message.get("zygote")
        if job not in JOBS or kind not in self.zygotes or len(received) != JOBS[job]:
            self._reply(client, {"error": "request", "reason": "no such job"})
            return
        size = door.readable_size(received[0]) if received else 0
        if size is None:
            reason = "the descriptor is no regular file, or not opened for reading alone"
            self._reply(client, {"error": "request", "reason": reason})
            return
        problem = self._assign(self._assignment(job, kind, size), kind, client, received)
        if problem is not None:
            self._reply(client, {"error": "busy", "reason": problem})

    def _assign(
        self, assignment: Assignment, kind: str, client: socket.socket, files: list[int]
    ) -> str | None:
        """Have a child forked for `client`; why not, or None."""
        if len(self.works) >= MAX_CHILDREN:
            return f"{MAX_CHILDREN} jailed children are running already"
        zygote = self.zygotes[kind]
        if zygote.state == "cold":
            self._start(zygote)
        budget = assignment.budget
        theirs, childs = socket.socketpair()
        deadline = None if budget.wall is None else time.monotonic() + budget.wall
        work = Work(assignment, kind, client, theirs, deadline)
        taken = zygote.assign(assignment, [childs.fileno(), *files])
        childs.close()
        if not taken:
            theirs.close()
            return f"the {kind} zygote is {zygote.state}"
        self.works[assignment.id] = work
        self.clients[client.fileno()] = (client, work)
        return None

    def _assignment(self, job: str, kind: str, size: int) -> Assignment:
        self.last_number += 1
        insists = self.options.allow_unsandboxed_pickle
        own = bool(self.zygotes[kind].facts.get("own_uids"))
        return Assignment(
            id=self.last_number,
            job=job,
            size=size,
            uid=self._free_uid() if own else None,
            budget=limits.budget_for(job, size, factor=self.options.factor),
            pickles=self.verdict.held or insists,
            unsandboxed=insists,
        )

    def _free_uid(self) -> int:
        taken = {work.assignment.uid for work in self.works.values()}
        span = confine.LAST_UID - confine.FIRST_UID + 1
        start = self.last_number % span
        tries = (confine.FIRST_UID + (start + step) % span for step in range(span))
        return next(uid for uid in tries if uid not in taken)

    # -- what others ask ------------------------------------------------------------------------

    def status(self) -> Head:
        """Readiness, the self-test, the zygotes and how many children there are."""
        warm = all(self.zygotes[kind].state == "warm" for kind in EAGER)
        return {
            "ok": warm and (self.verdict.held or self.options.allow_unsandboxed_pickle),
            "pid": os.getpid(),
            "selftest": self.verdict.as_json(),
            "allow_unsandboxed_pickle": self.options.allow_unsandboxed_pickle,
            "zygotes": {kind: zygote.as_json() for kind, zygote in self.zygotes.items()},
            "children": len(self.works),
        }

    def _test_walls(self) -> None:
        facts = self.zygotes["sklearn"].facts
        if not facts.get("landlock"):
            self.verdict.notes.append("this kernel has no Landlock; seccomp alone holds")
        if os.geteuid() == 0 and not facts.get("own_uids"):
            self.verdict.notes.append("children share root's user: no CAP_SETUID or CAP_KILL here")
        canary = str(Path(self.options.socket_path).with_suffix(".canary"))
        trial.run(self.verdict, self._inner_client, lambda: self._turn(TICK), canary)
        if not self.verdict.held:
            log.error("the jail does not hold here: %s", json.dumps(self.verdict.as_json()))

    def _inner_client(self) -> socket.socket:
        """A connection to this very daemon, before there is a socket to connect to."""
        ours, inner = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._admit(inner)
        return ours
