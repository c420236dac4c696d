"""Leases: tokens that a process takes in advance, so that a request need not ask Redis.

A lease belongs to one caller in one process. Tokens leave the bucket when they are leased and may
be spent for LEASE_LIFE after that; what is not spent by then is void, so that a process that dies,
or a caller who pauses, costs tokens and never gives any twice. The bucket refills them: a lease
is no more than LEASE_SPAN's refill, and it follows what the caller really uses. It begins with one
token, which is asking per request, and so it stays where a limit is small or nearly spent.

In any t seconds at most quota + quota * t / window are spent: those were leased in the LEASE_LIFE
before, too, and `Rate.capacity` has kept back what refilled in that time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from queue import SimpleQueue
from time import monotonic

from common.limits.errors import LimitExceeded
from common.limits.fields import Fields, policy, reset, seconds, tightest
from common.limits.limiter import Limiter
from common.limits.rates import LEASE_LIFE, LEASE_SPAN, Answer, Bucket, Standing

GROWTH = 4  # times the last block at most
ASK_AGAIN = 1.0  # seconds for which a refusal is repeated without asking


class Block:
    """Tokens of one grant, and what headers say while they are spent.

    `tokens` counts down to 0. An iterator over a range is stepped in one operation of the
    interpreter's, so that threads share it without a lock, and each token is one thread's.
    """

    __slots__ = ("began", "mark", "rest", "size", "tell", "tight", "tokens", "until")

    def __init__(self, answer: Answer, began: float) -> None:
        self.size = answer.granted
        self.tokens: Iterator[int] = iter(range(self.size - 1, -1, -1))
        self.began = began
        self.until = began + LEASE_LIFE
        self.mark = self.size // 2 if self.size > 1 else -1  # as many left: time for the next
        standings = answer.standings
        tight = tightest(standings)
        # Parts that do not change while the block is spent.
        self.rest: tuple[tuple[str, str], ...] = (
            ("X-RateLimit-Limit", str(tight.rate.quota)),
            ("X-RateLimit-Reset", reset(tight.more_in)),
            ("RateLimit-Policy", policy(standing.rate for standing in standings)),
        )
        self.tight = tight.remaining
        self.tell = teller(standings)


def teller(standings: Sequence[Standing]) -> Callable[[int], str]:
    """What makes the RateLimit field of the tokens left in a block. Two rates are the rule."""
    parts = [
        (f'"{rate.name}";r=', remaining, f";t={seconds(more_in)}")
        for rate, remaining, more_in in standings
    ]
    (name, remaining, end), *others = parts
    if not others:
        return lambda left: f"{name}{remaining + left}{end}"
    if len(others) == 1:
        name2, remaining2, end2 = others[0]
        between = f"{end}, {name2}"
        return lambda left: f"{name}{remaining + left}{between}{remaining2 + left}{end2}"
    return lambda left: ", ".join(f"{name}{some + left}{end}" for name, some, end in parts)


class Lease:
    """One caller's tokens in this process. `take` is for any thread."""

    __slots__ = (
        "_ask_at", "_block", "_buckets", "_ceiling", "_limiter", "_lock", "_ready_at", "_refusal",
        "_spare",
    )  # fmt: skip

    def __init__(self, limiter: Limiter, buckets: Sequence[Bucket]) -> None:
        rates = [rate for bucket in buckets for rate in bucket.rates]
        fast = max(int(rate.per_second * LEASE_SPAN) for rate in rates)
        self._ceiling = fast if all(rate.is_leased for rate in rates) else 1
        self._limiter = limiter
        self._buckets = buckets
        self._block = Block(Answer(0, 0.0, [Standing(rate, 0, 0) for rate in rates]), 0.0)
        self._spare: Block | None = None
        self._lock = threading.Lock()
        self._refusal: LimitExceeded | None = None  # the last one, its end, when to ask again
        self._ready_at = self._ask_at = 0.0

    def take(self, now: float) -> Fields:
        """Take one token; the headers that tell what is left. Raises LimitExceeded.

        `now` is the present moment on the monotonic clock, which the caller has read already.
        """
        block = self._block
        left = next(block.tokens, -1)
        while left < 0 or now >= block.until:
            block = self._after(block)
            left = next(block.tokens, -1)
            now = monotonic()
        if left == block.mark:
            _refiller.wake(self)
        return [
            *block.rest,
            ("X-RateLimit-Remaining", f"{block.tight + left}"),
            ("RateLimit", block.tell(left)),
        ]

    def refill(self) -> None:
        """Have the next block ready before this one is spent."""
        with self._lock:
            if self._spare is None:
                block = self._block
                try:
                    self._spare = self._lease(self._wanted(block, block.size - block.mark))
                except LimitExceeded:
                    return  # who takes next is told

    def _after(self, block: Block) -> Block:
        """The block that comes after one that is spent or void."""
        self._refuse_again()
        with self._lock:
            if self._block is block:
                self._refuse_again()
                spare, self._spare = self._spare, None
                self._block = spare or self._lease(self._wanted(block, block.size))
            return self._block

    def _wanted(self, block: Block, used: int) -> int:
        """As many tokens as last for half of a block's life at the present speed."""
        now = monotonic()
        if now >= block.until:
            return 1
        speed = used / max(now - block.began, 0.001)
        return max(1, min(self._ceiling, GROWTH * block.size, int(speed * LEASE_LIFE / 2)))

    def _lease(self, wanted: int) -> Block:
        began = monotonic()
        answer = self._limiter.lease(self._buckets, wanted)
        if answer.granted:
            return Block(answer, began)
        self._refusal = LimitExceeded.of(answer.standings, answer.wait)
        self._ready_at = monotonic() + answer.wait
        self._ask_at = min(self._ready_at, began + ASK_AGAIN)
        raise self._refusal.again(answer.wait)

    def _refuse_again(self) -> None:
        """Repeat the last refusal while it holds: a flood costs no call to Redis."""
        now = monotonic()
        if now < self._ask_at and self._refusal is not None:
            raise self._refusal.again(self._ready_at - now)


class Unlimited:
    """The lease of who has no limit."""

    __slots__ = ()

    def take(self, now: float) -> Fields:
        return []


def lease(limiter: Limiter, buckets: Sequence[Bucket]) -> Lease | Unlimited:
    """A caller's lease in this process."""
    if any(bucket.rates for bucket in buckets):
        return Lease(limiter, buckets)
    return Unlimited()


class _Refiller:
    """The thread that refills leases, started when it is first needed and after a fork."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Lease] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def wake(self, lease: Lease) -> None:
        self._queue.put(lease)
        if self._thread is None or not self._thread.is_alive():
            with self._lock:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            self._queue.get().refill()


_refiller = _Refiller()
