"""Who calls, and which version their paths lead to: remembered, and forgotten when it changes.

A credential is kept, in memory alone, for half a minute at most. Whatever could change what it
may do is an event in the database, and a follower of those (`common.heard`) makes the caches forget
it within milliseconds of the commit; it looks every 250 ms where the message got lost. Where it
could not look for a second, nothing remembered is used: every call asks the database.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections

from accounts import limits
from accounts.api.authentication import Credential, read_credential
from accounts.errors import BadToken
from accounts.events import IpRulesChanged, LimitsChanged
from accounts.guards import guard
from common import clock
from common.heard import Follower
from common.limits import lease, limiter
from inference.engine import engine
from inference.events import ModelVersionPinned, ModelVersionUnpinned
from inference.journal.record import pack_facts
from inference.serving import Served, served_for
from inference.warming import Warmer
from registry.events import ModelAliasMoved
from registry.selectors import resolve_for_use

TTL = 30.0  # seconds; also how often a key that is in use is noted as used
JUNK_TTL = 5.0
MOST_CALLERS = 100_000
MOST_ROUTES = 10_000  # of one caller
MOST_JUNK = 10_000
UNHEARD = 1.0  # seconds without news after which nothing remembered is used
WHOSE = ("session_id", "key_id", "user_id")
HEARD_TYPES = (
    "api_key.updated", "api_key.revoked", "api_key.rolled", "api_key.leaked",
    "user.activated", "user.deactivated", "user.suspended", "user.deleted",
    "user.operator_appointed", "user.operator_dismissed",
    "user.password_changed", "user.email_verified", "user.profile_updated", "organization.deleted",
    "organization.member_joined", "organization.member_role_changed",
    "organization.member_removed", "service_account.deleted", "team.deleted",
    "session.ended", "team.member_added", "team.member_role_changed", "team.member_removed",
    "model.updated", "model.renamed", "model.shared", "model.share_changed", "model.unshared",
    "model_version.received", "model_version.ready", "model_version.rejected",
    "model_version.updated", "model.alias_moved", "model.alias_removed",
    "model_version.pinned", "model_version.unpinned",
    "limits.changed", "ip_rules.changed",
)  # fmt: skip


class Route:
    """A path of one caller's: the version it leads to, and the caller as the journal notes them."""

    __slots__ = ("facts", "guarded", "lease", "served")

    def __init__(self, served: Served, caller: Caller) -> None:
        actor = caller.actor
        self.served = served
        self.lease = caller.lease
        # Whose rights depend on the address; None where they don't.
        self.guarded = caller.guarded
        self.facts = pack_facts(
            version_id=served.version_id,
            model_id=served.model_id,
            organization_id=served.organization_id,
            user_id=actor.id,
            key_id=actor.key_id,
        )


class Caller:
    """A credential that was read, its limits, and the routes it has used.

    `until` is on the monotonic clock.
    """

    __slots__ = ("actor", "guarded", "lease", "routes", "until")

    def __init__(self, credential: Credential) -> None:
        self.actor = credential.actor
        self.lease = lease(limiter(), limits.buckets_for(self.actor))
        self.guarded = self.actor if credential.is_guarded else None
        # What a person may do from one address says nothing of another: that is not remembered.
        lasts = TTL if self.guarded is None or self.actor.via == "key" else 0.0
        self.until = time.monotonic() + min(lasts, _seconds_to(credential.ends_at))
        self.routes: dict[str, Route] = {}

    def is_of(self, name: str, id_: str) -> bool:
        """Whether the credential is that session's, key's or user's."""
        actor = self.actor
        found = {"session_id": actor.session_id, "key_id": actor.key_id, "user_id": actor.id}
        return str(found.get(name)) == id_


