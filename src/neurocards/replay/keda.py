"""KEDA 2.21: what its cron trigger answers, and what its operator does about zero.

From one replica upwards KEDA leaves the decision to the horizontal pod autoscaler (`hpa`) and only
answers its questions. Itself it does three things, once per polling interval: wake a target that
has no replicas, lift one that lies under its minimum, and send an idle one back to zero (or to the
idle count) when nothing was active for the cooldown period, whatever the autoscaler's rules say.

Exact to the vectors of the real cron scaler and the real scale executor (tests/golden/).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from neurocards.replay.cron import CronError, CronSchedule

POLLING_INTERVAL_S = 30
COOLDOWN_S = 300
LAG_THRESHOLD = 10
NEVER = -math.inf


class CronTrigger:
    """A stretch of time with a number of replicas, as a metric for the autoscaler."""

    def __init__(self, *, start: str, end: str, time_zone: str, replicas: int) -> None:
        """Raise CronError where KEDA refuses the trigger."""
        if start == end:
            raise CronError("start and end are the same")
        self._start, self._end = CronSchedule.parse(start), CronSchedule.parse(end)
        self._zone = ZoneInfo(time_zone)
        self._replicas = replicas
        self._minute: tuple[int, float, float] | None = None

    def value(self, moment: float) -> int:
        """Give the replicas inside the stretch, 0 outside; inside is when an end comes first."""
        start, end = self._next(moment)
        after, before = moment > start, moment < end
        inside = (after and before) if start < end else (after or before)
        return self._replicas if inside else 0

    def _next(self, moment: float) -> tuple[float, float]:
        """Ask the schedules once a minute: they answer the same for all of its seconds."""
        minute = int(moment // 60)
        if self._minute is None or self._minute[0] != minute:
            start = self._start.next_after(moment, self._zone)
            end = self._end.next_after(moment, self._zone)
            self._minute = (
                minute,
                NEVER if start is None else start,
                NEVER if end is None else end,
            )
        return self._minute[1], self._minute[2]


@dataclass(frozen=True, slots=True)
class ScaledObject:
    """The fields that decide about zero; None stands for a field that is not set."""

    min: int | None = None
    idle: int | None = None
    cooldown_s: int = COOLDOWN_S


class ScaleExecutor:
    """One poll after another; it remembers when something was last active."""

    def __init__(self, scaled_object: ScaledObject) -> None:
        self._object = scaled_object
        self._active_at_s: float | None = None

    def poll(self, now_s: float, replicas: int, *, active: bool, error: bool = False) -> int:
        """Give the replicas after this poll. `error`: at least one trigger could not be asked."""
        if active:
            return self._when_active(now_s, replicas, error=error)
        return replicas if error else self._when_idle(now_s, replicas)

    def _when_active(self, now_s: float, replicas: int, *, error: bool) -> int:
        minimum = self._object.min or 0
        if replicas == 0 or (self._object.idle is not None and replicas < minimum):
            self._active_at_s = now_s
            return max(minimum, 1)
        if not error:
            self._active_at_s = now_s
        return replicas

    def _when_idle(self, now_s: float, replicas: int) -> int:
        minimum, idle = self._object.min or 0, self._object.idle
        floor = minimum if idle is None else idle
        if (idle is not None and replicas > idle) or (replicas > 0 and minimum == 0):
            return floor if self._cooled_down(now_s) else replicas
        if idle is None and replicas < minimum:
            return minimum
        return replicas

    def _cooled_down(self, now_s: float) -> bool:
        """Never active counts as cooled down: somebody else has scaled the target."""
        since_s = self._active_at_s
        return since_s is None or since_s + self._object.cooldown_s < now_s
