"""How fast a bot may speak, and who of those who wait may speak first.

Every bot has a bucket that fills steadily, and so has every chat of it. Who speaks takes one out of
both. A priority needs a share of the bot's bucket to be there: what is less urgent stops while
something is left for what is more so, in whatever process that waits. Pure: buckets are values,
the time comes as an argument in seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

WHOLE_BOT = 0
"""In the place of a chat: the bucket of the bot itself."""


class Priority(IntEnum):
    """The first one speaks first."""

    ANSWER = 0
    """Ends the spinner on a button. It never waits; what it takes the others miss."""
    DELIVERY = 1
    NOTICE = 2
    """Also what a dialogue says: its user is waiting for it."""
    STATE = 3
    PROGRESS = 4
    BROADCAST = 5

    @property
    def is_droppable(self) -> bool:
        """Tell whether the next one will say it all and more."""
        return self is Priority.PROGRESS


_SHARES_NEEDED = {
    Priority.ANSWER: 0.0,
    Priority.DELIVERY: 0.0,
    Priority.NOTICE: 1 / 4,
    Priority.STATE: 1 / 3,
    Priority.PROGRESS: 1 / 2,
    Priority.BROADCAST: 3 / 4,
}


@dataclass(frozen=True, slots=True)
class Flow:
    """A bucket holds `burst`, and gets one back in `refill_s`."""

    refill_s: float
    burst: float

    def __post_init__(self) -> None:
        if self.refill_s <= 0 or self.burst < 1:
            raise ValueError(f"nobody could ever speak under {self}")

    @classmethod
    def within(cls, most: float, *, window_s: float, burst: float) -> Flow:
        """Let no more than `most` pass in any window, of which `burst` may pass at once."""
        if burst >= most:
            raise ValueError(f"a burst of {burst:g} leaves nothing of {most:g} to flow")
        return cls(window_s / (most - burst), burst)

    def scaled(self, factor: float) -> Flow:
        return Flow(self.refill_s / factor, max(1.0, self.burst * factor))

    def needed(self, priority: Priority) -> float:
        """Tell how much must be in the bucket; one is taken out of it."""
        return max(1.0, _SHARES_NEEDED[priority] * self.burst)


@dataclass(frozen=True, slots=True)
class OutboundLimits:
    bot: Flow
    chat: Flow
    group: Flow

    def of_chat(self, chat_id: int) -> Flow:
        """Groups and channels have negative numbers."""
        return self.group if chat_id < 0 else self.chat

    def scaled(self, factor: float) -> OutboundLimits:
        return OutboundLimits(
            self.bot.scaled(factor), self.chat.scaled(factor), self.group.scaled(factor)
        )

    def alone(self, share: float) -> OutboundLimits:
        """Give what one process may do by itself; in a chat it is mostly by itself anyway."""
        return replace(self, bot=self.bot.scaled(share))


@dataclass(frozen=True, slots=True)
class Wish:
    """To speak in a chat, or without one (WHOLE_BOT)."""

    chat_id: int
    priority: Priority


@dataclass(frozen=True, slots=True)
class Bucket:
    full_at_s: float
    """When all that was taken has flown back; a moment of the past says nothing."""
    paused_until_s: float = 0.0
    """Telegram has asked for silence until then."""

    def missing(self, flow: Flow, now_s: float) -> float:
        return max(0.0, self.full_at_s - now_s) / flow.refill_s

    def is_forgettable(self, now_s: float) -> bool:
        return max(self.full_at_s, self.paused_until_s) <= now_s


Buckets = Mapping[int, Bucket]
"""Of one bot, by chat; one that is not there is full."""


@dataclass(frozen=True, slots=True)
class Decision:
    waits_s: Sequence[float]
    """For each wish: 0 when it may be carried out now, else when it is worth asking again."""
    changed: Buckets


def decide(
    wishes: Sequence[Wish], buckets: Buckets, limits: OutboundLimits, *, answers: int, now_s: float
) -> Decision:
    """Let through what the buckets hold, in the given order.

    `answers` have been sent already. They empty the bucket of the bot, and never more than that:
    however many they are, the others go on with what flows back.
    """
    whole = buckets.get(WHOLE_BOT, Bucket(now_s))
    missing = whole.missing(limits.bot, now_s)
    missing = max(missing, min(limits.bot.burst, missing + answers))
    chats: dict[int, Bucket] = {}
    waits_s: list[float] = []
    for wish in wishes:
        left = limits.bot.burst - missing
        wait_s = max(
            whole.paused_until_s - now_s,
            (limits.bot.needed(wish.priority) - left) * limits.bot.refill_s,
        )
        if wait_s <= 0 and wish.chat_id != WHOLE_BOT:
            flow = limits.of_chat(wish.chat_id)
            chat = chats.get(wish.chat_id) or buckets.get(wish.chat_id, Bucket(now_s))
            in_chat = chat.missing(flow, now_s)
            wait_s = max(chat.paused_until_s - now_s, (1 - (flow.burst - in_chat)) * flow.refill_s)
            if wait_s <= 0:
                taken = now_s + (in_chat + 1) * flow.refill_s
                chats[wish.chat_id] = replace(chat, full_at_s=taken)
        if wait_s <= 0:
            missing += 1
        waits_s.append(max(0.0, wait_s))
    emptied = replace(whole, full_at_s=now_s + missing * limits.bot.refill_s)
    return Decision(waits_s, {WHOLE_BOT: emptied, **chats})


def paused(chat_id: int, buckets: Buckets, *, for_s: float, now_s: float) -> Buckets:
    """Give the buckets that change when Telegram asks for silence after a call in this chat.

    It does not say whether it means the chat or the bot. The first time the chat is silent; when
    another chat is asked for the same meanwhile, it was the bot.
    """
    others = (one for chat, one in buckets.items() if chat not in {chat_id, WHOLE_BOT})
    is_bot = chat_id == WHOLE_BOT or any(one.paused_until_s > now_s for one in others)
    scopes = {chat_id, WHOLE_BOT} if is_bot else {chat_id}
    return {scope: _silenced(buckets.get(scope, Bucket(now_s)), now_s + for_s) for scope in scopes}


def _silenced(bucket: Bucket, until_s: float) -> Bucket:
    return replace(bucket, paused_until_s=max(bucket.paused_until_s, until_s))