class Callers:
    """The callers of this process."""

    def __init__(self) -> None:
        # By the credential itself. A digest would hide nothing from who can read this process's
        # memory, where every request's headers lie, and takes as long as all the rest of `known`;
        # a dictionary's hashes are keyed, so that how long it looks tells a stranger nothing.
        self._known: OrderedDict[str, Caller] = OrderedDict()
        self._junk: OrderedDict[bytes, float] = OrderedDict()  # by its digest, however long
        self._lock = threading.Lock()
        self._unheard = UNHEARD + settings.AUTH_STALE_SECONDS
        # Counts what was heard: what was read before it must not be remembered after it.
        self._heard = 0
        self.follower = Follower(HEARD_TYPES, heard=self._hear, lost=self.clear)
        self._warmer = Warmer()

    def start(self) -> None:
        """Follow what happens; before that nothing is remembered. Load what is pinned."""
        self._warmer.start()
        self._warmer.pin_all()
        self.follower.start()

    def stop(self) -> None:
        """End what `start` began."""
        self.follower.stop()
        self._warmer.stop()

    def known(self, token: str, path: str, now: float) -> Route | None:
        """Where a path led this caller the last time; None where that must be asked again.

        `now` is the present moment on the monotonic clock.
        """
        caller = self._known.get(token)
        if caller is None:
            return None
        if now < caller.until and now < self.follower.looked_at + self._unheard:
            return caller.routes.get(path)
        return None

    def caller(self, token: str) -> Caller:
        """Who a key or access token speaks for. Raises BadToken."""
        caller = self._known.get(token)
        if caller is not None and time.monotonic() < caller.until and self._is_current():
            return caller
        return self._read(token)

    def route(self, caller: Caller, path: str, ref: str) -> Route:
        """Find the version a reference leads this caller to, and remember it for the path.

        Raises what `resolve_for_use` raises.
        """
        heard = self._heard
        try:
            route = Route(served_for(resolve_for_use(caller.actor, ref)), caller)
        finally:
            connections.close_all()
        with self._lock:
            if heard == self._heard and self._is_current() and len(caller.routes) < MOST_ROUTES:
                caller.routes[path] = route
        return route

    def clear(self) -> None:
        """Forget everybody, and what was known of rules."""
        _read_rules()
        with self._lock:
            self._heard += 1
            self._known.clear()
            self._junk.clear()

    def _is_current(self) -> bool:
        return time.monotonic() < self.follower.looked_at + self._unheard

    def _read(self, token: str) -> Caller:
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        junk_until = self._junk.get(digest)
        if junk_until is not None and time.monotonic() < junk_until and self._is_current():
            raise BadToken
        heard = self._heard
        try:
            caller = Caller(read_credential(token))
        except BadToken:
            self._remember(heard, self._junk, digest, time.monotonic() + JUNK_TTL, MOST_JUNK)
            raise
        finally:
            connections.close_all()
        self._remember(heard, self._known, token, caller, MOST_CALLERS)
        return caller

    def _remember(
        self, heard: int, where: OrderedDict[Any, Any], key: str | bytes, what: Any, most: int
    ) -> None:
        with self._lock:
            if heard == self._heard and self._is_current():
                where[key] = what
                where.move_to_end(key)
                while len(where) > most:
                    where.popitem(last=False)

    def _hear(self, type_: str, payload: dict[str, Any]) -> None:
        """Forget what an event may have changed; callers of an alias once its version is here.

        Until then they are answered by the version from before, and nobody waits for a model that
        is being loaded.
        """
        if type_ == ModelVersionPinned.type:
            self._warmer.pin(UUID(payload["version_id"]))
        elif type_ == ModelVersionUnpinned.type:
            engine().unpin(UUID(payload["version_id"]))
        elif type_ == ModelAliasMoved.type:
            forget = partial(self._forget, type_, payload)
            self._warmer.load(UUID(payload["version_id"]), then=forget)
        else:
            self._forget(type_, payload)

    def _forget(self, type_: str, payload: dict[str, Any]) -> None:
        """Forget what an event may have changed."""
        if type_ == LimitsChanged.type:
            limits.policies.forget()
        if type_ == IpRulesChanged.type:
            _read_rules()
        with self._lock:
            self._heard += 1
            if type_.startswith("model"):
                for name in (payload["name"], payload.get("new_name")):
                    self._forget_routes(str(name).lower())
                return
            whose = {
                name: payload[name]
                for name in ("session_id", "key_id", "user_id")
                if payload.get(name)
            }
            if not whose:  # it is about more than one of them
                self._known.clear()
            name, id_ = next(iter(whose.items()), ("", ""))
            gone = [token for token, caller in self._known.items() if caller.is_of(name, id_)]
            for token in gone:
                del self._known[token]
            self._junk.clear()

    def _forget_routes(self, name: str) -> None:
        """Those of every model of that name: a new one may stand before another's."""
        for caller in self._known.values():
            gone = [path for path, route in caller.routes.items() if route.served.is_called(name)]
            for path in gone:
                caller.routes.pop(path, None)


def _read_rules() -> None:
    """Read the rules about addresses here, so that no request has to."""
    try:
        guard.reload()
    finally:
        connections.close_all()


def _seconds_to(moment: datetime | None) -> float:
    return TTL if moment is None else (moment - clock.now()).total_seconds()
