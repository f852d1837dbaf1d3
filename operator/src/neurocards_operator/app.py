"""The composition root of the operator: adapters by settings, handed to constructors."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.backlog import PoolBacklog
from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.postgres import (
    Database,
    PostgresDecisionJournal,
    PostgresSignalSource,
    open_database,
)
from neurocards.adapters.scaling_gathering import PoolGatherer, SlowSignals
from neurocards.ports.scaling import SCALING_SUBJECTS
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.telemetry.probes import Check, ProbeServer, Readiness
from neurocards_operator.access import ClusterAccess
from neurocards_operator.api import KubernetesApi
from neurocards_operator.cluster import ScalingCluster
from neurocards_operator.election import Election
from neurocards_operator.evaluation import Evaluator, Surroundings
from neurocards_operator.fleet import Fleet
from neurocards_operator.keeper import Keeper
from neurocards_operator.metrics import OperatorMetrics
from neurocards_operator.moments import SystemClock
from neurocards_operator.pulse import Pulse
from neurocards_operator.reporting import Journal, Reporter, Telling
from neurocards_operator.rivals import Rivals
from neurocards_operator.roster import Known, Roster
from neurocards_operator.schema import SchemaCheck
from neurocards_operator.settings import OperatorSettings
from neurocards_operator.watch import ObjectWatch

APPLICATION_NAME = "neurocards-operator"


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is made once and used by most of what is made of it."""

    settings: OperatorSettings
    common: CommonMetrics
    metrics: OperatorMetrics
    clock: SystemClock
    pulse: Pulse
    database: Database
    connection: NatsConnection
    api: KubernetesApi
    cluster: ScalingCluster


async def serve(settings: OperatorSettings, stop: asyncio.Event) -> None:
    """Scale until `stop` is set, then give the Lease back."""
    registry, access = CollectorRegistry(), ClusterAccess(settings.cluster)
    async with AsyncExitStack() as stack:
        parts = await _open_parts(settings, stack, registry, access)
        election = _election(parts)
        fleet = _fleet(parts, election)
        readiness = _readiness(parts)
        await stack.enter_async_context(ProbeServer(settings.telemetry, readiness, registry))
        hints = NatsHints(parts.connection)
        await stack.enter_async_context(hints.listening(SCALING_SUBJECTS, fleet.on_hint))
        watch = ObjectWatch(
            access,
            namespaces=settings.cluster.watch_namespace,
            request_timeout_s=settings.cluster.api_timeout_s,
        )
        watch.start(fleet.on_event)
        stack.push_async_callback(watch.stop)
        await election.run(stop, fleet.lead)
        readiness.start_draining()


async def _open_parts(
    settings: OperatorSettings,
    stack: AsyncExitStack,
    registry: CollectorRegistry,
    access: ClusterAccess,
) -> _Parts:
    common, metrics, clock = CommonMetrics(registry), OperatorMetrics(registry), SystemClock()
    database = await _open_database(settings, stack, common)
    connection = await stack.enter_async_context(
        NatsConnection(settings.broker, name=APPLICATION_NAME, metrics=common)
    )
    api = KubernetesApi(
        await stack.enter_async_context(access.session()),
        server=access.info.server,
        timeout_s=settings.cluster.api_timeout_s,
        metrics=metrics,
    )
    return _Parts(
        settings=settings,
        common=common,
        metrics=metrics,
        clock=clock,
        pulse=Pulse(clock),
        database=database,
        connection=connection,
        api=api,
        cluster=ScalingCluster(api, namespaces=settings.cluster.watch_namespace),
    )


async def _open_database(
    settings: OperatorSettings, stack: AsyncExitStack, common: CommonMetrics
) -> Database:
    database = await stack.enter_async_context(
        open_database(
            settings.database,
            application_name=APPLICATION_NAME,
            observe=lambda name, s: common.database_query_seconds.labels(name).observe(s),
        )
    )
    connections = common.database_connections
    connections.labels("main", "used").set_function(lambda: database.connections()[0])
    connections.labels("main", "idle").set_function(lambda: database.connections()[1])
    return database


def _readiness(parts: _Parts) -> Readiness:
    schema = SchemaCheck(parts.database)
    checks = (
        Check("postgres", schema.reach),
        Check("schema", schema.run),
        Check("nats", parts.connection.check),
        Check("kubernetes", parts.cluster.check),
    )
    return Readiness(checks, is_alive=parts.pulse.is_alive)


def _election(parts: _Parts) -> Election:
    settings = parts.settings
    return Election(
        parts.api,
        parts.clock,
        namespace=settings.cluster.pod_namespace,
        name=settings.cluster.lease_name,
        pod_name=settings.telemetry.pod_name,
        duration_s=settings.cluster.lease_duration_s,
        pulse=parts.pulse,
        metrics=parts.metrics,
    )


def _fleet(parts: _Parts, election: Election) -> Fleet:
    evaluations, clock, roster = parts.settings.evaluations, parts.clock, Roster()
    source = PostgresSignalSource(parts.database)
    slow = SlowSignals(
        source,
        clock,
        creates_per_window=evaluations.kie_creates_per_window,
        window_s=evaluations.kie_window_s + evaluations.kie_window_margin_s,
    )
    stream = JobStream(
        parts.connection,
        parts.settings.broker,
        ack_wait_s=parts.settings.timings.ack_wait_s,
        metrics=parts.common,
    )
    rivals = Rivals(parts.cluster, roster, clock)
    around = Surroundings(parts.cluster, source, rivals, clock, election.may_act)
    telling = _telling(parts, election)
    gate = asyncio.Semaphore(evaluations.evaluations_at_once)

    def make_keeper(known: Known) -> Keeper:
        gatherer = PoolGatherer(source, slow, clock, backlog=PoolBacklog(stream))
        return Keeper(
            known,
            Evaluator(around, gatherer),
            Reporter(telling, known.status),
            clock=clock,
            gate=gate,
            wakes_apart_s=evaluations.wakes_apart_s,
            pulse=parts.pulse,
            metrics=parts.metrics,
        )

    return Fleet(
        parts.cluster,
        roster,
        make_keeper,
        resync_s=evaluations.resync_s,
        pulse=parts.pulse,
        metrics=parts.metrics,
    )


def _telling(parts: _Parts, election: Election) -> Telling:
    return Telling(
        cluster=parts.cluster,
        journal=Journal(PostgresDecisionJournal(parts.database), parts.metrics),
        may_act=election.may_act,
        clock=parts.clock,
        metrics=parts.metrics,
        instance=parts.settings.telemetry.pod_name,
        status_apart_s=parts.settings.evaluations.status_apart_s,
    )
