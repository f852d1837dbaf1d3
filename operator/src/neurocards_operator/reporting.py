"""What becomes known of an evaluation: the status, an Event, the stored decision, the metrics.

A status is written when something has happened, and figures alone now and then. What cannot be
told now is told later or never: none of it keeps a decision from being carried out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from neurocards.domain.scaling_memory import Memory
from neurocards.domain.scaling_policy import Mode
from neurocards.errors import StoreUnavailableError
from neurocards.ports.clock import Clock
from neurocards.ports.scaling import DecisionJournal, RecordedDecision
from neurocards_operator.cluster import ScalingCluster
from neurocards_operator.conditions import Evaluated, conditions
from neurocards_operator.errors import ClusterError
from neurocards_operator.evaluation import NotLeadingError, Turn
from neurocards_operator.metrics import OperatorMetrics
from neurocards_operator.roster import Known
from neurocards_operator.status import Change, change, memory_of, patch, render
from neurocards_operator.tidings import event_of, record_of

log = structlog.get_logger(__name__)

UNSTORED_MAX = 200
"""Decisions that wait for a database that is away."""
EXPERIENCE_S = 60.0
"""What was learned of arrivals is kept so often, if there were any."""


class Journal:
    """Keeps decisions; those that came while the database was away when it is back."""

    def __init__(self, journal: DecisionJournal, metrics: OperatorMetrics) -> None:
        self._journal, self._metrics = journal, metrics
        self._unstored: deque[RecordedDecision] = deque()
        self._storing = asyncio.Lock()

    async def keep(self, decision: RecordedDecision | None) -> None:
        """Store this decision, or none, after all that wait."""
        if decision is not None:
            self._unstored.append(decision)
        if len(self._unstored) > UNSTORED_MAX:
            self._unstored.popleft()
            self._metrics.decisions_unstored_total.inc()
        if not self._unstored or self._storing.locked():
            return
        async with self._storing:
            while self._unstored:
                first = self._unstored.popleft()
                try:
                    await self._journal.record(first)
                except StoreUnavailableError as error:
                    self._unstored.appendleft(first)
                    log.info("journal.held_up", waiting=len(self._unstored), reason=str(error))
                    return


@dataclass(frozen=True, slots=True)
class Telling:
    """What all reporters share; `instance` is the name of this operator in Events."""

    cluster: ScalingCluster
    journal: Journal
    may_act: Callable[[], bool]
    clock: Clock
    metrics: OperatorMetrics
    instance: str
    status_apart_s: float


class Reporter:
    """Tells of one object; knows what its status says."""

    def __init__(self, telling: Telling, status: Mapping[str, Any]) -> None:
        self._telling = telling
        self._status = dict(status)
        self._written_at_s = float("-inf")
        self._has_learned = False

    async def report(self, known: Known, turn: Turn) -> None:
        """Raises ClusterError when the status could not be written, NotLeadingError."""
        done = turn.facts.evaluated
        self._measure(known, turn)
        changed = done is not None and self._is_news(done)
        if done is not None and done.verdict.write is not None:
            await self._announce(known, turn, done)
        await self._telling.journal.keep(
            record_of(known, done, turn.now) if done is not None and changed else None
        )
        await self.write_status(known, turn)

    async def write_status(self, known: Known, turn: Turn, *, at_once: bool = False) -> None:
        """Write the status if it is worth it; `at_once` writes figures too."""
        after = render(
            turn.facts,
            turn.memory,
            self._status,
            generation=known.generation,
            ready=turn.ready,
            now=turn.now,
        )
        if not self._is_due(after, turn, at_once=at_once):
            return
        if not self._telling.may_act():
            raise NotLeadingError
        answer = await self._telling.cluster.write_status(known, patch(self._status, after))
        self._status = dict(answer.get("status") or after)
        self._written_at_s, self._has_learned = self._telling.clock.monotonic(), False
        self._telling.metrics.status_writes_total.inc()

    def _is_due(self, after: Mapping[str, Any], turn: Turn, *, at_once: bool) -> bool:
        done = turn.facts.evaluated
        with_idle_rule = done is not None and done.policy.idle is not None
        kind = change(self._status, after, with_idle_rule=with_idle_rule)
        if kind is Change.STATE or (at_once and kind is Change.FIGURES):
            return True
        since_s = self._telling.clock.monotonic() - self._written_at_s
        if done is not None and (done.observation.arrived or done.observation.started):
            self._has_learned = True
        if self._has_learned and since_s >= EXPERIENCE_S:
            return True
        return kind is Change.FIGURES and since_s >= self._telling.status_apart_s

    def _is_news(self, done: Evaluated) -> bool:
        """Say whether a number was changed, or would have been by a policy that only observes."""
        if done.verdict.write is not None:
            return True
        wanted = done.decision.replicas
        observed = done.policy.mode is Mode.OBSERVE and wanted != done.observation.replicas
        return observed and wanted != self._status.get("desiredReplicas")

    async def _announce(self, known: Known, turn: Turn, done: Evaluated) -> None:
        before, after = done.observation.replicas, done.decision.replicas
        log.info(
            "scaling.changed",
            namespace=known.key.namespace,
            name=known.key.name,
            before=before,
            after=after,
            reason=done.decision.reason.value,
            message=done.decision.message,
        )
        self._telling.metrics.changes_total.labels(*known.key, done.decision.reason.value).inc()
        body = event_of(known, done, turn.now, instance=self._telling.instance)
        try:
            await self._telling.cluster.post_event(known.key, body)
        except ClusterError as error:
            log.info("scaling.event_lost", name=known.key.name, reason=str(error))

    def _measure(self, known: Known, turn: Turn) -> None:
        metrics, key = self._telling.metrics, known.key
        for condition in conditions(turn.facts):
            metrics.condition.labels(*key, condition.type).set(condition.is_true)
        if turn.ready is not None:
            metrics.ready_replicas.labels(*key).set(turn.ready)
        done = turn.facts.evaluated
        if done is None:
            return
        seen, written = done.observation, done.verdict.write
        metrics.replicas.labels(*key).set(seen.replicas if written is None else written)
        metrics.desired_replicas.labels(*key).set(done.decision.replicas)
        metrics.queued.labels(*key).set(seen.queued)
        metrics.wait_seconds.labels(*key).set(seen.oldest_wait_s)
        if seen.service_s is not None:
            metrics.job_seconds.labels(*key).set(seen.service_s)

    @property
    def memory(self) -> Memory:
        """Give the memory that the status keeps."""
        return memory_of(self._status)
