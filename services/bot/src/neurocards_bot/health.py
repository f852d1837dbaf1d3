"""What the bot depends on, as checks.

Ready means PostgreSQL with a schema that is new enough. NATS and Telegram belong to `/health`
only: without NATS orders are accepted and published later, and a pod that is taken out of service
because Telegram is away helps nobody. `/health` says that something is wrong, and the detailed
report says what, to whoever has the token of the administrators.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from aiogram import Bot

from neurocards.errors import NeurocardsError
from neurocards.ports.clock import Clock
from neurocards.telemetry.probes import Check, CheckResult, Readiness, run_checks

TELEGRAM_FRESH_S = 60.0
TELEGRAM_S_MAX = 5
HEALTHY, DEGRADED = 200, 503
ERROR_CHARACTERS_MAX = 300


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


class KeysBlockedError(NeurocardsError):
    """No order can be given to the video provider now."""


class Health:
    """What `/health` and `/healthz/detailed` say: all that the bot depends on, not only its own."""

    def __init__(
        self, checks: Sequence[Check], clock: Clock, *, redact: Callable[[str], str]
    ) -> None:
        self._checks = tuple(checks)
        self._clock = clock
        self._redact = redact

    async def brief(self) -> tuple[int, dict[str, object]]:
        """Give the HTTP status and a body that anybody may read: kinds of errors, no texts."""
        results = await run_checks(self._checks)
        ok = all(result.ok for result in results)
        body = self._body("ok" if ok else "degraded") | {
            "checks": {
                result.name: {"ok": result.ok, "took_ms": result.took_ms}
                | ({"reason": result.reason} if result.reason else {})
                for result in results
            }
        }
        return (HEALTHY if ok else DEGRADED), body

    async def detailed(self) -> dict[str, object]:
        """Give each component with the text of its error, secrets left out."""
        results = await run_checks(self._checks)
        ok = all(result.ok for result in results)
        return self._body("healthy" if ok else "degraded") | {
            "components": {
                result.name: {
                    "status": "healthy" if result.ok else "degraded",
                    "took_ms": result.took_ms,
                }
                | ({} if result.ok else {"error": self._error(result)})
                for result in results
            }
        }

    def _body(self, status: str) -> dict[str, object]:
        return {"status": status, "timestamp": self._clock.now().timestamp()}

    def _error(self, result: CheckResult) -> str:
        told = (
            result.reason
            if result.text in ("", result.reason)
            else f"{result.reason}: {result.text}"
        )
        return self._redact(told)[:ERROR_CHARACTERS_MAX]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Each one raises when it is not as it should be."""

    schema_version: Callable[[], Awaitable[int]]
    key_health: Callable[[], Awaitable[tuple[int, int]]]
    queue: Callable[[], Awaitable[object]]
    telegram: TelegramCheck
    relay: Callable[[], Awaitable[None]]
    reaper: Callable[[], Awaitable[None]]


def build_readiness(needs: Dependencies, *, version_needed: int) -> tuple[Readiness, list[Check]]:
    """Give what decides over traffic, and what `Health` looks at."""

    async def schema() -> None:
        if await needs.schema_version() < version_needed:
            raise SchemaOutdatedError

    async def keys() -> None:
        known, blocked = await needs.key_health()
        if known and blocked >= known:
            raise KeysBlockedError(f"all {known} keys of the video provider are blocked")

    database = Check("database", schema)
    others = [
        Check("queue", needs.queue),
        Check("telegram", needs.telegram.run, TELEGRAM_S_MAX),
        Check("keys", keys),
        Check("relay", needs.relay),
        Check("reaper", needs.reaper),
    ]
    return Readiness([database]), [database, *others]
