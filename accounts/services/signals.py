"""Signs of an attack, looked for behind the requests that show them.

`credential_stuffing`: one address fails at twenty accounts or more within ten minutes. Somebody who
forgot a password fails at one.
`key_scan`: one address sends a hundred well-formed keys within a minute that are nobody's.
"""

from __future__ import annotations

from uuid import UUID

import structlog
from django.db import transaction
from django_redis import get_redis_connection
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from accounts import attempts
from accounts.attempts import Attempt, account_digest
from accounts.events import LoginFailed
from accounts.models import IpRule, User
from accounts.services.threats import block_threat
from common.context import Origin, request_context
from common.events import publish

logger = structlog.get_logger(__name__)

MOST_ACCOUNTS = 20
WINDOW = 600  # seconds
TOLD_EVERY = 8  # tries, after the first and the fourth


def send_failed_log_in(attempt: Attempt, *, tries: int) -> None:
    """Have a worker look at a wrong password; a broker that is away costs a sign, no more."""
    from accounts.tasks import judge_failed_log_in

    try:
        judge_failed_log_in.apply_async(
            args=(attempt.email_key, attempt.address, tries), retry=False
        )
    except OperationalError as error:
        logger.warning("failed_log_in_not_judged", error=str(error))


def judge_failed_log_in(email_key: str, address: str, tries: int) -> IpRule | None:
    """Tell of a wrong password whose account it was; block an address that tries many accounts."""
    user_id = User.objects.filter(email_key=email_key).values_list("id", flat=True).first()
    if user_id is not None and is_told(tries):
        _tell(user_id, address, tries)
    accounts = _accounts_tried(address, account_digest(email_key))
    if accounts < MOST_ACCOUNTS:
        return None
    counters = {"accounts": accounts, "seconds": WINDOW}
    return block_threat(address, signal="credential_stuffing", counters=counters)


def judge_key_scan(address: str, keys: int, seconds: int) -> IpRule | None:
    """Block an address that tries keys which are nobody's."""
    return block_threat(address, signal="key_scan", counters={"keys": keys, "seconds": seconds})


def is_told(tries: int) -> bool:
    """Whether this try is told of: a flood of them must not fill the trail."""
    return tries in {1, 4} or (tries > 0 and tries % TOLD_EVERY == 0)


def _tell(user_id: UUID, address: str, tries: int) -> None:
    with request_context(where=Origin(address)), transaction.atomic():
        publish(LoginFailed(user_id=user_id, tries=tries))


def _accounts_tried(address: str, account: str) -> int:
    """How many accounts the address has failed at within the window, this one included."""
    key = f"slipway:stuffing:{attempts.salt}:{address}"
    try:
        with get_redis_connection("default").pipeline() as pipe:
            pipe.sadd(key, account)
            pipe.expire(key, WINDOW)
            pipe.scard(key)
            return int(pipe.execute()[-1])
    except (RedisError, OSError) as error:
        logger.warning("attempts_not_counted", error=str(error))
        return 0
