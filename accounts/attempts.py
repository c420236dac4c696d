"""Wrong passwords, counted: who guesses waits longer each time, and nobody is locked out.

Three counters, each forgotten a quarter of an hour after the last failure:

    an account from an address   three tries are free, then 1, 2, 4, … 60 seconds
    an address                   thirty are free: an office shares one
    an account from anywhere     ten are free; a device that logged in before does not wait

Waiting is asked for before a password is hashed, and for accounts that do not exist as well.
Without Redis this process counts by itself, and strictly.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

import structlog
from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import RedisError

from accounts.errors import TooManyAttempts
from accounts.models import Session
from common.context import origin
from common.http.address import area_of
from common.limits import Bucket, Rate, limiter

logger = structlog.get_logger(__name__)

FREE = {"pair": 3, "address": 30, "account": 10}
LONGEST = 60  # seconds to wait at most
FORGOTTEN = 900  # seconds after the last failure
ALONE = (Rate("minute", 5, 60),)  # of an address, while Redis is away
MOST_SESSIONS = 200
# Sets the counters of one test apart from those of the next.
salt = ""

# KEYS are counters; ARGV[1] is the time after which they are forgotten, then how many are free of
# each. A counter is a hash of the failures `n` and the time `until` which it makes wait.
WAIT = """
local now, worst = redis.call('TIME'), 0
for _, key in ipairs(KEYS) do
  local left = (tonumber(redis.call('HGET', key, 'until')) or 0) - now[1]
  if left > worst then worst = left end
end
return worst
"""
FAILED = """
local now, tries = redis.call('TIME'), 0
for i, key in ipairs(KEYS) do
  local n = redis.call('HINCRBY', key, 'n', 1)
  local over = n - tonumber(ARGV[i + 2])
  if over > 0 then
    local wait = math.min(2 ^ math.min(over - 1, 10), tonumber(ARGV[2]))
    redis.call('HSET', key, 'until', now[1] + wait)
  end
  redis.call('EXPIRE', key, ARGV[1])
  if i == 1 then tries = n end
end
return tries
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at an account, from one place."""

    email_key: str
    address: str
    is_known_device: bool

    @classmethod
    def at(cls, email_key: str, *, is_known_device: bool = False) -> Attempt:
        """A try by the request at hand. A program is known by its agent and network."""
        known = is_known_device or was_seen(email_key)
        return cls(email_key, origin().address, known)

    def check(self) -> None:
        """Raise TooManyAttempts where this try comes too early."""
        counters = self._counters()
        if self.is_known_device:
            del counters["account"]
        try:
            redis = get_redis_connection("default")
            wait = redis.eval(WAIT, len(counters), *counters.values())
        except (RedisError, OSError) as error:
            logger.warning("attempts_not_counted", error=str(error))
            limiter().take([Bucket(f"log-in-alone:{self.address}", ALONE)], strict=True)
            return
        if wait > 0:
            raise TooManyAttempts(
                "Too many wrong passwords. Wait a moment before the next try.",
                retry_after=float(wait),
            )

    def failed(self) -> int:
        """Count a wrong password; how many there were for this account from this address."""
        counters = self._counters()
        free = [str(FREE[kind]) for kind in counters]
        try:
            redis = get_redis_connection("default")
            arguments = [*counters.values(), FORGOTTEN, LONGEST, *free]
            return int(redis.eval(FAILED, len(counters), *arguments))
        except (RedisError, OSError) as error:
            logger.warning("attempts_not_counted", error=str(error))
            return 0

    def succeeded(self) -> None:
        """Forget what this account failed at from this address; nobody else's counters."""
        try:
            get_redis_connection("default").delete(self._counters()["pair"])
        except (RedisError, OSError) as error:
            logger.warning("attempts_not_counted", error=str(error))

    def _counters(self) -> dict[str, str]:
        """The counters' keys. An account's is a keyed digest: Redis learns no address of mail."""
        account = account_digest(self.email_key)
        area = area_of(self.address) if ":" in self.address else self.address
        prefix = f"slipway:attempts:{salt}"
        return {
            "pair": f"{prefix}:pair:{account}:{area}",
            "address": f"{prefix}:address:{area}",
            "account": f"{prefix}:account:{account}",
        }


def account_digest(email_key: str) -> str:
    """What stands for an account where its address must not be read."""
    secret = settings.SECRET_KEY.encode()
    return hmac.new(secret, email_key.encode(), hashlib.sha256).hexdigest()[:32]


def was_seen(email_key: str) -> bool:
    """Whether the account has logged in with this agent, from this network, before. One query."""
    where = origin()
    seen = Session.objects.filter(user__email_key=email_key, agent=where.agent)
    addresses = seen.values_list("address", flat=True).order_by("-id")[:MOST_SESSIONS]
    area = area_of(where.address)
    return any(area_of(address or "") == area for address in addresses)
