"""A user who floods the bot: slowed down, told so once, and never made to pay for an order."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import AnswerCallbackQuery, SendMessage

from neurocards.domain.inbound import InboundLimit
from neurocards_bot.callback_data import LanguageChoice
from neurocards_bot.processing import Applied
from support.bot_desk import BOT_ID, USER_ID, Desk, membership, message, photo, press

BURST = 4
TOLD = "Не так быстро"
ENGLISH = LanguageChoice(language="en").pack()


@pytest.fixture
def desk() -> Desk:
    return Desk(inbound_limit=InboundLimit(per_minute=60, burst=BURST))


async def use_up(desk: Desk) -> None:
    for _ in range(BURST):
        await desk.says("/help")


def limited(desk: Desk) -> float:
    return float(desk.metrics.updates_total.labels("any", "limited")._value.get())


def reply_of(verdict: Any) -> AnswerCallbackQuery:
    assert isinstance(verdict, Applied)
    assert verdict.reply is not None
    return verdict.reply


async def test_who_writes_too_much_is_told_once_and_when_to_go_on(desk: Desk):
    await use_up(desk)
    (told,) = await desk.says("/help")
    assert TOLD in told
    assert "через 4 секунды" in told
    assert await desk.says("/help") == []
    assert limited(desk) == 2


async def test_it_is_told_in_the_language_that_the_user_chose(desk: Desk):
    await desk.says("/start")
    await desk.press(ENGLISH)
    desk.world.database.clock.advance(60)
    await use_up(desk)
    (told,) = await desk.says("/help")
    assert told.startswith("Not so fast, please")


async def test_after_the_pause_the_user_is_served_again(desk: Desk):
    await use_up(desk)
    await desk.says("/help")
    desk.world.database.clock.advance(BURST)
    await use_up(desk)
    (told,) = await desk.says("/help")
    assert TOLD in told


async def test_a_refused_update_is_settled_and_does_not_come_again(desk: Desk):
    await use_up(desk)
    update = desk.update(message=message(text="/help"))
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert await desk.world.orders.was_applied(BOT_ID, update["update_id"])
    before = len(desk.telegram.calls)
    assert await desk.processor.process_raw(desk.bot, update) == Applied()
    assert len(desk.telegram.calls) == before


async def test_a_refused_press_says_why_once_and_lets_go_of_the_button(desk: Desk):
    await use_up(desk)
    first, second = [reply_of(await desk.press(ENGLISH)) for _ in range(2)]
    assert TOLD in str(first.text)
    assert len(str(first.text)) <= 200
    assert first.show_alert
    assert (second.text, second.show_alert) == (None, False)
    assert desk.world.database.users[USER_ID].language == "ru"


async def test_a_photo_beyond_the_limit_is_not_even_fetched(desk: Desk):
    await desk.message(**photo())
    assert await desk.message(**photo()) != []
    assert len(desk.telegram.called("getFile")) == 1
    assert len(desk.world.database.drafts) == 1


async def test_a_photo_that_was_taken_already_is_not_fetched_again(desk: Desk):
    update = desk.update(message=message(**photo()))
    for _ in range(2):
        await desk.processor.process_raw(desk.bot, update)
    assert len(desk.telegram.called("getFile")) == 1


async def test_an_album_of_ten_is_one_photo_and_nine_words():
    desk = Desk(inbound_limit=InboundLimit(per_minute=60, burst=12))
    answers = [await desk.message(**photo(media_group_id="album")) for _ in range(10)]
    assert not any(TOLD in text for texts in answers for text in texts)
    (told,) = await desk.says("/help")
    assert TOLD in told


async def test_an_order_is_confirmed_however_much_was_asked_before():
    desk = Desk(inbound_limit=InboundLimit(per_minute=60, burst=4))
    await desk.message(**photo())
    await desk.press(desk.button("Первый"))
    confirm = desk.button("Создать видео")
    assert TOLD in str((await desk.says("/help"))[0])
    assert "Принято" in str(reply_of(await desk.press(confirm)).text)
    assert len(desk.world.database.jobs) == 1


async def test_who_blocks_the_bot_and_comes_back_is_heard_in_any_case(desk: Desk):
    await use_up(desk)
    await desk.tell(my_chat_member=membership("member", "kicked"))
    assert desk.world.database.users[USER_ID].blocked_at is not None
    await desk.tell(my_chat_member=membership("kicked", "member"))
    assert desk.world.database.users[USER_ID].blocked_at is None


async def test_users_do_not_slow_each_other_down(desk: Desk):
    await use_up(desk)
    (told,) = await desk.says("/help", user={"id": USER_ID + 1})
    assert "/balance" in told


async def test_an_update_that_must_be_repeated_is_paid_for_once(desk: Desk):
    update = desk.update(message=message(text="/help"))
    error = TelegramNetworkError(SendMessage(chat_id=USER_ID, text="x"), "reset")
    desk.telegram.faults["sendMessage"] = [error, error]
    for _ in range(3):
        await desk.processor.process_raw(desk.bot, update)
    for _ in range(BURST - 1):
        (told,) = await desk.says("/help")
        assert "/balance" in told


async def test_a_word_that_telegram_does_not_take_is_not_insisted_on(desk: Desk):
    await use_up(desk)
    send = SendMessage(chat_id=USER_ID, text="x")
    desk.telegram.faults["sendMessage"] = [TelegramNetworkError(send, "reset")]
    assert await desk.tell(message=message(text="/help")) == Applied()


async def test_without_a_limit_everybody_is_served():
    desk = Desk(inbound_limit=None)
    for _ in range(50):
        (told,) = await desk.says("/help")
        assert "/balance" in told
    assert desk.world.database.buckets == {}


async def test_a_press_at_the_limit_changes_nothing(desk: Desk):
    await desk.message(**photo())
    choice = desk.button("Первый")
    await desk.says("/help")
    await desk.tell(callback_query=press(choice))
    (draft,) = desk.world.database.drafts.values()
    assert draft.template_id is None
