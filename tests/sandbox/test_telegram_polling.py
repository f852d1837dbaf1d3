"""Long polling of the Telegram simulator, by raw calls and by a real aiogram dispatcher."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiogram import Bot, Dispatcher
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramConflictError
from aiogram.filters import CommandStart
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, eventually, simulator

USER = 7


@pytest.fixture
async def telegram() -> AsyncIterator[Simulator]:
    async with simulator(TelegramSandboxSettings(limits=False, local=True)) as running:
        await running.call("getMe")
        yield running


@pytest.fixture
async def bot(telegram: Simulator) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot("42:TEST", session=session) as client:
        yield client


async def updates(telegram: Simulator, **values: Any) -> list[dict[str, Any]]:
    reply = await telegram.call("getUpdates", **values)
    found: list[dict[str, Any]] = reply.json()["result"]
    return found


async def test_a_dispatcher_gets_messages_and_presses_in_order(
    telegram: Simulator, bot: Bot
) -> None:
    dispatcher, seen = Dispatcher(), []

    async def start(message: Message) -> None:
        row = [InlineKeyboardButton(text="Go", callback_data="go")]
        keyboard = InlineKeyboardMarkup(inline_keyboard=[row])
        await message.answer("Hi", reply_markup=keyboard)

    async def press(query: CallbackQuery) -> None:
        await query.answer("Going")

    async def write(message: Message) -> None:
        seen.append(message.text)

    dispatcher.message.register(start, CommandStart())
    dispatcher.callback_query.register(press)
    dispatcher.message.register(write)
    polling = asyncio.create_task(
        dispatcher.start_polling(bot, handle_signals=False, polling_timeout=1)
    )
    await telegram.say(USER, "/start")
    chat = telegram.world.chats[42, USER]
    await eventually(lambda: 2 in chat.messages)
    query = await telegram.control(f"/chats/{USER}/press", {"message_id": 2, "text": "Go"})
    callback = telegram.world.callbacks[query["callback_query_id"]]
    await eventually(lambda: bool(callback.answers))
    for number in range(20):
        await telegram.say(USER, str(number))
    await eventually(lambda: len(seen) == 20)
    await dispatcher.stop_polling()
    await polling
    assert callback.answers[0]["text"] == "Going"
    assert sorted(seen, key=lambda text: int(text or "")) == [str(number) for number in range(20)]


async def test_updates_stay_until_an_offset_confirms_them(telegram: Simulator) -> None:
    for text in ("a", "b", "c"):
        await telegram.say(USER, text)
    first = await updates(telegram, limit=2)
    assert [one["message"]["text"] for one in first] == ["a", "b"]
    rest = await updates(telegram, offset=first[-1]["update_id"] + 1)
    assert [one["message"]["text"] for one in rest] == ["c"]
    assert [one["update_id"] for one in first + rest] == list(
        range(first[0]["update_id"], first[0]["update_id"] + 3)
    )
    assert await updates(telegram, offset=rest[0]["update_id"] + 1) == []


async def test_a_negative_offset_keeps_the_last_updates_only(telegram: Simulator) -> None:
    for text in ("a", "b", "c"):
        await telegram.say(USER, text)
    assert [one["message"]["text"] for one in await updates(telegram, offset=-1)] == ["c"]
    assert len(await updates(telegram, offset=1)) == 1


async def test_a_long_poll_ends_when_something_happens(telegram: Simulator) -> None:
    waiting = asyncio.create_task(updates(telegram, timeout=30))
    bot = telegram.world.bots[42]
    await eventually(lambda: bot.poll.active is not None)
    await telegram.say(USER, "now")
    found = await asyncio.wait_for(waiting, 10)
    assert [one["message"]["text"] for one in found] == ["now"]


async def test_a_long_poll_ends_empty_when_its_time_is_over(telegram: Simulator) -> None:
    started = time.monotonic()
    assert await updates(telegram, timeout=1) == []
    assert time.monotonic() - started >= 0.9


async def test_a_second_poller_throws_the_first_one_out(telegram: Simulator, bot: Bot) -> None:
    first = asyncio.create_task(bot.get_updates(timeout=30))
    await eventually(lambda: telegram.world.bots[42].poll.active is not None)
    second = asyncio.create_task(updates(telegram, offset=5, timeout=30))
    with pytest.raises(
        TelegramConflictError,
        match="Conflict: terminated by other getUpdates request; "
        "make sure that only one bot instance is running",
    ):
        await first
    await telegram.say(USER)
    assert len(await second) == 1


async def test_polling_is_refused_while_a_webhook_is_set(telegram: Simulator, bot: Bot) -> None:
    waiting = asyncio.create_task(bot.get_updates(timeout=30))
    await eventually(lambda: telegram.world.bots[42].poll.active is not None)
    await bot.set_webhook("http://127.0.0.1:9/hook")
    with pytest.raises(TelegramConflictError, match="Conflict: terminated by setWebhook request"):
        await waiting
    with pytest.raises(
        TelegramConflictError,
        match="Conflict: can't use getUpdates method while webhook is active; "
        "use deleteWebhook to delete the webhook first",
    ):
        await bot.get_updates()
    await bot.delete_webhook()
    assert await bot.get_updates() == []


async def test_a_busy_loop_is_slowed_down(telegram: Simulator) -> None:
    started = time.monotonic()
    for _ in range(2):
        assert await updates(telegram, offset=1) == []
    assert time.monotonic() - started >= 2.9


async def test_only_the_wanted_kinds_are_kept(telegram: Simulator) -> None:
    await updates(telegram, allowed_updates=["callback_query"])
    await telegram.say(USER)
    assert await updates(telegram, offset=1) == []
    await updates(telegram, offset=2, allowed_updates=[])
    await telegram.say(USER)
    assert len(await updates(telegram, offset=3)) == 1


async def test_updates_die_of_old_age(telegram: Simulator) -> None:
    await telegram.say(USER, "old")
    await telegram.say(USER, "young")
    queue = telegram.world.bots[42].queue
    next(iter(queue.pending.values())).expires_at = time.time() - 1
    assert [one["message"]["text"] for one in await updates(telegram)] == ["young"]
    assert len(queue.pending) == 1


async def test_a_press_lives_shorter_than_a_message(telegram: Simulator) -> None:
    await telegram.say(USER)
    press = {"message_id": 1, "callback_data": "old menu", "force": True}
    await telegram.control(f"/chats/{USER}/press", press)
    message, query = telegram.world.bots[42].queue.pending.values()
    assert message.expires_at - time.time() == pytest.approx(24 * 3600, abs=60)
    assert query.expires_at - time.time() == pytest.approx(150, abs=60)


async def test_polling_goes_on_after_the_client_gave_up(telegram: Simulator) -> None:
    abandoned = asyncio.create_task(updates(telegram, timeout=30))
    await eventually(lambda: telegram.world.bots[42].poll.active is not None)
    abandoned.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await abandoned
    await telegram.say(USER, "still there")
    assert len(await updates(telegram, offset=1)) == 1
