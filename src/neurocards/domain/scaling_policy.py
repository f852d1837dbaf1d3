"""The policy of a pool: what a NeurocardsScaling object says, as values.

Not the YAML and not its defaults for a cluster (`neurocards.scaling_policies` reads that): these
are the fields that `decide` knows, with units in their names. `faults` finds what contradicts
itself; a policy without faults is safe to decide by, and one with faults never scales down.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from neurocards.domain.schedule import Schedule, Timetable

REPLICAS_MAX = 100_000
PERMILLE = 1000


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """One thing that is wrong: `field` is its path, `problem` a clause about it."""

    field: str
    problem: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}"


class Mode(StrEnum):
    AUTO = "Auto"
    OBSERVE = "Observe"
    """Decide and explain, write nothing."""
    PAUSED = "Paused"
    """Write nothing."""


class ForecastMode(StrEnum):
    DISABLED = "Disabled"
    OBSERVE = "Observe"
    """Show what the forecast would ask for, and do not follow it."""
    AUTO = "Auto"


class Headroom(StrEnum):
    DISABLED = "Disabled"
    """One slot for each job, none in advance."""
    AUTO = "Auto"
    """Ready slots as far as the objective needs them, at the moments at which they pay."""


class ProviderLimit(StrEnum):
    AUTO = "Auto"
    """From the capacity of the healthy keys and the measured time of a job."""


@dataclass(frozen=True, slots=True)
class Target:
    api_version: str = "apps/v1"
    kind: str = "Deployment"
    name: str = "neurocards-worker"


@dataclass(frozen=True, slots=True)
class Replicas:
    min: int = 1
    base: int = 1
    max: int = 100


@dataclass(frozen=True, slots=True)
class QueueStep:
    queued_above: int
    add: int


@dataclass(frozen=True, slots=True)
class WaitStep:
    wait_above_s: int
    add: int


@dataclass(frozen=True, slots=True)
class HighLevel:
    queued_above: int
    replicas: int


@dataclass(frozen=True, slots=True)
class LowLevel:
    queued_below: int
    replicas: int


@dataclass(frozen=True, slots=True)
class QueueRules:
    steps: tuple[QueueStep, ...] = ()
    wait_steps: tuple[WaitStep, ...] = ()
    high_levels: tuple[HighLevel, ...] = ()
    low_levels: tuple[LowLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class Objective:
    """`percentile` of the jobs start within `wait_s` seconds."""

    wait_s: int
    percentile: int = 95
    headroom: Headroom = Headroom.AUTO


@dataclass(frozen=True, slots=True)
class ForecastRule:
    mode: ForecastMode = ForecastMode.OBSERVE
    horizon_s: int = 900


@dataclass(frozen=True, slots=True)
class IdleRule:
    """Each `after_s` seconds with an empty queue multiply the baseline by `factor_permille`."""

    after_s: int
    factor_permille: int = 500


@dataclass(frozen=True, slots=True)
class Behavior:
    up_hold_s: int = 0
    down_hold_s: int = 60
    down_percent_max: int = 100
    """Of the replicas, in one step; below 100 the steps are `down_hold_s` apart."""


@dataclass(frozen=True, slots=True)
class Limits:
    provider_concurrency: int | ProviderLimit | None = None
    """Renders at a time; None = no limit."""
    replica_hours_per_day: int | None = None
    """In a day of UTC."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    interval_s: int = 15
    stale_after_s: int = 60


@dataclass(frozen=True, slots=True)
class Override:
    replicas: int
    until: datetime


@dataclass(frozen=True)
class ScalingPolicy:
    """Everything that one NeurocardsScaling object says."""

    name: str = "workers"
    target: Target = field(default_factory=Target)
    pool: str = "default"
    mode: Mode = Mode.AUTO
    replicas: Replicas = field(default_factory=Replicas)
    jobs_per_replica: int = 20
    queue: QueueRules = field(default_factory=QueueRules)
    slo: Objective | None = None
    schedules: tuple[Schedule, ...] = ()
    forecast: ForecastRule = field(default_factory=ForecastRule)
    idle: IdleRule | None = None
    behavior: Behavior = field(default_factory=Behavior)
    limits: Limits = field(default_factory=Limits)
    evaluation: Evaluation = field(default_factory=Evaluation)
    override: Override | None = None

    @cached_property
    def timetable(self) -> Timetable:
        return Timetable(self.schedules)

    @cached_property
    def faults(self) -> tuple[PolicyFault, ...]:
        """What contradicts itself; the shape of each value is the reader's matter."""
        index = {schedule.name: place for place, schedule in enumerate(self.schedules)}
        found = [
            PolicyFault(f"spec.schedules[{index[fault.schedule]}].{fault.field}", fault.problem)
            for fault in self.timetable.faults
        ]
        return (*_replica_faults(self.replicas), *_schedule_faults(self), *found)


def _replica_faults(replicas: Replicas) -> list[PolicyFault]:
    found: list[PolicyFault] = []
    if replicas.min > replicas.max:
        found.append(PolicyFault("spec.replicas.min", f"is above max ({replicas.max})"))
    elif not replicas.min <= replicas.base <= replicas.max:
        span = f"{replicas.min}-{replicas.max}"
        found.append(PolicyFault("spec.replicas.base", f"is outside min-max ({span})"))
    return found


def _schedule_faults(policy: ScalingPolicy) -> list[PolicyFault]:
    found: list[PolicyFault] = []
    names: set[str] = set()
    for place, schedule in enumerate(policy.schedules):
        path = f"spec.schedules[{place}]"
        if schedule.name in names:
            found.append(PolicyFault(f"{path}.name", f"{schedule.name!r} is there already"))
        names.add(schedule.name)
        cap = policy.replicas.max if schedule.max is None else schedule.max
        if schedule.min is None and schedule.max is None:
            found.append(PolicyFault(path, "has neither min nor max, so it says nothing"))
        elif schedule.min is not None and schedule.min > cap:
            found.append(PolicyFault(f"{path}.min", f"is above the max of its window ({cap})"))
    return found
