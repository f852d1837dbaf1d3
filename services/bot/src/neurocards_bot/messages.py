"""Edits of a message that is there already: said once, and silent where there is nothing to say.

The edit after an acceptance may get lost, since the worker redraws the message with its first
status; that is why it can wait in `LateEdits`, outside of the update's handling. It must not come
after the worker's last word, which is told once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramBadRequest

from neurocards.adapters.telegram.edit_refusals import says_gone, says_unchanged
from neurocards.domain.outbound import Priority
from neurocards.errors import StoreUnavailableError
from neurocards_bot.outbound import said_with
from neurocards_bot.screens import Screen

log = structlog.get_logger(__name__)

Still = Callable[[], Awaitable[bool]]


async def show(bot: Bot, chat_id: int, message_id: int, screen: Screen) -> bool:
    """Draw a screen in a message, which may show it already; False when the message is gone."""
    try:
        await bot.edit_message_text(
            screen.html, chat_id=chat_id, message_id=message_id, reply_markup=screen.keyboard
        )
    except TelegramBadRequest as error:
        if says_gone(error.message):
            return False
        if not says_unchanged(error.message):
            raise
    return True


async def take_keyboard_away(bot: Bot, chat_id: int, message_id: int) -> None:
    try:
        await bot.edit_message_reply_markup(
            chat_id=chat_id, message_id=message_id, reply_markup=None
        )
    except TelegramBadRequest as error:
        if not says_gone(error.message) and not says_unchanged(error.message):
            raise


async def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Edit:
    bot: Bot
    chat_id: int
    message_id: int
    draw: Callable[[], Screen]
    still: Still
    until: float
    """Of the loop's clock: later it is too old."""


class LateEdits:
    """Edits that follow an answered update; bounded in number, rate and age.

    Telegram takes about 30 calls a second from a bot, so more than that is not even tried. An edit
    that is too old could overwrite what the worker has drawn meanwhile: it is dropped, or cut off
    in the middle of its waiting for Telegram.
    """

    WAITING_MAX = 60
    AGE_S_MAX = 2.0
    AT_ONCE = 8
    PER_S = 30

    def __init__(self, on_drop: Callable[[], None]) -> None:
        self._on_drop = on_drop
        self._waiting: deque[_Edit] = deque()
        self._arrived = asyncio.Event()
        self._running: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(self.AT_ONCE)
        self._draining = False

    def submit(
        self,
        bot: Bot,
        chat_id: int,
        message_id: int,
        draw: Callable[[], Screen],
        *,
        still: Still = _always,
    ) -> None:
        """Redraw a message soon, if it is `still` to be; nothing is drawn for a dropped edit."""
        if len(self._waiting) >= self.WAITING_MAX:
            self._on_drop()
            return
        until = asyncio.get_running_loop().time() + self.AGE_S_MAX
        self._waiting.append(_Edit(bot, chat_id, message_id, draw, still, until))
        self._arrived.set()

    async def run(self) -> None:
        """Carry edits out until `drain`, then the rest of them."""
        loop = asyncio.get_running_loop()
        while not (self._draining and not self._waiting):
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
                continue
            await self._free.acquire()
            edit = self._waiting.popleft()
            if loop.time() >= edit.until:
                self._free.release()
                self._on_drop()
                continue
            task = asyncio.create_task(self._carry_out(edit))
            self._running.add(task)
            task.add_done_callback(self._running.discard)
            await asyncio.sleep(1 / self.PER_S)
        await asyncio.gather(*self._running)

    def drain(self) -> None:
        self._draining = True
        self._arrived.set()

    async def _carry_out(self, edit: _Edit) -> None:
        try:
            async with asyncio.timeout_at(edit.until):
                if not await edit.still():
                    return
                with said_with(Priority.STATE):
                    await show(edit.bot, edit.chat_id, edit.message_id, edit.draw())
        except (AiogramError, StoreUnavailableError, TimeoutError) as error:
            log.info("edit.lost", reason=type(error).__name__)
        finally:
            self._free.release()
