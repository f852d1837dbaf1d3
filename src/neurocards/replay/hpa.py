"""The horizontal pod autoscaler of Kubernetes 1.36, as its controller decides.

It is a rival in the replay, and it is exact: what it answers is compared, step by step, with
vectors that the real controller produced (tests/golden/hpa.jsonl). So its oddities are kept on
purpose: the number of pods that exist (not the number that is wanted) decides about the
tolerance, two code paths differ with and without `behavior`, and an event of scaling that nobody
needs any more is overwritten although another rule might still have counted it.

It is not a client of anything: time, replicas and metrics come in as arguments. External metrics
only, in thousandths, as the controller itself counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)
SYNC_PERIOD_S = 15
STABILIZATION_S = 300
TOLERANCE = 0.1


class TargetType(StrEnum):
    """Per pod (`AverageValue`, what KEDA uses) or as a whole."""

    AVERAGE = "AverageValue"
    VALUE = "Value"


@dataclass(frozen=True, slots=True)
class ExternalMetric:
    target_milli: int
    type: TargetType = TargetType.AVERAGE


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `value` pods or percent in `period_s`."""

    value: int
    period_s: int
    percent: bool = False


@dataclass(frozen=True, slots=True)
class Rules:
    """One direction of `behavior`; what is None has the default of the API."""

    window_s: int | None
    limits: tuple[RateLimit, ...]
    select: str = "Max"  # Max | Min | Disabled
    tolerance: float | None = None

    @property
    def longest_period_s(self) -> int:
        return max((limit.period_s for limit in self.limits), default=0)


UP_DEFAULT = Rules(0, (RateLimit(4, 15), RateLimit(100, 15, percent=True)))
DOWN_DEFAULT = Rules(None, (RateLimit(100, 15, percent=True),))


@dataclass(frozen=True, slots=True)
class Behavior:
    up: Rules = UP_DEFAULT
    down: Rules = DOWN_DEFAULT


@dataclass(frozen=True, slots=True)
class Autoscaler:
    """An object of kind HorizontalPodAutoscaler, and the flags of the controller."""

    min: int
    max: int
    metrics: tuple[ExternalMetric, ...]
    behavior: Behavior | None = None
    stabilization_s: int = STABILIZATION_S
    tolerance: float = TOLERANCE

    def tolerances(self) -> tuple[float, float]:
        """Down and up."""
        down = up = self.tolerance
        if self.behavior is not None and self.behavior.down.tolerance is not None:
            down = self.behavior.down.tolerance
        if self.behavior is not None and self.behavior.up.tolerance is not None:
            up = self.behavior.up.tolerance
        return down, up


@dataclass(frozen=True, slots=True)
class Pods:
    """The target as its scale subresource and its pods show it."""

    spec: int
    status: int
    ready: int


@dataclass(slots=True)
class _ScaleEvent:
    change: int
    at_s: float
    outdated: bool = False


@dataclass(slots=True)
class _ScaleEvents:
    events: list[_ScaleEvent] = field(default_factory=list)

    def within(self, period_s: int, now_s: float) -> int:
        return sum(event.change for event in self.events if event.at_s > now_s - period_s)

    def store(self, change: int, now_s: float, longest_period_s: int) -> None:
        """Put it in the place of the last outdated one: even if another direction counts that."""
        place = None
        for index, event in enumerate(self.events):
            event.outdated = event.outdated or event.at_s < now_s - longest_period_s
            if event.outdated:
                place = index
        if place is None:
            self.events.append(_ScaleEvent(change, now_s))
        else:
            self.events[place] = _ScaleEvent(change, now_s)


