"""The Telegram simulator under the real aiogram client: messages, edits, answers, errors."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import Close, GetMe
from aiogram.types import (
    BotCommand,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    Message,
    ReplyParameters,
)

from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.testing import Simulator, simulator

USER = 7
UNCHANGED = (
    "Bad Request: message is not modified: specified new message content and reply markup are "
    "exactly the same as a current content and reply markup of the message"
)


@pytest.fixture
async def telegram() -> AsyncIterator[Simulator]:
    async with simulator(TelegramSandboxSettings(limits=False)) as running:
        yield running


@pytest.fixture
async def bot(telegram: Simulator) -> AsyncIterator[Bot]:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot("42:TEST", session=session) as client:
        await client.get_me()
        await telegram.say(USER)
        yield client


def keyboard(*data: str) -> InlineKeyboardMarkup:
    row = [InlineKeyboardButton(text=one, callback_data=one) for one in data]
    return InlineKeyboardMarkup(inline_keyboard=[row])


async def refusal(awaited: Any) -> str:
    with pytest.raises(TelegramBadRequest) as caught:
        await awaited
    return caught.value.message


async def test_a_token_names_its_bot(telegram: Simulator) -> None:
    for token in ("42:TEST", "43:other-token_1"):
        me = (await telegram.call("getMe", token)).json()["result"]
        assert me["id"] == int(token.partition(":")[0])
        assert me["is_bot"] is True


async def test_a_malformed_token_is_unauthorized(telegram: Simulator) -> None:
    for token in ("nonsense", "0:x", "42:", "42:a b"):
        reply = await telegram.call("getMe", token)
        assert reply.status_code == 401
        assert reply.json() == {
            "ok": False,
            "error_code": 401,
            "description": "Unauthorized: invalid token specified",
        }


async def test_only_listed_tokens_are_bots_when_there_is_a_list() -> None:
    settings = TelegramSandboxSettings(tokens=("42:TEST",))
    async with simulator(settings) as telegram:
        session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
        async with Bot("42:WRONG", session=session) as bot:
            with pytest.raises(TelegramUnauthorizedError, match="Unauthorized"):
                await bot.get_me()
        assert (await telegram.call("getMe")).status_code == 200


async def test_an_unknown_method_is_not_found(telegram: Simulator) -> None:
    reply = await telegram.call("sendNothing")
    assert reply.status_code == 404
    assert reply.json()["description"] == "Not Found: method not found"


@pytest.mark.parametrize("name", ["sendMessage", "SENDMESSAGE", "sendmessage"])
async def test_method_names_ignore_case_and_arguments_come_in_any_form(
    telegram: Simulator, bot: Bot, name: str
) -> None:
    path = f"/bot{bot.token}/{name}"
    markup: dict[str, Any] = {"inline_keyboard": []}
    values: dict[str, Any] = {"chat_id": USER, "text": "привет & all"}
    replies = [
        await telegram.http.get(path, params=values),
        await telegram.http.post(path, params=values),
        await telegram.http.post(path, data={**values, "reply_markup": json.dumps(markup)}),
        await telegram.http.post(path, json={**values, "reply_markup": markup}),
        await telegram.http.post(
            path, files={key: (None, str(val)) for key, val in values.items()}
        ),
    ]
    assert [reply.json()["result"]["text"] for reply in replies] == ["привет & all"] * 5
    assert b"\\u043f" in replies[0].content


async def test_a_sent_message_comes_back_as_the_client_knows_it(bot: Bot) -> None:
    message = await bot.send_message(
        USER, "<b>hi</b>", parse_mode="HTML", reply_markup=keyboard("yes", "no")
    )
    assert isinstance(message, Message)
    assert (message.text, message.chat.id, message.chat.type) == ("hi", USER, "private")
    assert message.from_user is not None
    assert message.from_user.id == 42
    assert message.entities is not None
    assert message.entities[0].type == "bold"
    assert message.reply_markup is not None
    buttons = message.reply_markup.inline_keyboard[0]
    assert [(one.text, one.callback_data) for one in buttons] == [("yes", "yes"), ("no", "no")]


async def test_message_ids_count_up_in_each_chat(telegram: Simulator, bot: Bot) -> None:
    await telegram.say(8)
    first = await bot.send_message(USER, "a")
    second = await bot.send_message(USER, "b")
    elsewhere = await bot.send_message(8, "c")
    assert (first.message_id, second.message_id, elsewhere.message_id) == (2, 3, 2)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"text": "x"}, "chat_id is empty"),
        ({"chat_id": 404, "text": "x"}, "chat not found"),
        ({"chat_id": "@nobody", "text": "x"}, "chat not found"),
        ({"chat_id": USER}, "message text is empty"),
        ({"chat_id": USER, "text": " \n "}, "message text is empty"),
        ({"chat_id": USER, "text": "x" * 4097}, "message is too long"),
        (
            {"chat_id": USER, "text": "<b>x", "parse_mode": "HTML"},
            "can't parse entities: Can't find end tag corresponding to start tag \"b\"",
        ),
        (
            {"chat_id": USER, "text": "x", "reply_markup": "{"},
            "can't parse reply keyboard markup JSON object",
        ),
        (
            {"chat_id": USER, "text": "x", "reply_parameters": {"message_id": 99}},
            "message to be replied not found",
        ),
        (
            {"chat_id": USER, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a"}]]}},
            "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard",
        ),
        (
            {
                "chat_id": USER,
                "text": "x",
                "reply_markup": {"inline_keyboard": [[{"text": "a", "url": "no link"}]]},
            },
            "inline keyboard button URL 'no link' is invalid: Wrong HTTP URL",
        ),
    ],
)
async def test_a_message_that_telegram_would_refuse_is_refused_in_its_words(
    telegram: Simulator, bot: Bot, values: dict[str, Any], problem: str
) -> None:
    reply = await telegram.call("sendMessage", **values)
    assert reply.status_code == 400
    assert reply.json()["description"] == f"Bad Request: {problem}"
    assert bot.id == 42


async def test_a_text_may_have_4096_characters(bot: Bot) -> None:
    assert len((await bot.send_message(USER, "ж" * 4096)).text or "") == 4096


async def test_callback_data_is_at_most_64_bytes(bot: Bot) -> None:
    await bot.send_message(USER, "x", reply_markup=keyboard("я" * 32))
    too_long = bot.send_message(USER, "x", reply_markup=keyboard("я" * 32 + "z"))
    assert await refusal(too_long) == "Bad Request: BUTTON_DATA_INVALID"


async def test_more_than_100_buttons_are_too_many(bot: Bot) -> None:
    many = keyboard(*(str(number) for number in range(101)))
    text = await refusal(bot.send_message(USER, "x", reply_markup=many))
    assert text == "Bad Request: reply markup is too long"


async def test_a_reply_carries_the_message_that_it_answers(bot: Bot) -> None:
    message = await bot.send_message(USER, "x", reply_parameters=ReplyParameters(message_id=1))
    assert message.reply_to_message is not None
    assert message.reply_to_message.text == "hello"
    lenient = ReplyParameters(message_id=99, allow_sending_without_reply=True)
    assert (await bot.send_message(USER, "x", reply_parameters=lenient)).reply_to_message is None


async def test_an_edit_changes_the_message_in_place_and_drops_its_keyboard(bot: Bot) -> None:
    message = await bot.send_message(USER, "old", reply_markup=keyboard("a"))
    edited = await bot.edit_message_text("new", chat_id=USER, message_id=message.message_id)
    assert isinstance(edited, Message)
    assert (edited.text, edited.message_id, edited.date) == (
        "new",
        message.message_id,
        message.date,
    )
    assert edited.edit_date is not None
    assert edited.reply_markup is None


async def test_an_edit_that_changes_nothing_is_refused(bot: Bot) -> None:
    message = await bot.send_message(USER, "same", reply_markup=keyboard("a"))
    target: dict[str, Any] = {"chat_id": USER, "message_id": message.message_id}
    same = bot.edit_message_text("same", reply_markup=keyboard("a"), **target)
    assert await refusal(same) == UNCHANGED
    await bot.edit_message_text("same", **target)
    assert await refusal(bot.edit_message_reply_markup(**target)) == UNCHANGED


@pytest.mark.parametrize(
    ("method", "values", "problem"),
    [
        ("editMessageText", {"text": "x"}, "message identifier is not specified"),
        ("editMessageText", {"message_id": 99, "text": "x"}, "message to edit not found"),
        ("editMessageText", {"message_id": 1, "text": "x"}, "message can't be edited"),
        ("editMessageText", {"message_id": 2, "text": "x" * 4097}, "MESSAGE_TOO_LONG"),
        ("editMessageText", {"message_id": 2}, "message text is empty"),
        (
            "editMessageText",
            {"message_id": 2, "text": "x", "reply_markup": {"force_reply": True}},
            "inline keyboard expected",
        ),
        (
            "editMessageCaption",
            {"message_id": 2, "caption": "x"},
            "there is no caption in the message to edit",
        ),
        ("deleteMessage", {"message_id": 99}, "message to delete not found"),
        ("deleteMessages", {}, "message identifiers are not specified"),
        (
            "deleteMessages",
            {"message_ids": list(range(101))},
            "too many message identifiers specified",
        ),
        ("copyMessage", {"from_chat_id": USER, "message_id": 99}, "message to copy not found"),
        (
            "forwardMessage",
            {"from_chat_id": USER, "message_id": 99},
            "message to forward not found",
        ),
        ("sendChatAction", {"action": "dance"}, "wrong parameter action in request"),
    ],
)
async def test_a_wrong_change_is_refused_in_the_words_of_the_server(
    telegram: Simulator, bot: Bot, method: str, values: dict[str, Any], problem: str
) -> None:
    await bot.send_message(USER, "mine")
    reply = await telegram.call(method, chat_id=USER, **values)
    assert (reply.status_code, reply.json()["description"]) == (400, f"Bad Request: {problem}")


async def test_a_bot_deletes_its_messages_and_those_of_the_user(
    telegram: Simulator, bot: Bot
) -> None:
    message = await bot.send_message(USER, "x")
    assert await bot.delete_message(USER, message.message_id)
    assert await bot.delete_messages(USER, [1, 99])
    assert (await telegram.control(f"/chats/{USER}"))["messages"] == []


async def test_a_message_older_than_48_hours_cannot_be_deleted(
    telegram: Simulator, bot: Bot
) -> None:
    message = await bot.send_message(USER, "x")
    stored = telegram.world.chats[42, USER].messages[message.message_id]
    stored.body = {**stored.body, "date": stored.body["date"] - 48 * 3600 - 60}
    text = await refusal(bot.delete_message(USER, message.message_id))
    assert text == "Bad Request: message can't be deleted for everyone"


async def test_edits_of_a_message_that_the_user_deleted_fail(telegram: Simulator, bot: Bot) -> None:
    message = await bot.send_message(USER, "status")
    path = f"/chats/{USER}/messages/{message.message_id}"
    await telegram.control(path, method="DELETE")
    edit = bot.edit_message_text("later", chat_id=USER, message_id=message.message_id)
    assert await refusal(edit) == "Bad Request: message to edit not found"


async def test_copies_and_forwards_carry_the_content(telegram: Simulator, bot: Bot) -> None:
    await telegram.say(8)
    copied = await bot.copy_message(8, USER, 1)
    forwarded = await bot.forward_message(8, USER, 1)
    assert copied.message_id == 2
    assert forwarded.text == "hello"
    assert forwarded.forward_origin is not None
    assert forwarded.forward_origin.type == "user"
    text = await refusal(bot.edit_message_text("x", chat_id=8, message_id=forwarded.message_id))
    assert text == "Bad Request: message can't be edited"


async def test_a_button_press_is_answered_once_and_seen_by_the_user(
    telegram: Simulator, bot: Bot
) -> None:
    message = await bot.send_message(USER, "?", reply_markup=keyboard("yes"))
    press = {"message_id": message.message_id, "callback_data": "yes"}
    query = await telegram.control(f"/chats/{USER}/press", press)
    update = (await bot.get_updates())[-1]
    assert update.callback_query is not None
    assert (update.callback_query.id, update.callback_query.data) == (
        query["callback_query_id"],
        "yes",
    )
    assert isinstance(update.callback_query.message, Message)
    assert update.callback_query.message.text == "?"
    await bot.answer_callback_query(update.callback_query.id, "Done", show_alert=True)
    shown = await telegram.control(f"/callback_queries/{query['callback_query_id']}")
    assert shown["answers"] == [{"text": "Done", "show_alert": True, "url": ""}]


async def test_a_late_or_unknown_answer_to_a_press_is_refused(
    telegram: Simulator, bot: Bot
) -> None:
    old = "Bad Request: query is too old and response timeout expired or query ID is invalid"
    assert await refusal(bot.answer_callback_query("1")) == old
    message = await bot.send_message(USER, "?", reply_markup=keyboard("yes"))
    press = {"message_id": message.message_id, "index": 0}
    query = await telegram.control(f"/chats/{USER}/press", press)
    await telegram.control("/tuning", {"callback_answer_s": 0})
    assert await refusal(bot.answer_callback_query(query["callback_query_id"])) == old


async def test_who_blocked_the_bot_gets_nothing_more(telegram: Simulator, bot: Bot) -> None:
    message = await bot.send_message(USER, "x")
    await telegram.control(f"/chats/{USER}/block", {})
    for call in (
        bot.send_message(USER, "y"),
        bot.edit_message_text("y", chat_id=USER, message_id=message.message_id),
        bot.send_chat_action(USER, "typing"),
    ):
        with pytest.raises(TelegramForbiddenError, match="Forbidden: bot was blocked by the user"):
            await call
    change = (await bot.get_updates())[-1].my_chat_member
    assert change is not None
    assert (change.old_chat_member.status, change.new_chat_member.status) == ("member", "kicked")
    await telegram.control(f"/chats/{USER}/unblock", {})
    assert (await bot.send_message(USER, "y")).text == "y"


async def test_a_deactivated_user_gets_nothing(telegram: Simulator, bot: Bot) -> None:
    await telegram.control(f"/users/{USER}/deactivate", {})
    with pytest.raises(TelegramForbiddenError, match="Forbidden: user is deactivated"):
        await bot.send_message(USER, "x")
    await telegram.control(f"/users/{USER}/activate", {})
    await bot.send_message(USER, "x")


@pytest.mark.parametrize(
    ("kind", "status", "problem"),
    [
        ("group", "kicked", "Forbidden: bot was kicked from the group chat"),
        ("supergroup", "kicked", "Forbidden: bot was kicked from the supergroup chat"),
        ("channel", "kicked", "Forbidden: bot was kicked from the channel chat"),
        ("supergroup", "left", "Forbidden: bot is not a member of the supergroup chat"),
        ("channel", "left", "Forbidden: bot is not a member of the channel chat"),
    ],
)
async def test_a_bot_that_is_not_in_a_group_cannot_write_there(
    telegram: Simulator, bot: Bot, kind: str, status: str, problem: str
) -> None:
    group = {"id": -100500, "type": kind, "title": "G", "members": [USER]}
    await telegram.control("/chats", group)
    assert (await bot.send_message(-100500, "in")).chat.title == "G"
    await telegram.control("/chats/-100500/bot_status", {"status": status})
    with pytest.raises(TelegramForbiddenError, match=problem):
        await bot.send_message(-100500, "out")


async def test_a_group_that_became_a_supergroup_says_its_new_id(
    telegram: Simulator, bot: Bot
) -> None:
    await telegram.control("/chats", {"id": -5, "type": "group", "title": "G"})
    await telegram.control("/chats/-5/migrate", {"to": -1005})
    with pytest.raises(TelegramMigrateToChat) as caught:
        await bot.send_message(-5, "x")
    assert caught.value.migrate_to_chat_id == -1005


async def test_chats_and_members_can_be_asked_for(telegram: Simulator, bot: Bot) -> None:
    names = {"id": USER, "first_name": "Ann", "username": "ann"}
    await telegram.control("/users", {**names, "language_code": "ru"})
    chat = await bot.get_chat(USER)
    assert (chat.id, chat.type) == (USER, "private")
    member = await bot.get_chat_member(USER, USER)
    assert (member.status, member.user.language_code) == ("member", "ru")
    assert (await bot.get_chat_member(USER, 42)).user.is_bot
    assert await refusal(bot.get_chat_member(USER, 404)) == "Bad Request: user not found"


async def test_what_a_bot_says_about_itself_is_kept(telegram: Simulator, bot: Bot) -> None:
    commands = [BotCommand(command="start", description="Begin")]
    assert await bot.set_my_commands(commands)
    assert await bot.set_my_commands(commands[:0], language_code="ru")
    assert [one.command for one in await bot.get_my_commands()] == ["start"]
    assert await bot.delete_my_commands()
    assert await bot.get_my_commands() == []
    await bot.set_my_description("Long")
    await bot.set_my_short_description("Short")
    assert (await bot.get_my_description()).description == "Long"
    assert (await bot.get_my_short_description()).short_description == "Short"
    await bot.set_my_name("Clips")
    assert (await bot.get_me()).first_name == "Clips"
    assert await bot.set_chat_menu_button()
    assert (await bot.get_chat_menu_button()).type == "default"
    bad = bot.set_my_commands([BotCommand(command="Bad!", description="x")])
    assert await refusal(bad) == "Bad Request: BOT_COMMAND_INVALID"


async def test_a_closed_or_logged_out_bot_is_told_so(bot: Bot) -> None:
    with pytest.raises(TelegramRetryAfter) as caught:
        await bot(Close())
    assert 590 <= caught.value.retry_after <= 601
    assert await bot.log_out()
    assert await refusal(bot.get_me()) == "Bad Request: Logged out"


async def test_a_reply_keyboard_belongs_to_the_chat(telegram: Simulator, bot: Bot) -> None:
    message = await bot.send_message(USER, "x", reply_markup=ForceReply(selective=True))
    assert message.reply_markup is None
    shown = await telegram.control(f"/chats/{USER}")
    assert shown["keyboard"] == {"force_reply": True, "selective": True}


async def test_bots_see_only_their_own_chats(telegram: Simulator, bot: Bot) -> None:
    session = AiohttpSession(api=TelegramAPIServer.from_base(telegram.url))
    async with Bot("43:OTHER", session=session) as other:
        await other.get_me()
        assert await refusal(other.send_message(USER, "x")) == "Bad Request: chat not found"
    assert (await bot.send_message(USER, "x")).text == "x"


async def test_a_missing_method_raises_not_found_in_the_client(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GetMe, "__api_method__", "getNothing")
    with pytest.raises(TelegramNotFound, match="Not Found: method not found"):
        await bot(GetMe())
