"""The relay: from the outbox to the broker.

Every replica of the bot runs one; they share the rows without meeting. It is woken by the process
itself on each acceptance, and looks by itself now and then for what other processes put there.
Invariant: a row leaves the outbox only after the broker holds its message, so a message may be
published twice and none is lost. While the broker is away the rows wait and orders are accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import structlog

from neurocards.errors import NeurocardsError, QueueUnavailableError
from neurocards.ports.queue import OutboxMessage, OutboxMessages, Publisher
from neurocards_bot.outbox_metrics import OutboxMetrics

log = structlog.get_logger(__name__)

BATCH = 500
BACK_OFF_S_MIN = 0.1
BACK_OFF_S_MAX = 5.0
MEASURE_S = 5.0
FAILURES_TOLERATED = 3
"""A broker that restarts is away for as many looks."""


@dataclass(frozen=True, slots=True)
class Pass:
    """What one look into the outbox came to: messages found, and those that the broker took."""

    found: int
    taken: int
    error: str = ""

    @property
    def failed(self) -> bool:
        return bool(self.error) or self.taken < self.found


def pause_s(last: Pass, *, batch: int, poll_s: float, failures: int) -> float:
    """Decide how long to wait before the next look, if nobody wakes us."""
    if last.failed:
        doubled = BACK_OFF_S_MIN * 2.0 ** min(failures - 1, 10)
        return float(min(doubled, BACK_OFF_S_MAX))
    return 0.0 if last.found >= batch else poll_s


class Relay:
    def __init__(
        self,
        outbox: OutboxMessages,
        publisher: Publisher,
        metrics: OutboxMetrics,
        *,
        poll_s: float,
        batch: int = BATCH,
    ) -> None:
        self._outbox = outbox
        self._publisher = publisher
        self._metrics = metrics
        self._poll_s = poll_s
        self._batch = batch
        self._woken = asyncio.Event()
        self._broker_back = asyncio.Event()
        self._failures = 0
        self._reason = ""
        self._measured_at = -MEASURE_S

    def wake(self) -> None:
        """Say that there is something in the outbox; many calls make one look."""
        self._woken.set()

    def broker_is_back(self) -> None:
        """Say that waiting for the broker may be over."""
        self._broker_back.set()
        self._woken.set()

    async def check(self) -> None:
        """Raise QueueUnavailableError when the last looks at the outbox came to nothing."""
        if self._failures >= FAILURES_TOLERATED:
            raise QueueUnavailableError(
                f"{self._failures} looks in a row have failed: {self._reason}"
            )

    async def run(self) -> None:
        """Relay until cancelled."""
        while True:
            self._woken.clear()
            self._broker_back.clear()
            last = await self._look()
            self._failures = self._failures + 1 if last.failed else 0
            self._tell(last)
            await self._measure()
            # A broken broker is not asked again for every order that comes in.
            awaited = self._broker_back if last.failed else self._woken
            wait_s = pause_s(last, batch=self._batch, poll_s=self._poll_s, failures=self._failures)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await awaited.wait()

    async def _look(self) -> Pass:
        taken = 0

        async def publish(messages: Sequence[OutboxMessage]) -> Collection[int]:
            nonlocal taken
            held = await self._publisher.publish(messages)
            taken = len(held)
            return held

        try:
            found = await self._outbox.relay(publish, batch=self._batch)
        except NeurocardsError as error:
            return Pass(found=0, taken=0, error=str(error))
        except Exception as error:
            log.exception("relay.bug")
            return Pass(found=0, taken=0, error=type(error).__name__)
        return Pass(found=found, taken=taken)

    def _tell(self, last: Pass) -> None:
        self._metrics.relayed_total.inc(last.taken)
        if not last.failed:
            return
        self._metrics.relay_failures_total.inc()
        self._reason = last.error or f"the broker took {last.taken} of {last.found} messages"
        if self._failures == 1:
            log.warning("relay.held_up", reason=self._reason)

    async def _measure(self) -> None:
        if time.monotonic() - self._measured_at < MEASURE_S:
            return
        self._measured_at = time.monotonic()
        try:
            rows, oldest_s = await self._outbox.depth()
        except NeurocardsError:
            return
        except Exception:
            # A figure is not worth the relay: what ends it ends the process.
            log.exception("relay.bug")
            return
        self._metrics.rows.set(rows)
        self._metrics.oldest_seconds.set(oldest_s)
