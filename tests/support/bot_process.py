"""The real bot as a process of its own, started from environment variables alone."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.embedded.processes import ChildProcess

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 30.0
TOKEN = "4242:TEST_TOKEN_OF_THE_SIMULATED_BOT_0000"
BOT_ID = 4242
SECRET = "webhook-secret"
CALLBACK_SECRET = "callback-secret"
PUBLIC_URL = "https://bot.example"


class BotProcess:
    """A running bot: `url` is its HTTP side, `probes_url` the one for probes and metrics."""

    def __init__(self, child: ChildProcess, *, http_port: int, probes_port: int) -> None:
        self.child = child
        self.url = f"http://127.0.0.1:{http_port}"
        self.probes_url = f"http://127.0.0.1:{probes_port}"

    async def until_ready(self) -> None:
        async with httpx.AsyncClient() as client, asyncio.timeout(READY_WITHIN_S):
            while not await self._is_ready(client):
                assert self.child.is_running, self.child.log_tail()
                await asyncio.sleep(0.05)

    async def _is_ready(self, client: httpx.AsyncClient) -> bool:
        try:
            reply = await client.get(f"{self.probes_url}/readyz", timeout=5)
        except httpx.HTTPError:
            return False
        return reply.status_code == 200

    async def stop(self) -> int | None:
        await self.child.stop(timeout_s=STOP_WITHIN_S)
        return self.child.exit_code


@asynccontextmanager
async def running_bot(
    folder: Path, environment: Mapping[str, str], *, http_port: int | None = None
) -> AsyncIterator[BotProcess]:
    """Start a bot and wait until it is ready; end it afterwards."""
    http_port, probes_port = http_port or free_port(), free_port()
    child = ChildProcess(
        "bot",
        [sys.executable, "-m", "neurocards_bot"],
        log_path=folder / f"bot-{http_port}.log",
        environment={
            "PATH": os.environ["PATH"],
            "NEUROCARDS_HTTP_HOST": "127.0.0.1",
            "NEUROCARDS_HTTP_PORT": str(http_port),
            "NEUROCARDS_METRICS_HOST": "127.0.0.1",
            "NEUROCARDS_METRICS_PORT": str(probes_port),
            **environment,
        },
    )
    bot = BotProcess(child, http_port=http_port, probes_port=probes_port)
    try:
        await bot.until_ready()
        yield bot
    finally:
        await bot.stop()


def bot_environment(*, database_url: str, nats_url: str, telegram_url: str) -> dict[str, str]:
    """Give the settings of a bot that polls."""
    return {
        "MODE": "polling",
        "NEUROCARDS_DATABASE_URL": database_url,
        "NEUROCARDS_NATS_URL": nats_url,
        "NEUROCARDS_TELEGRAM_API_URL": telegram_url,
        "NEUROCARDS_TELEGRAM_TOKENS": TOKEN,
        "NEUROCARDS_PROFILE": "fast",
        "NEUROCARDS_SUPPORT_HANDLE": "@support",
    }


def webhook_environment(**addresses: str) -> dict[str, str]:
    """Give the settings of a bot that Telegram calls."""
    return bot_environment(**addresses) | {
        "MODE": "webhook",
        "PUBLIC_BASE_URL": PUBLIC_URL,
        "NEUROCARDS_WEBHOOK_SECRET": SECRET,
        "NEUROCARDS_CALLBACK_SECRET": CALLBACK_SECRET,
    }
