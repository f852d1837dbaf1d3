"""Updates by getUpdates, confirmed only once they are committed.

aiogram's own polling confirms an update with the next request, before its handler has finished: a
crash would lose it. Here the offset follows the lowest update that is still being handled, chats
are served at once but each in its own order, and an update whose handling must be repeated holds
up its chat only. Invariant: no exception of a handler, nor of an answer that cannot be read, ends
the loop or leaves an update in hand for ever.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiogram import Bot
from aiogram.exceptions import (
    AiogramError,
    TelegramConflictError,
    TelegramRetryAfter,
)
from aiogram.methods import TelegramMethod

from neurocards_bot.processing import Applied, NotAnUpdateError, Repeat, UpdateProcessor

log = structlog.get_logger(__name__)

BATCH_MAX = 100
"""Telegram's own limit; also the most updates that are in hand at once."""
WAIT_S = 25
NET_S = 5
"""On top of the time that Telegram holds a request open."""
BUSY_PAUSE_S = 0.3
"""Between two looks for new updates while earlier ones are still being handled."""
BACK_OFF_S_MAX = 30.0
BUG_PAUSE_S = 5.0
"""Before an update is tried again whose handling raised what nobody foresaw."""
BUG_TRIES_MAX = 5
"""Then it is passed: the processor settles what fails, so this one cannot even be settled."""

Sleep = Callable[[float], Awaitable[None]]


class GetRawUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates without reading the updates: one that aiogram cannot read spoils no batch."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    limit: int = BATCH_MAX
    timeout: int = 0
    allowed_updates: list[str] | None = None


class UpdateWindow:
    """Which updates are in hand, and from which one on Telegram must keep them."""

    def __init__(self) -> None:
        self._in_hand: set[int] = set()
        self._committed: set[int] = set()
        self._offset: int | None = None

    @property
    def offset(self) -> int | None:
        """The offset that confirms what is committed, and nothing else."""
        return self._offset

    @property
    def size(self) -> int:
        return len(self._in_hand)

    def admit(self, update_id: int) -> bool:
        """Take an update in hand; False when it is there already, or is done."""
        if update_id in self._in_hand or update_id in self._committed:
            return False
        self._in_hand.add(update_id)
        return True

    def commit(self, update_id: int) -> None:
        self._in_hand.discard(update_id)
        self._committed.add(update_id)
        self._offset = min(self._in_hand, default=max(self._committed) + 1)
        self._committed = {done for done in self._committed if done >= self._offset}

    def forget(self) -> None:
        """Telegram has confirmed everything: it may number on from anywhere, even from below."""
        if not self._in_hand:
            self._committed.clear()
            self._offset = None


