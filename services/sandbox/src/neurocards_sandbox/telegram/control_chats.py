"""Control API: chats, what users do in them, and their files. Shapes: see `control`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel
from starlette.responses import FileResponse, StreamingResponse

from neurocards_sandbox.telegram import people
from neurocards_sandbox.telegram.arguments import Arguments, read_arguments
from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.chats import Chat, Json
from neurocards_sandbox.telegram.control_access import TheBot, TheChat, TheWorld
from neurocards_sandbox.telegram.media import KINDS
from neurocards_sandbox.telegram.views import (
    callback_view,
    chat_view,
    event_view,
    message_view,
    stored_view,
)
from neurocards_sandbox.telegram.world import User, World

router = APIRouter()
in_chat = APIRouter(prefix="/chats/{chat_id}")
WAIT_MAX_S = 60.0
HEARTBEAT_S = 15.0
INLINE = re.compile(r"(video|audio)/|image/(jpeg|png|gif|webp)$")


class ChatFacts(BaseModel):
    id: int
    type: str = "supergroup"
    title: str | None = None
    username: str | None = None
    members: list[int] = []
    bot_status: str = "member"


class Press(BaseModel):
    message_id: int
    callback_data: str | None = None
    text: str | None = None
    index: int | None = None
    row: int | None = None
    column: int | None = None
    user_id: int | None = None
    force: bool = False


class NewText(BaseModel):
    text: str


class Status(BaseModel):
    status: str
    user_id: int | None = None


class Migration(BaseModel):
    to: int


@router.get("/chats")
async def list_chats(world: TheWorld) -> list[Json]:
    return [
        {"bot_id": chat.bot_id, "chat": chat.facts, "bot_status": chat.bot_status}
        for chat in world.chats.values()
    ]


@router.post("/chats")
async def save_group(world: TheWorld, bot: TheBot, facts: ChatFacts) -> Json:
    shown = facts.model_dump(include={"id", "type", "title", "username"}, exclude_none=True)
    chat = world.chats.get((bot.id, facts.id)) or Chat(bot_id=bot.id, facts=shown)
    chat.facts, chat.members = shown, facts.members
    chat.bot_status = facts.bot_status
    return chat_view(world, world.add_chat(chat))


@in_chat.get("")
async def show_chat(world: TheWorld, chat: TheChat) -> Json:
    return chat_view(world, chat)


@in_chat.delete("")
async def delete_chat(world: TheWorld, chat: TheChat) -> Json:
    people.delete_chat(world, chat)
    return {"deleted": True}


def _acting_user(world: World, chat: Chat, user_id: int | None) -> User:
    if not user_id and not chat.is_private:
        user_id = next(iter(chat.members), 0)
    user_id = user_id or chat.id
    if user_id <= 0:
        raise HTTPException(404, "say who acts by user_id")
    return people.user_of(world, user_id)


@in_chat.post("/send")
async def send(world: TheWorld, bot: TheBot, chat: TheChat, request: Request) -> Json:
    arguments = await read_arguments(request)
    user = _acting_user(world, chat, arguments.integer("user_id"))
    contents = await _contents(world, bot, arguments)
    sent = [people.write(world, bot, chat, user, content) for content in contents]
    return {
        "messages": [stored_view(world, message) for message, _ in sent],
        "update_ids": [update_id for _, update_id in sent],
    }


async def _contents(world: World, bot: Bot, arguments: Arguments) -> list[Json]:
    uploads = list(arguments.uploads.values())
    kind = arguments.text("kind") or ("document" if uploads else "text")
    if kind == "text":
        return people.text_contents(arguments.text("text"))
    if kind == "location":
        names = ("latitude", "longitude")
        return [{"location": {name: float(arguments.text(name) or 0) for name in names}}]
    if not uploads:
        raise HTTPException(422, "the file is missing")
    if kind == "album":
        album_kind = arguments.text("album_kind") or "photo"
        caption = arguments.text("caption")
        return await people.album_contents(world, bot, album_kind, uploads, caption)
    if kind not in KINDS:
        raise HTTPException(422, f"kind is one of text, location, album, {', '.join(KINDS)}")
    return [await people.media_content(world, bot, kind, uploads[0], arguments.values)]


@in_chat.post("/press")
async def press(world: TheWorld, bot: TheBot, chat: TheChat, wanted: Press) -> Json:
    user = _acting_user(world, chat, wanted.user_id)
    query, update_id = people.press(world, bot, chat, user, wanted.model_dump())
    return {**callback_view(query), "update_id": update_id}


@router.get("/callback_queries/{query_id}")
async def show_callback(world: TheWorld, query_id: str) -> Json:
    query = world.callbacks.get(query_id)
    if query is None:
        raise HTTPException(404, "no such callback query")
    return callback_view(query)


def _set_status(world: World, bot: Bot, chat: Chat, status: Status) -> Json:
    user = _acting_user(world, chat, status.user_id)
    update_id = people.set_bot_status(world, bot, chat, user, status.status)
    return {"bot_status": chat.bot_status, "update_id": update_id}


@in_chat.post("/block")
async def block(world: TheWorld, bot: TheBot, chat: TheChat) -> Json:
    return _set_status(world, bot, chat, Status(status="kicked"))


@in_chat.post("/unblock")
async def unblock(world: TheWorld, bot: TheBot, chat: TheChat) -> Json:
    return _set_status(world, bot, chat, Status(status="member"))


@in_chat.post("/bot_status")
async def set_status(world: TheWorld, bot: TheBot, chat: TheChat, status: Status) -> Json:
    return _set_status(world, bot, chat, status)


@in_chat.post("/migrate")
async def migrate(world: TheWorld, chat: TheChat, migration: Migration) -> Json:
    chat.migrated_to = migration.to
    world.changed("chat", chat)
    return {"migrated_to": chat.migrated_to}


@in_chat.get("/messages/{message_id}")
async def show_message(world: TheWorld, chat: TheChat, message_id: int) -> Json:
    message = chat.messages.get(message_id)
    if message is None:
        raise HTTPException(404, "no such message")
    versions = [
        message_view(world, chat.bot_id, body, edits=number, outgoing=message.outgoing)
        for number, body in enumerate(message.versions)
    ]
    return {**stored_view(world, message), "versions": versions}


@in_chat.post("/messages/{message_id}/edit")
async def edit_message(
    world: TheWorld, bot: TheBot, chat: TheChat, message_id: int, new: NewText
) -> Json:
    message = chat.messages.get(message_id)
    if message is None:
        raise HTTPException(404, "no such message")
    update_id = people.edit(world, bot, chat, message, new.text)
    return {**stored_view(world, message), "update_id": update_id}


@in_chat.delete("/messages/{message_id}")
async def delete_message(world: TheWorld, chat: TheChat, message_id: int) -> Json:
    if message_id not in chat.messages:
        raise HTTPException(404, "no such message")
    world.delete(chat, message_id)
    return {"deleted": True}


@in_chat.get("/changes")
async def changes(world: TheWorld, chat: TheChat, after: int = 0, timeout_s: float = 0) -> Json:
    events = await chat.feed.after(after, min(timeout_s, WAIT_MAX_S))
    return {
        "sequence": events[-1].sequence if events else chat.feed.sequence,
        "events": [event_view(world, chat, event) for event in events],
    }


@in_chat.get("/events")
async def events(
    world: TheWorld, chat: TheChat, request: Request, after: int | None = None
) -> StreamingResponse:
    last = request.headers.get("last-event-id", "")
    start = int(last) if last.isdecimal() else after
    sequence = chat.feed.sequence if start is None else start
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    stream = _stream(world, chat, sequence, request)
    return StreamingResponse(stream, media_type="text/event-stream", headers=headers)


async def _stream(world: World, chat: Chat, sequence: int, request: Request) -> AsyncIterator[str]:
    yield ": connected\n\n"
    while not (world.is_closing or await request.is_disconnected()):
        found = await chat.feed.after(sequence, HEARTBEAT_S)
        if not found:
            yield ": alive\n\n"
        for event in found:
            sequence = event.sequence
            data = json.dumps(event_view(world, chat, event))
            yield f"id: {sequence}\nevent: {event.kind}\ndata: {data}\n\n"


@router.get("/files/{serial}")
async def show_file(world: TheWorld, serial: int) -> FileResponse:
    file = world.files.get(serial)
    if file is None:
        raise HTTPException(404, "no such file")
    return FileResponse(
        world.files.blob(file),
        media_type=file.mime or "application/octet-stream",
        filename=file.name or None,
        # Nothing that a browser would run may open on this page's own origin.
        content_disposition_type="inline" if INLINE.match(file.mime) else "attachment",
        headers={"X-Content-Type-Options": "nosniff"},
    )
