"""`/health` and `/healthz/detailed` of the real bot while its servers go away and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest

from support.bot_process import BotProcess, running_bot
from support.waiting import until

ADMIN_TOKEN = "an-admin-token-of-tests"


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

    async def is_told_of(self, component: str) -> None:
        """Find the component named in both reports, as what keeps the bot from being well."""

        async def is_told() -> bool:
            status, body = await self.brief()
            check, detailed = body["checks"][component], await self.detailed()
            named = detailed["components"][component]
            return (
                (status, body["status"], detailed["status"]) == (503, "degraded", "degraded")
                and not check["ok"]
                and bool(check["reason"])
                and named["status"] == "degraded"
                and bool(named["error"])
            )

        await until(is_told)

    async def is_well_again(self) -> None:
        async def is_well() -> bool:
            status, body = await self.brief()
            detailed = await self.detailed()
            return (status, body["status"], detailed["status"]) == (200, "ok", "healthy") and all(
                check["ok"] for check in body["checks"].values()
            )

        await until(is_well)

    async def takes_traffic(self) -> None:
        await self._until_readiness_is(200)

    async def takes_no_traffic(self) -> None:
        await self._until_readiness_is(503)

    async def _until_readiness_is(self, code: int) -> None:
        async def is_so() -> bool:
            return (await self._http.get(f"{self._bot.probes_url}/readyz")).status_code == code

        await until(is_so)


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
        await ward.takes_traffic()
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
        await ward.takes_no_traffic()
    finally:
        await postgres_server.start()
    await ward.is_well_again()
    await ward.takes_traffic()


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
    await ward.takes_traffic()
    (await telegram.delete("/sim/faults")).raise_for_status()
    await ward.is_well_again()
