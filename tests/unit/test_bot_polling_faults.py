"""Polling goes on, whatever Telegram answers and whatever a handler raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import ClientDecodeError
from aiogram.methods import AnswerCallbackQuery

from neurocards_bot.messages import LateEdits
from neurocards_bot.outbound import make_bot
from neurocards_bot.polling import BUG_TRIES_MAX, GetRawUpdates, Poller
from neurocards_bot.processing import Applied, Repeat, Verdict
from neurocards_bot.screens import Screen
from support.bot_desk import USER_ID, Desk, ScriptedTelegram, message

REPLY = AnswerCallbackQuery(callback_query_id="1")


def unreadable() -> ClientDecodeError:
    """What aiogram makes of a gateway's error page."""
    return ClientDecodeError("Failed to decode object", ValueError("Expecting value"), "<html>502")


class Telegram(ScriptedTelegram):
    """Holds updates of as many chats until an offset confirms them."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.waiting: list[dict[str, Any]] = [
            {"update_id": number, "message": message(chat={"id": number, "type": "private"})}
            for number in range(1, count + 1)
        ]

    async def make_request(self, bot: Bot, method: Any, timeout: int | None = None) -> Any:
        if not isinstance(method, GetRawUpdates):
            return await super().make_request(bot, method, timeout)
        await asyncio.sleep(0)
        if self.faults.get("getUpdates"):
            raise self.faults["getUpdates"].pop(0)
        offset = method.offset or 0
        self.waiting = [update for update in self.waiting if update["update_id"] >= offset]
        return self.waiting[: method.limit]


class Processor:
    def __init__(self, verdict_of: Callable[[int], Verdict]) -> None:
        self.handled: set[int] = set()
        self._verdict_of = verdict_of

    async def process_raw(self, _bot: Bot, raw: Mapping[str, Any]) -> Verdict:
        verdict = self._verdict_of(raw["update_id"])
        if isinstance(verdict, Applied):
            self.handled.add(raw["update_id"])
        return verdict


async def _nothing() -> None:
    pass


async def _no_time(_seconds: float) -> None:
    await asyncio.sleep(0)


async def polled(telegram: Telegram, verdict_of: Callable[[int], Verdict]) -> set[int]:
    """Poll until Telegram holds nothing more; gives the updates that were handled."""
    processor = Processor(verdict_of)
    poller = Poller(
        make_bot("4242:TOKEN", telegram),
        processor,  # type: ignore[arg-type]
        allowed_updates=["message"],
        concurrency=8,
        prepare=_nothing,
        sleep=_no_time,
    )
    running = asyncio.create_task(poller.run())
    async with asyncio.timeout(30):
        while telegram.waiting and not running.done():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0)
        poller.stop()
        await running
    return processor.handled


async def test_an_unreadable_answer_to_a_reply_ends_no_polling():
    telegram = Telegram(300)
    telegram.faults["answerCallbackQuery"] = [unreadable()]
    handled = await polled(telegram, lambda number: Applied(REPLY if number == 1 else None))
    assert handled == set(range(1, 301))


async def test_an_unreadable_answer_holds_up_nobody_while_another_chat_waits():
    telegram = Telegram(300)
    telegram.faults["answerCallbackQuery"] = [unreadable()]
    repeats = 0

    def second_waits(number: int) -> Verdict:
        nonlocal repeats
        if number == 1:
            return Applied(REPLY)
        if number == 2 and repeats < 50:
            repeats += 1
            return Repeat(1.0)
        return Applied()

    assert await polled(telegram, second_waits) == set(range(1, 301))


async def test_an_unforeseen_error_is_tried_again():
    bugs = 0

    def fails_at_first(number: int) -> Verdict:
        nonlocal bugs
        if number == 1 and bugs < BUG_TRIES_MAX - 1:
            bugs += 1
            raise RuntimeError("a bug")
        return Applied()

    assert await polled(Telegram(150), fails_at_first) == set(range(1, 151))
    assert bugs == BUG_TRIES_MAX - 1


async def test_an_update_that_only_raises_is_passed():
    def raises(number: int) -> Verdict:
        if number == 1:
            raise RuntimeError("a bug")
        return Applied()

    assert await polled(Telegram(150), raises) == set(range(2, 151))


@pytest.mark.parametrize("error", [unreadable(), RuntimeError("a bug")])
async def test_a_failure_to_fetch_is_waited_out(error: Exception):
    telegram = Telegram(3)
    telegram.faults["getUpdates"] = [error]
    assert await polled(telegram, lambda _number: Applied()) == {1, 2, 3}


async def test_an_apology_that_gets_an_unreadable_answer_still_settles_the_update():
    desk = Desk()
    desk.telegram.faults["sendMessage"] = [unreadable() for _ in range(4)]
    raw = desk.update(message=message(text="/help"))
    verdicts = [await desk.processor.process_raw(desk.bot, raw) for _ in range(3)]
    assert [type(verdict) for verdict in verdicts] == [Repeat, Repeat, Applied]


async def test_a_late_edit_with_an_unreadable_answer_is_lost_without_harm():
    telegram = ScriptedTelegram()
    telegram.faults["editMessageText"] = [unreadable()]
    edits = LateEdits(lambda: None)
    edits.submit(make_bot("4242:TOKEN", telegram), USER_ID, 1, lambda: Screen("text"))
    edits.drain()
    await edits.run()
    assert len(telegram.called("editMessageText")) == 1
