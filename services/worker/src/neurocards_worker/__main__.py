"""`python -m neurocards_worker`: everything from the environment; 2 when that is wrong."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys

import structlog
import uvloop

from neurocards.errors import ConfigurationError
from neurocards.telemetry import logs
from neurocards_worker.app import serve
from neurocards_worker.settings import WorkerSettings, load

EXIT_CONFIGURATION = 2

log = structlog.get_logger("neurocards_worker")


async def _main(settings: WorkerSettings) -> None:
    structlog.contextvars.bind_contextvars(pool=settings.broker.pool)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What is loaded by now stays for good: full collections need not look at it again.
    gc.freeze()
    log.info("worker.started", slots=settings.work.concurrency, model=settings.video.kie_model)
    await serve(settings, stop)
    log.info("worker.stopped")


def main() -> int:
    try:
        settings = load()
        logs.configure(settings.telemetry, secrets=settings.secrets())
        uvloop.run(_main(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIGURATION
    return 0


if __name__ == "__main__":
    sys.exit(main())
