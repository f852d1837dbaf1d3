"""GET /health for everybody, GET /healthz/detailed for whoever sends the administrators' token.

Neither of them decides over traffic: that is `/readyz`, on a port of its own.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from neurocards_bot.health import Health
from neurocards_bot.http.proofs import is_proven

ADMIN_HEADER = "x-admin-token"


def health_routes(health: Health, *, admin_token: str | None) -> APIRouter:
    """`admin_token`: None means that there is no detailed report at all."""
    router = APIRouter()
    expected = admin_token.encode() if admin_token else None

    async def brief() -> Response:
        status, body = await health.brief()
        return JSONResponse(body, status_code=status)

    async def detailed(request: Request) -> Response:
        """Answer 200 however it stands: the body is what is asked for. 401 without the token."""
        if not is_proven(request, ADMIN_HEADER, expected):
            return Response(status_code=401)
        return JSONResponse(await health.detailed())

    router.add_api_route("/health", brief, methods=["GET"], response_model=None)
    if expected is not None:
        router.add_api_route("/healthz/detailed", detailed, methods=["GET"], response_model=None)
    return router
