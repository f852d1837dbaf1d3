"""OutboundBuckets in memory."""

from __future__ import annotations

from collections.abc import Sequence

from neurocards.domain.outbound import WHOLE_BOT, Bucket, OutboundLimits, Wish, decide, paused
from neurocards.ports.outbound import Silence
from neurocards.testing.database import MemoryDatabase


class MemoryOutboundBuckets:
    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database

    async def take(
        self, bot_id: int, wishes: Sequence[Wish], *, answers: int, limits: OutboundLimits
    ) -> Sequence[float]:
        buckets, now_s = self._of(bot_id), self._database.clock.monotonic()
        decision = decide(wishes, buckets, limits, answers=answers, now_s=now_s)
        buckets.update(decision.changed)
        return decision.waits_s

    async def pause(self, bot_id: int, chat_id: int, *, for_s: float) -> Silence:
        buckets, now_s = self._of(bot_id), self._database.clock.monotonic()
        changed = paused(chat_id, buckets, for_s=for_s, now_s=now_s)
        buckets.update(changed)
        return Silence.BOT if WHOLE_BOT in changed else Silence.CHAT

    def _of(self, bot_id: int) -> dict[int, Bucket]:
        return self._database.outbound.setdefault(bot_id, {})


class OpenBuckets:
    """OutboundBuckets that are never empty, for what is about something else."""

    async def take(
        self,
        bot_id: int,  # noqa: ARG002 - whoever it is
        wishes: Sequence[Wish],
        *,
        answers: int,  # noqa: ARG002
        limits: OutboundLimits,  # noqa: ARG002
    ) -> Sequence[float]:
        return [0.0] * len(wishes)

    async def pause(self, bot_id: int, chat_id: int, *, for_s: float) -> Silence:  # noqa: ARG002
        return Silence.CHAT
