"""Bot and worker as processes over one order: their lines join, and each bot delivers its own."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from neurocards.telemetry import user_hash
from neurocards_sandbox.embedded.ports import free_port
from support.bot_process import BotProcess, running_bot, webhook_environment
from support.bot_tables import BotTables
from support.customer import Customer
from support.pictures import picture
from support.telegram_person import Person
from support.waiting import until
from support.worker_world import BOT_ID, TOKEN, WorkerProcess, WorkerWorld, worker_world

OTHER_BOT_ID = 5151
OTHER_TOKEN = "5151:TEST_TOKEN_OF_THE_OTHER_BOT_00000000"
TOKENS = f"{TOKEN},{OTHER_TOKEN}"
LOG_USER_KEY = "of the tests"


class House:
    """A bot process that Telegram calls, a worker process, and what is around them."""

    def __init__(self, world: WorkerWorld, bot: BotProcess, worker: WorkerProcess) -> None:
        self.world = world
        self.bot = bot
        self.worker = worker

    async def delivered(self, bot_id: int, user_id: int) -> dict[str, Any]:
        """Let a user order a video of one bot; give the message that holds it."""
        http = self.world.telegram.http
        photo = picture(self.world.folder / f"{bot_id}-{user_id}.jpg", size=(600, 800))
        customer = Customer(http, bot_id=bot_id, user_id=user_id, photo=photo)
        await customer.introduce()
        person = Person(http, user_id, bot_id=bot_id)

        async def is_ordered() -> bool:
            jobs = await BotTables(self.world.pool).jobs()
            return (bot_id, user_id) in {(job["bot_id"], job["tg_user_id"]) for job in jobs}

        await customer.order(is_ordered)
        return await person.sees(_is_video, what="the video")


def _is_video(message: dict[str, Any]) -> bool:
    return (message.get("media") or {}).get("kind") == "video"


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@asynccontextmanager
async def opened(folder: Path, database_url: str, nats_url: str) -> AsyncIterator[House]:
    port = free_port()
    async with worker_world(
        folder,
        database_url=database_url,
        nats_url=nats_url,
        bot_url=f"http://127.0.0.1:{port}",
    ) as world:
        await world.telegram.call("getMe", OTHER_TOKEN)
        environment = webhook_environment(
            database_url=database_url, nats_url=nats_url, telegram_url=world.telegram.url
        )
        shared = {
            "NEUROCARDS_TELEGRAM_TOKENS": TOKENS,
            "NEUROCARDS_LOG_USER_KEY": LOG_USER_KEY,
        }
        async with running_bot(folder, environment | shared, http_port=port) as bot:
            yield House(world, bot, await world.start_worker(**shared))


@pytest.fixture
async def house(tmp_path: Path, database_url: str, nats_url: str) -> AsyncIterator[House]:
    async with opened(tmp_path, database_url, nats_url) as house:
        yield house


async def test_the_lines_of_bot_and_worker_about_one_job_join_by_its_id(house: House):
    """G-14: from the press on *Confirm* to the delivered video."""
    await house.delivered(BOT_ID, 881)

    async def is_done() -> bool:
        return "job.done" in house.worker.log()

    await until(is_done)
    of_bot = lines_of(house.bot.child.log_path)
    (accepted,) = [line for line in of_bot if line["event"] == "order.accepted"]
    of_worker = lines_of(house.worker.child.log_path)
    joined = [line for line in of_bot + of_worker if line.get("job_id") == accepted["job_id"]]
    events = {line["event"] for line in joined}
    assert {"order.accepted", "job.claimed", "submit.done", "job.done"} <= events
    assert {line["pod"] for line in joined} >= {house.worker.child.log_path.stem, accepted["pod"]}
    assert accepted["tg_user_id"] == user_hash(881, key=LOG_USER_KEY.encode())
    assert (accepted["bot_id"], accepted["pool"]) == (BOT_ID, "default")


async def test_each_of_two_bots_answers_and_delivers_with_its_own_token(house: House):
    """G-8: one process, two tokens; the user who writes to both has two chats."""
    both = 882
    first = await house.delivered(BOT_ID, both)
    chats = [Person(house.world.telegram.http, both, bot_id=id_) for id_ in (BOT_ID, OTHER_BOT_ID)]
    assert await chats[1].messages() == [], "the other bot has nothing to say of it"
    before = len(await chats[0].messages())

    second = await house.delivered(OTHER_BOT_ID, both)
    await house.delivered(OTHER_BOT_ID, 883)

    assert len(await chats[0].messages()) <= before + 1, "but for the notice of its own video"
    videos = [[m for m in await chat.from_bot() if _is_video(m)] for chat in chats]
    assert [len(of_chat) for of_chat in videos] == [1, 1]
    assert first["media"]["file_id"] != second["media"]["file_id"]
    jobs = await BotTables(house.world.pool).jobs()
    assert sorted((job["bot_id"], job["tg_user_id"]) for job in jobs) == [
        (BOT_ID, both),
        (OTHER_BOT_ID, both),
        (OTHER_BOT_ID, 883),
    ]
