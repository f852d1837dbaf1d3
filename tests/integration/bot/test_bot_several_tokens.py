"""One bot process with two tokens: who writes to a bot is answered by that bot, in both modes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from support.bot_process import BOT_ID, TOKEN, BotProcess, running_bot
from support.bot_tables import BotTables
from support.telegram_person import Person

OTHER_BOT_ID = 5151
OTHER_TOKEN = "5151:TEST_TOKEN_OF_THE_OTHER_BOT_00000000"


@pytest.fixture
async def both_bots(
    environment: dict[str, str], telegram: httpx.AsyncClient, http_port: int, tmp_path: Path
) -> AsyncIterator[BotProcess]:
    (await telegram.post("/sim/bots", json={"token": OTHER_TOKEN})).raise_for_status()
    tokens = {"NEUROCARDS_TELEGRAM_TOKENS": f"{TOKEN},{OTHER_TOKEN}"}
    async with running_bot(tmp_path, environment | tokens, http_port=http_port) as bot:
        yield bot


@pytest.mark.usefixtures("both_bots")
async def test_each_bot_answers_in_its_own_chat_and_welcomes_by_itself(
    telegram: httpx.AsyncClient, tables: BotTables
):
    """G-8: one user who writes to both bots, and one who writes to the second only."""
    first = Person(telegram, 777, bot_id=BOT_ID)
    same_at_other = Person(telegram, 777, bot_id=OTHER_BOT_ID)
    second = Person(telegram, 888, bot_id=OTHER_BOT_ID)
    for person in (first, second):
        await person.register(language_code="ru")

    await first.write("/start")
    await first.reads("3 кредита")
    assert await same_at_other.messages() == []
    await second.write("/start")
    await second.reads("3 кредита")
    await same_at_other.write("/balance")
    await same_at_other.reads("стоит 2 кредита")

    assert len(await first.from_bot()) == len(await second.from_bot()) == 1
    assert await Person(telegram, 888, bot_id=BOT_ID).messages() == []
    assert await tables.count("users") == 2
