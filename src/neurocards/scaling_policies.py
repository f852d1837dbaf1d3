"""Read a NeurocardsScaling object (YAML or a parsed tree) into the policy that `decide` takes.

Reports every fault at once, each with the path of its field. The same shape is checked by the API
server's schema; this reader is what stands behind `neurocards scaling plan` and finds what a schema
cannot see: 30 February, an unknown zone, two schedules of one name.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from neurocards.domain.scaling_policy import (
    REPLICAS_MAX,
    Behavior,
    Evaluation,
    ForecastMode,
    ForecastRule,
    Headroom,
    HighLevel,
    IdleRule,
    Limits,
    LowLevel,
    Mode,
    Objective,
    Override,
    PolicyFault,
    ProviderLimit,
    QueueRules,
    QueueStep,
    Replicas,
    ScalingPolicy,
    Target,
    WaitStep,
)
from neurocards.domain.schedule import Schedule
from neurocards.errors import ConfigurationError
from neurocards.scaling_fields import Fields, Shape

API_VERSION = "neurocards.io/v1alpha1"
KIND = "NeurocardsScaling"
JOBS_PER_REPLICA_MAX = 10_000
TARGET_API = Shape(
    "a group and a version such as apps/v1", re.compile("([a-z0-9.-]+/)?v[0-9][a-z0-9]*"), 128
)
TARGET_KIND = Shape("a kind such as Deployment", re.compile("[A-Z][A-Za-z0-9]*"), 63)
TARGET_NAME = Shape(
    "the name of an object in the same namespace",
    re.compile("[a-z0-9]([a-z0-9.-]*[a-z0-9])?"),
    253,
)
POOL = Shape(
    "a pool of lower-case letters, digits and hyphens", re.compile("[a-z0-9][a-z0-9-]*"), 40
)
WINDOW_NAME = Shape(
    "a name of lower-case letters, digits and hyphens",
    re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?"),
    63,
)
ZONE = Shape(
    "a zone such as Europe/Moscow", re.compile("[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*"), 64
)
EDGE = Shape(
    "five fields of cron such as 0 19 * * * or a local time such as 2026-12-31T18:00",
    re.compile(
        "([0-9A-Za-z*,/-]+ +){4}[0-9A-Za-z*,/-]+|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}"
    ),
    128,
)
FACTOR = Shape('text from "0" to "0.999"', re.compile(r"0(\.[0-9]{1,3})?"), 5)
INSTANT = Shape(
    "an instant such as 2026-12-31T20:00:00Z",
    re.compile(
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
        "(\\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})"
    ),
    32,
)


class PolicyError(ConfigurationError):
    """A document that is no policy; `faults` names each field, the message lists them all."""

    def __init__(self, faults: tuple[PolicyFault, ...]) -> None:
        self.faults = faults
        super().__init__("\n".join(str(fault) for fault in faults))


def load_policy(path: Path) -> ScalingPolicy:
    """Read a YAML file with one NeurocardsScaling object.

    Raises PolicyError for anything that is wrong in it, OSError if it cannot be read.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PolicyError((PolicyFault(str(path), f"is no YAML: {error}"),)) from error
    return read_policy(document)


def read_policy(document: object) -> ScalingPolicy:
    """Read a parsed object; raises PolicyError with every fault."""
    faults: list[PolicyFault] = []
    root = Fields(document, "", faults)
    for name, expected in (("apiVersion", API_VERSION), ("kind", KIND)):
        if root.take(name, str, "") != expected:
            root.fault(name, f"must be {expected}")
    metadata = root.child("metadata", open_ended=True)
    name = metadata.take("name", str, "workers")
    root.child("status", open_ended=True)
    policy = _spec(root.child("spec"), name)
    root.close()
    unreadable = {_section(fault) for fault in faults}
    faults.extend(fault for fault in policy.faults if _section(fault) not in unreadable)
    if faults:
        raise PolicyError(tuple(faults))
    return policy


def _section(fault: PolicyFault) -> tuple[str, ...]:
    """Give the part of the spec whose values are of no meaning once one of them is unreadable."""
    return tuple(fault.field.split(".")[:2])


def _spec(spec: Fields, name: str) -> ScalingPolicy:
    target = spec.child("scaleTargetRef")
    return ScalingPolicy(
        name=name,
        target=Target(
            api_version=target.text("apiVersion", TARGET_API, "apps/v1"),
            kind=target.text("kind", TARGET_KIND, "Deployment"),
            name=target.text("name", TARGET_NAME, "neurocards-worker"),
        ),
        pool=spec.text("pool", POOL, "default"),
        mode=spec.choice("mode", Mode.AUTO),
        replicas=_replicas(spec.child("replicas")),
        jobs_per_replica=spec.number("jobsPerReplica", 20, low=1, high=JOBS_PER_REPLICA_MAX),
        queue=_queue(spec.child("queue")),
        slo=_objective(spec.child("slo")) if spec.has("slo") else None,
        schedules=spec.entries("schedules", _schedule),
        forecast=_forecast(spec.child("forecast")),
        idle=_idle(spec.child("idle")) if spec.has("idle") else None,
        behavior=_behavior(spec.child("behavior")),
        limits=_limits(spec.child("limits")),
        evaluation=_evaluation(spec.child("evaluation")),
        override=_override(spec.child("override")) if spec.has("override") else None,
    )


