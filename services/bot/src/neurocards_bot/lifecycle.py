"""From the start of all loops to an end in order.

At the end the sources of updates stop first, what is in hand is finished, and only then do the
helpers end. A loop that ends by itself is a bug: it ends the process, loudly, so that whoever
watches it starts it again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

import structlog

from neurocards.telemetry.probes import Readiness
from neurocards_bot.messages import LateEdits

log = structlog.get_logger(__name__)


Helper = Callable[[], Coroutine[Any, Any, None]]
"""A loop that runs until it is cancelled."""


class Source(Protocol):
    """Brings work in; `run` returns after `stop`, when all of it is done."""

    async def run(self) -> None: ...

    def stop(self) -> None: ...


async def run_until(
    stop: asyncio.Event,
    *,
    sources: Sequence[Source],
    helpers: Sequence[Helper],
    late_edits: LateEdits,
    readiness: Readiness,
    drain_s: float,
) -> None:
    """Run everything until `stop` is set, then drain within `drain_s`."""
    working = [asyncio.create_task(source.run()) for source in sources]
    helping = [asyncio.create_task(helper()) for helper in (*helpers, late_edits.run)]
    ending = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((ending, *working, *helping), return_when="FIRST_COMPLETED")
        crashed = [task for task in (*working, *helping) if task.done()]
        readiness.start_draining()
        log.info("bot.draining")
        await _drain(sources, working, late_edits, helping[-1], drain_s)
    finally:
        await _cancel((ending, *working, *helping))
    for task in crashed:
        task.result()
        raise RuntimeError("a loop of the bot has ended by itself")


async def _drain(
    sources: Sequence[Source],
    working: Sequence[asyncio.Task[None]],
    late_edits: LateEdits,
    editing: asyncio.Task[None],
    drain_s: float,
) -> None:
    for source in sources:
        source.stop()
    _, unfinished = await asyncio.wait(working, timeout=drain_s)
    if unfinished:
        log.warning("bot.drain_incomplete", loops=len(unfinished), drain_s=drain_s)
    late_edits.drain()
    await asyncio.wait((editing,), timeout=LateEdits.AGE_S_MAX)


async def _cancel(tasks: Sequence[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
