"""The scaler of a demo: the operator's own signals and the operator's own decision, on processes.

Gather (PostgreSQL, compared with JetStream), decide (`neurocards.domain.scaling.decide`), apply
(workers as processes). It is woken by orders and by the policy's interval. A signal that is away
is the decision's matter: it then takes nothing away.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.postgres import (
    PostgresDecisionJournal,
    PostgresSignalSource,
    open_database,
)
from neurocards.adapters.scaling_gathering import PoolGatherer, SlowSignals
from neurocards.domain.scaling import Decision, Memory, Observation, decide
from neurocards.domain.scaling_policy import Mode, ScalingPolicy
from neurocards.errors import StoreUnavailableError
from neurocards.ports.scaling import DecisionJournal, Gatherer, RecordedDecision, SignalSource
from neurocards.settings import Broker, Database
from neurocards.telemetry.metrics import CommonMetrics
from neurocards_sandbox.demo import board
from neurocards_sandbox.demo.addresses import KIE_WINDOW_S, Plan
from neurocards_sandbox.demo.children import Report
from neurocards_sandbox.demo.fleet import WorkerFleet

NAMESPACE = "demo"
"""Under which the decisions are kept; a cluster has the object's namespace there."""
APPLICATION_NAME = "neurocards-demo-scaler"
CONNECTIONS = 2
ACK_WAIT_S = 60.0
WAKES_APART_S = 0.25
EVALUATIONS_APART_S_MAX = 2.0
"""The page shows something new at least so often, whatever the policy's interval."""


class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class LocalScaler:
    def __init__(
        self,
        policy: ScalingPolicy,
        fleet: WorkerFleet,
        *,
        gatherer: Gatherer,
        source: SignalSource,
        journal: DecisionJournal,
        plan: Plan,
        report: Report,
    ) -> None:
        self._policy, self._fleet = policy, fleet
        self._gatherer, self._source, self._journal = gatherer, source, journal
        self._file, self._report = plan.scaling_file, report
        self._board = board.Board(policy)
        self._memory = Memory()
        self._woken = asyncio.Event()

    def wake(self, _subject: str = "", _payload: bytes = b"") -> None:
        self._woken.set()

    async def run(self) -> None:
        """Evaluate until cancelled: when woken, and at the policy's interval."""
        pause_s = min(float(self._policy.evaluation.interval_s), EVALUATIONS_APART_S_MAX)
        while True:
            self._woken.clear()
            await self.evaluate()
            await asyncio.sleep(WAKES_APART_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, pause_s - WAKES_APART_S)):
                    await self._woken.wait()

    async def evaluate(self) -> None:
        before = self._fleet.replicas
        gathered = await self._gatherer.gather(
            self._policy, self._memory, replicas=before, start_s=self._fleet.start_s
        )
        decision = decide(gathered.observation, self._policy, gathered.memory, gathered.now)
        self._memory = decision.memory
        if decision.replicas != before and self._policy.mode is Mode.AUTO:
            await self._apply(decision, gathered.observation)
        workers = board.Workers(self._fleet.replicas, self._fleet.ready, self._fleet.going)
        board.write(self._file, self._board.shown(gathered.observation, decision, workers))

    async def _apply(self, decision: Decision, observation: Observation) -> None:
        jobs: dict[str, int] = {}
        with contextlib.suppress(StoreUnavailableError):
            jobs = dict(await self._source.jobs_by_worker(self._policy.pool))
        self._fleet.scale_to(decision.replicas, jobs)
        self._report(f"scaled to {decision.message}")
        try:
            await self._journal.record(_recorded(decision, observation, self._policy))
        except StoreUnavailableError as error:
            self._report(f"the decision could not be kept: {error}")


def _recorded(
    decision: Decision, observation: Observation, policy: ScalingPolicy
) -> RecordedDecision:
    return RecordedDecision(
        decided_at=observation.at,
        namespace=NAMESPACE,
        name=policy.name,
        pool=policy.pool,
        mode=policy.mode.value,
        replicas_before=observation.replicas,
        replicas=decision.replicas,
        reason=decision.reason.value,
        message=decision.message,
        details={
            "queued": observation.queued,
            "running": observation.running,
            "contributions": board.contributions_shown(decision.contributions),
        },
    )


@contextlib.asynccontextmanager
async def scaling(
    policy: ScalingPolicy, fleet: WorkerFleet, plan: Plan, report: Report
) -> AsyncIterator[LocalScaler]:
    """Give a scaler that is connected; its `run` does the work."""
    # Made without reading the environment: what stands there is meant for other databases.
    database_url = SecretStr(plan.operator_url)
    database_settings = Database.model_construct(database_url=database_url)
    broker = Broker.model_construct(nats_url=plan.nats_url, pool=policy.pool)
    metrics = CommonMetrics(CollectorRegistry())
    clock = SystemClock()
    async with (
        open_database(
            database_settings, application_name=APPLICATION_NAME, size=CONNECTIONS
        ) as database,
        NatsConnection(broker, name=APPLICATION_NAME, metrics=metrics) as connection,
    ):
        source = PostgresSignalSource(database)
        slow = SlowSignals(
            source, clock, creates_per_window=plan.creates_per_window, window_s=KIE_WINDOW_S
        )
        stream = JobStream(connection, broker, ack_wait_s=ACK_WAIT_S, metrics=metrics)
        scaler = LocalScaler(
            policy,
            fleet,
            gatherer=PoolGatherer(source, slow, clock, backlog=stream),
            source=source,
            journal=PostgresDecisionJournal(database),
            plan=plan,
            report=report,
        )
        hints = NatsHints(connection)
        async with hints.listening(f"wake.scaling.{policy.pool}", scaler.wake):
            yield scaler
