"""What Telegram is told about us: where updates go, and which commands there are.

It runs in the background and never stops the bot from serving: a webhook that cannot be set now is
tried again, with growing pauses, until it is. Replicas all do it; a repeat with the same values is
harmless. Later it looks from time to time whether the webhook is still ours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from aiogram import Bot
from aiogram.exceptions import AiogramError, TelegramRetryAfter
from aiogram.types import BotCommand

from neurocards.domain.orders import INTERFACE_LANGUAGES
from neurocards_bot.languages import DEFAULT_LANGUAGE
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.texts import Texts

log = structlog.get_logger(__name__)

BACK_OFF_S_MAX = 60.0
LOOK_S = 60.0

Sleep = Callable[[float], Awaitable[None]]


def webhook_path(bot_id: int) -> str:
    return f"/telegram/{bot_id}"


class Registration:
    """One bot's entries at Telegram."""

    def __init__(
        self,
        bot: Bot,
        texts: Texts,
        metrics: BotMetrics,
        *,
        allowed_updates: Sequence[str],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._bot = bot
        self._texts = texts
        self._metrics = metrics
        self._allowed_updates = list(allowed_updates)
        self._sleep = sleep

    async def keep_webhook(self, base_url: str, *, secret: str, connections_max: int) -> None:
        """Set the webhook, then watch it; ends only when it is cancelled."""
        url = base_url + webhook_path(self._bot.id)
        commands_told = False
        while True:
            await self._insist(lambda: self._set_webhook(url, secret, connections_max), "webhook")
            if not commands_told:
                await self.tell_commands()
                commands_told = True
            while await self._is_ours(url):
                await self._sleep(LOOK_S)
            log.warning("webhook.lost", bot_id=self._bot.id)

    async def remove_webhook(self) -> None:
        """Make way for polling; what waits at Telegram is kept."""
        await self._insist(lambda: self._bot.delete_webhook(drop_pending_updates=False), "polling")
        await self.tell_commands()

    async def tell_commands(self) -> None:
        """Fill the menu beside the input field, as well as it goes."""
        for language in INTERFACE_LANGUAGES:
            commands = [
                BotCommand(command=command, description=description)
                for command, description in self._texts.commands(language)
            ]
            code = None if language == DEFAULT_LANGUAGE else language
            try:
                await self._bot.set_my_commands(commands, language_code=code)
            except AiogramError as error:
                log.info("commands.untold", bot_id=self._bot.id, reason=type(error).__name__)

    async def _set_webhook(self, url: str, secret: str, connections_max: int) -> None:
        await self._bot.set_webhook(
            url,
            secret_token=secret,
            max_connections=connections_max,
            allowed_updates=self._allowed_updates,
            drop_pending_updates=False,
        )
        log.info("webhook.set", bot_id=self._bot.id, url=url)

    async def _is_ours(self, url: str) -> bool:
        try:
            info = await self._bot.get_webhook_info()
        except AiogramError:
            # Whatever Telegram's trouble is, it says nothing about the webhook.
            return True
        self._metrics.webhook_pending.labels(str(self._bot.id)).set(info.pending_update_count)
        if info.last_error_message:
            log.warning(
                "webhook.failing",
                bot_id=self._bot.id,
                reason=info.last_error_message,
                pending=info.pending_update_count,
            )
        return info.url == url

    async def _insist(self, attempt: Callable[[], Awaitable[object]], what: str) -> None:
        pause_s = 1.0
        while True:
            try:
                await attempt()
            except AiogramError as error:
                wait_s = error.retry_after if isinstance(error, TelegramRetryAfter) else pause_s
                log.warning(
                    "registration.failed",
                    bot_id=self._bot.id,
                    what=what,
                    reason=str(error),
                    pause_s=wait_s,
                )
                await self._sleep(wait_s)
                pause_s = min(BACK_OFF_S_MAX, pause_s * 2)
            else:
                return
