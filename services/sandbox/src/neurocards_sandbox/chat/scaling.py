"""The routes by which the page shows how the workers are scaled, and sends a crowd of orders."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

USER_ID_MAX = 10**18
BODY_BYTES_MAX = 1000


class ScalingView(Protocol):
    def shown(self) -> dict[str, Any]:
        """Give what the scaler told last, and how far the last crowd is; JSON values."""
        ...

    def send_crowd(self, visitor_id: int, language: str) -> bool:
        """Let many invented users order; False while the last crowd still does."""
        ...


def scaling_routes(view: ScalingView) -> list[Route]:
    async def shown(_: Request) -> JSONResponse:
        return JSONResponse(await asyncio.to_thread(view.shown))

    async def crowd(request: Request) -> JSONResponse:
        asked = _order_of(await request.body())
        if asked is None:
            return JSONResponse({"error": "say user_id and language"}, 400)
        if not view.send_crowd(*asked):
            return JSONResponse({"error": "the last crowd is still ordering"}, 409)
        return JSONResponse(view.shown(), 202)

    return [
        Route("/api/scaling", shown),
        Route("/api/crowd", crowd, methods=["POST"]),
    ]


def _order_of(body: bytes) -> tuple[int, str] | None:
    try:
        asked = json.loads(body[:BODY_BYTES_MAX])
        user_id, language = asked["user_id"], asked["language"]
    except (ValueError, KeyError, TypeError):
        return None
    is_number = isinstance(user_id, int) and 0 < user_id < USER_ID_MAX
    return (user_id, language) if is_number and isinstance(language, str) else None
