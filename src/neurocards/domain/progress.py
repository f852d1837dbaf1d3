"""How far a job is, as a share and an estimate that a user can read."""

from __future__ import annotations

import math
from dataclasses import dataclass

from neurocards.domain.jobs import JobStatus

BAR_CELLS = 10
_SPANS: dict[JobStatus, tuple[float, float]] = {
    JobStatus.QUEUED: (0.0, 0.03),
    JobStatus.SCRIPTING: (0.03, 0.10),
    JobStatus.SUBMITTING: (0.10, 0.15),
    JobStatus.RENDERING: (0.15, 0.92),
    JobStatus.FETCHING: (0.92, 0.96),
    JobStatus.DELIVERING: (0.96, 0.99),
    JobStatus.DONE: (1.0, 1.0),
    JobStatus.FAILED: (1.0, 1.0),
    JobStatus.CANCELLED: (1.0, 1.0),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """`share` of the work done, 0..1, and the seconds that are left; None when unknown."""

    share: float
    remaining_s: int | None

    @property
    def bar(self) -> str:
        full = min(BAR_CELLS, math.floor(self.share * BAR_CELLS + 1e-9))
        return "▰" * full + "▱" * (BAR_CELLS - full)

    @property
    def percent(self) -> int:
        return math.floor(self.share * 100)


def progress(status: JobStatus, *, elapsed_s: float, expected_s: float) -> Progress:
    """Estimate from the time in this state and the time that a render is expected to take.

    A render that takes longer than expected creeps on without ever reaching its end, so the bar
    never stands still at 100 % before the video is there.
    """
    start, end = _SPANS[status]
    if status is not JobStatus.RENDERING:
        return Progress(start, None)
    ratio = max(0.0, elapsed_s) / max(expected_s, 1e-3)
    done = ratio * 0.9 if ratio <= 1 else 1 - 0.1 / ratio
    left_s = math.ceil(expected_s - elapsed_s)
    return Progress(start + (end - start) * done, left_s if left_s > 0 else None)
