"""How late a process was: on a busy machine it stands still now and then."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LOOK_S = 0.05


@asynccontextmanager
async def stalls() -> AsyncIterator[list[float]]:
    """List by how many seconds this process was late, as often as it looked."""
    late_s: list[float] = [0.0]

    async def look() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(LOOK_S)
            late_s.append(time.monotonic() - began - LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield late_s
    finally:
        looking.cancel()
