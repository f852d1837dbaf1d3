"""`/health` and `/healthz/detailed` of the real bot while its servers go away and come back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from support.bot_process import BotProcess, running_bot

ADMIN_TOKEN = "an-admin-token-of-tests"
WAIT_S_MAX = 60.0
LOOK_S = 0.1


class Server(Protocol):
    async def stop(self) -> None: ...
    async def start(self) -> None: ...


class Ward:
    """A running bot, asked as its operators ask it."""

    def __init__(self, bot: BotProcess, http: httpx.AsyncClient) -> None:
        self._bot = bot
        self._http = http

    async def brief(self) -> tuple[int, dict[str, Any]]:
        reply = await self._http.get(f"{self._bot.url}/health")
        return reply.status_code, reply.json()

    async def detailed(self) -> dict[str, Any]:
        headers = {"X-Admin-Token": ADMIN_TOKEN}
        reply = await self._http.get(f"{self._bot.url}/healthz/detailed", headers=headers)
        return dict(reply.raise_for_status().json())

    async def takes_traffic(self) -> bool:
        return (await self._http.get(f"{self._bot.probes_url}/readyz")).status_code == 200

    async def until_brief(self, code: int) -> dict[str, Any]:
        body: dict[str, Any] = {}
        try:
            async with asyncio.timeout(WAIT_S_MAX):
                while True:
                    status, body = await self.brief()
                    if status == code:
                        return body
                    await asyncio.sleep(LOOK_S)
        except TimeoutError:
            raise AssertionError(f"/health did not answer {code}: {body}") from None

    async def is_told_of(self, component: str) -> None:
        """Find the component named in both reports, as what keeps the bot from being well."""
        body = await self.until_brief(503)
        assert body["status"] == "degraded"
        assert body["checks"][component]["ok"] is False, body
        assert body["checks"][component]["reason"]
        detailed = await self.detailed()
        assert detailed["status"] == "degraded"
        assert detailed["components"][component]["status"] == "degraded"
        assert detailed["components"][component]["error"]

    async def is_well_again(self) -> None:
        body = await self.until_brief(200)
        assert body["status"] == "ok"
        assert all(check["ok"] for check in body["checks"].values())
        assert (await self.detailed())["status"] == "healthy"


@pytest.fixture
def mode() -> str:
    return "webhook"


@pytest.fixture
async def ward(environment: dict[str, str], http_port: int, tmp_path: Path) -> AsyncIterator[Ward]:
    changes = {"NEUROCARDS_ADMIN_TOKEN": ADMIN_TOKEN}
    async with (
        running_bot(tmp_path, environment | changes, http_port=http_port) as bot,
        httpx.AsyncClient(timeout=60, trust_env=False) as http,
    ):
        yield Ward(bot, http)


async def test_nats_that_is_stopped_is_named_until_it_is_back(ward: Ward, nats_server: Server):
    """G-12. Traffic still comes: orders are accepted, and published when NATS is back."""
    await ward.is_well_again()
    await nats_server.stop()
    try:
        await ward.is_told_of("queue")
        assert await ward.takes_traffic()
    finally:
        await nats_server.start()
    await ward.is_well_again()


async def test_postgresql_that_is_stopped_is_named_until_it_is_back(
    ward: Ward, postgres_server: Server
):
    """G-12. No traffic comes meanwhile."""
    await ward.is_well_again()
    await postgres_server.stop()
    try:
        await ward.is_told_of("database")
        assert not await ward.takes_traffic()
    finally:
        await postgres_server.start()
    await ward.is_well_again()
    assert await ward.takes_traffic()


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"status": 502, "description": "Bad Gateway"}, id="broken"),
        pytest.param({"status": 401, "description": "Unauthorized"}, id="token-revoked"),
        pytest.param({"delay_s": 30.0}, id="silent"),
    ],
)
async def test_telegram_that_does_not_know_the_bot_is_named_until_it_does(
    ward: Ward, telegram: httpx.AsyncClient, fault: dict[str, Any]
):
    """G-12, S4-31: get_me. An answer holds for a minute, so it is asked here for the first time."""
    order = {"method": "getMe", "times": 1000, **fault}
    (await telegram.post("/sim/faults", json=order)).raise_for_status()
    await ward.is_told_of("telegram")
    assert await ward.takes_traffic()
    (await telegram.delete("/sim/faults")).raise_for_status()
    await ward.is_well_again()
