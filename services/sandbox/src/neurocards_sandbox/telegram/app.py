"""The HTTP face: `/bot<token>/<method>`, `/file/bot<token>/<path>` and the control API.

Not a FastAPI route per method: the Bot API has its own rules for bodies and errors, so its
routes are plain ones, and the framework validates nothing but the control API.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from neurocards_sandbox.telegram import control
from neurocards_sandbox.telegram.arguments import read_arguments
from neurocards_sandbox.telegram.dispatch import Dispatcher, Reply
from neurocards_sandbox.telegram.errors import ApiError
from neurocards_sandbox.telegram.people import ImpossibleActError
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.webhook import Webhooks
from neurocards_sandbox.telegram.world import World

LOCAL_ORIGIN = r"https?://(localhost|127\.0\.0\.1)(:\d+)?"
"""Where a chat page may live that uses the control API from a browser."""
ABORT_EXTENSION = "neurocards.abort_connection"


def respond(request: Request, reply: Reply) -> Response:
    """The envelope as the real server writes it, or a cut connection."""
    if reply.is_dropped:
        abort = request.scope.get("extensions", {}).get(ABORT_EXTENSION)
        if abort is not None:
            abort()
        return Response(status_code=502)
    headers = {}
    if reply.retry_after_s is not None:
        headers["Retry-After"] = str(reply.retry_after_s)
    body = json.dumps(reply.body, separators=(",", ":")).encode()
    return Response(body, reply.status, headers, media_type="application/json")


async def call_method(request: Request) -> Response:
    """One call of a bot."""
    world: World = request.app.state.world
    dispatcher: Dispatcher = request.app.state.dispatcher
    try:
        bot = world.bot_by_token(request.path_params["token"])
        arguments = await read_arguments(request)
    except ApiError as error:
        return respond(request, Reply(error.code, error.body))
    method = request.path_params["method"]
    return respond(request, await dispatcher.run(bot, method, arguments))


async def download_file(request: Request) -> Response:
    """The bytes behind a `file_path` that getFile gave."""
    world: World = request.app.state.world
    try:
        world.bot_by_token(request.path_params["token"])
    except ApiError as error:
        return respond(request, Reply(error.code, error.body))
    file = world.files.by_path(request.path_params["path"])
    if file is None:
        missing = ApiError(404, "Not Found")
        return respond(request, Reply(missing.code, missing.body))
    return FileResponse(world.files.blob(file), media_type="application/octet-stream")


async def refuse_act(_: Request, error: Exception) -> Response:
    """Control calls that ask for what no Telegram client would do."""
    text = error.description if isinstance(error, ApiError) else str(error)
    status = 400 if isinstance(error, ApiError) else 409
    return Response(json.dumps({"error": text}), status, media_type="application/json")


def create_app(settings: TelegramSandboxSettings | None = None) -> FastAPI:
    """The simulator as an ASGI app; `app.state.world` is open to tests in the same process."""
    settings = settings or TelegramSandboxSettings()
    scratch = None if settings.data_dir else tempfile.TemporaryDirectory(prefix="telegram-")
    world = World(settings, settings.data_dir or Path(scratch.name if scratch else ""))
    dispatcher = Dispatcher(world)
    webhooks = Webhooks(world, dispatcher.run)
    world.webhook_changed = webhooks.restart

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        world.journal.start()
        for bot in world.bots.values():
            webhooks.restart(bot)
        try:
            yield
        finally:
            await webhooks.close()
            await world.journal.close()
            if scratch is not None:
                scratch.cleanup()

    app = FastAPI(title="Telegram simulator", lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.world = world
    app.state.dispatcher = dispatcher
    app.state.webhooks = webhooks
    app.add_middleware(
        CORSMiddleware, allow_origin_regex=LOCAL_ORIGIN, allow_methods=["*"], allow_headers=["*"]
    )
    app.add_route("/bot{token}/{method}", call_method, methods=["GET", "POST"])
    app.add_route("/file/bot{token}/{path:path}", download_file, methods=["GET"])
    app.include_router(control.router)
    app.add_exception_handler(ImpossibleActError, refuse_act)
    app.add_exception_handler(ApiError, refuse_act)
    return app
