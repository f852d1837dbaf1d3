"""The server of the chat page: its files, the visitor's part of the control API, the jobs.

Not a proxy: the simulator is called inside the same process. Invariants: of the control API only
what a visitor does in a private chat is open here; whatever a visitor uploads is served so that no
browser runs it as a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import asyncpg
import structlog
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from neurocards_sandbox.chat.jobs import JobReader
from neurocards_sandbox.chat.scaling import ScalingView, scaling_routes

log = structlog.get_logger(__name__)

_CHAT = r"/sim/chats/[1-9]\d{0,18}"
VISITOR_ROUTES: Mapping[str, re.Pattern[str]] = {
    "GET": re.compile(rf"{_CHAT}(/events)?|/sim/bots/\d+|/sim/files/\d+"),
    "POST": re.compile(rf"{_CHAT}/(send|press|block|unblock)|/sim/users"),
    "DELETE": re.compile(rf"{_CHAT}/messages/\d+"),
}
PAGE_POLICY = (
    "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'"
)
FILE_POLICY = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"
OWN_SITE = (None, "same-origin", "none")


class PageHeaders:
    """Tells browsers what this origin may run, and refuses calls that other sites cause."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["method"] != "GET" and Headers(scope=scope).get("sec-fetch-site") not in OWN_SITE:
            await PlainTextResponse("another site may not act here", 403)(scope, receive, send)
            return
        is_file = scope["path"].startswith("/sim/files/")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message["headers"])
                headers["Content-Security-Policy"] = FILE_POLICY if is_file else PAGE_POLICY
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self._app(scope, receive, send_with_headers)


class VisitorGate:
    """Lets through to the simulator what a visitor may do."""

    def __init__(self, telegram: ASGIApp) -> None:
        self._telegram = telegram

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        allowed = VISITOR_ROUTES.get(scope["method"])
        if allowed is None or not allowed.fullmatch(scope["path"]):
            missing = JSONResponse({"error": "the page has no such route"}, 404)
            await missing(scope, receive, send)
            return
        # The simulator's own routes begin with /sim, so it sees the path from the root.
        await self._telegram({**scope, "root_path": "", "app_root_path": ""}, receive, send)


def create_app(
    *,
    telegram: ASGIApp,
    bot_id: int,
    jobs: JobReader | None,
    scaling: ScalingView | None = None,
) -> Starlette:
    """Give the page for the chats with one bot.

    Without `jobs` it cannot tell about orders, without `scaling` not about workers.
    """

    async def page_facts(_: Request) -> JSONResponse:
        facts = {
            "bot_id": bot_id,
            "are_jobs_shown": jobs is not None,
            "is_scaling_shown": scaling is not None,
        }
        return JSONResponse(facts)

    async def visitor_jobs(request: Request) -> JSONResponse:
        user_id = request.query_params.get("user_id", "")
        if jobs is None or not re.fullmatch(r"[1-9]\d{0,17}", user_id):
            return JSONResponse({"error": "user_id is a number"}, 400)
        try:
            found = await jobs.of_user(int(user_id))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
            log.warning("page.jobs_unreadable", error=type(error).__name__)
            return JSONResponse({"error": "the database does not answer"}, 503)
        return JSONResponse({"jobs": [job.as_json() for job in found]})

    page = Path(str(files("neurocards_sandbox.chat"))) / "page"
    return Starlette(
        routes=[
            Route("/api/page", page_facts),
            Route("/api/jobs", visitor_jobs),
            *(scaling_routes(scaling) if scaling else ()),
            Mount("/sim", VisitorGate(telegram)),
            Mount("/", StaticFiles(directory=page, html=True)),
        ],
        middleware=[Middleware(PageHeaders)],
    )
