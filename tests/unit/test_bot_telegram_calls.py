"""Calls to Telegram: what is repeated, what is not, what is registered, and edits that may wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramServerError,
)
from aiogram.methods import EditMessageText, SendMessage, SetWebhook
from prometheus_client import CollectorRegistry

from neurocards.errors import StoreUnavailableError
from neurocards.outbound import Turns
from neurocards.testing.clock import FakeClock
from neurocards.testing.database import MemoryDatabase
from neurocards.testing.outbound import MemoryOutboundBuckets
from neurocards.translations import Translations
from neurocards_bot.messages import LateEdits, show, take_keyboard_away
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.outbound import Outbound, make_bot
from neurocards_bot.registration import Registration
from neurocards_bot.screens import Screen
from neurocards_bot.texts import Texts
from support.bot_desk import ScriptedTelegram
from support.turns import LIMITS, free_turns

SEND = SendMessage(chat_id=1, text="x")
EDIT = EditMessageText(chat_id=1, message_id=2, text="x")


class Line:
    """A bot whose session has the real middleware and a scripted other end."""

    def __init__(self) -> None:
        self.metrics = BotMetrics(CollectorRegistry())
        self.telegram = ScriptedTelegram()
        self.pauses: list[float] = []
        turns = free_turns(self.metrics)
        self.telegram.middleware(Outbound(self.metrics, turns, sleep=self._sleep))
        self.bot = make_bot("4242:TOKEN", self.telegram)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def sent(self, kind: str, success: str) -> float:
        return float(self.metrics.notifications_sent_total.labels(kind, success)._value.get())


@pytest.fixture
def line() -> Line:
    return Line()


async def test_a_short_wait_that_telegram_asks_for_is_kept(line: Line):
    line.telegram.faults["sendMessage"] = [
        TelegramRetryAfter(method=SEND, message="Too Many Requests", retry_after=2)
    ]
    await line.bot.send_message(1, "x")
    assert line.pauses == [2]
    assert (line.sent("sendMessage", "true"), line.sent("sendMessage", "false")) == (1, 1)


async def test_a_long_wait_is_the_caller_s_matter(line: Line):
    line.telegram.faults["sendMessage"] = [
        TelegramRetryAfter(method=SEND, message="Too Many Requests", retry_after=30)
    ]
    with pytest.raises(TelegramRetryAfter):
        await line.bot.send_message(1, "x")
    assert line.pauses == []


async def test_waits_end_after_a_few_tries(line: Line):
    line.telegram.faults["sendMessage"] = [
        TelegramRetryAfter(method=SEND, message="Too Many Requests", retry_after=1)
        for _ in range(10)
    ]
    with pytest.raises(TelegramRetryAfter):
        await line.bot.send_message(1, "x")
    assert line.pauses == [1, 1]


async def test_a_message_that_may_have_been_sent_is_not_sent_again(line: Line):
    line.telegram.faults["sendMessage"] = [TelegramNetworkError(method=SEND, message="reset")]
    with pytest.raises(TelegramNetworkError):
        await line.bot.send_message(1, "x")
    assert len(line.telegram.calls) == 1


async def test_an_edit_is_repeated_after_a_broken_connection(line: Line):
    line.telegram.faults["editMessageText"] = [TelegramNetworkError(method=EDIT, message="reset")]
    await line.bot.edit_message_text("x", chat_id=1, message_id=2)
    assert len(line.telegram.calls) == 2


async def test_a_message_that_shows_the_screen_already_needs_no_edit(line: Line):
    unchanged = (
        "message is not modified: specified new message content and reply markup are exactly"
    )
    line.telegram.faults["editMessageText"] = [
        TelegramBadRequest(method=EDIT, message=f"Bad Request: {unchanged}")
    ]
    assert await show(line.bot, 1, 2, Screen("x"))


@pytest.mark.parametrize(
    "reason",
    [
        "message to edit not found",
        "message can't be edited",
        "MESSAGE_ID_INVALID",
        "there is no text in the message to edit",
    ],
)
async def test_an_edit_of_a_message_that_is_gone_is_silent_and_says_so(line: Line, reason: str):
    fault = TelegramBadRequest(method=EDIT, message=f"Bad Request: {reason}")
    line.telegram.faults["editMessageText"] = [fault]
    line.telegram.faults["editMessageReplyMarkup"] = [fault]
    assert not await show(line.bot, 1, 2, Screen("x"))
    await take_keyboard_away(line.bot, 1, 2)


async def test_an_edit_that_is_wrong_is_an_error(line: Line):
    line.telegram.faults["editMessageText"] = [
        TelegramBadRequest(method=EDIT, message="Bad Request: can't parse entities")
    ]
    with pytest.raises(TelegramBadRequest):
        await show(line.bot, 1, 2, Screen("x"))


def drawn() -> Screen:
    return Screen("x")


class TestLateEdits:
    async def test_an_edit_is_carried_out_and_the_rest_before_the_end(self, line: Line):
        edits = LateEdits(lambda: None)
        task = asyncio.create_task(edits.run())
        for number in range(5):
            edits.submit(line.bot, 1, number, drawn)
        edits.drain()
        await asyncio.wait_for(task, timeout=20)
        assert len(line.telegram.called("editMessageText")) == 5

    async def test_more_edits_than_can_wait_are_dropped_and_counted(self, line: Line):
        dropped: list[int] = []
        edits = LateEdits(lambda: dropped.append(1))
        for number in range(LateEdits.WAITING_MAX + 7):
            edits.submit(line.bot, 1, number, drawn)
        assert len(dropped) == 7

    async def test_an_edit_that_fails_ends_nothing(self, line: Line):
        line.telegram.faults["editMessageText"] = [TelegramServerError(method=EDIT, message="502")]
        edits = LateEdits(lambda: None)
        task = asyncio.create_task(edits.run())
        edits.submit(line.bot, 1, 1, drawn)
        edits.submit(line.bot, 1, 2, drawn)
        edits.drain()
        await asyncio.wait_for(task, timeout=20)
        assert len(line.telegram.called("editMessageText")) == 2

    async def test_nothing_is_drawn_later_than_an_edit_may_be_old(
        self, line: Line, monkeypatch: pytest.MonkeyPatch
    ):
        """Its age counts from the press, however long it waited for others and for Telegram."""
        loop, age_s, drawn_after_s = asyncio.get_running_loop(), 0.3, list[float]()
        monkeypatch.setattr(LateEdits, "AGE_S_MAX", age_s)
        monkeypatch.setattr(LateEdits, "AT_ONCE", 1)
        edits = LateEdits(lambda: None)
        pressed_at = loop.time()

        async def hang(*_: Any, **__: Any) -> None:
            drawn_after_s.append(loop.time() - pressed_at)
            await asyncio.Event().wait()

        monkeypatch.setattr(line.telegram, "make_request", hang)
        for number in range(3):
            edits.submit(line.bot, 1, number, drawn)
        edits.drain()
        await asyncio.wait_for(edits.run(), timeout=20)
        assert [after_s for after_s in drawn_after_s if after_s > age_s] == []

    @pytest.mark.parametrize("error", [None, StoreUnavailableError("away")])
    async def test_nothing_is_drawn_over_what_was_said_of_the_end_of_a_job(
        self, line: Line, error: Exception | None
    ):
        """Nor where nobody can tell whether it has ended: its worker draws the message."""

        async def is_under_way() -> bool:
            if error is not None:
                raise error
            return False

        edits = LateEdits(lambda: None)
        edits.submit(line.bot, 1, 1, drawn, still=is_under_way)
        edits.submit(line.bot, 1, 2, drawn)
        edits.drain()
        await asyncio.wait_for(edits.run(), timeout=20)
        (call,) = line.telegram.called("editMessageText")
        assert getattr(call, "message_id", None) == 2


class TestRegistration:
    def registration(self, line: Line) -> tuple[Registration, list[float], FakeClock]:
        texts = Texts(Translations.load("neurocards_bot", "neurocards_bot"))
        pauses: list[float] = []
        clock = FakeClock()

        async def sleep(seconds: float) -> None:
            pauses.append(seconds)
            await clock.sleep(seconds)

        registration = Registration(
            line.bot, texts, line.metrics, allowed_updates=["message"], sleep=sleep
        )
        return registration, pauses, clock

    async def kept(self, line: Line, looks: int) -> list[float]:
        """Keep the webhook until it was looked at so many times."""
        registration, pauses, _ = self.registration(line)
        task = asyncio.create_task(
            registration.keep_webhook("https://bot.example", secret="s", connections_max=7)
        )
        async with asyncio.timeout(20):
            while len(line.telegram.called("getWebhookInfo")) < looks:  # noqa: ASYNC110
                await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return pauses

    def info(self, url: str = "https://bot.example/telegram/4242") -> dict[str, Any]:
        return {"url": url, "has_custom_certificate": False, "pending_update_count": 4}

    async def test_the_webhook_is_set_with_secret_limit_and_kinds(self, line: Line):
        line.telegram.results["getWebhookInfo"] = [self.info()]
        await self.kept(line, 1)
        (call,) = line.telegram.called("setWebhook")
        assert isinstance(call, SetWebhook)
        assert (call.url, call.secret_token) == ("https://bot.example/telegram/4242", "s")
        assert (call.max_connections, call.allowed_updates) == (7, ["message"])
        assert line.metrics.webhook_pending.labels("4242")._value.get() == 4

    async def test_a_refusal_is_tried_again_with_growing_pauses(self, line: Line):
        line.telegram.results["getWebhookInfo"] = [self.info()]
        line.telegram.faults["setWebhook"] = [
            TelegramBadRequest(method=SEND, message="Bad Request: bad webhook") for _ in range(8)
        ]
        pauses = await self.kept(line, 1)
        assert pauses[:8] == [1, 2, 4, 8, 16, 32, 60, 60]

    async def test_a_webhook_that_somebody_took_away_is_set_again(self, line: Line):
        line.telegram.results["getWebhookInfo"] = [self.info(), self.info(url=""), self.info()]
        await self.kept(line, 3)
        assert len(line.telegram.called("setWebhook")) == 2

    async def test_the_menu_of_commands_is_told_in_both_languages(self, line: Line):
        registration, _, _ = self.registration(line)
        await registration.remove_webhook()
        calls = line.telegram.called("setMyCommands")
        assert [getattr(call, "language_code", None) for call in calls] == [None, "en"]

    async def test_commands_that_cannot_be_told_stop_nothing(self, line: Line):
        registration, _, _ = self.registration(line)
        line.telegram.faults["setMyCommands"] = [TelegramServerError(method=SEND, message="502")]
        await registration.tell_commands()
        assert len(line.telegram.called("setMyCommands")) == 2


def paced_line(clock: FakeClock) -> Line:
    """A bot that shares its buckets with others."""
    line = Line()
    buckets = MemoryOutboundBuckets(MemoryDatabase(clock))
    turns = Turns(buckets, LIMITS, alone_share=1, metrics=line.metrics, moments=clock)
    line.telegram.middleware.unregister(line.telegram.middleware[0])
    line.telegram.middleware(Outbound(line.metrics, turns, sleep=line._sleep))
    return line


async def test_silence_that_is_longer_than_a_dialogue_waits_is_told_as_telegram_would():
    """No call is made; the update comes again after the silence."""
    line = paced_line(FakeClock())
    fault = TelegramRetryAfter(method=SEND, message="Too Many Requests", retry_after=30)
    line.telegram.faults["sendMessage"] = [fault]
    for _ in range(2):
        with pytest.raises(TelegramRetryAfter) as refused:
            await line.bot.send_message(1, "x")
        assert refused.value.retry_after == 30
    assert len(line.telegram.called("sendMessage")) == 1
    await line.bot.send_message(2, "x")


async def test_too_many_webhooks_silence_nobody():
    """Replicas that start together hear 429 for setWebhook; it says nothing about messages."""
    clock = FakeClock()
    line = paced_line(clock)
    fault = TelegramRetryAfter(
        method=SetWebhook(url="https://x"), message="Too Many Requests", retry_after=2
    )
    line.telegram.faults["setWebhook"] = [fault]
    await line.bot.set_webhook("https://x")
    began = clock.monotonic()
    await line.bot.send_message(1, "x")
    assert clock.monotonic() == began


async def test_an_answer_to_a_button_goes_out_while_the_bot_is_silent():
    """It ends a spinner; whoever pressed waits for nothing."""
    line = paced_line(FakeClock())
    for chat_id in (1, 2):
        line.telegram.faults["sendMessage"] = [
            TelegramRetryAfter(method=SEND, message="Too Many Requests", retry_after=30)
        ]
        with pytest.raises(TelegramRetryAfter):
            await line.bot.send_message(chat_id, "x")
    await line.bot.answer_callback_query("7")
    assert len(line.telegram.called("answerCallbackQuery")) == 1
    with pytest.raises(TelegramRetryAfter):
        await line.bot.send_message(3, "x")
