"""The loop of one object: it is evaluated when something happens, and at the latest in its time.

It never ends by itself: whatever goes wrong is told, and tried again after a pause that grows.
"""

from __future__ import annotations

import asyncio
import contextlib
import random

import structlog

from neurocards.ports.clock import Clock
from neurocards_operator.errors import ClusterError
from neurocards_operator.evaluation import Evaluator, NotLeadingError, Turn
from neurocards_operator.metrics import OperatorMetrics
from neurocards_operator.moments import wait
from neurocards_operator.pulse import Pulse
from neurocards_operator.reporting import Reporter
from neurocards_operator.roster import Known
from neurocards_operator.timing import retry_s

log = structlog.get_logger(__name__)

EVALUATION_S_MAX = 60.0
"""One evaluation; each of its parts has a limit of its own, this one is for what hangs anyway."""


class Keeper:
    def __init__(
        self,
        known: Known,
        evaluator: Evaluator,
        reporter: Reporter,
        *,
        clock: Clock,
        gate: asyncio.Semaphore,
        wakes_apart_s: float,
        pulse: Pulse,
        metrics: OperatorMetrics,
    ) -> None:
        self.known = known
        self._evaluator, self._reporter = evaluator, reporter
        self._clock, self._gate, self._wakes_apart_s = clock, gate, wakes_apart_s
        self._pulse, self._metrics = pulse, metrics
        self._memory = reporter.memory
        self._woken = asyncio.Event()
        self._last: Turn | None = None
        self._failures = 0

    def wake(self, known: Known | None = None) -> None:
        """Say that something has happened; many calls make one evaluation."""
        if known is not None:
            self.known = known
        self._woken.set()

    async def run(self) -> None:
        """Evaluate until cancelled."""
        due_s = self._clock.monotonic()
        # Objects that were found together should not all be evaluated at the same moments.
        share = random.random()
        try:
            while True:
                left_s = due_s - self._clock.monotonic()
                self._pulse.beat(self.known.key, again_within_s=max(0.0, left_s) + EVALUATION_S_MAX)
                was_woken = await wait(self._woken, at_most_s=left_s)
                self._woken.clear()
                began_s = self._clock.monotonic()
                if not was_woken:
                    self._metrics.overdue_seconds.observe(max(0.0, began_s - due_s))
                due_s = began_s + share * await self._turn()
                share = 1.0
                left_s = began_s + self._wakes_apart_s - self._clock.monotonic()
                await asyncio.sleep(max(0.0, left_s))
        finally:
            self._pulse.ended(self.known.key)

    async def leave(self) -> None:
        """Write what the status does not say yet; for an operator that ends in order."""
        if self._last is not None:
            with contextlib.suppress(ClusterError, NotLeadingError):
                await self._reporter.write_status(self.known, self._last, at_once=True)

    async def _turn(self) -> float:
        """Evaluate once; give the pause until the next time."""
        outcome = "failed"
        try:
            async with self._gate:
                with self._metrics.evaluation_seconds.time():
                    async with asyncio.timeout(EVALUATION_S_MAX):
                        turn = await self._evaluate()
            outcome = "done"
        except NotLeadingError:
            outcome = "not_leading"
        except ClusterError as error:
            self._tell("scaling.held_up", error)
        except TimeoutError as error:
            self._tell("scaling.hung", error)
        except Exception:
            log.exception("scaling.bug", name=self.known.key.name)
        finally:
            self._metrics.evaluations_total.labels(outcome).inc()
        if outcome != "done":
            self._failures += 1
            return retry_s(self._failures)
        self._failures = 0
        return turn.pause_s

    async def _evaluate(self) -> Turn:
        known = self.known
        turn = await self._evaluator.evaluate(known, self._memory)
        # From here on replicas may have been written: what led to it must not be forgotten.
        self._memory, self._last = turn.memory, turn
        await self._reporter.report(known, turn)
        return turn

    def _tell(self, event: str, error: Exception) -> None:
        if self._failures == 0:
            reason = str(error) or type(error).__name__
            log.warning("scaling.held_up", name=self.known.key.name, what=event, reason=reason)