class HorizontalController:
    """The controller's memory of one autoscaler: recommendations, and what was scaled lately."""

    def __init__(self, autoscaler: Autoscaler) -> None:
        self.autoscaler = autoscaler
        self._recommendations: list[tuple[float, int]] | None = None
        self._ups = _ScaleEvents()
        self._downs = _ScaleEvents()

    def reconcile(
        self, now_s: float, pods: Pods, values_milli: Sequence[Sequence[int] | None]
    ) -> int:
        """Give the replicas that are wanted after this turn; None is a metric that failed."""
        if self._recommendations is None:
            self._recommendations = [(now_s, pods.spec)]
        desired = self._desired(now_s, pods, values_milli)
        if desired > pods.spec:
            self._remember(self._ups, desired - pods.spec, now_s)
        elif desired < pods.spec:
            self._remember(self._downs, pods.spec - desired, now_s)
        return desired

    def _desired(
        self, now_s: float, pods: Pods, values_milli: Sequence[Sequence[int] | None]
    ) -> int:
        hpa = self.autoscaler
        if pods.spec == 0:
            return 0
        if pods.spec > hpa.max:
            return hpa.max
        if pods.spec < hpa.min:
            return hpa.min
        wanted = self._replicas_for_metrics(pods, values_milli)
        if wanted is None:
            return pods.spec
        if hpa.behavior is None:
            return self._normalized(now_s, pods.spec, wanted)
        return self._normalized_with(hpa.behavior, now_s, pods.spec, wanted)

    def _remember(self, events: _ScaleEvents, change: int, now_s: float) -> None:
        behavior = self.autoscaler.behavior
        if behavior is not None:
            rules = behavior.up if events is self._ups else behavior.down
            events.store(change, now_s, rules.longest_period_s)

    def _replicas_for_metrics(
        self, pods: Pods, values_milli: Sequence[Sequence[int] | None]
    ) -> int | None:
        """Take the largest answer; with a metric lost never go down, with all lost stay."""
        answers = [
            _replicas_for_metric(metric, sum(series), pods, self.autoscaler.tolerances())
            for metric, series in zip(self.autoscaler.metrics, values_milli, strict=True)
            if series is not None
        ]
        known = [answer for answer in answers if answer is not None]
        lost = len(known) < len(self.autoscaler.metrics)
        if not known or (lost and max(known) < pods.spec):
            return None
        return max(known)

    def _normalized(self, now_s: float, current: int, wanted: int) -> int:
        """Without `behavior`: the highest of the window, and no faster than doubling."""
        oldest_s = now_s - self.autoscaler.stabilization_s
        recent = [one for one in self._recommendations or () if one[0] >= oldest_s]
        stable = max((replicas for _, replicas in recent), default=wanted)
        self._recommendations = [*recent, (now_s, wanted)]
        stable = max(stable, wanted)
        ceiling = min(self.autoscaler.max, max(2 * current, 4))
        return self.autoscaler.min if stable < self.autoscaler.min else min(stable, ceiling)

    def _normalized_with(self, behavior: Behavior, now_s: float, current: int, wanted: int) -> int:
        stable = self._stabilized(behavior, now_s, current, wanted)
        if stable > current:
            limit = max(self._limit(behavior.up, now_s, current, up=True), current)
            return min(stable, self.autoscaler.max, limit)
        if stable < current:
            limit = min(self._limit(behavior.down, now_s, current, up=False), current)
            return max(stable, self.autoscaler.min, limit)
        return stable

    def _stabilized(self, behavior: Behavior, now_s: float, current: int, wanted: int) -> int:
        up_after_s = now_s - (behavior.up.window_s or 0)
        window_s = behavior.down.window_s
        if window_s is None:
            window_s = self.autoscaler.stabilization_s
        down_after_s = now_s - window_s
        lowest = highest = wanted
        kept = []
        for at_s, replicas in self._recommendations or ():
            if at_s > up_after_s:
                lowest = min(lowest, replicas)
            if at_s > down_after_s:
                highest = max(highest, replicas)
            if at_s >= up_after_s or at_s >= down_after_s:
                kept.append((at_s, replicas))
        self._recommendations = [*kept, (now_s, wanted)]
        return min(max(current, lowest), highest)

    def _limit(self, rules: Rules, now_s: float, current: int, *, up: bool) -> int:
        """Tell how far the rate limits let it go; each counts from where its period began."""
        if rules.select == "Disabled":
            return current
        proposals = []
        for limit in rules.limits:
            added = self._ups.within(limit.period_s, now_s)
            removed = self._downs.within(limit.period_s, now_s)
            proposals.append(_proposal(limit, current - added + removed, up=up))
        farthest: Callable[..., int] = max if up == (rules.select == "Max") else min
        return farthest(proposals, default=INT32_MIN if farthest is max else INT32_MAX)


def _proposal(limit: RateLimit, start: int, *, up: bool) -> int:
    if not limit.percent:
        return start + limit.value if up else start - limit.value
    if up:
        return math.ceil(float(start) * (1 + float(limit.value) / 100))
    return int(float(start) * (1 - float(limit.value) / 100))


def _replicas_for_metric(
    metric: ExternalMetric, usage: int, pods: Pods, tolerances: tuple[float, float]
) -> int | None:
    """None: cannot be told, since a target as a whole is shared by the ready pods and none is."""
    if metric.type is TargetType.AVERAGE:
        divisor = float(metric.target_milli) * float(pods.status)
        if divisor and _within(float(usage) / divisor, tolerances):
            return pods.status
        return min(math.ceil(float(usage) / float(metric.target_milli)), INT32_MAX)
    ratio = float(usage) / float(metric.target_milli)
    if _within(ratio, tolerances):
        return pods.spec
    if pods.status == 0:
        return None
    return min(math.ceil(ratio * float(pods.ready)), INT32_MAX)


def _within(ratio: float, tolerances: tuple[float, float]) -> bool:
    down, up = tolerances
    return 1.0 - down <= ratio <= 1.0 + up


def behavior_from(manifest: Mapping[str, Any] | None) -> Behavior | None:
    """Read `spec.behavior` as it stands in a manifest, with the defaults of the API."""
    if manifest is None:
        return None
    return Behavior(
        up=_rules_from(manifest.get("scaleUp"), UP_DEFAULT),
        down=_rules_from(manifest.get("scaleDown"), DOWN_DEFAULT),
    )


def _rules_from(manifest: Mapping[str, Any] | None, default: Rules) -> Rules:
    if manifest is None:
        return default
    limits = default.limits
    if manifest.get("policies") is not None:
        limits = tuple(
            RateLimit(rule["value"], rule["periodSeconds"], percent=rule["type"] == "Percent")
            for rule in manifest["policies"]
        )
    tolerance = manifest.get("tolerance")
    return Rules(
        window_s=manifest.get("stabilizationWindowSeconds", default.window_s),
        limits=limits,
        select=manifest.get("selectPolicy", default.select),
        tolerance=None if tolerance is None else _quantity(tolerance),
    )


def _quantity(text: str) -> float:
    """A quantity as the API stores one; a binary or decimal multiple makes no tolerance."""
    return int(text[:-1]) * 1e-3 if text.endswith("m") else float(text)
