"""Why a number of replicas: every wish and every limit, each with its word and its sentence.

The word (`Source`) is a reason of a Kubernetes condition and a label of a metric; the sentence is
made from the same values only when somebody reads it, because most decisions change nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    WISH = "wish"
    LIMIT = "limit"
    SHOWN = "shown"
    """Listed and not followed."""
    ADVICE = "advice"
    """Says something about the pool, asks for no replicas."""


class Source(StrEnum):
    OVERRIDE = "Override"
    BASE = "Base"
    WINDOW = "Window"
    IDLE = "Idle"
    QUEUE_LOW = "QueueLow"
    QUEUE_STEP = "QueueStep"
    WAIT_STEP = "WaitStep"
    QUEUE_HIGH = "QueueHigh"
    OBJECTIVE = "Objective"
    WAKE_UP = "WakeUp"
    FORECAST = "Forecast"
    WINDOW_MAX = "WindowMax"
    REPLICAS_MAX = "ReplicasMax"
    PROVIDER = "Provider"
    BUDGET = "Budget"
    HOLD_UP = "HoldUp"
    HOLD_DOWN = "HoldDown"
    STEP_DOWN = "StepDown"
    STALE_SIGNALS = "StaleSignals"
    CONTRADICTION = "Contradiction"
    POLICY_FAULT = "PolicyFault"
    SLOW_JOBS = "SlowJobs"
    FORECAST_UNPROVEN = "ForecastUnproven"


_SENTENCES: dict[Source, str] = {
    Source.OVERRIDE: "set by hand to {} until {:%Y-%m-%d %H:%M} UTC",
    Source.BASE: "the base of the policy",
    Source.WINDOW: "the window {} asks for at least {}",
    Source.IDLE: "nothing queued for {} s: {} lowered {} times",
    Source.QUEUE_LOW: "{} queued, below {}",
    Source.QUEUE_STEP: "{} queued, above {}: {} + {}",
    Source.WAIT_STEP: "{} s of waiting on average, above {}: {} + {}",
    Source.QUEUE_HIGH: "{} queued, above {}",
    Source.OBJECTIVE: "{} jobs need {} slots to start within {} s, and {} are held ready{}",
    Source.WAKE_UP: "{} jobs are there and need somebody",
    Source.FORECAST: "the forecast expects {} jobs an hour, which need {} slots",
    Source.WINDOW_MAX: "the window {} allows {} at most",
    Source.REPLICAS_MAX: "the policy allows {} at most",
    Source.PROVIDER: "the provider carries {} renders at a time",
    Source.BUDGET: "{} of {} replica-hours of the day are used",
    Source.HOLD_UP: "a rise must be wanted for {} s",
    Source.HOLD_DOWN: "more was wanted within the last {} s",
    Source.STEP_DOWN: "at most {} % fewer in a step, {} s apart",
    Source.STALE_SIGNALS: "the {} was last read {} s ago, so nothing is taken away",
    Source.CONTRADICTION: "the database knows {} jobs and the stream {}, so nothing is taken away",
    Source.POLICY_FAULT: "the policy has faults ({}), so nothing is taken away",
    Source.SLOW_JOBS: "a job takes {} s, more than {}: look at the provider, not at the replicas",
    Source.FORECAST_UNPROVEN: "the forecast is off by {} jobs and the last count by {}: not used",
}


class Contribution(NamedTuple):
    """One wish or limit: what it comes from and the number of replicas that it gives."""

    kind: Kind
    source: Source
    replicas: int
    values: tuple[object, ...] = ()

    @property
    def text(self) -> str:
        return _SENTENCES[self.source].format(*self.values)


def message_of(replicas: int, reason: Source, contributions: tuple[Contribution, ...]) -> str:
    """Give the decision as one sentence: the number, what bound it, and what was wished before."""
    bound = next(c for c in contributions if c.source is reason)
    head = f"{replicas} replica{'' if replicas == 1 else 's'}: {bound.text}"
    if bound.kind is Kind.WISH:
        return head
    wishes = [c for c in contributions if c.kind is Kind.WISH]
    wish = max(wishes, key=lambda contribution: contribution.replicas)
    return f"{head}; wished for {wish.replicas} ({wish.source}: {wish.text})"
