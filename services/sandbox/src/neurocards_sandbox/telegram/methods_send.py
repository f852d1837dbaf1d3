"""Methods that put messages into chats: send*, copyMessage, forwardMessage, sendChatAction."""

from __future__ import annotations

import asyncio
from typing import Any

from neurocards_sandbox.telegram.call import TEXT_LENGTH_MAX, Call, Method, check_caption
from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.entities import FormattedText, format_text
from neurocards_sandbox.telegram.errors import bad_request
from neurocards_sandbox.telegram.inputs import input_files
from neurocards_sandbox.telegram.keyboards import NO_MARKUP, ReplyMarkup, read_reply_markup
from neurocards_sandbox.telegram.media import message_media

ALBUM_KINDS = ("photo", "video", "document", "audio")
ALBUM_MIN, ALBUM_MAX = 2, 10
CHAT_ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)
HINTS = ("width", "height", "duration")
CONTENT_FIELDS = frozenset(
    {
        "text",
        "entities",
        "caption",
        "caption_entities",
        "photo",
        "video",
        "document",
        "animation",
        "sticker",
        "voice",
        "audio",
        "location",
        "link_preview_options",
        "has_media_spoiler",
        "show_caption_above_media",
    }
)


async def send_message(call: Call) -> Json:
    chat = call.chat()
    content = text_content(call, call.text(), "message is too long")
    markup = read_reply_markup(call.arguments)
    call.limit(chat, "send")
    return call.post(chat, content, markup)


def text_content(call: Call, text: FormattedText, too_long: str) -> Json:
    """The fields of a text message; raises 400 for an empty or too long one."""
    if not text.text:
        raise bad_request("message text is empty")
    if len(text.text) > TEXT_LENGTH_MAX:
        raise bad_request(too_long)
    content = text.fields("text", "entities")
    preview = call.arguments.json(
        "link_preview_options", "can't parse link preview options JSON object"
    )
    if preview:
        content["link_preview_options"] = preview
    return content


async def _send_media(call: Call, kind: str) -> Json:
    chat = call.chat()
    caption = FormattedText() if kind == "sticker" else call.caption()
    markup = read_reply_markup(call.arguments)
    hints: Json = {name: call.arguments.integer(name) for name in HINTS}
    hints["thumbnail"] = call.arguments.text("thumbnail") or "thumbnail"
    call.limit(chat, "send")
    files = await input_files(call, kind, call.arguments.text(kind), hints)
    content = message_media(call.world, call.bot.id, files)
    content |= caption.fields("caption", "caption_entities")
    content |= media_flags(call.arguments.flag("has_spoiler"), above=_above(call))
    return call.post(chat, content, markup)


def _above(call: Call) -> bool:
    return call.arguments.flag("show_caption_above_media")


def media_flags(spoiler: Any, *, above: Any) -> Json:
    flags: Json = {"has_media_spoiler": True} if spoiler else {}
    return {**flags, "show_caption_above_media": True} if above else flags


async def send_photo(call: Call) -> Json:
    return await _send_media(call, "photo")


async def send_video(call: Call) -> Json:
    return await _send_media(call, "video")


async def send_document(call: Call) -> Json:
    return await _send_media(call, "document")


async def send_animation(call: Call) -> Json:
    return await _send_media(call, "animation")


async def send_sticker(call: Call) -> Json:
    return await _send_media(call, "sticker")


async def send_voice(call: Call) -> Json:
    return await _send_media(call, "voice")


async def send_audio(call: Call) -> Json:
    return await _send_media(call, "audio")


async def send_location(call: Call) -> Json:
    chat = call.chat()
    try:
        place = {name: float(call.arguments.text(name)) for name in ("latitude", "longitude")}
    except ValueError:
        raise bad_request("latitude and longitude must be specified") from None
    markup = read_reply_markup(call.arguments)
    call.limit(chat, "send")
    return call.post(chat, {"location": place}, markup)


async def send_media_group(call: Call) -> list[Json]:
    chat = call.chat()
    items = call.arguments.json("media", "can't parse media JSON object")
    if not isinstance(items, list):
        raise bad_request("can't parse media JSON object")
    if not ALBUM_MIN <= len(items) <= ALBUM_MAX:
        raise bad_request("wrong number of messages in album")
    kinds = {item.get("type") for item in items}
    if not kinds <= set(ALBUM_KINDS) or ("document" in kinds and len(kinds) > 1):
        raise bad_request("can't use the media of the specified type in the album")
    call.limit(chat, "send", cost=len(items))
    contents = await asyncio.gather(*(input_media(call, item) for item in items))
    album_id = call.world.new_album_id()
    return [
        call.post(chat, {"media_group_id": album_id, **content}, NO_MARKUP) for content in contents
    ]


async def input_media(call: Call, item: Any) -> Json:
    """The message fields of one InputMedia object."""
    if not isinstance(item, dict) or not item.get("type"):
        raise bad_request("can't parse InputMedia: Can't find field \"type\"")
    kind, source = item["type"], item.get("media")
    if kind not in {*ALBUM_KINDS, "animation"}:
        raise bad_request("can't parse InputMedia: unsupported media type specified")
    if not source:
        raise bad_request("can't parse InputMedia: media not found")
    caption = format_text(
        item.get("caption") or "", item.get("parse_mode") or "", item.get("caption_entities")
    )
    check_caption(caption)
    files = await input_files(call, kind, source, item)
    return {
        **message_media(call.world, call.bot.id, files),
        **caption.fields("caption", "caption_entities"),
        **media_flags(item.get("has_spoiler"), above=item.get("show_caption_above_media")),
    }


async def send_chat_action(call: Call) -> bool:
    action = call.arguments.text("action")
    if action not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    call.chat().feed.publish("chat_action", action=action)
    return True


async def copy_message(call: Call) -> Json:
    chat, source = call.chat(), call.chat("from_chat_id", write=False)
    original = call.message(source, "message to copy").body
    content = {key: value for key, value in original.items() if key in CONTENT_FIELDS}
    if call.arguments.has("caption"):
        content.pop("caption", None)
        content.pop("caption_entities", None)
        content |= call.caption().fields("caption", "caption_entities")
    markup = read_reply_markup(call.arguments)
    call.limit(chat, "send")
    return {"message_id": call.post(chat, content, markup)["message_id"]}


async def forward_message(call: Call) -> Json:
    chat, source = call.chat(), call.chat("from_chat_id", write=False)
    original = call.message(source, "message to forward").body
    content = {key: value for key, value in original.items() if key in CONTENT_FIELDS}
    origin = original.get("forward_origin") or {
        "type": "user",
        "date": original["date"],
        "sender_user": original.get("from", call.bot.user),
    }
    markup = ReplyMarkup(inline=original.get("reply_markup"))
    call.limit(chat, "send")
    return call.post(chat, {"forward_origin": origin, **content}, markup)


METHODS: dict[str, Method] = {
    "sendMessage": send_message,
    "sendPhoto": send_photo,
    "sendVideo": send_video,
    "sendDocument": send_document,
    "sendAnimation": send_animation,
    "sendSticker": send_sticker,
    "sendVoice": send_voice,
    "sendAudio": send_audio,
    "sendLocation": send_location,
    "sendMediaGroup": send_media_group,
    "sendChatAction": send_chat_action,
    "copyMessage": copy_message,
    "forwardMessage": forward_message,
}