def _replicas(fields: Fields) -> Replicas:
    least = fields.number("min", 1)
    base = fields.number("base", least)
    return Replicas(least, base, fields.number("max", 100, low=1))


def _queue(fields: Fields) -> QueueRules:
    levels = fields.entries("levels", _level)
    return QueueRules(
        steps=fields.entries(
            "steps",
            lambda step: QueueStep(step.required("queuedAbove"), step.required("add", low=1)),
        ),
        wait_steps=fields.entries("waitSteps", _wait_step),
        high_levels=tuple(level for level in levels if isinstance(level, HighLevel)),
        low_levels=tuple(level for level in levels if isinstance(level, LowLevel)),
    )


def _wait_step(fields: Fields) -> WaitStep:
    if not fields.has("waitAbove"):
        fields.fault("waitAbove", "is missing")
    return WaitStep(fields.seconds("waitAbove", 0), fields.required("add", low=1))


def _level(fields: Fields) -> HighLevel | LowLevel:
    if fields.has("queuedAbove") == fields.has("queuedBelow"):
        fields.fault("", "must have exactly one of queuedAbove and queuedBelow")
    above, below = fields.number("queuedAbove", 0), fields.number("queuedBelow", 0)
    replicas = fields.required("replicas")
    if fields.has("queuedAbove"):
        return HighLevel(above, replicas)
    return LowLevel(below, replicas)


def _objective(fields: Fields) -> Objective:
    if not fields.has("wait"):
        fields.fault("wait", "is missing")
    return Objective(
        wait_s=fields.seconds("wait", 60),
        percentile=fields.number("percentile", 95, low=50, high=99),
        headroom=fields.choice("headroom", Headroom.AUTO),
    )


def _schedule(fields: Fields) -> Schedule:
    return Schedule(
        name=fields.text("name", WINDOW_NAME),
        time_zone=fields.text("timeZone", ZONE),
        start=fields.text("start", EDGE),
        end=fields.text("end", EDGE),
        min=fields.number("min", 0) if fields.has("min") else None,
        max=fields.number("max", 0) if fields.has("max") else None,
    )


def _forecast(fields: Fields) -> ForecastRule:
    return ForecastRule(
        mode=fields.choice("mode", ForecastMode.OBSERVE),
        horizon_s=fields.seconds("horizon", 900, low=60),
    )


def _idle(fields: Fields) -> IdleRule:
    if not fields.has("after"):
        fields.fault("after", "is missing")
    after_s = fields.seconds("after", 3600, low=60)
    factor = fields.text("factor", FACTOR, "0.5")
    if not FACTOR.fits(factor):
        return IdleRule(after_s)
    return IdleRule(after_s, int(factor[2:].ljust(3, "0") or 0))


def _behavior(fields: Fields) -> Behavior:
    up, down = fields.child("scaleUp"), fields.child("scaleDown")
    return Behavior(
        up_hold_s=up.seconds("hold", 0),
        down_hold_s=down.seconds("hold", 60),
        down_percent_max=down.number("maxPercent", 100, low=1, high=100),
    )


def _limits(fields: Fields) -> Limits:
    concurrency: int | ProviderLimit | None = None
    if fields.raw("providerConcurrency") == ProviderLimit.AUTO.value:
        concurrency = ProviderLimit.AUTO
    elif isinstance(fields.raw("providerConcurrency"), str):
        fields.fault("providerConcurrency", "must be Auto or a number of renders at a time")
    elif fields.has("providerConcurrency"):
        concurrency = fields.number("providerConcurrency", 1, low=1, high=10_000_000)
    hours: int | None = None
    if fields.has("replicaHoursPerDay"):
        hours = fields.number("replicaHoursPerDay", 0, low=0, high=24 * REPLICAS_MAX)
    return Limits(concurrency, hours)


def _evaluation(fields: Fields) -> Evaluation:
    return Evaluation(
        interval_s=fields.seconds("interval", 15, low=1),
        stale_after_s=fields.seconds("staleAfter", 60, low=1),
    )


def _override(fields: Fields) -> Override:
    replicas = fields.required("replicas")
    until = fields.raw("until")
    if isinstance(until, str) and INSTANT.fits(until):
        try:
            until = datetime.fromisoformat(until)
        except ValueError:
            until = None
    if not isinstance(until, datetime) or until.tzinfo is None:
        fields.fault("until", f"must be {INSTANT.words}")
        return Override(replicas, datetime.fromtimestamp(0, UTC))
    return Override(replicas, until.astimezone(UTC))
