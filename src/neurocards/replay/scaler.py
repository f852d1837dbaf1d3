"""What a policy is to the replay: it is asked at its moments, and answers with a number.

And the two simplest rivals: a fixed number, and the rules by which a single host was run (three
cron lines and a script every five minutes).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Protocol

from neurocards.replay.fleet import Fleet

DAY_S = 86_400
PEAK_WORKERS, NORMAL_WORKERS, NIGHT_WORKERS, FLOOR_WORKERS = 50, 20, 5, 10
CRON_LINES_UTC = {4: NORMAL_WORKERS, 16: PEAK_WORKERS, 22: NIGHT_WORKERS}
SCRIPT_PERIOD_S = 300
QUEUED_MANY, QUEUED_FEW = 200, 10


class Scaler(Protocol):
    """One policy during one replay; it may remember."""

    @property
    def name(self) -> str: ...

    @property
    def hands_over(self) -> bool:
        """Whether its workers give a job back when they are stopped, or finish and are killed."""
        ...

    @property
    def replicas_at_start(self) -> int:
        """Ready when the trace begins."""
        ...

    def next_at_s(self) -> float:
        """When it wants to be asked next, whatever happens."""
        ...

    def woken(self, now_s: float) -> None:
        """Say that a job has arrived or finished; may bring `next_at_s` forward."""
        ...

    def decide(self, now_s: float, fleet: Fleet) -> int:
        """Give the replicas that are wanted now. Called at `next_at_s`, which it moves on."""
        ...


class Static:
    """A number of replicas that never changes."""

    hands_over = False

    def __init__(self, replicas: int) -> None:
        self.name = f"static:{replicas}"
        self.replicas_at_start = replicas

    def next_at_s(self) -> float:
        return math.inf

    def woken(self, now_s: float) -> None:
        """Nothing wakes it."""

    def decide(self, now_s: float, fleet: Fleet) -> int:  # noqa: ARG002
        return self.replicas_at_start


class Rules:
    """Cron lines set 20, 50 and 5 workers; a script sets 50 above 200 queued, 10 below 10.

    They know nothing of each other: what a cron line has set, the script undoes five minutes
    later. They count workers; several slots in a replica divide them.
    """

    name = "rules"
    hands_over = False

    def __init__(self, *, slots: int, begins: datetime) -> None:
        self._slots = slots
        self._begins = begins.astimezone(UTC)
        self._next_s = self._until_minute_of_five()
        self.replicas_at_start = self._replicas(self._workers_by_cron())

    def next_at_s(self) -> float:
        return self._next_s

    def woken(self, now_s: float) -> None:
        """Nothing wakes it."""

    def decide(self, now_s: float, fleet: Fleet) -> int:
        self._next_s = now_s + SCRIPT_PERIOD_S
        at = self._begins + timedelta(seconds=now_s)
        if at.minute == 0 and at.hour in CRON_LINES_UTC:
            return self._replicas(CRON_LINES_UTC[at.hour])
        if fleet.queued > QUEUED_MANY and fleet.spec < self._replicas(PEAK_WORKERS):
            return self._replicas(PEAK_WORKERS)
        if fleet.queued < QUEUED_FEW and fleet.spec > self._replicas(FLOOR_WORKERS):
            return self._replicas(FLOOR_WORKERS)
        return fleet.spec

    def _replicas(self, workers: int) -> int:
        return math.ceil(workers / self._slots)

    def _workers_by_cron(self) -> int:
        past = [hour for hour in CRON_LINES_UTC if hour <= self._begins.hour]
        return CRON_LINES_UTC[max(past, default=max(CRON_LINES_UTC))]

    def _until_minute_of_five(self) -> float:
        second = (self._begins.timestamp()) % SCRIPT_PERIOD_S
        return -second % SCRIPT_PERIOD_S
