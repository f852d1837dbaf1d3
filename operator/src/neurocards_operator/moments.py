"""The clock of the machine, and waiting."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime


class SystemClock:
    """The Clock port."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


async def wait(event: asyncio.Event, *, at_most_s: float) -> bool:
    """Wait until the event is set, or so long; say whether it is."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, at_most_s)):
            await event.wait()
    return event.is_set()
