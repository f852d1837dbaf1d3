"""Methods that change or remove messages, and the answer to a button press.

An edit without `reply_markup` removes the inline keyboard, and an edit that changes nothing is
refused: both as on the real server, and bots depend on both.
"""

from __future__ import annotations

import time

from neurocards_sandbox.telegram.call import TEXT_LENGTH_MAX, Call, Method
from neurocards_sandbox.telegram.chats import Chat, Json, StoredMessage
from neurocards_sandbox.telegram.errors import bad_request
from neurocards_sandbox.telegram.keyboards import ReplyMarkup, read_reply_markup
from neurocards_sandbox.telegram.media import media_ids, media_kind
from neurocards_sandbox.telegram.methods_send import CONTENT_FIELDS, input_media, text_content

DELETABLE_S = 48 * 3600
DELETE_COUNT_MAX = 100
ANSWER_LENGTH_MAX = 200
EDITABLE_MEDIA = frozenset({"photo", "video", "document", "animation", "audio"})
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the "
    "same as a current content and reply markup of the message"
)


def _target(call: Call) -> tuple[Chat, StoredMessage, ReplyMarkup]:
    markup = read_reply_markup(call.arguments)
    if markup.chat_keyboard:
        raise bad_request("inline keyboard expected")
    if call.arguments.text("inline_message_id"):
        raise bad_request("MESSAGE_ID_INVALID")
    chat = call.chat()
    message = call.message(chat)
    if not message.outgoing or "forward_origin" in message.body:
        raise bad_request("message can't be edited")
    return chat, message, markup


def _apply(
    call: Call, chat: Chat, message: StoredMessage, content: Json, markup: ReplyMarkup
) -> Json:
    """Put new content into a message; raises 400 if nothing would change."""
    old = message.body
    body = {key: value for key, value in old.items() if key not in CONTENT_FIELDS}
    body.pop("reply_markup", None)
    body |= content
    if markup.inline:
        body["reply_markup"] = markup.inline
    if _essence(old) == _essence(body):
        raise bad_request(NOT_MODIFIED)
    call.limit(chat, "edit")
    call.world.edit(chat, message, body)
    return message.body


def _essence(body: Json) -> tuple[object, ...]:
    fields = ("text", "entities", "caption", "caption_entities", "reply_markup", "location")
    return (media_ids(body), *(body.get(field) for field in fields))


def _content(message: StoredMessage) -> Json:
    return {key: value for key, value in message.body.items() if key in CONTENT_FIELDS}


async def edit_message_text(call: Call) -> Json:
    text = call.text()
    if not text.text:
        raise bad_request("message text is empty")
    chat, message, markup = _target(call)
    if "text" not in message.body:
        raise bad_request("there is no text in the message to edit")
    if len(text.text) > TEXT_LENGTH_MAX:
        raise bad_request("MESSAGE_TOO_LONG")
    content = text_content(call, text, "MESSAGE_TOO_LONG")
    return _apply(call, chat, message, content, markup)


async def edit_message_caption(call: Call) -> Json:
    caption = call.caption()
    chat, message, markup = _target(call)
    if media_kind(message.body) in {"", "sticker"}:
        raise bad_request("there is no caption in the message to edit")
    content = _content(message)
    content.pop("caption", None)
    content.pop("caption_entities", None)
    content |= caption.fields("caption", "caption_entities")
    return _apply(call, chat, message, content, markup)


async def edit_message_media(call: Call) -> Json:
    chat, message, markup = _target(call)
    kind = media_kind(message.body)
    if kind not in EDITABLE_MEDIA and "text" not in message.body:
        raise bad_request("message media can't be edited")
    content = await input_media(call, call.arguments.json("media", "can't parse InputMedia"))
    # The upload took time: the user may have deleted the message meanwhile.
    message = call.message(chat)
    return _apply(call, chat, message, content, markup)


async def edit_message_reply_markup(call: Call) -> Json:
    chat, message, markup = _target(call)
    return _apply(call, chat, message, _content(message), markup)


async def delete_message(call: Call) -> bool:
    chat = call.chat(write=False)
    message = call.message(chat, "message to delete")
    if time.time() - message.body["date"] > DELETABLE_S:
        raise bad_request("message can't be deleted for everyone")
    call.world.delete(chat, message.body["message_id"])
    return True


async def delete_messages(call: Call) -> bool:
    chat = call.chat(write=False)
    wanted = call.arguments.json("message_ids", "can't parse message identifiers JSON object")
    if not isinstance(wanted, list) or not wanted:
        raise bad_request("message identifiers are not specified")
    if len(wanted) > DELETE_COUNT_MAX:
        raise bad_request("too many message identifiers specified")
    for message_id in {int(one) for one in wanted}:
        if message_id in chat.messages:
            call.world.delete(chat, message_id)
    return True


async def answer_callback_query(call: Call) -> bool:
    arguments = call.arguments
    query = call.world.callbacks.get(arguments.text("callback_query_id"))
    age_max_s = call.world.tuning.callback_answer_s
    if query is None or query.bot_id != call.bot.id or time.monotonic() - query.at > age_max_s:
        raise bad_request("query is too old and response timeout expired or query ID is invalid")
    if len(arguments.text("text")) > ANSWER_LENGTH_MAX:
        raise bad_request("MESSAGE_TOO_LONG")
    answer: Json = {
        "text": arguments.text("text"),
        "show_alert": arguments.flag("show_alert"),
        "url": arguments.text("url"),
    }
    query.answers.append(answer)
    feed = call.world.chats[query.bot_id, query.chat_id].feed
    feed.publish(
        "callback_answer", None, callback_query_id=query.id, user_id=query.user_id, **answer
    )
    return True


METHODS: dict[str, Method] = {
    "editMessageText": edit_message_text,
    "editMessageCaption": edit_message_caption,
    "editMessageMedia": edit_message_media,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "deleteMessages": delete_messages,
    "answerCallbackQuery": answer_callback_query,
}
