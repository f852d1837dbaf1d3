"""Turns to speak to Telegram: all processes of a bot share its limits, the urgent goes first.

Whoever wants to say something waits for a turn. A process asks the shared buckets once for all that
wait in it, the most urgent first, and asks again when it was told that it is worth it; while one
question is under way the next ones gather. Where the store is away each process keeps to a share of
its own, so that deliveries go on.
Invariant: an answer to a button waits for nothing; it is booked by the next question.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from neurocards.domain.outbound import (
    WHOLE_BOT,
    Bucket,
    OutboundLimits,
    Priority,
    Wish,
    decide,
    paused,
)
from neurocards.errors import StoreUnavailableError
from neurocards.ports.outbound import OutboundBuckets, Silence
from neurocards.telemetry.metrics import CommonMetrics

log = structlog.get_logger(__name__)

WISHES_MAX = 32
"""In one question: more than a bucket holds."""
ASK_S_MAX = 1.0
"""A store that takes longer is away."""
AWAY_S = 2.0
"""So long nobody asks it again."""
PAUSE_S_MIN = 0.02
NEAR_S = 1.0
"""Who waits longer is silenced, and is not asked for again and again."""
BUCKETS_MAX = 10_000
"""Of chats, in the book that a process keeps while it is by itself."""


class Moments(Protocol):
    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class NoTurnError(Exception):
    """There is no turn in the time that the caller has; nothing was said."""

    def __init__(self, after_s: float) -> None:
        super().__init__(f"no turn within {after_s:.3g} s")
        self.after_s = after_s


@dataclass(slots=True)
class _Waiting:
    wish: Wish
    number: int
    until: float
    """Who has no turn then gives up."""
    turn: asyncio.Future[None]
    ask_at: float = 0.0


@dataclass(slots=True)
class _Line:
    """Those of one bot who wait in this process."""

    waiting: list[_Waiting] = field(default_factory=list)
    answers: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    serving: asyncio.Task[None] | None = None
    own: dict[int, Bucket] = field(default_factory=dict)


class Turns:
    def __init__(
        self,
        buckets: OutboundBuckets,
        limits: OutboundLimits,
        *,
        alone_share: float,
        metrics: CommonMetrics,
        moments: Moments,
    ) -> None:
        """`alone_share` of the limits is what this process keeps to while the store is away."""
        self._buckets = buckets
        self._limits = limits
        self._alone = limits.alone(alone_share)
        self._metrics = metrics
        self._moments = moments
        self._lines: dict[int, _Line] = {}
        self._numbers = itertools.count()
        self._away_until = 0.0
        self._is_alone = False
        # Who gives the turns outlives whoever waits for one, and must not log in his name.
        self._context = contextvars.copy_context()
        metrics.outbound_alone.set(0)

    async def turn(
        self, bot_id: int, chat_id: int, priority: Priority, *, patience_s: float
    ) -> None:
        """Wait until it may be said; NoTurnError when that is not within `patience_s`.

        What can be dropped does not wait at all.
        """
        line, began = self._line(bot_id), self._moments.monotonic()
        if priority is Priority.ANSWER:
            line.answers += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        until = began if priority.is_droppable else began + patience_s
        line.waiting.append(_Waiting(Wish(chat_id, priority), next(self._numbers), until, turn))
        line.arrived.set()
        if line.serving is None:
            serving = self._serve(bot_id, line)
            line.serving = asyncio.create_task(serving, context=self._context)
        name = priority.name.lower()
        try:
            await turn
        except NoTurnError:
            self._metrics.outbound_held_back_total.labels(name).inc()
            raise
        waited_s = self._moments.monotonic() - began
        self._metrics.outbound_wait_seconds.labels(name).observe(waited_s)

    async def silenced(self, bot_id: int, chat_id: int, *, for_s: float) -> None:
        """Telegram has asked for silence after a call in this chat: all processes keep it."""
        own, now_s = self._line(bot_id).own, self._moments.monotonic()
        changed = paused(chat_id, own, for_s=for_s, now_s=now_s)
        own.update(changed)
        scope = Silence.BOT if WHOLE_BOT in changed else Silence.CHAT
        try:
            async with asyncio.timeout(ASK_S_MAX):
                scope = await self._buckets.pause(bot_id, chat_id, for_s=for_s)
        except (StoreUnavailableError, TimeoutError) as error:
            self._be_alone(reason=type(error).__name__)
        except Exception:
            self._be_alone(reason="bug")
            log.exception("outbound.broken")
        self._metrics.outbound_refusals_total.labels(scope).inc()
        log.warning("outbound.silenced", bot_id=bot_id, scope=scope, for_s=for_s)

    def _line(self, bot_id: int) -> _Line:
        return self._lines.setdefault(bot_id, _Line())

    async def _serve(self, bot_id: int, line: _Line) -> None:
        """Give turns until nobody waits."""
        try:
            while line.waiting:
                line.arrived.clear()
                if asking := self._asking(line):
                    waits_s = await self._take(bot_id, line, [one.wish for one in asking])
                    self._answer(asking, waits_s)
                line.waiting = [one for one in line.waiting if not one.turn.done()]
                if line.waiting:
                    await self._rest(line)
        finally:
            line.serving = None
            for one in line.waiting:
                if not one.turn.done():
                    one.turn.set_exception(NoTurnError(AWAY_S))

    def _asking(self, line: _Line) -> Sequence[_Waiting]:
        """Choose who asks as soon as one may: the others too, lest somebody passes them."""
        now = self._moments.monotonic()
        waiting = [one for one in line.waiting if not one.turn.done()]
        if all(one.ask_at > now for one in waiting):
            return ()
        near = (one for one in waiting if one.ask_at <= now + NEAR_S)
        return sorted(near, key=_rank)[:WISHES_MAX]

    def _answer(self, asking: Sequence[_Waiting], waits_s: Sequence[float]) -> None:
        now = self._moments.monotonic()
        for one, wait_s in zip(asking, waits_s, strict=True):
            if one.turn.done():
                continue
            if wait_s <= 0:
                one.turn.set_result(None)
            elif now + wait_s > one.until:
                one.turn.set_exception(NoTurnError(wait_s))
            else:
                one.ask_at = now + max(PAUSE_S_MIN, wait_s)

    async def _rest(self, line: _Line) -> None:
        """Sleep until it is worth asking again, or somebody new comes."""
        wait_s = min(one.ask_at for one in line.waiting) - self._moments.monotonic()
        if wait_s <= 0 or line.arrived.is_set():
            return
        sleeping = asyncio.ensure_future(self._moments.sleep(wait_s))
        arriving = asyncio.ensure_future(line.arrived.wait())
        try:
            await asyncio.wait((sleeping, arriving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            arriving.cancel()

    async def _take(self, bot_id: int, line: _Line, wishes: Sequence[Wish]) -> Sequence[float]:
        answers, line.answers = line.answers, 0
        if self._moments.monotonic() >= self._away_until:
            try:
                async with asyncio.timeout(ASK_S_MAX):
                    waits_s = await self._buckets.take(
                        bot_id, wishes, answers=answers, limits=self._limits
                    )
            except (StoreUnavailableError, TimeoutError) as error:
                self._be_alone(reason=type(error).__name__)
            except Exception:
                # Whatever it is, it must not keep a video from its user.
                self._be_alone(reason="bug")
                log.exception("outbound.broken")
            else:
                self._be_together()
                return waits_s
        return self._take_alone(line, wishes, answers)

    def _take_alone(self, line: _Line, wishes: Sequence[Wish], answers: int) -> Sequence[float]:
        now_s = self._moments.monotonic()
        if len(line.own) > BUCKETS_MAX:
            kept = line.own.items()
            line.own = {chat: one for chat, one in kept if not one.is_forgettable(now_s)}
        decision = decide(wishes, line.own, self._alone, answers=answers, now_s=now_s)
        line.own.update(decision.changed)
        return decision.waits_s

    def _be_alone(self, *, reason: str) -> None:
        self._away_until = self._moments.monotonic() + AWAY_S
        if not self._is_alone:
            self._is_alone = True
            self._metrics.outbound_alone.set(1)
            log.warning("outbound.alone", reason=reason)

    def _be_together(self) -> None:
        if self._is_alone:
            self._is_alone = False
            self._metrics.outbound_alone.set(0)
            log.info("outbound.together")


def _rank(one: _Waiting) -> tuple[int, int]:
    return one.wish.priority, one.number
