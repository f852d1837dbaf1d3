"""The rate limits that a bot meets: 1/s per chat, 30/s overall, 20/min per group.

Token buckets with the short bursts that the real server lets through. Not a queue: a call
over the limit is refused with `retry_after`, nothing waits here. The clock is passed in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurocards_sandbox.telegram.errors import too_many


@dataclass(frozen=True, slots=True)
class Rate:
    """`per_s` tokens a second, at most `burst` saved."""

    per_s: float
    burst: float

    def scaled(self, factor: float) -> Rate:
        return Rate(self.per_s * factor, self.burst * factor)


BOT_RATE = Rate(30, 30)
CHAT_RATE = Rate(1, 5)
GROUP_RATE = Rate(20 / 60, 20)
BUCKETS_MAX = 100_000


class Bucket:
    """Tokens of one rate; may go into debt by an album, which costs one per item."""

    __slots__ = ("at", "tokens")

    def __init__(self, rate: Rate, now: float) -> None:
        self.tokens = rate.burst
        self.at = now

    def wait_s(self, rate: Rate, now: float) -> float:
        """Seconds until a call is allowed; 0 if it is allowed now."""
        self.tokens = min(rate.burst, self.tokens + (now - self.at) * rate.per_s)
        self.at = now
        return 0.0 if self.tokens >= 1 else (1 - self.tokens) / rate.per_s


class RateLimiter:
    """All buckets of one bot; sends and edits of a chat are counted apart."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, int], Bucket] = {}

    def check(
        self, *, kind: str, chat_id: int, is_group: bool, cost: int, factor: float, now: float
    ) -> None:
        """Take `cost` tokens everywhere or raise 429 and take none."""
        wanted = [(("bot", 0), BOT_RATE), ((kind, chat_id), CHAT_RATE)]
        if is_group:
            wanted.append((("group", chat_id), GROUP_RATE))
        if len(self._buckets) > BUCKETS_MAX:
            self._forget_full(now)
        taken = []
        for key, rate in wanted:
            scaled = rate.scaled(factor)
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = Bucket(scaled, now)
            wait_s = bucket.wait_s(scaled, now)
            if wait_s > 0:
                raise too_many(math.ceil(wait_s))
            taken.append(bucket)
        for bucket in taken:
            bucket.tokens -= cost

    def _forget_full(self, now: float) -> None:
        idle_s = CHAT_RATE.burst / CHAT_RATE.per_s + 60
        self._buckets = {
            key: bucket for key, bucket in self._buckets.items() if now - bucket.at < idle_s
        }


class SameSizeUploads:
    """The brake on uploads over 100 kB of one byte size, which hits one file sent often.

    Each such upload is held back 0.2 s more than the one before (0.9 s at most); when more than
    5 s are queued the answer is 429 with `retry_after` 60.
    """

    SIZE_MIN = 100_000
    STEP_S, STEP_MAX_S, QUEUE_MAX_S, RETRY_AFTER_S = 0.2, 0.9, 5.0, 60

    def __init__(self) -> None:
        self._free_at: dict[int, float] = {}
        self._count: dict[int, int] = {}

    def delay_s(self, size: int, now: float) -> float:
        """Seconds to hold the upload back; raises 429 if too many wait already."""
        if size <= self.SIZE_MIN:
            return 0.0
        free_at = self._free_at.get(size, now)
        if free_at <= now:
            self._count[size] = 0
            free_at = now
        if free_at - now > self.QUEUE_MAX_S:
            raise too_many(self.RETRY_AFTER_S)
        count = self._count[size] = self._count.get(size, 0) + 1
        step_s = 0.0 if count == 1 else min(self.STEP_S * (count - 1), self.STEP_MAX_S)
        self._free_at[size] = free_at + max(step_s, self.STEP_S)
        return free_at - now + step_s
