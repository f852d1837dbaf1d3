"""KEDA as a policy in the replay: its operator and the autoscaler behind it, each on its own clock.

KEDA asks its source once per polling interval and acts on zero only; from one replica upwards the
autoscaler asks every 15 seconds and applies its own rules. The two clocks are not aligned: the
seed decides how they lie. The lag is what the JetStream scaler reports: jobs that wait and jobs
that are carried.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime

from neurocards.replay import hpa
from neurocards.replay.fleet import Fleet
from neurocards.replay.keda import POLLING_INTERVAL_S, CronTrigger, ScaledObject, ScaleExecutor

FAST = hpa.Behavior(
    up=hpa.Rules(0, (hpa.RateLimit(100, 15), hpa.RateLimit(900, 15, percent=True)), tolerance=0.0),
    down=hpa.Rules(60, (hpa.RateLimit(100, 15, percent=True),), tolerance=0.0),
)


@dataclass(frozen=True, slots=True)
class KedaSettings:
    """What a ScaledObject with a JetStream trigger and cron triggers would say."""

    min: int
    max: int
    lag_threshold: int
    cron: tuple[CronTrigger, ...] = ()
    polling_interval_s: float = POLLING_INTERVAL_S
    behavior: hpa.Behavior | None = None


class Keda:
    hands_over = False

    def __init__(self, name: str, settings: KedaSettings, *, begins: datetime, seed: int) -> None:
        self.name = name
        self._settings = settings
        self._begins_unix_s = begins.timestamp()
        self.replicas_at_start = settings.min
        self._executor = ScaleExecutor(ScaledObject(min=settings.min))
        self._autoscaler = hpa.HorizontalController(
            hpa.Autoscaler(
                min=max(settings.min, 1),
                max=settings.max,
                metrics=(
                    hpa.ExternalMetric(settings.lag_threshold * 1000),
                    *(hpa.ExternalMetric(1000) for _ in settings.cron),
                ),
                behavior=settings.behavior,
            )
        )
        clocks = random.Random(f"keda {seed}")
        self._poll_s = clocks.uniform(0, settings.polling_interval_s)
        self._sync_s = clocks.uniform(0, hpa.SYNC_PERIOD_S)

    def next_at_s(self) -> float:
        return min(self._poll_s, self._sync_s)

    def woken(self, now_s: float) -> None:
        """Nothing wakes it: both clocks go on."""

    def decide(self, now_s: float, fleet: Fleet) -> int:
        lag = fleet.queued + fleet.running
        cron = [trigger.value(self._begins_unix_s + now_s) for trigger in self._settings.cron]
        replicas = fleet.spec
        if now_s >= self._poll_s:
            self._poll_s += self._settings.polling_interval_s
            replicas = self._executor.poll(now_s, replicas, active=lag > 0 or any(cron))
        if now_s >= self._sync_s:
            self._sync_s += hpa.SYNC_PERIOD_S
            pods = hpa.Pods(spec=replicas, status=fleet.spec, ready=fleet.ready)
            values = [[lag * 1000], *([value * 1000] for value in cron)]
            replicas = self._autoscaler.reconcile(now_s, pods, values)
        return replicas
