"""The word to users whose orders nobody began in time.

Their credits are back already when they are told. It is tried once, in bounded time, and raises
nothing: whom it does not reach a worker tells that meets the ended job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError

from neurocards.ports.queue import OverdueJob
from neurocards_bot.messages import show
from neurocards_bot.order_texts import OrderTexts
from neurocards_bot.screens import Screen, overdue_screen

log = structlog.get_logger(__name__)

NOTICE_S_MAX = 10.0


class OverdueNotice:
    def __init__(self, bots: Mapping[int, Bot], texts: OrderTexts) -> None:
        self._bots = bots
        self._texts = texts

    async def tell(self, jobs: Sequence[OverdueJob]) -> Collection[UUID]:
        """Tell them all at once; give the jobs whose users know."""
        told = await asyncio.gather(*(self._tell(job) for job in jobs))
        return [job.job_id for job, is_told in zip(jobs, told, strict=True) if is_told]

    async def _tell(self, job: OverdueJob) -> bool:
        bot = self._bots.get(job.bot_id)
        if bot is None:
            log.info("notice.lost", job_id=str(job.job_id), reason="NoSuchBot")
            return False
        screen = overdue_screen(self._texts, job.language, job_id=job.job_id)
        try:
            async with asyncio.timeout(NOTICE_S_MAX):
                await _edit_or_send(bot, job, screen)
        except (AiogramError, TimeoutError) as error:
            log.info("notice.lost", job_id=str(job.job_id), reason=type(error).__name__)
            return False
        return True


async def _edit_or_send(bot: Bot, job: OverdueJob, screen: Screen) -> None:
    """Send a new message only where there is none to edit: an edit without an answer may show."""
    if not await show(bot, job.chat_id, job.status_message_id, screen):
        await bot.send_message(job.chat_id, screen.html, reply_markup=screen.keyboard)
