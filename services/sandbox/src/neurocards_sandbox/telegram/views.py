"""What the control API shows: chats, messages and events as a chat page needs them."""

from __future__ import annotations

from typing import Any

from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.chats import Chat, ChatEvent, Json, StoredMessage
from neurocards_sandbox.telegram.entities import to_html
from neurocards_sandbox.telegram.errors import ApiError
from neurocards_sandbox.telegram.media import media_kind
from neurocards_sandbox.telegram.methods_updates import webhook_info
from neurocards_sandbox.telegram.world import CallbackQuery, World


def bot_view(world: World, bot: Bot) -> Json:
    statuses = {
        f"{method} {status}": count
        for (bot_id, method, status), count in sorted(world.calls.counters.items())
        if bot_id == bot.id
    }
    return {
        "bot_id": bot.id,
        "username": bot.username,
        "first_name": bot.first_name,
        "profile": bot.profile,
        "webhook": webhook_info(bot),
        "is_polling": bot.poll.active is not None,
        "pending_updates": len(bot.queue.pending),
        "calls": statuses,
    }


def message_view(world: World, bot_id: int, body: Json, *, edits: int, outgoing: bool) -> Json:
    """One message as a page draws it; `raw` is the Bot API object."""
    is_caption = "caption" in body
    text = body.get("caption" if is_caption else "text", "")
    entities = body.get("caption_entities" if is_caption else "entities", [])
    return {
        "message_id": body["message_id"],
        "date": body["date"],
        "edit_date": body.get("edit_date"),
        "from": "bot" if outgoing else "user",
        "from_user": body.get("from"),
        "text": text,
        "html": to_html(text, entities),
        "media": _media_view(world, bot_id, body),
        "media_group_id": body.get("media_group_id"),
        "location": body.get("location"),
        "reply_to_message_id": body.get("reply_to_message", {}).get("message_id"),
        "buttons": body.get("reply_markup", {}).get("inline_keyboard", []),
        "edits": edits,
        "raw": body,
    }


def _media_view(world: World, bot_id: int, body: Json) -> Json | None:
    kind = media_kind(body)
    if not kind:
        return None
    media = body[kind][-1] if kind == "photo" else body[kind]
    thumbnail = body[kind][0] if kind == "photo" else media.get("thumbnail")
    return {
        "kind": kind,
        "url": _file_url(world, bot_id, media["file_id"]),
        "thumbnail_url": _file_url(world, bot_id, thumbnail["file_id"]) if thumbnail else None,
        "file_id": media["file_id"],
        "file_name": media.get("file_name"),
        "file_size": media.get("file_size"),
        "mime_type": media.get("mime_type", "image/jpeg" if kind == "photo" else None),
        "width": media.get("width"),
        "height": media.get("height"),
        "duration": media.get("duration"),
    }


def _file_url(world: World, bot_id: int, file_id: str) -> str | None:
    try:
        return f"/sim/files/{world.files.resolve(bot_id, file_id).serial}"
    except ApiError:
        return None


def stored_view(world: World, message: StoredMessage) -> Json:
    return message_view(
        world, message.bot_id, message.body, edits=message.edits, outgoing=message.outgoing
    )


def chat_view(world: World, chat: Chat) -> Json:
    """The transcript of a chat: its messages in their present state, oldest first."""
    return {
        "bot_id": chat.bot_id,
        "chat": chat.facts,
        "bot_status": chat.bot_status,
        "keyboard": chat.keyboard,
        "sequence": chat.feed.sequence,
        "messages": [stored_view(world, message) for message in chat.messages.values()],
    }


def event_view(world: World, chat: Chat, event: ChatEvent) -> Json:
    """A change: `message`, `edit`, `delete`, `callback_answer`, `chat_action`, `bot_status`."""
    view: Json = {"sequence": event.sequence, "at": event.at, "kind": event.kind, **event.facts}
    if event.body is not None:
        view["message"] = message_view(
            world, chat.bot_id, event.body, edits=event.edits, outgoing=event.outgoing
        )
    return view


def callback_view(query: CallbackQuery) -> dict[str, Any]:
    return {
        "callback_query_id": query.id,
        "chat_id": query.chat_id,
        "message_id": query.message_id,
        "user_id": query.user_id,
        "data": query.data,
        "is_answered": bool(query.answers),
        "answers": query.answers,
    }
