"""A Telegram simulator and the real bot process on real PostgreSQL and NATS, in both modes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import httpx
import pytest

from neurocards_sandbox.embedded.ports import free_port
from neurocards_sandbox.telegram.server import running
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from support.bot_process import (
    BOT_ID,
    PUBLIC_URL,
    TOKEN,
    BotProcess,
    bot_environment,
    running_bot,
    webhook_environment,
)
from support.bot_tables import BotTables
from support.pictures import picture
from support.telegram_person import Person


@pytest.fixture
def http_port() -> int:
    """Where the bot listens; the simulator's ingress leads there."""
    return free_port()


@pytest.fixture
async def telegram(http_port: int, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """The simulator, as a client of its control API; `base_url` is also the Bot API's."""
    settings = TelegramSandboxSettings(
        data_dir=tmp_path / "telegram",
        ingress={PUBLIC_URL: f"http://127.0.0.1:{http_port}"},
        limits=False,
        time_factor=10,
    )
    async with (
        running(settings) as (url, _),
        httpx.AsyncClient(base_url=url, timeout=60) as client,
    ):
        (await client.post("/sim/bots", json={"token": TOKEN})).raise_for_status()
        yield client


@pytest.fixture(params=["polling", "webhook"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def environment(
    mode: str, telegram: httpx.AsyncClient, database_url: str, nats_url: str
) -> dict[str, str]:
    build = webhook_environment if mode == "webhook" else bot_environment
    return build(
        database_url=database_url,
        nats_url=nats_url,
        telegram_url=str(telegram.base_url).rstrip("/"),
    )


@pytest.fixture
def tables(pool: asyncpg.Pool) -> BotTables:
    return BotTables(pool)


@pytest.fixture
async def style(tables: BotTables) -> str:
    """The Russian name of a template that stands first in the menu."""
    await tables.add_template("test_style", {"ru": "Пробный стиль", "en": "Test style"})
    return "Пробный стиль"


@pytest.fixture
async def bot(
    environment: dict[str, str], http_port: int, tmp_path: Path, style: str
) -> AsyncIterator[BotProcess]:
    async with running_bot(tmp_path, environment, http_port=http_port) as bot:
        yield bot


@pytest.fixture
async def person(telegram: httpx.AsyncClient) -> Person:
    """A Russian-speaking user who has never written to the bot."""
    person = Person(telegram, 777, bot_id=BOT_ID)
    await person.register(language_code="ru")
    return person


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return picture(tmp_path / "product.jpg")
