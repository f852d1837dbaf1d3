"""The metrics that every process has; what only one process counts stands beside that process.

Labels are bounded: no user, no job, no address. The objects belong to the registry of the
process, so two processes (or two tests) in one interpreter do not share counters.
"""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

import neurocards

JOB_SECONDS_BUCKETS = (
    *(0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 600),
    *(900, 1200, 1800, 3600, 7200, 10800),
)
"""A render takes minutes, a parked job up to its deadline of hours."""

REQUEST_SECONDS_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30, 60),
)
"""From a statement of one millisecond to a call of OpenAI."""


class CommonMetrics:
    """Counters of what every process does: queries, requests, messages, cache."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        build = Gauge(
            "neurocards_build_info", "The running release", ["version"], registry=registry
        )
        build.labels(neurocards.__version__).set(1)
        self.api_requests_total = Counter(
            "api_requests_total",
            "HTTP requests, served ones and those to other services",
            ["endpoint", "method", "status"],
            registry=registry,
        )
        self.notifications_sent_total = Counter(
            "notifications_sent_total",
            "Messages to users",
            ["type", "success"],
            registry=registry,
        )
        self.database_query_seconds = Histogram(
            "database_query_seconds",
            "Duration of statements, with the wait for a connection left out",
            ["query_name"],
            buckets=REQUEST_SECONDS_BUCKETS,
            registry=registry,
        )
        self.database_connections = Gauge(
            "database_connections",
            "Connections to PostgreSQL",
            ["pool", "state"],
            registry=registry,
        )
        self.queue_messages_total = Counter(
            "neurocards_queue_messages_total",
            "Messages of the job queue by what became of them",
            ["outcome"],
            registry=registry,
        )
        self.queue_connected = Gauge(
            "neurocards_queue_connected", "1 while NATS is connected", registry=registry
        )
        self.queue_reconnects_total = Counter(
            "neurocards_queue_reconnects_total",
            "Connections to NATS made anew after a loss",
            registry=registry,
        )
        self.queue_ensured_total = Counter(
            "neurocards_queue_ensured_total",
            "Times the stream or consumer was found missing or different, and was set right",
            ["thing"],
            registry=registry,
        )
        self._count_outbound(registry)
        self.cache_requests_total = Counter(
            "neurocards_cache_requests_total",
            "Look-ups of caches",
            ["cache", "result"],
            registry=registry,
        )

    def _count_outbound(self, registry: CollectorRegistry) -> None:
        """What is said to Telegram, and what has to wait for it."""
        self.outbound_wait_seconds = Histogram(
            "neurocards_outbound_wait_seconds",
            "How long a message to Telegram waited for its turn",
            ["priority"],
            buckets=REQUEST_SECONDS_BUCKETS,
            registry=registry,
        )
        self.outbound_held_back_total = Counter(
            "neurocards_outbound_held_back_total",
            "Messages to Telegram that got no turn in time; of progress the next one tells",
            ["priority"],
            registry=registry,
        )
        self.outbound_refusals_total = Counter(
            "neurocards_outbound_refusals_total",
            "Answers of Telegram that ask for silence (429), by who is silent then",
            ["scope"],
            registry=registry,
        )
        self.outbound_alone = Gauge(
            "neurocards_outbound_alone",
            "1 while the shared buckets cannot be reached and this process keeps to a share",
            registry=registry,
        )
