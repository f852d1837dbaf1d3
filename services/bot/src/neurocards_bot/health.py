"""What the bot depends on, as checks.

Ready means PostgreSQL with a schema that is new enough. NATS and Telegram belong to `/health`
only: without NATS orders are accepted and published later, and a pod that is taken out of service
because Telegram is away helps nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from aiogram import Bot

from neurocards.errors import NeurocardsError
from neurocards.ports.clock import Clock
from neurocards.telemetry.probes import Check, Readiness

TELEGRAM_FRESH_S = 60.0
TELEGRAM_S_MAX = 5


class SchemaOutdatedError(NeurocardsError):
    """The schema is older than this program."""


class TelegramCheck:
    """Asks Telegram who each bot is, once a minute at most."""

    def __init__(self, bots: Mapping[int, Bot], clock: Clock) -> None:
        self._bots = bots
        self._clock = clock
        self._fresh_until = float("-inf")

    async def run(self) -> None:
        if self._clock.monotonic() < self._fresh_until:
            return
        for bot in self._bots.values():
            await bot.get_me(request_timeout=TELEGRAM_S_MAX)
        self._fresh_until = self._clock.monotonic() + TELEGRAM_FRESH_S


def build_readiness(
    *,
    schema_version: Callable[[], Awaitable[int]],
    version_needed: int,
    queue: Callable[[], Awaitable[object]],
    telegram: TelegramCheck,
) -> tuple[Readiness, Readiness]:
    """Give what decides over traffic, and what `/health` reports."""

    async def schema() -> None:
        if await schema_version() < version_needed:
            raise SchemaOutdatedError

    database = Check("database", schema)
    all_checks = (database, Check("queue", queue), Check("telegram", telegram.run, TELEGRAM_S_MAX))
    return Readiness([database]), Readiness(all_checks)
