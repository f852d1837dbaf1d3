"""The stream and the consumer of the default pool, made as a bot and a worker make them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from neurocards.adapters.nats.connection import NatsConnection
from neurocards.adapters.nats.stream import JobStream
from neurocards.settings import Broker
from neurocards.telemetry.metrics import CommonMetrics


async def made_stream(url: str, *, ack_wait_s: float = 60.0) -> None:
    settings = Broker.model_validate({"nats_url": url})
    metrics = CommonMetrics(CollectorRegistry())
    async with NatsConnection(settings, name="tests", metrics=metrics) as connection:
        stream = JobStream(connection, settings, ack_wait_s=ack_wait_s, metrics=metrics)
        await stream.ensure_consumer("default")
