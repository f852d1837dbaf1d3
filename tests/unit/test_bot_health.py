"""What `/health` tells everybody, and what `/healthz/detailed` tells those who may know."""

from __future__ import annotations

import httpx
import pytest
from aiogram.exceptions import TelegramAPIError, TelegramNetworkError, TelegramUnauthorizedError
from aiogram.methods import GetMe
from prometheus_client import CollectorRegistry

from neurocards.errors import NeurocardsError, QueueUnavailableError, StoreUnavailableError
from neurocards.telemetry.redaction import Redactor
from neurocards.testing.clock import START, FakeClock
from neurocards_bot.health import (
    TELEGRAM_FRESH_S,
    Dependencies,
    Health,
    TelegramCheck,
    build_readiness,
)
from neurocards_bot.http.health import health_routes
from neurocards_bot.http.server import build_app
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.outbound import make_bot
from support.bot_desk import ScriptedTelegram

TOKEN = "an-admin-token-of-tests"
PASSWORD = "the-password"
VERSION = 3
ME = {"id": 1, "is_bot": True, "first_name": "Bot"}


class Ward:
    """A bot whose dependencies fail when told; `away` maps a component to its error."""

    def __init__(self, *, admin_token: str | None = TOKEN) -> None:
        self.away: dict[str, NeurocardsError] = {}
        self.keys = (2, 0)
        self.telegram = ScriptedTelegram()
        self.telegram.results["getMe"] = [ME] * 99
        self.clock = clock = FakeClock()
        bots = {bot_id: make_bot(f"{bot_id}:TOKEN", self.telegram) for bot_id in (1, 2)}
        needs = Dependencies(
            schema_version=self._schema_version,
            key_health=self._key_health,
            queue=lambda: self._fail("queue"),
            telegram=TelegramCheck(bots, clock),
            relay=lambda: self._fail("relay"),
            reaper=lambda: self._fail("reaper"),
        )
        self.readiness, checks = build_readiness(needs, version_needed=VERSION)
        health = Health(checks, clock, redact=Redactor([PASSWORD]))
        routes = [health_routes(health, admin_token=admin_token)]
        app = build_app(routes, BotMetrics(CollectorRegistry()))
        transport = httpx.ASGITransport(app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://bot")

    async def _fail(self, component: str) -> None:
        if component in self.away:
            raise self.away[component]

    async def _schema_version(self) -> int:
        await self._fail("database")
        return VERSION

    async def _key_health(self) -> tuple[int, int]:
        await self._fail("keys")
        return self.keys

    async def detailed(self, token: str = TOKEN) -> httpx.Response:
        return await self.client.get("/healthz/detailed", headers={"X-Admin-Token": token})


async def test_all_is_well_with_a_time_and_every_component():
    """S3-31, S4-31: ok and healthy, a timestamp, and what was looked at."""
    ward = Ward()
    brief = await ward.client.get("/health")
    detailed = (await ward.detailed()).json()
    names = {"database", "queue", "telegram", "keys", "relay", "reaper"}
    assert (brief.status_code, brief.json()["status"]) == (200, "ok")
    assert brief.json()["timestamp"] == detailed["timestamp"] == START.timestamp()
    assert set(brief.json()["checks"]) == set(detailed["components"]) == names
    assert detailed["status"] == "healthy"


@pytest.mark.parametrize("component", ["database", "queue", "relay", "reaper", "keys"])
async def test_one_component_that_is_away_degrades_the_whole_and_is_named(component: str):
    """G-12: each in turn; the brief report tells the kind, the detailed one the words."""
    ward = Ward()
    ward.away[component] = StoreUnavailableError(f"://user:{PASSWORD}@db is away")
    brief = await ward.client.get("/health")
    detailed = await ward.detailed()
    assert (brief.status_code, brief.json()["status"]) == (503, "degraded")
    assert brief.json()["checks"][component]["reason"] == "StoreUnavailableError"
    assert "away" not in brief.text
    assert (detailed.status_code, detailed.json()["status"]) == (200, "degraded")
    assert detailed.json()["components"][component]["error"].endswith("@db is away")
    assert PASSWORD not in detailed.text
    others = [each for name, each in detailed.json()["components"].items() if name != component]
    assert all(each["status"] == "healthy" for each in others)


@pytest.mark.parametrize(
    "error",
    [
        TelegramNetworkError(method=GetMe(), message="connection refused"),
        TelegramUnauthorizedError(method=GetMe(), message="Unauthorized"),
    ],
)
async def test_telegram_that_does_not_answer_for_one_of_the_bots_is_named(error: TelegramAPIError):
    """G-12: away, or the token of that bot was revoked."""
    ward = Ward()
    ward.telegram.faults["getMe"] = [error]
    brief = await ward.client.get("/health")
    assert (brief.status_code, brief.json()["status"]) == (503, "degraded")
    assert brief.json()["checks"]["telegram"]["reason"] == type(error).__name__
    assert (await ward.readiness.report())[0] == 200
    assert (await ward.client.get("/health")).status_code == 200
    assert len(ward.telegram.called("getMe")) == 1 + 2


async def test_telegram_is_asked_once_a_minute_however_often_the_health_is():
    """S4-31: the answer is cached; the page is for everybody."""
    ward = Ward()
    for _ in range(5):
        assert (await ward.client.get("/health")).status_code == 200
    assert len(ward.telegram.called("getMe")) == 2, "once for each bot"
    ward.telegram.faults["getMe"] = [TelegramNetworkError(method=GetMe(), message="away")]
    assert (await ward.client.get("/health")).status_code == 200
    ward.clock.advance(TELEGRAM_FRESH_S)
    assert (await ward.client.get("/health")).status_code == 503


async def test_only_the_database_decides_over_traffic():
    """A pod that is taken out of service because NATS is away helps nobody."""
    ward = Ward()
    ward.away |= {"queue": QueueUnavailableError("away"), "relay": QueueUnavailableError("away")}
    assert (await ward.readiness.report())[0] == 200
    ward.away["database"] = StoreUnavailableError("away")
    assert (await ward.readiness.report())[0] == 503


@pytest.mark.parametrize(("keys", "status"), [((0, 0), 200), ((2, 1), 200), ((2, 2), 503)])
async def test_keys_are_no_trouble_until_all_of_them_rest(keys: tuple[int, int], status: int):
    """Before the first worker there are none."""
    ward = Ward()
    ward.keys = keys
    assert (await ward.client.get("/health")).status_code == status


@pytest.mark.parametrize("token", ["", "wrong", TOKEN[:-1], TOKEN + "x", "é"])
async def test_without_the_token_of_the_administrators_nothing_is_told(token: str):
    """The texts of errors name hosts and users."""
    reply = await Ward().client.get(
        "/healthz/detailed", headers={b"X-Admin-Token": token.encode("latin-1")}
    )
    assert (reply.status_code, reply.content) == (401, b"")


async def test_without_a_configured_token_there_is_no_detailed_report():
    """Nobody can guess what does not exist."""
    assert (await Ward(admin_token=None).detailed()).status_code == 404
