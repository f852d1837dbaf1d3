"""OutboundBuckets on PostgreSQL: whoever takes holds the row of the bot for one statement."""

from __future__ import annotations

from collections.abc import Sequence

from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import load
from neurocards.domain.outbound import OutboundLimits, Wish
from neurocards.ports.outbound import Silence


class PostgresOutboundBuckets:
    def __init__(self, database: Database) -> None:
        """`database`: not the pool of the jobs, lest a message waits behind their statements."""
        self._database = database
        self._statements = load("outbound")

    async def take(
        self, bot_id: int, wishes: Sequence[Wish], *, answers: int, limits: OutboundLimits
    ) -> Sequence[float]:
        flows = (limits.bot, limits.chat, limits.group)
        waits_s: list[float] = await self._database.value(
            self._statements["take_outbound"],
            bot_id,
            [wish.chat_id for wish in wishes],
            [limits.bot.needed(wish.priority) for wish in wishes],
            answers,
            *(number for flow in flows for number in (flow.refill_s, flow.burst)),
        )
        return waits_s

    async def pause(self, bot_id: int, chat_id: int, *, for_s: float) -> Silence:
        whole = await self._database.value(
            self._statements["pause_outbound"], bot_id, chat_id, for_s
        )
        return Silence.BOT if whole else Silence.CHAT
