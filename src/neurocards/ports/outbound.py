"""The buckets out of which all processes of a bot take what they say to Telegram."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from neurocards.domain.outbound import OutboundLimits, Wish


class Silence(StrEnum):
    """Who is silent since Telegram has asked for it."""

    CHAT = "chat"
    BOT = "bot"


class OutboundBuckets(Protocol):
    """One set of buckets for each bot, whoever asks; the store's clock counts."""

    async def take(
        self, bot_id: int, wishes: Sequence[Wish], *, answers: int, limits: OutboundLimits
    ) -> Sequence[float]:
        """Take for all wishes that can be carried out now, in this order, at once.

        Gives for each 0, or the seconds after which it is worth asking again. `answers` were sent
        already and are only booked.
        """
        ...

    async def pause(self, bot_id: int, chat_id: int, *, for_s: float) -> Silence:
        """Note that Telegram asked for silence after a call in this chat; tell who is silent."""
        ...
