"""What every DialogueStore and TemplateStore does."""

from __future__ import annotations

import asyncio

from neurocards.ports.orders import DialogueKey
from neurocards.testing.world import World

KEY = DialogueKey(bot_id=1, chat_id=10, user_id=20)


async def test_a_dialogue_that_never_was_has_no_state_and_no_data(world: World):
    assert await world.dialogues.state(KEY) is None
    assert await world.dialogues.data(KEY) == {}


async def test_state_and_data_are_kept_apart(world: World):
    await world.dialogues.set_state(KEY, "Order:options")
    await world.dialogues.set_data(KEY, {"draft": "d1", "page": 2})
    assert await world.dialogues.state(KEY) == "Order:options"
    await world.dialogues.set_state(KEY, None)
    assert await world.dialogues.state(KEY) is None
    assert await world.dialogues.data(KEY) == {"draft": "d1", "page": 2}


async def test_setting_data_replaces_it(world: World):
    await world.dialogues.set_data(KEY, {"a": 1})
    await world.dialogues.set_data(KEY, {"b": [1, "две"]})
    assert await world.dialogues.data(KEY) == {"b": [1, "две"]}


async def test_merges_of_many_replicas_lose_nothing_of_each_other(world: World):
    await asyncio.gather(
        *(world.dialogues.update_data(KEY, {f"from-{number}": number}) for number in range(10))
    )
    assert await world.dialogues.data(KEY) == {f"from-{number}": number for number in range(10)}
    merged = await world.dialogues.update_data(KEY, {"from-0": "changed"})
    assert merged["from-0"] == "changed"
    assert len(merged) == 10


async def test_keys_that_differ_in_any_part_are_different_dialogues(world: World):
    others = [
        KEY._replace(bot_id=2),
        KEY._replace(chat_id=11),
        KEY._replace(user_id=21),
        KEY._replace(thread_id=1),
        KEY._replace(business_connection_id="b"),
        KEY._replace(destiny="scene"),
    ]
    await world.dialogues.set_state(KEY, "mine")
    assert [await world.dialogues.state(other) for other in others] == [None] * len(others)


async def test_a_lock_lets_one_handler_at_a_time_into_a_dialogue(world: World):
    inside = 0
    most = 0

    async def handle() -> None:
        nonlocal inside, most
        async with world.dialogues.lock(KEY):
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(handle() for _ in range(6)))
    assert most == 1


async def test_locks_of_different_dialogues_do_not_meet(world: World):
    both = asyncio.Barrier(2)

    async def handle(key: DialogueKey) -> None:
        async with world.dialogues.lock(key):
            await both.wait()

    await asyncio.wait_for(
        asyncio.gather(handle(KEY), handle(KEY._replace(chat_id=11))), timeout=30
    )


async def test_a_lock_is_free_again_after_an_exception(world: World):
    try:
        async with world.dialogues.lock(KEY):
            raise KeyError("a bug in a handler")  # noqa: TRY301 - it must leave the block
    except KeyError:
        pass
    async with asyncio.timeout(30), world.dialogues.lock(KEY):
        pass


async def test_templates_come_in_menu_order_and_one_by_one(world: World):
    assert [template.id for template in await world.templates.templates()] == ["first", "second"]
    first = await world.templates.template("first")
    assert first is not None
    assert (first.name("ru"), first.prompt("en"), first.position) == ("Первый", "Zoom.", 10)
    assert await world.templates.template("unknown") is None
