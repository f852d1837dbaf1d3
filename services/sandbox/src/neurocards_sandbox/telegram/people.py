"""What users do: write, send media, press buttons, delete, block.

Each act changes the chat as a Telegram client would and queues the update that the bot gets.
Acts that a real client would not offer (writing to a blocked bot, pressing a button that is
not there) raise `ImpossibleActError`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from neurocards_sandbox.telegram.arguments import Upload
from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.call import TEXT_LENGTH_MAX
from neurocards_sandbox.telegram.chats import Chat, Json, StoredMessage
from neurocards_sandbox.telegram.entities import format_text
from neurocards_sandbox.telegram.media import message_media, store_upload
from neurocards_sandbox.telegram.methods_bot import bot_member
from neurocards_sandbox.telegram.world import CallbackQuery, User, World

FIRST_USER_ID = 5_000_001
USER_FIELDS = ("first_name", "last_name", "username", "language_code", "is_premium")


class ImpossibleActError(Exception):
    """A Telegram client would not let the user do this."""


def save_user(world: World, facts: Json) -> User:
    """Create a user, or change the fields that are given; a new id is made if there is none."""
    user_id = int(facts.get("id") or max([FIRST_USER_ID - 1, *world.users]) + 1)
    user = world.users.get(user_id)
    if user is None:
        defaults = {"first_name": f"User {user_id}", "language_code": "en"}
        user = world.users[user_id] = User({"id": user_id, "is_bot": False, **defaults})
    changes = {name: facts[name] for name in USER_FIELDS if facts.get(name) is not None}
    user.facts = {**user.facts, **changes}
    world.changed("user", user)
    return user


def user_of(world: World, user_id: int) -> User:
    """The user, created if nobody has heard of him yet."""
    return world.users.get(user_id) or save_user(world, {"id": user_id})


def deactivate(world: World, user: User, *, is_deactivated: bool) -> None:
    user.is_deactivated = is_deactivated
    world.changed("user", user)


def _deliver(world: World, bot: Bot, chat: Chat, message: StoredMessage) -> int | None:
    kind = "channel_post" if chat.type == "channel" else "message"
    return world.send_update(bot, kind, message.body, f"chat/{chat.id}")


def _check_may_write(world: World, chat: Chat, user: User) -> None:
    if chat.is_private and chat.bot_status == "kicked":
        raise ImpossibleActError("the user has blocked the bot; unblock it first")
    if user.is_deactivated:
        raise ImpossibleActError("the user is deactivated")
    if user.id not in chat.members:
        chat.members.append(user.id)
        world.changed("chat", chat)


def write(
    world: World, bot: Bot, chat: Chat, user: User, content: Json
) -> tuple[StoredMessage, int | None]:
    """Send a message of any content; returns it and the id of its update."""
    _check_may_write(world, chat, user)
    message = world.post(chat, user.facts, content, outgoing=False)
    return message, _deliver(world, bot, chat, message)


def text_contents(text: str) -> list[Json]:
    """The messages of a text: a client splits one that is too long."""
    formatted = format_text(text)
    if not formatted.text:
        raise ImpossibleActError("the text is empty")
    if len(formatted.text) <= TEXT_LENGTH_MAX:
        return [formatted.fields("text", "entities")]
    parts = range(0, len(formatted.text), TEXT_LENGTH_MAX)
    return [
        format_text(formatted.text[start : start + TEXT_LENGTH_MAX]).fields("text", "entities")
        for start in parts
    ]


async def media_content(world: World, bot: Bot, kind: str, upload: Upload, more: Json) -> Json:
    """The fields of a message with one file; raises ApiError for bytes of the wrong kind."""
    files = await store_upload(world, kind, upload, more)
    content = message_media(world, bot.id, files)
    if kind == "sticker" and more.get("emoji"):
        content["sticker"]["emoji"] = more["emoji"]
    if more.get("caption"):
        content |= format_text(str(more["caption"])).fields("caption", "caption_entities")
    return content


async def album_contents(
    world: World, bot: Bot, kind: str, uploads: list[Upload], caption: str
) -> list[Json]:
    """The messages of an album; the caption stands at the first, as clients put it."""
    captions = [caption, *[""] * (len(uploads) - 1)]
    contents = await asyncio.gather(
        *(
            media_content(world, bot, kind, upload, {"caption": text})
            for upload, text in zip(uploads, captions, strict=True)
        )
    )
    album_id = world.new_album_id()
    return [{"media_group_id": album_id, **content} for content in contents]


def edit(world: World, bot: Bot, chat: Chat, message: StoredMessage, text: str) -> int | None:
    """Change the text or the caption of a message of the user's own."""
    if message.outgoing:
        raise ImpossibleActError("a user edits his own messages only")
    names = ("text", "entities") if "text" in message.body else ("caption", "caption_entities")
    body = {key: value for key, value in message.body.items() if key not in names}
    world.edit(chat, message, body | format_text(text).fields(*names))
    kind = "edited_channel_post" if chat.type == "channel" else "edited_message"
    return world.send_update(bot, kind, message.body, f"chat/{chat.id}")


def find_button(message: StoredMessage, wanted: Json) -> Json:
    """The button named by callback_data, text, row and column, or index."""
    rows: list[list[Json]] = message.body.get("reply_markup", {}).get("inline_keyboard", [])
    buttons = [button for row in rows for button in row]
    try:
        if wanted.get("row") is not None:
            return rows[int(wanted["row"])][int(wanted.get("column") or 0)]
        if wanted.get("index") is not None:
            return buttons[int(wanted["index"])]
    except IndexError:
        raise ImpossibleActError("the message has no such button") from None
    for name in ("callback_data", "text"):
        for button in buttons:
            if wanted.get(name) and button.get(name) == wanted[name]:
                return button
    raise ImpossibleActError("the message has no such button")


def press(
    world: World, bot: Bot, chat: Chat, user: User, wanted: Json
) -> tuple[CallbackQuery, int | None]:
    """Press a button; with `force` even one that an old client alone would still show."""
    message = chat.messages.get(int(wanted.get("message_id") or 0))
    if message is None:
        raise ImpossibleActError("there is no such message")
    data = wanted.get("callback_data")
    if not (wanted.get("force") and data):
        data = find_button(message, wanted).get("callback_data")
    if not data:
        raise ImpossibleActError("the button has no callback_data")
    query = world.add_callback(chat, message.body["message_id"], user.id, str(data))
    payload = {
        "id": query.id,
        "from": user.facts,
        "message": message.body,
        "chat_instance": str(-(chat.id * 2_654_435_761 + bot.id) % 2**63),
        "data": str(data),
    }
    return query, world.send_update(bot, "callback_query", payload, f"callback/{user.id}")


def set_bot_status(world: World, bot: Bot, chat: Chat, user: User, status: str) -> int | None:
    """Block (`kicked`) or unblock (`member`) the bot, or change its place in a group."""
    old = chat.bot_status
    if old == status:
        return None
    chat.bot_status = status
    world.changed("chat", chat)
    chat.feed.publish("bot_status", None, bot_status=status)
    payload: dict[str, Any] = {
        "chat": chat.facts,
        "from": user.facts,
        "date": int(time.time()),
        "old_chat_member": bot_member(bot.user, old),
        "new_chat_member": bot_member(bot.user, status),
    }
    return world.send_update(bot, "my_chat_member", payload, f"member/{chat.id}")


def delete_chat(world: World, chat: Chat) -> None:
    """Delete the history for both sides; the chat itself stays known to the bot."""
    for message_id in list(chat.messages):
        world.forget(chat, message_id)
    chat.feed.publish("clear")
