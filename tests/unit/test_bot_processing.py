"""What becomes of an update when something fails: repeated, passed or settled, never stuck."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramRetryAfter,
)
from aiogram.methods import SendMessage
from structlog.testing import capture_logs
from structlog.typing import EventDict

from neurocards.errors import StoreUnavailableError
from neurocards.ports.orders import DialogueKey
from neurocards_bot.processing import TRIES_MAX, Applied, NotAnUpdateError, Repeat
from support.bot_desk import BOT_ID, USER_ID, Desk, message, photo, press

SEND = SendMessage(chat_id=USER_ID, text="x")


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[EventDict]]:
    """What is logged meanwhile."""
    with capture_logs() as lines:
        yield lines


def outcomes(desk: Desk, kind: str, outcome: str) -> float:
    return float(desk.metrics.updates_total.labels(kind, outcome)._value.get())


async def gone(*_arguments: Any, **_named: Any) -> Any:
    raise StoreUnavailableError("PostgreSQL is away")


async def test_without_postgresql_an_update_is_repeated_and_nothing_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    update = desk.update(message=message(text="/balance"))
    monkeypatch.setattr(desk.world.orders, "was_applied", gone)
    for _ in range(TRIES_MAX + 2):
        assert isinstance(await desk.processor.process_raw(desk.bot, update), Repeat)
    monkeypatch.undo()
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert len(desk.telegram.texts()) == 1


async def test_a_confirm_without_postgresql_is_repeated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    await desk.message(**photo())
    await desk.press(desk.button("Первый"))
    update = desk.update(callback_query=press(desk.button("Создать видео")))
    monkeypatch.setattr(desk.world.orders, "accept", gone)
    assert isinstance(await desk.processor.process_raw(desk.bot, update), Repeat)
    monkeypatch.undo()
    verdict = await desk.processor.process_raw(desk.bot, update)
    assert isinstance(verdict, Applied)
    assert len(desk.world.database.jobs) == 1


async def test_a_dialogue_that_is_held_too_long_is_tried_again_later(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    @asynccontextmanager
    async def held(key: DialogueKey) -> AsyncIterator[None]:
        if key.chat_id == USER_ID:
            raise StoreUnavailableError("another handler holds the dialogue")
        yield

    monkeypatch.setattr(desk.world.dialogues, "lock", held)
    assert isinstance(await desk.tell(message=message(text="/help")), Repeat)


async def test_a_bug_is_tried_three_times_then_told_and_passed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
):
    async def broken(*_arguments: Any, **_named: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(desk.world.orders, "cancel_newest", broken)
    update = desk.update(message=message(text="/cancel"))
    verdicts = [await desk.processor.process_raw(desk.bot, update) for _ in range(TRIES_MAX)]
    assert [type(verdict) for verdict in verdicts] == [Repeat, Repeat, Applied]
    (apology,) = desk.telegram.texts()
    assert "сломалось" in apology
    (line,) = [line for line in logged if line["event"] == "update.failed"]
    assert f"<code>{line['trace_id']}</code>" in apology
    assert isinstance(line["exc_info"], ZeroDivisionError)
    assert await desk.world.orders.was_applied(BOT_ID, update["update_id"])
    assert outcomes(desk, "message", "failed") == 1


async def test_an_update_after_a_poisonous_one_is_carried_out(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
):
    await test_a_bug_is_tried_three_times_then_told_and_passed(desk, monkeypatch, logged)
    (told,) = await desk.says("/help")
    assert "/balance" in told


async def test_a_connection_to_telegram_that_breaks_is_tried_again(desk: Desk):
    desk.telegram.faults["sendMessage"] = [TelegramNetworkError(method=SEND, message="reset")]
    update = desk.update(message=message(text="/balance"))
    assert isinstance(await desk.processor.process_raw(desk.bot, update), Repeat)
    assert await desk.processor.process_raw(desk.bot, update) == Applied()


async def test_a_long_wait_that_telegram_asks_for_is_handed_on(desk: Desk):
    desk.telegram.faults["sendMessage"] = [
        TelegramRetryAfter(method=SEND, message="Too Many Requests", retry_after=40)
    ]
    verdict = await desk.tell(message=message(text="/balance"))
    assert verdict == Repeat(after_s=40)


async def test_a_user_who_has_blocked_the_bot_is_marked_and_the_update_passed(desk: Desk):
    await desk.says("/start")
    desk.telegram.faults["sendMessage"] = [
        TelegramForbiddenError(method=SEND, message="Forbidden: bot was blocked by the user")
    ]
    assert await desk.tell(message=message(text="/balance")) == Applied()
    assert desk.world.database.users[USER_ID].blocked_at is not None
    assert outcomes(desk, "message", "blocked") == 1


async def test_an_update_that_cannot_be_read_is_passed_and_counted(desk: Desk):
    verdict = await desk.processor.process_json(
        desk.bot, b'{"update_id": 5, "message": {"message_id": "no number"}}'
    )
    assert verdict == Applied()
    assert outcomes(desk, "other", "unreadable") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"a": 1}',
        b'{"update_id": "x"}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
async def test_what_is_no_update_at_all_is_refused(desk: Desk, body: bytes):
    with pytest.raises(NotAnUpdateError):
        await desk.processor.process_json(desk.bot, body)


@pytest.mark.filterwarnings("error")
async def test_an_update_of_a_kind_that_did_not_exist_yet_is_ignored(desk: Desk):
    assert await desk.processor.process_raw(desk.bot, {"update_id": 1, "new_thing": {}}) == (
        Applied()
    )
    assert outcomes(desk, "other", "ignored") == 1


async def test_updates_in_the_wrong_order_are_all_carried_out(desk: Desk):
    first = desk.update(message=message(text="/start"))
    second = desk.update(message=message(**photo()))
    await desk.processor.process_raw(desk.bot, second)
    await desk.processor.process_raw(desk.bot, first)
    assert len(desk.world.database.drafts) == 1
    assert desk.world.database.users[USER_ID].balance == 3
    assert sum("На вашем счёте" in text for text in desk.telegram.texts()) == 1


async def test_the_apology_may_fail_and_the_update_is_settled_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    desk.telegram.faults["sendMessage"] = [
        TelegramNetworkError(method=SEND, message="reset") for _ in range(9)
    ]
    update = desk.update(message=message(text="/balance"))
    verdicts = [await desk.processor.process_raw(desk.bot, update) for _ in range(TRIES_MAX)]
    assert verdicts[-1] == Applied()


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("text", "A mug\0"),
        ("text", "A mug \ud800"),
        ("message_id", 2**63),
        ("message_id", 10**30),
        ("surprise", {"\udfff": 1}),
        ("surprise", {"deep": {"deeper": [-(2**63) - 1]}}),
    ],
)
async def test_what_nobody_could_store_or_answer_is_passed_at_once(
    desk: Desk, where: str, what: object, logged: list[EventDict]
):
    """It came back as 503 three times before, since PostgreSQL refused it."""
    update = desk.update(message=message(text="/balance") | {where: what})
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert outcomes(desk, "other", "unreadable") == 1
    assert desk.telegram.calls == []
    assert [line["event"] for line in logged] == ["update.unreadable"]


async def test_an_update_id_beyond_64_bits_is_passed_and_not_logged(
    desk: Desk, logged: list[EventDict]
):
    update = {"update_id": 10**400, "message": message(text="/balance")}
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert logged[0]["update_id"] is None


async def test_an_update_that_is_deeper_than_any_real_one_is_passed(desk: Desk):
    nested: object = []
    for _ in range(500):
        nested = [nested]
    update = desk.update(message=message(text="/balance") | {"surprise": nested})
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert outcomes(desk, "other", "unreadable") == 1


async def test_an_answer_that_telegram_refuses_is_not_tried_again(
    desk: Desk, logged: list[EventDict]
):
    """It would refuse it again; the update came back as 503 twice before."""
    desk.telegram.faults["sendMessage"] = [
        TelegramBadRequest(method=SEND, message="Bad Request: message is too long")
    ]
    update = desk.update(message=message(text="/balance"))
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert "сломалось" in desk.telegram.texts()[-1]
    assert await desk.world.orders.was_applied(BOT_ID, update["update_id"])
    assert "update.refused" in [line["event"] for line in logged]
