"""The composition root of the worker: adapters by settings, handed to constructors."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass

import httpx
from prometheus_client import CollectorRegistry

from neurocards.adapters.kie.client import KieOptions, KieVideoProvider
from neurocards.adapters.media.fetch import FetchPolicy, VideoDownload
from neurocards.adapters.media.photos import SubprocessPhotoInspector
from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.consumer import NatsJobQueue
from neurocards.adapters.nats.hints import NatsHints
from neurocards.adapters.nats.stream import JobStream
from neurocards.adapters.openai.script_writer import OpenAiScriptWriter, ScriptOptions
from neurocards.adapters.postgres import (
    Database,
    PostgresJobStore,
    PostgresKeyStore,
    PostgresOutboundBuckets,
    PostgresTemplateStore,
    open_database,
)
from neurocards.adapters.queuing_client import QueuingClient
from neurocards.adapters.telegram.client import TelegramMessenger
from neurocards.ports.providers import Messenger, ScriptWriter, VideoProvider
from neurocards.telemetry.metrics import CommonMetrics
from neurocards.telemetry.probes import Check, ProbeServer, Readiness
from neurocards_worker.assembly import Assembly, Outside
from neurocards_worker.metrics import WorkerMetrics
from neurocards_worker.moments import SystemMoments
from neurocards_worker.own_folder import OwnFolder
from neurocards_worker.schema import SchemaCheck
from neurocards_worker.settings import WorkerSettings
from neurocards_worker.wakes import WAKE_SUBJECTS

APPLICATION_NAME = "neurocards-worker"
CONNECTIONS_MAX = 32
"""For each of the clients; more would cost time at every request and bring nothing."""


async def serve(settings: WorkerSettings, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then hand everything over."""
    registry = CollectorRegistry()
    common, metrics = CommonMetrics(registry), WorkerMetrics(registry)
    async with AsyncExitStack() as stack:
        work_folder = stack.enter_context(OwnFolder(settings.work.work_folder))
        database = await stack.enter_async_context(
            open_database(
                settings.database,
                application_name=APPLICATION_NAME,
                observe=lambda name, s: common.database_query_seconds.labels(name).observe(s),
            )
        )
        # Jobs may take every connection of theirs; a lease that cannot be renewed in time is lost,
        # and a message must not wait for its turn behind them either.
        for_leases = await stack.enter_async_context(
            open_database(settings.database, application_name=f"{APPLICATION_NAME}-leases", size=1)
        )
        for pool_name, pool_of in (("main", database), ("leases", for_leases)):
            _count_connections(common, pool_name, pool_of)
        connection = await stack.enter_async_context(
            NatsConnection(settings.broker, name=APPLICATION_NAME, metrics=common)
        )
        providers = await _providers(settings, stack)
        ack_wait_s, pool = settings.timings.ack_wait_s, settings.broker.pool
        stream = JobStream(connection, settings.broker, ack_wait_s=ack_wait_s, metrics=common)
        hints = NatsHints(connection)
        assembly = Assembly(
            settings,
            Outside(
                jobs=PostgresJobStore(database),
                leases=PostgresJobStore(for_leases),
                keys=PostgresKeyStore(database),
                templates=PostgresTemplateStore(database),
                queue=NatsJobQueue(connection, stream, pool=pool, metrics=common),
                hints=hints,
                messenger=providers.messenger,
                outbound=PostgresOutboundBuckets(for_leases),
                writer=providers.writer,
                provider=providers.video,
                inspector=SubprocessPhotoInspector(processes_max=settings.work.photo_processes),
            ),
            common=common,
            metrics=metrics,
            moments=SystemMoments(),
            work_folder=work_folder,
        )
        schema = SchemaCheck(settings.database.dsn)
        readiness = Readiness(
            (
                Check("postgres", schema.database(database)),
                Check("schema", schema.run),
                Check("nats", connection.check),
            )
        )
        await stack.enter_async_context(ProbeServer(settings.telemetry, readiness, registry))
        await stack.enter_async_context(hints.listening(WAKE_SUBJECTS, assembly.wakes.on_hint))
        await assembly.run(stop, on_stop=readiness.start_draining)


def _count_connections(metrics: CommonMetrics, name: str, database: Database) -> None:
    connections = metrics.database_connections
    connections.labels(name, "used").set_function(lambda: database.connections()[0])
    connections.labels(name, "idle").set_function(lambda: database.connections()[1])


@dataclass(frozen=True, slots=True)
class _Providers:
    messenger: Messenger
    writer: ScriptWriter
    video: VideoProvider


async def _providers(settings: WorkerSettings, stack: AsyncExitStack) -> _Providers:
    # One context for all: each of its own would read the authorities of the machine again.
    tls = ssl.create_default_context()
    limits = httpx.Limits(max_connections=CONNECTIONS_MAX)
    fresh = httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0)
    client = await stack.enter_async_context(QueuingClient(verify=tls, limits=limits))
    ordering = await stack.enter_async_context(QueuingClient(verify=tls, limits=fresh))
    foreign = await stack.enter_async_context(
        QueuingClient(verify=tls, limits=fresh, trust_env=False)
    )
    video, script = settings.video, settings.script
    writer = OpenAiScriptWriter(
        ScriptOptions(script.openai_model, timeout_s=script.openai_timeout_s),
        api_key=script.openai_api_key.get_secret_value(),
        base_url=script.openai_base_url,
    )
    stack.push_async_callback(writer.aclose)
    policy = FetchPolicy(video.kie_result_hosts, trusted_origins=video.kie_trusted_origins)
    provider = KieVideoProvider(
        KieOptions(video.kie_api_url, video.kie_upload_url, video.kie_model),
        client=client,
        ordering_client=ordering,
        download=VideoDownload(policy, client=foreign),
    )
    telegram = settings.telegram
    messenger = TelegramMessenger(
        telegram.tokens_by_bot_id,
        api_url=telegram.telegram_api_url.rstrip("/"),
        client=await stack.enter_async_context(QueuingClient(verify=tls, limits=limits)),
    )
    return _Providers(messenger, writer, provider)
