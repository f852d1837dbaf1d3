"""The control API under `/sim`: what chat pages, tests, chaos and benchmarks steer with.

Where a chat belongs to several bots, `?bot=<bot id>` says which copy is meant; it may be left
out while there is only one bot. Errors are `{"error": "..."}` (or FastAPI's `{"detail": ...}`)
with 400 (Telegram would refuse the content), 404 (unknown), 409 (no client would offer this).

People and chats (`control_people`, `control_chats`)

    POST   /bots  {token, first_name?, username?}          -> Bot
    GET    /bots, /bots/{bot_id}                           -> [Bot] | Bot
    POST   /users {id?, first_name?, last_name?, username?, language_code?, is_premium?} -> User
    GET    /users, /users/{user_id}                        -> [User] | User
    POST   /users/{user_id}/deactivate, .../activate       -> User
    GET    /chats                                          -> [{bot_id, chat, bot_status}]
    POST   /chats {id, type, title?, username?, members?, bot_status?} -> Chat (groups, channels)
    GET    /chats/{chat_id}                                -> Chat with its messages
    DELETE /chats/{chat_id}                                -> {deleted}: history, both sides
    POST   /chats/{chat_id}/send                           -> {messages: [Message], update_ids}
           JSON or multipart: kind (text, photo, document, video, animation, sticker, voice,
           audio, location, album), text or caption, file (several for an album), album_kind,
           emoji, latitude, longitude, user_id (default: the chat's own user)
    POST   /chats/{chat_id}/press {message_id, callback_data | text | index | row, column,
           user_id?, force?}                               -> CallbackQuery + update_id
    GET    /callback_queries/{id}                          -> CallbackQuery
    POST   /chats/{chat_id}/block, .../unblock             -> {bot_status, update_id}
    POST   /chats/{chat_id}/bot_status {status}            -> the same, for groups
    POST   /chats/{chat_id}/migrate {to}                   -> {migrated_to}
    GET    /chats/{chat_id}/messages/{message_id}          -> Message with `versions`
    POST   /chats/{chat_id}/messages/{message_id}/edit {text}  -> Message + update_id
    DELETE /chats/{chat_id}/messages/{message_id}          -> {deleted}
    GET    /chats/{chat_id}/changes?after=&timeout_s=      -> {sequence, events: [Event]}
    GET    /chats/{chat_id}/events                         -> server-sent events, data = Event
    GET    /files/{serial}                                 -> bytes, with Range support

Updates (`control_updates`)

    POST   /bots/{bot_id}/updates {update, queue_key?, times?}  -> {update_ids}: queued as it is
    POST   /bots/{bot_id}/redeliver {update_ids}           -> {update_ids}: again, in this order
    GET    /bots/{bot_id}/updates                          -> the last updates, oldest first
    POST   /bots/{bot_id}/webhook {body | update, times?, secret?, headers?, at_once?}
                                                           -> {replies: [{status, body}]}

Faults, limits, log (`control_faults`)

    POST   /faults {method?, times?, status?, description?, retry_after?, delay_s?,
           drop?: before|after, bot_id?, chat_id?}         -> Fault
    GET    /faults   DELETE /faults
    GET    /tuning   POST /tuning {limits?, limit_factor?, time_factor?, callback_answer_s?}
    GET    /calls?bot=&method=&chat_id=&after=             -> [Call]      DELETE /calls
    GET    /counters                                       -> {bot_id: {"method status": count}}
    POST   /reset                                          -> everything but the bots forgotten

Message = {message_id, date, edit_date, from: "bot"|"user", from_user, text, html, media,
reply_to_message_id, buttons: [[button]], edits, media_group_id, location, raw}; media =
{kind, url, thumbnail_url, file_id, file_name, file_size, mime_type, width, height, duration} or
null. Event = {sequence, at, kind, message?} and, by kind: `message`, `edit` (the message as it
was then), `delete` (message_id), `clear`, `chat_action` (action), `bot_status` (bot_status),
`callback_answer` (callback_query_id, user_id, text, show_alert, url).
"""

from __future__ import annotations

from fastapi import APIRouter

from neurocards_sandbox.telegram import (
    control_chats,
    control_faults,
    control_people,
    control_updates,
)

router = APIRouter(prefix="/sim")
for part in (control_people, control_chats, control_updates, control_faults):
    router.include_router(part.router)
router.include_router(control_chats.in_chat)
