"""Rate limits and faults of the Telegram simulator, as the real client meets them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.types import InputMediaPhoto

from neurocards_sandbox.telegram.errors import ApiError
from neurocards_sandbox.telegram.limits import RateLimiter, SameSizeUploads
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, simulator

USER = 7


@pytest.fixture
async def telegram() -> AsyncIterator[Simulator]:
    async with simulator() as running:
        await running.call("getMe")
        await running.say(USER)
        yield running


@pytest.fixture
async def bot(telegram: Simulator) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot("42:TEST", session=session) as client:
        yield client


def allowed(
    limiter: RateLimiter, *, now: float, chat_id: int = 1, count: int = 1, **more: Any
) -> int:
    """How many of `count` calls at one moment are let through."""
    facts = {"kind": "send", "is_group": False, "cost": 1, "factor": 1.0, **more}
    passed = 0
    for _ in range(count):
        try:
            limiter.check(chat_id=chat_id, now=now, **facts)
        except ApiError:
            continue
        passed += 1
    return passed


def test_a_chat_takes_a_short_burst_and_then_one_message_a_second() -> None:
    limiter = RateLimiter()
    assert allowed(limiter, now=0, count=20) == 5
    assert [allowed(limiter, now=second, count=3) for second in range(1, 5)] == [1, 1, 1, 1]


def test_a_bot_sends_thirty_messages_a_second_over_all_chats() -> None:
    limiter = RateLimiter()
    assert sum(allowed(limiter, now=0, chat_id=chat) for chat in range(100)) == 30
    assert sum(allowed(limiter, now=1, chat_id=chat) for chat in range(200, 300)) == 30


def test_a_group_takes_twenty_messages_a_minute() -> None:
    limiter = RateLimiter()
    passed = sum(allowed(limiter, now=second, count=2, is_group=True) for second in range(60))
    assert 20 <= passed <= 40
    later = sum(allowed(limiter, now=60 + second, is_group=True) for second in range(60))
    assert later == 20


def test_edits_and_messages_of_a_chat_are_counted_apart() -> None:
    limiter = RateLimiter()
    assert allowed(limiter, now=0, count=10) == 5
    assert allowed(limiter, now=0, count=10, kind="edit") == 5


def test_an_album_costs_as_much_as_its_items() -> None:
    limiter = RateLimiter()
    assert allowed(limiter, now=0, cost=10) == 1
    assert allowed(limiter, now=5) == 0
    assert allowed(limiter, now=6.1) == 1


def test_a_factor_raises_every_limit() -> None:
    assert allowed(RateLimiter(), now=0, count=200, factor=10.0) == 50


def test_a_refused_call_costs_nothing() -> None:
    limiter = RateLimiter()
    allowed(limiter, now=0, count=100)
    assert allowed(limiter, now=1.01) == 1


def test_equal_sizes_are_held_back_and_then_refused() -> None:
    brake = SameSizeUploads()
    assert brake.delay_s(100_000, 0) == 0
    delays: list[float] = []
    while not delays or delays[-1] <= 5:
        delays.append(brake.delay_s(200_000, 0.0))
        assert len(delays) < 100
    with pytest.raises(ApiError, match="Too Many Requests: retry after 60"):
        brake.delay_s(200_000, 0.0)
    assert delays[0] == 0
    assert delays == sorted(delays)
    assert brake.delay_s(200_001, 0) == 0


async def flood(bot: Bot, message_id: int = 0) -> None:
    """Twenty messages at once, or as many edits of one message."""
    for number in range(1, 21):
        if message_id:
            await bot.edit_message_text(str(number), chat_id=USER, message_id=message_id)
        else:
            await bot.send_message(USER, str(number))


async def test_a_bot_that_is_too_fast_is_told_how_long_to_wait(
    telegram: Simulator, bot: Bot
) -> None:
    with pytest.raises(TelegramRetryAfter) as caught:
        await flood(bot)
    assert caught.value.retry_after == 1
    # Between two calls a busy machine may let enough time pass for one more.
    for _ in range(20):
        reply = await telegram.call("sendMessage", chat_id=USER, text="x")
        if reply.status_code != 200:
            break
    assert reply.status_code == 429
    assert reply.headers["retry-after"] == "1"
    assert reply.json() == {
        "ok": False,
        "error_code": 429,
        "description": "Too Many Requests: retry after 1",
        "parameters": {"retry_after": 1},
    }


async def test_limits_can_be_switched_off(telegram: Simulator, bot: Bot) -> None:
    await telegram.control("/tuning", {"limits": False})
    for number in range(50):
        await bot.send_message(USER, str(number))


async def test_a_refused_edit_changes_nothing(telegram: Simulator, bot: Bot) -> None:
    message = await bot.send_message(USER, "0")
    with pytest.raises(TelegramRetryAfter):
        await flood(bot, message.message_id)
    shown = await telegram.control(f"/chats/{USER}/messages/{message.message_id}")
    assert shown["text"] == str(shown["edits"])


async def test_the_next_calls_of_a_method_fail_as_ordered(telegram: Simulator, bot: Bot) -> None:
    await telegram.control("/faults", {"method": "sendmessage", "times": 2, "status": 502})
    await bot.get_me()
    for _ in range(2):
        with pytest.raises(TelegramServerError, match="Bad Gateway"):
            await bot.send_message(USER, "x")
    assert (await bot.send_message(USER, "x")).text == "x"
    assert await telegram.control("/faults") == []


async def test_a_fault_may_say_its_own_words_and_chat(telegram: Simulator, bot: Bot) -> None:
    order = {
        "method": "sendMessage",
        "status": 400,
        "description": "Bad Request: ODD",
        "chat_id": 8,
    }
    await telegram.control("/faults", order)
    await telegram.say(8)
    await bot.send_message(USER, "x")
    with pytest.raises(TelegramBadRequest, match="Bad Request: ODD"):
        await bot.send_message(8, "x")


async def test_a_flood_answer_can_be_ordered(telegram: Simulator, bot: Bot) -> None:
    await telegram.control("/faults", {"retry_after": 33})
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot.send_message(USER, "x")
    assert caught.value.retry_after == 33


async def test_a_connection_dropped_before_the_call_leaves_no_trace(
    telegram: Simulator, bot: Bot
) -> None:
    await telegram.control("/faults", {"method": "sendMessage", "drop": "before"})
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(USER, "lost")
    assert len((await telegram.control(f"/chats/{USER}"))["messages"]) == 1


async def test_a_connection_dropped_after_the_call_hides_that_it_worked(
    telegram: Simulator, bot: Bot
) -> None:
    await telegram.control("/faults", {"method": "sendMessage", "drop": "after"})
    with pytest.raises(TelegramNetworkError):
        await bot.send_message(USER, "sent all the same")
    messages = (await telegram.control(f"/chats/{USER}"))["messages"]
    assert messages[-1]["text"] == "sent all the same"


async def test_a_call_can_be_delayed(telegram: Simulator, bot: Bot) -> None:
    await telegram.control("/faults", {"method": "getMe", "delay_s": 0.3})
    started = time.monotonic()
    await asyncio.gather(bot.get_me(), bot.get_me())
    assert time.monotonic() - started >= 0.3


async def test_unused_faults_can_be_taken_back(telegram: Simulator, bot: Bot) -> None:
    await telegram.control("/faults", {"status": 500, "times": 100})
    assert len(await telegram.control("/faults")) == 1
    await telegram.control("/faults", method="DELETE")
    await bot.get_me()


async def test_albums_are_refused_as_a_whole(bot: Bot, telegram: Simulator) -> None:
    for number in range(5):
        await bot.send_message(USER, str(number))
    with pytest.raises(TelegramRetryAfter):
        await bot.send_media_group(USER, [InputMediaPhoto(media="AAAA")] * 3)
    assert len((await telegram.control(f"/chats/{USER}"))["messages"]) == 6


async def test_equal_uploads_are_slowed_down_where_that_is_switched_on() -> None:
    settings = TelegramSandboxSettings(same_size_limit=True, limit_factor=100, time_factor=100)
    async with simulator(settings) as telegram:
        await telegram.call("getMe")
        await telegram.say(USER)
        path = "/bot42:TEST/sendDocument"
        files = {"document": ("a.bin", b"\0" * 200_000)}
        sends = [telegram.http.post(path, data={"chat_id": USER}, files=files) for _ in range(30)]
        replies = await asyncio.gather(*sends)
        refused = [reply.json() for reply in replies if reply.status_code == 429]
        assert 0 < len(refused) < 30
        assert refused[0]["parameters"] == {"retry_after": 60}
