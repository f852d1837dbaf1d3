"""Updates that come at once or more than once: the real dispatcher on in-memory stores."""

from __future__ import annotations

import asyncio

import pytest

from neurocards_bot.processing import Applied
from support.bot_desk import Desk, message, photo


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_updates_of_one_dialogue_never_overlap(desk: Desk):
    """Ten messages at once: the lock puts them one behind the other."""
    updates = [desk.update(message=message(text="/cancel")) for _ in range(10)]
    verdicts = await asyncio.gather(
        *(desk.processor.process_raw(desk.bot, update) for update in updates)
    )
    assert verdicts == [Applied()] * 10
    assert len(desk.telegram.texts()) == 10


async def test_an_update_that_comes_twice_is_answered_once(desk: Desk):
    update = desk.update(message=message(text="/balance"))
    await desk.processor.process_raw(desk.bot, update)
    await desk.processor.process_raw(desk.bot, update)
    assert len(desk.telegram.texts()) == 1


async def test_a_photo_update_that_comes_twice_makes_one_draft(desk: Desk):
    update = desk.update(message=message(**photo()))
    desk.world.database.updates.clear()
    await desk.processor.process_raw(desk.bot, update)
    desk.world.database.updates.clear()
    await desk.processor.process_raw(desk.bot, update)
    assert len(desk.world.database.drafts) == 1
