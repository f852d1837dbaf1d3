"""Calls to Telegram: one session for all bots, waits that Telegram asks for, and what is counted.

A call that Telegram refuses with 429 is repeated after the time it names, as long as that is
short; a longer wait is the caller's matter. A lost connection is repeated only where a repeat
cannot show twice: a message that may have been sent is not sent again from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

import structlog
from aiogram import Bot
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.base import BaseSession
from aiogram.client.session.middlewares.base import (
    BaseRequestMiddleware,
    NextRequestMiddlewareType,
)
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ParseMode
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import LinkPreviewOptions

from neurocards_bot.metrics import BotMetrics

log = structlog.get_logger(__name__)

RETRY_AFTER_S_MAX = 3
"""A handler holds its dialogue while it waits."""
TRIES_MAX = 3
RECONNECT_PAUSE_S = 0.2
_SHOWS_TWICE = ("send", "copy", "forward")
_NOTIFICATIONS = ("send", "edit")

Sleep = Callable[[float], Awaitable[None]]


class Outbound(BaseRequestMiddleware):
    def __init__(self, metrics: BotMetrics, *, sleep: Sleep = asyncio.sleep) -> None:
        self._metrics = metrics
        self._sleep = sleep

    async def __call__(
        self,
        make_request: NextRequestMiddlewareType[TelegramType],
        bot: Bot,
        method: TelegramMethod[TelegramType],
    ) -> Response[TelegramType]:
        name = method.__api_method__
        for last in (*(False,) * (TRIES_MAX - 1), True):
            try:
                reply = await make_request(bot, method)
            except TelegramAPIError as error:
                self._count(name, type(error).__name__)
                pause_s = _pause_s(name, error)
                if last or pause_s is None:
                    raise
                log.info("telegram.retry", method=name, pause_s=pause_s)
                await self._sleep(pause_s)
            else:
                self._count(name, "ok")
                return reply
        raise AssertionError("the last try returns or raises")

    def _count(self, method: str, outcome: str) -> None:
        self._metrics.telegram_calls_total.labels(method, outcome).inc()
        if method.startswith(_NOTIFICATIONS):
            success = "true" if outcome == "ok" else "false"
            self._metrics.notifications_sent_total.labels(method, success).inc()


def _pause_s(method: str, error: TelegramAPIError) -> float | None:
    """Tell how long to wait before a repeat; None when it must not be repeated from here."""
    if isinstance(error, TelegramRetryAfter):
        return error.retry_after if error.retry_after <= RETRY_AFTER_S_MAX else None
    if isinstance(error, TelegramNetworkError) and not method.startswith(_SHOWS_TWICE):
        return RECONNECT_PAUSE_S
    return None


@cache
def answer_model(returned: Any) -> Any:
    """Give the model of an answer that carries `returned`, the same one each time.

    pydantic forgets a generic model that nobody holds; aiogram would build it anew for every
    answer, and that stops the loop for about 5 ms.
    """
    return Response[returned]


class Session(AiohttpSession):
    """Keeps the models of answers."""

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        answer_model(method.__returning__)
        return super().check_response(bot, method, status_code, content)


def make_session(api_url: str, *, connections_max: int, metrics: BotMetrics) -> AiohttpSession:
    session = Session(api=TelegramAPIServer.from_base(api_url), limit=connections_max, timeout=30.0)
    session.middleware(Outbound(metrics))
    return session


def make_bot(token: str, session: BaseSession) -> Bot:
    defaults = DefaultBotProperties(
        parse_mode=ParseMode.HTML, link_preview=LinkPreviewOptions(is_disabled=True)
    )
    return Bot(token, session=session, default=defaults)
