"""Time as the worker uses it: the clock, and waiting that tests can skip."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

from neurocards.ports.clock import Clock


class Moments(Clock, Protocol):
    async def sleep(self, seconds: float) -> None: ...


class SystemMoments:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
