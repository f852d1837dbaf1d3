"""What the operator counts beside `CommonMetrics`. Labels are the objects that it follows."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

EVALUATION_SECONDS_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_OBJECT = ("namespace", "name")


class OperatorMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.is_leader = Gauge(
            "neurocards_operator_is_leader", "1 while this operator acts", registry=registry
        )
        self.objects = Gauge(
            "neurocards_scaling_objects", "NeurocardsScaling objects followed", registry=registry
        )
        about = _Objects(registry)
        self.replicas = about.gauge("replicas", "Replicas of the target")
        self.desired_replicas = about.gauge("desired_replicas", "Replicas that were decided")
        self.ready_replicas = about.gauge("ready_replicas", "Replicas that work")
        self.queued = about.gauge("queued_jobs", "Jobs due and waiting")
        self.wait_seconds = about.gauge("oldest_wait_seconds", "Wait of the first of the queue")
        self.job_seconds = about.gauge("job_seconds", "Measured mean time of a job in a slot")
        self.condition = about.gauge(
            "condition", "1 while a condition of the object is true", "type"
        )
        self.changes_total = Counter(
            "neurocards_scaling_changes_total",
            "Changes of replicas by the reason that bound them",
            [*_OBJECT, "reason"],
            registry=registry,
        )
        self.evaluations_total = Counter(
            "neurocards_scaling_evaluations_total",
            "Evaluations by what came of them",
            ["outcome"],
            registry=registry,
        )
        self.evaluation_seconds = _seconds(
            registry, "neurocards_scaling_evaluation_seconds", "Duration of one evaluation"
        )
        self.overdue_seconds = _seconds(
            registry,
            "neurocards_scaling_overdue_seconds",
            "How much later than due an evaluation began",
        )
        self.status_writes_total = Counter(
            "neurocards_scaling_status_writes_total", "Writes of a status", registry=registry
        )
        self.decisions_unstored_total = Counter(
            "neurocards_scaling_decisions_unstored_total",
            "Decisions that could not be kept in the database",
            registry=registry,
        )
        self.api_requests_total = Counter(
            "neurocards_kubernetes_requests_total",
            "Requests to the API server",
            ["method", "status"],
            registry=registry,
        )

    def forget(self, namespace: str, name: str) -> None:
        """Drop the series of an object that is gone."""
        families = (
            *(self.replicas, self.desired_replicas, self.ready_replicas, self.queued),
            *(self.wait_seconds, self.job_seconds, self.condition, self.changes_total),
        )
        labels = {"namespace": namespace, "name": name}
        for family in families:
            family.remove_by_labels(labels)


class _Objects:
    """Makes the gauges that have a series for each object."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        full_name = f"neurocards_scaling_{name}"
        return Gauge(full_name, text, [*_OBJECT, *labels], registry=self._registry)


def _seconds(registry: CollectorRegistry, name: str, text: str) -> Histogram:
    return Histogram(name, text, buckets=EVALUATION_SECONDS_BUCKETS, registry=registry)
