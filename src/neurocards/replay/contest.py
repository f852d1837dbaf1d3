"""Who replays against whom: a policy, and the rivals that are named on the command line.

A rival gets what the policy says as far as it can express it, so that the comparison is fair: its
limits of replicas, its jobs per replica as the threshold, its schedules as cron triggers. What a
rival cannot express is left out and said.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from neurocards.domain.scaling_policy import ScalingPolicy
from neurocards.errors import ConfigurationError
from neurocards.replay.clairvoyant import NAME as CLAIRVOYANT
from neurocards.replay.clairvoyant import foresee
from neurocards.replay.cron import CronError
from neurocards.replay.engine import Run, replay
from neurocards.replay.fleet import Cluster
from neurocards.replay.keda import LAG_THRESHOLD, CronTrigger
from neurocards.replay.ours import NAME as OURS
from neurocards.replay.ours import Ours
from neurocards.replay.rivals import FAST, Keda, KedaSettings
from neurocards.replay.scaler import Rules, Scaler, Static
from neurocards.replay.trace import Trace

KEDA, KEDA_TUNED, KEDA_PLAIN, RULES, STATIC = (
    "keda",
    "keda-tuned",
    "keda-lag10",
    "rules",
    "static:",
)
TUNED_POLLING_S = 5.0
SLO_DEFAULT_S = 60.0
STATIC_MAX = 100_000


class RivalError(ConfigurationError):
    """No such rival; the text lists those that there are."""


@dataclass(frozen=True, slots=True)
class Contest:
    """One policy on one trace, under conditions that are the same for all."""

    policy: ScalingPolicy
    trace: Trace
    cluster: Cluster
    begins: datetime

    @property
    def slo_s(self) -> float:
        return SLO_DEFAULT_S if self.policy.slo is None else float(self.policy.slo.wait_s)

    def runs(self, rivals: Sequence[str]) -> Iterator[Run]:
        """Replay ours, then each rival once, in the order of their names here.

        Raises RivalError before anything is replayed.
        """
        names = list(dict.fromkeys(name for name in rivals if name != OURS))
        scalers = [self._scaler(name) for name in [OURS, *names]]
        for scaler in scalers:
            if scaler is None:
                yield foresee(
                    self.trace, self.cluster, replicas_max=max(1, self.policy.replicas.max)
                )
            else:
                yield replay(self.trace, scaler, self.cluster, late_after_s=self.slo_s)

    def remarks(self, rivals: Sequence[str]) -> list[str]:
        """Say what of the policy the rivals cannot express."""
        if not {KEDA, KEDA_TUNED, KEDA_PLAIN} & set(rivals):
            return []
        return _keda_limits(self.policy)

    def _scaler(self, name: str) -> Scaler | None:
        """None stands for the clairvoyant, which is computed."""
        slots = self.cluster.slots
        if name == OURS:
            return Ours(self.policy, self.cluster, begins=self.begins)
        if name == CLAIRVOYANT:
            return None
        if name == RULES:
            return Rules(slots=slots, begins=self.begins)
        if name.startswith(STATIC):
            return Static(_static_replicas(name))
        settings = {
            KEDA: self._keda(slots),
            KEDA_PLAIN: self._keda(LAG_THRESHOLD),
            KEDA_TUNED: self._keda(slots, tuned=True),
        }
        if name not in settings:
            known = ", ".join([KEDA, KEDA_TUNED, KEDA_PLAIN, RULES, f"{STATIC}N", CLAIRVOYANT])
            raise RivalError(f"there is no rival {name!r}; there are {known}")
        return Keda(name, settings[name], begins=self.begins, seed=self.cluster.seed)

    def _keda(self, lag_threshold: int, *, tuned: bool = False) -> KedaSettings:
        policy = self.policy
        settings = KedaSettings(
            min=_keda_min(policy),
            max=policy.replicas.max,
            lag_threshold=lag_threshold,
            cron=tuple(trigger for _, trigger in _cron_triggers(policy) if trigger is not None),
        )
        if not tuned:
            return settings
        return KedaSettings(
            settings.min,
            settings.max,
            settings.lag_threshold,
            settings.cron,
            polling_interval_s=TUNED_POLLING_S,
            behavior=FAST,
        )


def _static_replicas(name: str) -> int:
    text = name.removeprefix(STATIC)
    if not (text.isascii() and text.isdigit()) or int(text) > STATIC_MAX:
        raise RivalError(f"{name!r} names no number of replicas; write static:20")
    return int(text)


def _keda_min(policy: ScalingPolicy) -> int:
    """Triggers can only lift, so the minimum is the lowest that any hour asks for."""
    floors = [window.min for window in policy.schedules if window.min is not None]
    return min([policy.replicas.base, *floors])


def _cron_triggers(policy: ScalingPolicy) -> Iterator[tuple[str, CronTrigger | None]]:
    """Give each window's name and its trigger, or None where KEDA has none for it."""
    for window in policy.schedules:
        trigger = None
        if window.min:
            try:
                trigger = CronTrigger(
                    start=window.start,
                    end=window.end,
                    time_zone=window.time_zone,
                    replicas=window.min,
                )
            except CronError:
                trigger = None
        yield window.name, trigger


def _keda_limits(policy: ScalingPolicy) -> list[str]:
    remarks = [
        f"keda has no trigger for the window {name!r}"
        for name, trigger in _cron_triggers(policy)
        if trigger is None
    ]
    remarks += [
        f"keda cannot cap: the max of the window {window.name!r} is left out"
        for window in policy.schedules
        if window.max is not None
    ]
    if _keda_min(policy) < policy.replicas.base:
        remarks.append(
            f"keda cannot lower: its minimum is that of the lowest window, {_keda_min(policy)}"
        )
    return remarks
