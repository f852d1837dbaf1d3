"""`python -m neurocards_bot`: settings from the environment, then the bot until SIGTERM.

Exit 0 after an orderly end, 2 when the settings are wrong, 1 for anything else.
"""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import structlog
import uvloop

from neurocards.errors import ConfigurationError
from neurocards.telemetry import logs
from neurocards_bot import app
from neurocards_bot.aiogram_on_demand import build_updates
from neurocards_bot.settings import BotSettings, load

log = structlog.get_logger(__name__)

EXIT_CONFIGURATION = 2


def main() -> int:
    try:
        settings = load()
        logs.configure(settings.telemetry, secrets=settings.secrets)
        build_updates()
        # A full collection over aiogram's objects takes 75-100 ms: take them out of its sight.
        gc.collect()
        gc.freeze()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_until_signal(settings))
    except ConfigurationError as error:
        print(error, file=sys.stderr)  # noqa: T201 - whoever starts it reads this
        return EXIT_CONFIGURATION
    return 0


async def _until_signal(settings: BotSettings) -> None:
    structlog.contextvars.bind_contextvars(pool=settings.broker.pool)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await app.run(settings, stop)
    log.info("bot.ended")


if __name__ == "__main__":
    sys.exit(main())
