"""The three simulators and the chat page in one process: `python -m` of this module.

Reads its settings from the environment, for secrets stay out of command lines. Invariant: SIGTERM
and SIGINT end all servers together.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import uvicorn
from pydantic import Field, SecretStr
from starlette.types import ASGIApp

from neurocards.errors import ConfigurationError
from neurocards.settings import Concern, Loader
from neurocards_sandbox import kie, openai
from neurocards_sandbox.chat.app import create_app as create_page
from neurocards_sandbox.chat.jobs import JobReader
from neurocards_sandbox.demo.crowd import Crowd
from neurocards_sandbox.demo.scaling_desk import ScalingDesk
from neurocards_sandbox.kie import KieSandboxSettings
from neurocards_sandbox.openai import OpenAiSandboxSettings
from neurocards_sandbox.telegram import app as telegram
from neurocards_sandbox.telegram.bots import Bot
from neurocards_sandbox.telegram.server import make_server, serving
from neurocards_sandbox.telegram.settings import TelegramSandboxSettings
from neurocards_sandbox.telegram.world import World

LOOPBACK = "127.0.0.1"
SHUTDOWN_S = 1
KEEP_ALIVE_S = 75
"""Longer than clients keep idle connections, so that none is closed under a request."""
BOT_NAME = "Neurocards"
BOT_USERNAME = "neurocards_demo_bot"


class SandboxSettings(Concern):
    """Which servers listen where, and what they know of the bot that they serve."""

    data_dir: Path
    page_host: str = LOOPBACK
    page_port: int = 8080
    host: str = LOOPBACK
    """Where the simulators listen; their control API knows no password."""
    telegram_port: int = 8081
    kie_port: int = 8082
    openai_port: int = 8083
    bot_token: SecretStr
    kie_key: SecretStr = SecretStr("sandbox-kie-key")
    kie_webhook_key: SecretStr = SecretStr("")
    openai_key: SecretStr = SecretStr("sandbox-openai-key")
    ingress: Mapping[str, str] = Field(default_factory=dict)
    """Public https base -> local http base, as a TLS-terminating ingress would route it."""
    database_url: SecretStr | None = None
    """Where the page reads the jobs; without it the page shows the chat alone."""
    time_factor: float = 1.0
    limit_factor: float = 1.0
    cached_renders: bool = False
    alike_renders_linked: bool = False
    scaling_file: Path | None = None
    """Where the demo's scaler tells the page what it sees and decides."""
    height_max: int = 1280


def _telegram_settings(settings: SandboxSettings) -> TelegramSandboxSettings:
    return TelegramSandboxSettings(
        data_dir=settings.data_dir / "telegram",
        ingress=settings.ingress,
        time_factor=settings.time_factor,
        limit_factor=settings.limit_factor,
    )


def _kie_settings(settings: SandboxSettings) -> KieSandboxSettings:
    return KieSandboxSettings(
        data_dir=settings.data_dir / "kie",
        keys=(settings.kie_key.get_secret_value(),),
        webhook_hmac_key=settings.kie_webhook_key.get_secret_value(),
        ingress=settings.ingress,
        time_factor=settings.time_factor,
        limit_factor=settings.limit_factor,
        cached_renders=settings.cached_renders,
        alike_renders_linked=settings.alike_renders_linked,
        height_max=settings.height_max,
    )


def _named_bot(world: World, token: str) -> Bot:
    bot = world.bot_by_token(token)
    bot.first_name, bot.username = BOT_NAME, BOT_USERNAME
    world.changed("bot", bot)
    return bot


def plain_server(app: ASGIApp) -> uvicorn.Server:
    """Give a server without the Telegram simulator's own ways of failing."""
    config = uvicorn.Config(
        app,
        http="httptools",
        ws="none",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return uvicorn.Server(config)


async def run(settings: SandboxSettings, ended: asyncio.Event) -> None:
    """Serve until `ended` is set."""
    host = settings.host
    telegram_app = telegram.create_app(_telegram_settings(settings))
    world: World = telegram_app.state.world
    bot = _named_bot(world, settings.bot_token.get_secret_value())
    openai_settings = OpenAiSandboxSettings(keys=(settings.openai_key.get_secret_value(),))
    async with AsyncExitStack() as stack:

        async def serve(server: uvicorn.Server, at: str, port: int) -> None:
            await stack.enter_async_context(serving(server, at, port))

        await serve(plain_server(kie.create_app(_kie_settings(settings))), host, settings.kie_port)
        await serve(plain_server(openai.create_app(openai_settings)), host, settings.openai_port)
        telegram_server = make_server(telegram_app, host, settings.telegram_port)
        await serve(telegram_server, host, settings.telegram_port)
        jobs = None
        if settings.database_url is not None:
            reader = JobReader(settings.database_url.get_secret_value())
            jobs = await stack.enter_async_context(reader)
        desk = None
        if settings.scaling_file is not None:
            crowd = Crowd(f"http://{host}:{settings.telegram_port}", bot_id=bot.id)
            stack.push_async_callback(crowd.close)
            desk = ScalingDesk(settings.scaling_file, crowd)
        page = create_page(telegram=telegram_app, bot_id=bot.id, jobs=jobs, scaling=desk)
        await serve(plain_server(page), settings.page_host, settings.page_port)
        await ended.wait()
        # The streams of open pages would never end by themselves.
        world.end_waiting()


async def run_until_signal(settings: SandboxSettings) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await run(settings, ended)


def main() -> int:
    loader = Loader()
    settings = loader.read(SandboxSettings)
    try:
        loader.finish()
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if settings is not None:
        asyncio.run(run_until_signal(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
