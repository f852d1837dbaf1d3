"""What the relay and the reaper count."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class OutboxMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.rows = Gauge(
            "neurocards_outbox_rows", "Messages that wait for the broker", registry=registry
        )
        self.oldest_seconds = Gauge(
            "neurocards_outbox_oldest_seconds",
            "Age of the oldest message that waits for the broker",
            registry=registry,
        )
        self.relayed_total = Counter(
            "neurocards_outbox_relayed_total", "Messages given to the broker", registry=registry
        )
        self.relay_failures_total = Counter(
            "neurocards_outbox_relay_failures_total",
            "Looks into the outbox after which something had to wait",
            registry=registry,
        )
        self.reaped_total = Counter(
            "neurocards_reaper_jobs_total",
            "Jobs that were put into the outbox again, or ended because nobody began with them",
            ["reason"],
            registry=registry,
        )
        self.reaper_failures_total = Counter(
            "neurocards_reaper_failures_total",
            "Duties of the reaper that failed and are done again",
            ["duty"],
            registry=registry,
        )
        self.forgotten_total = Counter(
            "neurocards_forgotten_total",
            "Rows that nobody needed any more: updates, buckets, drafts, dialogues",
            ["what"],
            registry=registry,
        )
        self.recent_jobs = Gauge(
            "neurocards_jobs_last_hour",
            "Jobs that were accepted within an hour, by what they are now",
            ["status"],
            registry=registry,
        )
        self.stray_jobs = Gauge(
            "neurocards_jobs_default_partition_rows",
            "Jobs in no partition of a month; any at all means that partitions were not made",
            registry=registry,
        )
