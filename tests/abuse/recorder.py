"""Stands where an ingress stands, hands everything on to the bot, and keeps what Telegram sent."""

from __future__ import annotations

import json
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

_HANDED_ON = ("content-type", "x-telegram-bot-api-secret-token", "x-webhook-signature")
_KEPT_MAX = 2_000


class Recorder:
    def __init__(self) -> None:
        self.updates: list[dict[str, Any]] = []
        self.callback_paths: list[str] = []
        """Signed addresses that the provider has called."""

    def app(self, bot_url: str, http: httpx.AsyncClient) -> Starlette:
        async def hand_on(request: Request) -> Response:
            body = await request.body()
            self._keep(request.url.path, body)
            headers = {
                name: value
                for name, value in request.headers.items()
                if name in _HANDED_ON or name.startswith("x-webhook-")
            }
            try:
                reply = await http.post(bot_url + request.url.path, content=body, headers=headers)
            except httpx.HTTPError:
                return Response(status_code=502)
            kind = reply.headers.get("content-type")
            return Response(reply.content, reply.status_code, media_type=kind)

        return Starlette(routes=[Route("/{path:path}", hand_on, methods=["POST"])])

    def _keep(self, path: str, body: bytes) -> None:
        if path.startswith("/kie/"):
            self.callback_paths.append(path)
        elif len(self.updates) < _KEPT_MAX:
            self.updates.append(json.loads(body))
