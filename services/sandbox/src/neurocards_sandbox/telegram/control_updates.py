"""Control API: updates as they should not come: again, out of order, malformed."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel

from neurocards_sandbox.telegram.chats import Json
from neurocards_sandbox.telegram.control_access import TheWorld, find_bot
from neurocards_sandbox.telegram.webhook import Webhooks
from neurocards_sandbox.telegram.webhook_http import WebhookReply

router = APIRouter()
TIMES_MAX = 1_000


class RawUpdate(BaseModel):
    update: dict[str, Any]
    queue_key: str = "raw"
    times: int = 1


class Again(BaseModel):
    update_ids: list[int]


class RawRequest(BaseModel):
    """`body` is sent as it is, `update` as JSON; `secret` replaces the real one, "" omits it."""

    body: str | None = None
    update: dict[str, Any] | None = None
    times: int = 1
    secret: str | None = None
    headers: dict[str, str] = {}
    at_once: bool = False


@router.get("/bots/{bot_id}/updates")
async def list_updates(world: TheWorld, bot_id: int) -> list[Json]:
    return list(find_bot(world, bot_id).queue.history)


@router.post("/bots/{bot_id}/updates")
async def queue_update(world: TheWorld, bot_id: int, raw: RawUpdate) -> Json:
    bot = find_bot(world, bot_id)
    lifetime_s = world.settings.update_lifetime_s
    return {
        "update_ids": [
            bot.queue.add_raw(dict(raw.update), queue_key=raw.queue_key, lifetime_s=lifetime_s)
            for _ in range(min(raw.times, TIMES_MAX))
        ]
    }


@router.post("/bots/{bot_id}/redeliver")
async def redeliver(world: TheWorld, bot_id: int, again: Again) -> Json:
    bot = find_bot(world, bot_id)
    known = {int(body["update_id"]): body for body in bot.queue.history}
    missing = [one for one in again.update_ids if one not in known]
    if missing:
        raise HTTPException(404, f"updates not remembered: {missing}")
    for update_id in again.update_ids:
        lifetime_s = world.settings.update_lifetime_s
        bot.queue.add_raw(known[update_id], queue_key="again", lifetime_s=lifetime_s)
    return {"update_ids": again.update_ids}


@router.post("/bots/{bot_id}/webhook")
async def post_to_webhook(world: TheWorld, bot_id: int, raw: RawRequest, request: Request) -> Json:
    bot = find_bot(world, bot_id)
    if not bot.webhook.url:
        raise HTTPException(409, "the bot has no webhook")
    webhooks: Webhooks = request.app.state.webhooks
    body = (raw.body if raw.body is not None else json.dumps(raw.update)).encode()
    headers = dict(raw.headers)
    if raw.secret is not None:
        headers["X-Telegram-Bot-Api-Secret-Token"] = raw.secret
    posts = [webhooks.post(bot, body, headers) for _ in range(min(raw.times, TIMES_MAX))]
    if raw.at_once:
        return {"replies": [_reply(one) for one in await asyncio.gather(*posts)]}
    return {"replies": [_reply(await post) for post in posts]}


def _reply(reply: WebhookReply) -> Json:
    return {
        "status": reply.status,
        "headers": reply.headers,
        "body": reply.body.decode("utf-8", "replace"),
    }
