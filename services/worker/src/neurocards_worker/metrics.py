"""What the worker counts beside `CommonMetrics`."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from neurocards.telemetry.metrics import JOB_SECONDS_BUCKETS

WAIT_SECONDS_BUCKETS = (0.005, 0.01, 0.015, 0.025, 0.05, *JOB_SECONDS_BUCKETS)
"""Milliseconds while a slot is free, and as long as any job while none is."""


class WorkerMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._count_jobs(registry)
        self._count_services(registry)

    def _count_jobs(self, registry: CollectorRegistry) -> None:
        self.jobs_in_flight = Gauge(
            "neurocards_jobs_in_flight", "Jobs that this worker carries now", registry=registry
        )
        self.slots = Gauge(
            "neurocards_worker_slots", "Jobs that this worker may carry at once", registry=registry
        )
        self.claims_total = Counter(
            "neurocards_claims_total",
            "Messages taken, by what the claim of their job said",
            ["result"],
            registry=registry,
        )
        self.runs_total = Counter(
            "neurocards_runs_total",
            "Runs over jobs by their outcome and the class of the failure",
            ["outcome", "failure_class"],
            registry=registry,
        )
        self.jobs_finished_total = Counter(
            "neurocards_jobs_finished_total",
            "Jobs that reached their end, by the end and the class of the failure",
            ["status", "failure_class"],
            registry=registry,
        )
        self.step_seconds = Histogram(
            "neurocards_step_seconds",
            "Duration of the steps of a job",
            ["step"],
            buckets=JOB_SECONDS_BUCKETS,
            registry=registry,
        )
        self.job_seconds = Histogram(
            "neurocards_job_seconds",
            "From the acceptance of an order to its video",
            buckets=JOB_SECONDS_BUCKETS,
            registry=registry,
        )
        self.job_wait_seconds = Histogram(
            "neurocards_job_wait_seconds",
            "From the acceptance of an order to its first claim by a worker",
            buckets=WAIT_SECONDS_BUCKETS,
            registry=registry,
        )
        self.leases_lost_total = Counter(
            "neurocards_leases_lost_total",
            "Jobs that somebody else took over while this worker carried them",
            registry=registry,
        )

    def _count_services(self, registry: CollectorRegistry) -> None:
        """What the outside answers: the keys of the video provider, renders, messages."""
        self.key_blocks_total = Counter(
            "neurocards_key_blocks_total",
            "Provider keys set to rest",
            ["reason"],
            registry=registry,
        )
        self.breaker_open = Gauge(
            "neurocards_breaker_open",
            "1 while a service is left alone since it failed",
            ["service"],
            registry=registry,
        )
        self.breaker_held_back_total = Counter(
            "neurocards_breaker_held_back_total",
            "Calls that were not made since their service was left alone",
            ["service"],
            registry=registry,
        )
        self.provider_keys = Gauge(
            "neurocards_provider_keys",
            "Provider keys of this worker by their state",
            ["state"],
            registry=registry,
        )
        self.provider_orphans_total = Counter(
            "neurocards_provider_orphans_total",
            "Orders sent a second time because the answer to the first was lost",
            registry=registry,
        )
        self.renders_lost_total = Counter(
            "neurocards_renders_lost_total",
            "Renders that succeeded and were paid for, and whose video could not be fetched",
            ["code"],
            registry=registry,
        )
        self.render_looks_total = Counter(
            "neurocards_render_looks_total",
            "Looks at renders by what they showed",
            ["result"],
            registry=registry,
        )
        self.fallback_deliveries_total = Counter(
            "neurocards_fallback_deliveries_total",
            "Videos sent as a new message, since the status message was gone",
            ["repeated"],
            registry=registry,
        )
