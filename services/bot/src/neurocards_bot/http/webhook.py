"""POST /telegram/{bot_id}: an update is carried out, committed, and only then answered with 200.

401: not Telegram (the secret header is missing or wrong; without a configured secret everything
is). 400: not an update at all, which Telegram does not send. 413: more than an update can hold.
503 + Retry-After: nothing was decided, Telegram brings the update again. An update that is
readable as JSON but not by us is answered with 200 (see `processing`), since Telegram repeats
anything else and holds the later updates of the chat back meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import structlog
from aiogram import Bot
from aiogram.methods import AnswerCallbackQuery
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from neurocards_bot.http.bodies import BodyTooLargeError, read_body
from neurocards_bot.http.proofs import is_proven
from neurocards_bot.processing import Applied, NotAnUpdateError, UpdateProcessor, Verdict

log = structlog.get_logger(__name__)

BOT_ID_CHARACTERS_MAX = 20
UPDATE_BYTES_MAX = 1024 * 1024
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of the header


def webhook_routes(
    bots: Mapping[int, Bot], processor: UpdateProcessor, *, secret: str | None
) -> APIRouter:
    router = APIRouter()
    expected = secret.encode() if secret else None
    # As they stand in the address: to make a number of what a stranger wrote there may fail.
    bots_by_name = {str(bot_id): bot for bot_id, bot in bots.items()}

    async def receive(request: Request) -> Response:
        request.scope["route"] = route
        name = request.path_params["bot_id"]
        bot = bots_by_name.get(name)
        if not is_proven(request, SECRET_HEADER, expected):
            log.warning("webhook.refused", bot_id=name[:BOT_ID_CHARACTERS_MAX])
            return Response(status_code=401)
        if bot is None:
            return Response(status_code=404)
        try:
            body = await read_body(request, bytes_max=UPDATE_BYTES_MAX)
            return _response(await processor.process_json(bot, body))
        except BodyTooLargeError:
            return Response(status_code=413)
        except NotAnUpdateError:
            log.warning("webhook.malformed", bot_id=bot.id)
            return Response(status_code=400)

    # A plain route: FastAPI's own would resolve the parameters of each call anew.
    route = Route("/telegram/{bot_id}", receive, methods=["POST"])
    router.routes.append(route)
    return router


def _response(verdict: Verdict) -> Response:
    match verdict:
        case Applied(reply=AnswerCallbackQuery() as reply):
            return JSONResponse(webhook_reply(reply))
        case Applied():
            return Response(status_code=200)
        case _:
            return Response(
                status_code=503, headers={"Retry-After": str(math.ceil(verdict.after_s))}
            )


def webhook_reply(method: AnswerCallbackQuery) -> dict[str, Any]:
    """Write a call as the answer to a webhook; its result is never learnt."""
    return {"method": method.__api_method__} | method.model_dump(exclude_none=True)