class Poller:
    """The loop of one bot; `run` returns after `stop`, with everything in hand settled.

    `prepare` makes way for it: as long as a webhook is set, Telegram answers no getUpdates.
    """

    def __init__(
        self,
        bot: Bot,
        processor: UpdateProcessor,
        *,
        allowed_updates: Sequence[str],
        concurrency: int,
        prepare: Callable[[], Awaitable[None]],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._processor = processor
        self._allowed_updates = list(allowed_updates)
        self._prepare = prepare
        self._slots = asyncio.Semaphore(concurrency)
        self._sleep = sleep
        self._window = UpdateWindow()
        self._lanes: dict[int, deque[Mapping[str, Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        self._stopping.set()

    async def run(self) -> None:
        await self._unless_stopping(self._prepare())
        failures = 0
        while not self._stopping.is_set():
            try:
                await self._unless_stopping(self._turn())
                failures = 0
            except (AiogramError, TimeoutError) as error:
                failures += 1
                await self._back_off(error, failures)
            except Exception as error:
                failures += 1
                log.exception("polling.bug", bot_id=self._bot.id)
                await self._back_off(error, failures)
        await self._finish()

    async def _turn(self) -> None:
        """Fetch what is new and put it into the lanes of its chats."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=BUSY_PAUSE_S, return_when="FIRST_COMPLETED")
        fetched = await self._fetch(timeout_s=0 if self._window.size else WAIT_S)
        if not fetched:
            self._window.forget()
        for raw in fetched:
            update_id = raw.get("update_id")
            if isinstance(update_id, int) and self._window.admit(update_id):
                self._enter_lane(raw)

    async def _fetch(self, *, timeout_s: int) -> list[dict[str, Any]]:
        request = GetRawUpdates(
            offset=self._window.offset, timeout=timeout_s, allowed_updates=self._allowed_updates
        )
        return await self._bot(request, request_timeout=timeout_s + NET_S)

    def _enter_lane(self, raw: Mapping[str, Any]) -> None:
        key = lane_of(raw)
        lane = self._lanes.get(key)
        if lane is not None:
            lane.append(raw)
            return
        self._lanes[key] = deque([raw])
        task = asyncio.create_task(self._serve(key), name=f"lane-{self._bot.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, key: int) -> None:
        lane = self._lanes[key]
        try:
            while lane:
                raw = lane[0]
                if not await self._handle(raw):
                    return
                lane.popleft()
                self._window.commit(raw["update_id"])
        finally:
            del self._lanes[key]

    async def _handle(self, raw: Mapping[str, Any]) -> bool:
        """Repeat until the update is applied; False when the process ends before."""
        bugs = 0
        while True:
            async with self._slots:
                try:
                    verdict = await self._processor.process_raw(self._bot, raw)
                except NotAnUpdateError:
                    return True
                except Exception:
                    bugs += 1
                    log.exception("polling.bug", bot_id=self._bot.id, update_id=raw["update_id"])
                    verdict = Repeat(BUG_PAUSE_S) if bugs < BUG_TRIES_MAX else Applied()
            if not isinstance(verdict, Repeat):
                break
            if self._stopping.is_set():
                return False
            await self._unless_stopping(self._sleep(verdict.after_s))
        if verdict.reply is not None:
            await self._reply(verdict.reply)
        return True

    async def _reply(self, method: TelegramMethod[Any]) -> None:
        """Carry out what a webhook's answer would ask Telegram for; lost without harm."""
        try:
            await self._bot(method)
        except (AiogramError, TimeoutError) as error:
            log.info("reply.lost", method=method.__api_method__, reason=type(error).__name__)

    async def _back_off(self, error: Exception, failures: int) -> None:
        pause_s = min(BACK_OFF_S_MAX, 2.0 ** min(failures - 1, 10)) * random.uniform(0.8, 1.2)
        if isinstance(error, TelegramRetryAfter):
            pause_s = float(error.retry_after)
        conflict = isinstance(error, TelegramConflictError)
        log.warning(
            "polling.failed",
            bot_id=self._bot.id,
            reason=str(error),
            conflict=conflict,
            pause_s=round(pause_s, 1),
        )
        await self._unless_stopping(self._sleep(pause_s))

    async def _unless_stopping(self, awaitable: Awaitable[None]) -> None:
        """Wait for it, or give it up when `stop` is called."""
        work = asyncio.ensure_future(awaitable)
        end = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait((work, end), return_when="FIRST_COMPLETED")
            if work.done():
                work.result()
        finally:
            end.cancel()
            work.cancel()

    async def _finish(self) -> None:
        """Let the handlers in hand end, then confirm what they have committed."""
        if self._tasks:
            await asyncio.gather(*self._tasks)
        if self._window.offset is None:
            return
        try:
            request = GetRawUpdates(offset=self._window.offset, limit=1)
            await self._bot(request, request_timeout=NET_S)
        except AiogramError as error:
            # They come again after the next start and are recognised by their ids.
            log.info("polling.unconfirmed", bot_id=self._bot.id, reason=type(error).__name__)


def lane_of(raw: Mapping[str, Any]) -> int:
    """Give the chat whose updates must stay in order."""
    for event in raw.values():
        if isinstance(event, Mapping):
            message = event.get("message")
            carrier = message if isinstance(message, Mapping) else event
            chat = carrier.get("chat")
            owner = chat if isinstance(chat, Mapping) else event.get("from")
            identifier = owner.get("id") if isinstance(owner, Mapping) else None
            return identifier if isinstance(identifier, int) else 0
    return 0
