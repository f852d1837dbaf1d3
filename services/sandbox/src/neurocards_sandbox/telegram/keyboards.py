"""Reply markups: reading them and refusing what the real server refuses.

Returns inline keyboards as they stand in a message, and the other three kinds (reply keyboard,
its removal, forced reply), which belong to the chat and not to the message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neurocards_sandbox.telegram.arguments import Arguments
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.errors import ApiError, bad_request

CALLBACK_DATA_BYTES_MAX = 64
BUTTONS_MAX = 100
ACTIONS = (
    "callback_data",
    "url",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
)
LOOKS = ("style", "icon_custom_emoji_id")
CHAT_KEYBOARDS = ("keyboard", "remove_keyboard", "force_reply")


@dataclass(frozen=True, slots=True)
class ReplyMarkup:
    """At most one of the two is set."""

    inline: Json | None = None
    chat_keyboard: Json | None = None


NO_MARKUP = ReplyMarkup()


def read_reply_markup(arguments: Arguments) -> ReplyMarkup:
    """The `reply_markup` argument; raises 400 for one that cannot be used."""
    markup = arguments.json("reply_markup", "can't parse reply keyboard markup JSON object")
    if not markup:
        return NO_MARKUP
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    if "inline_keyboard" in markup:
        return ReplyMarkup(inline=_read_inline(markup["inline_keyboard"]))
    if any(name in markup for name in CHAT_KEYBOARDS):
        return ReplyMarkup(chat_keyboard=markup)
    return NO_MARKUP


def _read_inline(rows: Any) -> Json | None:
    if not isinstance(rows, list):
        raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup should be an Array')
    read = []
    for row in rows:
        if not isinstance(row, list):
            raise bad_request(
                'field "inline_keyboard" of the InlineKeyboardMarkup should be an Array of Arrays'
            )
        if row:
            read.append([_read_button(button) for button in row])
    if sum(len(row) for row in read) > BUTTONS_MAX:
        raise bad_request("reply markup is too long")
    return {"inline_keyboard": read} if read else None


def _read_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise _button_error("expected an Object")
    text = button.get("text")
    if not isinstance(text, str):
        raise _button_error('Can\'t find field "text"')
    if not text.strip():
        raise _button_error("Button text must be non-empty")
    for action in ACTIONS:
        value = button.get(action)
        if value is None:
            continue
        _check_action(action, value)
        looks = {name: button[name] for name in LOOKS if name in button}
        return {"text": text, action: value, **looks}
    raise _button_error("Text buttons are unallowed in the inline keyboard")


def _check_action(action: str, value: Any) -> None:
    if action == "callback_data":
        if not isinstance(value, str) or not 0 < len(value.encode()) <= CALLBACK_DATA_BYTES_MAX:
            raise bad_request("BUTTON_DATA_INVALID")
    elif action == "url" and not _is_link(value):
        raise bad_request(f"inline keyboard button URL '{value}' is invalid: Wrong HTTP URL")


def _is_link(value: Any) -> bool:
    if not isinstance(value, str) or " " in value:
        return False
    return value.startswith(("http://", "https://", "tg://", "tonsite://")) or "." in value


def _button_error(text: str) -> ApiError:
    return bad_request(f"can't parse inline keyboard button: {text}")
