"""Several replicas of the bot on one database: any of them can take any update."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from neurocards.domain.buttons import short_id
from neurocards_bot.callback_data import LanguageChoice
from neurocards_bot.http.webhook import SECRET_HEADER
from neurocards_bot.ordering import draft_id
from support.bot_desk import message, press
from support.bot_process import BOT_ID, SECRET, BotProcess, running_bot
from support.bot_tables import BotTables
from support.telegram_person import WAIT_S_MAX, Person


@pytest.fixture
def mode() -> str:
    return "webhook"


@pytest.fixture
async def replicas(
    environment: dict[str, str], style: str, tmp_path: Path
) -> AsyncIterator[list[BotProcess]]:
    """Two bots; the simulator's own deliveries reach neither, the tests bring the updates."""
    async with AsyncExitStack() as stack:
        started = [stack.enter_async_context(running_bot(tmp_path, environment)) for _ in range(2)]
        yield list(await asyncio.gather(*started))


async def bring(bot: BotProcess, update: dict[str, Any]) -> httpx.Response:
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(
            f"{bot.url}/telegram/{BOT_ID}", json=update, headers={SECRET_HEADER: SECRET}
        )


async def photo_of(person: Person, photo: Path) -> dict[str, Any]:
    """Give a photo message whose file the simulator knows."""
    await person.send_files("photo", photo)
    sent = (await person.messages())[-1]
    return {
        "photo": [
            {
                "file_id": sent["media"]["file_id"],
                "file_unique_id": "u",
                "width": sent["media"]["width"],
                "height": sent["media"]["height"],
            }
        ]
    }


def confirm(update_id: int, photo_update_id: int, message_id: int) -> dict[str, Any]:
    data = f"ok|{short_id(draft_id(BOT_ID, photo_update_id))}"
    return {"update_id": update_id, "callback_query": press(data, message_id=message_id)}


def template(update_id: int, photo_update_id: int, message_id: int) -> dict[str, Any]:
    data = f"tc|{short_id(draft_id(BOT_ID, photo_update_id))}|test_style"
    return {"update_id": update_id, "callback_query": press(data, message_id=message_id)}


async def test_a_dialogue_begun_on_one_replica_ends_on_another(
    replicas: list[BotProcess], person: Person, photo: Path, tables: BotTables
):
    first, second = replicas
    content = await photo_of(person, photo)
    await bring(first, {"update_id": 9001, "message": message(**content)})
    menu = await person.reads("Фото принято")
    described = {"update_id": 9002, "message": message(text="Чайник")}
    assert (await bring(second, described)).status_code == 200
    await bring(first, template(9003, 9001, menu["message_id"]))
    reply = await bring(second, confirm(9004, 9001, menu["message_id"]))
    assert "Принято" in reply.json()["text"]
    (job,) = await tables.jobs()
    assert (job["caption"], job["template_id"]) == ("Чайник", "test_style")
    assert job["status"] == "queued"


async def test_an_update_that_reaches_two_replicas_at_once_has_one_effect(
    replicas: list[BotProcess], person: Person, photo: Path, tables: BotTables
):
    content = await photo_of(person, photo)
    update = {"update_id": 9001, "message": message(**content)}
    replies = await asyncio.gather(*(bring(bot, update) for bot in replicas * 3))
    assert {reply.status_code for reply in replies} == {200}
    assert await tables.count("drafts") == 1
    menus = [m for m in await person.from_bot() if "Фото принято" in m["text"]]
    assert len(menus) == 1
    assert await tables.balance(person.id) == 3


async def test_twenty_presses_on_two_replicas_make_one_job_and_one_charge(
    replicas: list[BotProcess], person: Person, photo: Path, tables: BotTables
):
    content = await photo_of(person, photo)
    await bring(replicas[0], {"update_id": 9001, "message": message(**content)})
    menu = await person.reads("Фото принято")
    await bring(replicas[0], template(9002, 9001, menu["message_id"]))
    presses = [confirm(9100 + number, 9001, menu["message_id"]) for number in range(20)]
    replies = await asyncio.gather(
        *(bring(replicas[number % 2], press) for number, press in enumerate(presses))
    )
    told = sorted(reply.json()["text"] for reply in replies)
    assert sum("Принято" in text for text in told) == 1
    assert sum("уже принят" in text for text in told) == 19
    assert len(await tables.jobs()) == 1
    assert await tables.count("charges") == 1
    assert await tables.balance(person.id) == 2


async def test_updates_out_of_order_and_twice_end_in_the_same_state(
    replicas: list[BotProcess], person: Person, photo: Path, tables: BotTables
):
    content = await photo_of(person, photo)
    start = {"update_id": 9001, "message": message(text="/start")}
    order = {"update_id": 9002, "message": message(**content)}
    for number, update in enumerate((order, start, order, start)):
        assert (await bring(replicas[number % 2], update)).status_code == 200
    assert await tables.count("drafts") == 1
    assert await tables.balance(person.id) == 3
    assert await tables.count("updates") == 2


async def test_two_replicas_share_the_bucket_of_a_user(
    environment: dict[str, str], tmp_path: Path, person: Person, tables: BotTables
):
    slow = {"NEUROCARDS_INBOUND_PER_MINUTE": "1", "NEUROCARDS_INBOUND_BURST": "6"}
    async with (
        running_bot(tmp_path, environment | slow) as first,
        running_bot(tmp_path, environment | slow) as second,
    ):
        await person.write("/help")
        for number in range(10):
            update = {"update_id": 9001 + number, "message": message(text="/help")}
            reply = await bring((first, second)[number % 2], update)
            assert reply.status_code == 200
        told = [each["text"] for each in await person.from_bot()]
    assert sum("/balance" in text for text in told) == 6
    assert sum("Не так быстро" in text for text in told) == 1
    assert await tables.count("updates") == 10


async def test_a_language_chosen_on_one_replica_is_soon_spoken_by_the_other(
    replicas: list[BotProcess], person: Person
):
    first, second = replicas
    await person.write("/help")
    await bring(second, {"update_id": 9001, "message": message(text="/balance")})
    await person.reads("На вашем счёте")
    choice = press(LanguageChoice(language="en").pack())
    await bring(first, {"update_id": 9002, "callback_query": choice})
    async with asyncio.timeout(WAIT_S_MAX):
        for update_id in itertools.count(9003):
            await bring(second, {"update_id": update_id, "message": message(text="/balance")})
            if "On your account" in (await person.from_bot())[-1]["text"]:
                break
            await asyncio.sleep(0.2)
