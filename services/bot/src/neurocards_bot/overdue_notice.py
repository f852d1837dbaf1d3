"""The word to users whose orders nobody began in time.

Their credits are back already when they are told, and what they are told may get lost: the
balance and the history say the same. So it is tried once, in bounded time, and raises nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError

from neurocards.ports.queue import OverdueJob
from neurocards_bot.order_texts import OrderTexts

log = structlog.get_logger(__name__)

NOTICE_S_MAX = 10.0


class OverdueNotice:
    def __init__(self, bots: Mapping[int, Bot], texts: OrderTexts) -> None:
        self._bots = bots
        self._texts = texts

    async def tell(self, jobs: Sequence[OverdueJob]) -> None:
        await asyncio.gather(*(self._tell(job) for job in jobs))

    async def _tell(self, job: OverdueJob) -> None:
        bot = self._bots.get(job.bot_id)
        if bot is None:
            log.info("notice.lost", job_id=str(job.job_id), reason="NoSuchBot")
            return
        text = self._texts.overdue(job.language)
        try:
            async with asyncio.timeout(NOTICE_S_MAX):
                await _edit_or_send(bot, job, text)
        except (AiogramError, TimeoutError) as error:
            log.info("notice.lost", job_id=str(job.job_id), reason=type(error).__name__)


async def _edit_or_send(bot: Bot, job: OverdueJob, text: str) -> None:
    try:
        await bot.edit_message_text(text, chat_id=job.chat_id, message_id=job.status_message_id)
    except AiogramError:
        await bot.send_message(job.chat_id, text)
