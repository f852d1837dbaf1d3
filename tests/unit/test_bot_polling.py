"""Polling: in order per chat, at once across chats, confirmed only what is committed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramConflictError, TelegramNetworkError, TelegramRetryAfter
from aiogram.methods import AnswerCallbackQuery
from hypothesis import given
from hypothesis import strategies as st

from neurocards_bot.outbound import make_bot
from neurocards_bot.polling import GetRawUpdates, Poller, UpdateWindow, lane_of
from neurocards_bot.processing import Applied, NotAnUpdateError, Repeat, Verdict
from support.bot_desk import ScriptedTelegram, membership, message, press


class TestWindow:
    def test_the_offset_stays_below_the_lowest_update_in_hand(self):
        window = UpdateWindow()
        for update_id in (10, 11, 12):
            assert window.admit(update_id)
        window.commit(12)
        window.commit(11)
        assert window.offset == 10
        window.commit(10)
        assert window.offset == 13

    def test_an_update_that_is_fetched_again_is_not_admitted_twice(self):
        window = UpdateWindow()
        assert window.admit(1)
        assert not window.admit(1)
        assert window.admit(2)
        window.commit(2)
        assert not window.admit(2)

    def test_once_all_is_confirmed_the_numbering_may_begin_anew(self):
        window = UpdateWindow()
        window.admit(900)
        window.commit(900)
        window.forget()
        assert window.offset is None
        assert window.admit(5)

    def test_nothing_is_forgotten_while_updates_are_in_hand(self):
        window = UpdateWindow()
        window.admit(1)
        window.admit(2)
        window.commit(2)
        window.forget()
        assert window.offset == 1
        assert not window.admit(2)

    @given(st.permutations(range(20)))
    def test_the_offset_never_passes_an_update_that_is_not_committed(self, order: list[int]):
        window = UpdateWindow()
        for update_id in range(20):
            window.admit(update_id)
        left = set(range(20))
        for update_id in order:
            window.commit(update_id)
            left.discard(update_id)
            assert window.offset == min(left, default=20)


@pytest.mark.parametrize(
    ("update", "lane"),
    [
        ({"update_id": 1, "message": message(chat={"id": 5, "type": "private"})}, 5),
        ({"update_id": 1, "callback_query": press("x")}, 777),
        ({"update_id": 1, "my_chat_member": membership("member", "kicked")}, 777),
        ({"update_id": 1, "inline_query": {"from": {"id": 9}}}, 9),
        ({"update_id": 1, "poll": {"id": "7"}}, 0),
        ({"update_id": 1, "message": {"chat": {"id": "text"}}}, 0),
        ({"update_id": 1}, 0),
    ],
)
def test_updates_of_one_chat_share_a_lane(update: dict[str, Any], lane: int):
    assert lane_of(update) == lane


class Telegram(ScriptedTelegram):
    """Holds updates until they are confirmed by an offset, as the Bot API does."""

    def __init__(self, updates: list[dict[str, Any]]) -> None:
        super().__init__()
        self.waiting = updates
        self.offsets: list[int | None] = []
        self.failures: list[Exception] = []

    async def make_request(self, bot: Bot, method: Any, timeout: int | None = None) -> Any:
        if not isinstance(method, GetRawUpdates):
            return await super().make_request(bot, method, timeout)
        await asyncio.sleep(0)
        if self.failures:
            raise self.failures.pop(0)
        self.offsets.append(method.offset)
        if method.offset is not None:
            self.waiting = [u for u in self.waiting if u["update_id"] >= method.offset]
        if not self.waiting and method.timeout:
            await turns(20)
        return self.waiting[: method.limit]


class Processor:
    """Handles updates as the test says; remembers what was handled, in which order."""

    def __init__(self, handle: Callable[[int], Any] | None = None) -> None:
        self.handled: list[int] = []
        self.running = 0
        self.running_max = 0
        self._handle = handle

    async def process_raw(self, _bot: Bot, raw: Mapping[str, Any]) -> Verdict:
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            verdict = await self._handle(raw["update_id"]) if self._handle else Applied()
        finally:
            self.running -= 1
        if isinstance(verdict, Applied):
            self.handled.append(raw["update_id"])
        return verdict


def update(update_id: int, chat_id: int = 1) -> dict[str, Any]:
    return {"update_id": update_id, "message": message(chat={"id": chat_id, "type": "private"})}


async def reaching(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not wanted():
            await turns(1)


async def turns(count: int) -> None:
    """Let everybody else go on, so many times."""
    for _ in range(count):
        await asyncio.sleep(0)


class Run:
    def __init__(self, telegram: Telegram, processor: Processor, *, concurrency: int = 8) -> None:
        self.telegram, self.processor = telegram, processor
        self.pauses: list[float] = []
        self.prepared = 0
        self.poller = Poller(
            make_bot("4242:TOKEN", telegram),
            processor,  # type: ignore[arg-type]
            allowed_updates=["message"],
            concurrency=concurrency,
            prepare=self._prepare,
            sleep=self._sleep,
        )

    async def _prepare(self) -> None:
        self.prepared += 1

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        await asyncio.sleep(0)

    async def until(self, reached: Callable[[], bool]) -> None:
        """Poll until something is reached, then stop in order."""
        task = asyncio.create_task(self.poller.run())
        await reaching(lambda: reached() or task.done())
        self.poller.stop()
        async with asyncio.timeout(20):
            await task


async def test_every_update_is_handled_once_and_confirmed():
    telegram = Telegram([update(number, chat_id=number % 3) for number in range(1, 251)])
    run = Run(telegram, Processor())
    await run.until(lambda: not telegram.waiting)
    assert sorted(run.processor.handled) == list(range(1, 251))
    assert run.prepared == 1


async def test_updates_of_a_chat_keep_their_order():
    async def slower_first(update_id: int) -> Applied:
        await turns(50 if update_id == 1 else 1)
        return Applied()

    telegram = Telegram([update(number) for number in range(1, 6)])
    run = Run(telegram, Processor(slower_first))
    await run.until(lambda: not telegram.waiting)
    assert run.processor.handled == [1, 2, 3, 4, 5]


async def test_chats_are_served_at_once_but_no_more_than_allowed():
    async def slow(_update_id: int) -> Applied:
        await turns(50)
        return Applied()

    telegram = Telegram([update(number, chat_id=number) for number in range(1, 21)])
    run = Run(telegram, Processor(slow), concurrency=4)
    await run.until(lambda: not telegram.waiting)
    assert run.processor.running_max == 4


async def test_a_chat_that_must_wait_holds_up_no_other_one_and_is_not_confirmed():
    tries = 0

    async def first_fails(update_id: int) -> Verdict:
        nonlocal tries
        if update_id != 1 or tries > 200:
            return Applied()
        tries += 1
        return Repeat(after_s=2)

    telegram = Telegram([update(1, chat_id=1), update(2, chat_id=1), update(3, chat_id=2)])
    run = Run(telegram, Processor(first_fails))
    await run.until(lambda: not telegram.waiting)
    assert run.processor.handled == [3, 1, 2]
    assert 2 in run.pauses


async def test_what_comes_while_a_chat_waits_is_served():
    release = asyncio.Event()

    async def first_waits(update_id: int) -> Applied:
        if update_id == 1:
            await release.wait()
        return Applied()

    telegram = Telegram([update(1, chat_id=1)])
    run = Run(telegram, Processor(first_waits))
    task = asyncio.create_task(run.until(lambda: not telegram.waiting))
    await reaching(lambda: bool(telegram.offsets))
    telegram.waiting.append(update(2, chat_id=2))
    await reaching(lambda: run.processor.handled == [2])
    assert all(offset is None or offset <= 1 for offset in telegram.offsets)
    release.set()
    await task


async def test_an_end_leaves_what_is_not_committed_to_the_next_start():
    async def never(update_id: int) -> Verdict:
        return Applied() if update_id == 1 else Repeat(after_s=1)

    telegram = Telegram([update(1, chat_id=1), update(2, chat_id=2)])
    run = Run(telegram, Processor(never))
    await run.until(lambda: 1 in run.processor.handled)
    assert [u["update_id"] for u in telegram.waiting] == [2]


async def test_garbage_among_the_updates_is_passed():
    async def unreadable(update_id: int) -> Verdict:
        if update_id == 1:
            raise NotAnUpdateError
        return Applied()

    telegram = Telegram([update(1), update(2)])
    run = Run(telegram, Processor(unreadable))
    await run.until(lambda: not telegram.waiting)
    assert run.processor.handled == [2]


async def test_errors_are_waited_out_with_growing_pauses():
    telegram = Telegram([update(1)])
    method = GetRawUpdates()
    telegram.failures = [
        *(TelegramNetworkError(method=method, message="reset") for _ in range(9)),
        TelegramConflictError(method=method, message="Conflict: terminated by other getUpdates"),
        TelegramRetryAfter(method=method, message="Too Many Requests", retry_after=17),
    ]
    run = Run(telegram, Processor())
    await run.until(lambda: not telegram.waiting)
    # The network errors are tried several times within the session before they count here.
    assert run.pauses[-1] == 17
    assert max(run.pauses[:-1]) <= 36
    assert run.processor.handled == [1]


async def test_the_spinner_of_a_button_is_ended_after_the_commit():
    reply = AnswerCallbackQuery(callback_query_id="900", text="done")

    async def answered(_update_id: int) -> Applied:
        return Applied(reply)

    telegram = Telegram([{"update_id": 1, "callback_query": press("x")}])
    run = Run(telegram, Processor(answered))
    await run.until(lambda: not telegram.waiting)
    assert telegram.called("answerCallbackQuery") == [reply]
