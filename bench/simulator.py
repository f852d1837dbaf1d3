"""One simulator of the outside world as a process: `python -m bench.simulator NAME PORT SETTINGS`.

NAME is telegram, kie or openai; SETTINGS is a JSON object of that simulator's settings. The
Telegram one gets one route more, which makes many chats with a message of the bot at once: through
the API itself that would take longer than what is to be measured.
"""

# ruff: noqa: PLC0415 - each process loads the one simulator that it is

from __future__ import annotations

import gc
import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from fastapi import FastAPI
from pydantic import BaseModel

SHUTDOWN_S = 2


class Chats(BaseModel):
    """Private chats of the users FIRST_USER, FIRST_USER + 1, ..., with one message each."""

    token: str
    first_user: int
    count: int
    text: str


def telegram_app(settings: dict[str, Any]) -> FastAPI:
    from neurocards_sandbox import telegram
    from neurocards_sandbox.telegram import people
    from neurocards_sandbox.telegram.world import World

    app = telegram.create_app(telegram.TelegramSandboxSettings(**settings))
    world: World = app.state.world

    @app.post("/bench/chats")
    async def make_chats(chats: Chats) -> list[int]:
        """Give the id of the message in each of the chats."""
        bot = world.bot_by_token(chats.token)
        content = {"text": chats.text}
        return [
            int(
                world.post(
                    world.private_chat(bot, people.user_of(world, user_id)),
                    bot.user,
                    dict(content),
                    outgoing=True,
                ).body["message_id"]
            )
            for user_id in range(chats.first_user, chats.first_user + chats.count)
        ]

    return app


def kie_app(settings: dict[str, Any]) -> FastAPI:
    from neurocards_sandbox import kie

    folder = settings.pop("data_dir", None)
    keys = tuple(settings.pop("keys"))
    return kie.create_app(
        kie.KieSandboxSettings(data_dir=Path(folder) if folder else None, keys=keys, **settings)
    )


def openai_app(settings: dict[str, Any]) -> FastAPI:
    from neurocards_sandbox import openai

    return openai.create_app(openai.OpenAiSandboxSettings(**settings))


APPS = {"telegram": telegram_app, "kie": kie_app, "openai": openai_app}


def main() -> None:
    name, port, settings = sys.argv[1:4]
    app = APPS[name](json.loads(settings))
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=int(port),
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    gc.collect()
    gc.freeze()
    uvloop.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
