"""`python -m neurocards_operator`: everything from the environment; 2 when that is wrong."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys

import structlog
import uvloop

from neurocards.errors import ConfigurationError
from neurocards.telemetry import logs
from neurocards_operator.app import serve
from neurocards_operator.settings import OperatorSettings, load

EXIT_CONFIGURATION = 2

log = structlog.get_logger("neurocards_operator")


async def _main(settings: OperatorSettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # What is loaded by now stays for good: full collections need not look at it again.
    gc.freeze()
    log.info("operator.started", namespaces=settings.cluster.watch_namespace or "all")
    await serve(settings, stop)
    log.info("operator.stopped")


def main() -> int:
    try:
        settings = load()
        logs.configure(settings.telemetry, secrets=settings.secrets())
        # It tells each login and each handler at `info`.
        logging.getLogger("kopf").setLevel(logging.WARNING)
        uvloop.run(_main(settings))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIGURATION
    return 0


if __name__ == "__main__":
    sys.exit(main())
