"""How many jobs a number of slots carries, for planning; the operator decides by measuring.

Planned with six minutes a job, the slower of the documents' figures, and without queueing: a day at
full load, which no pool reaches. For a promise about waiting see `staffing.slots_for`.
"""

from __future__ import annotations

from dataclasses import dataclass

PLANNED_JOB_S = 360
HOUR_S = 3600
DAY_S = 24 * HOUR_S
PEAK_S = 2 * HOUR_S
"""The evening from 20:00 to 22:00."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """Jobs that `slots` carry at full load."""

    slots: int
    per_hour: int
    per_peak: int
    per_day: int
    per_slot_and_day: int


def jobs_within(slots: int, period_s: int, *, job_s: int = PLANNED_JOB_S) -> int:
    return slots * period_s // job_s


def slots_needed(jobs: int, period_s: int, *, job_s: int = PLANNED_JOB_S) -> int:
    """Give the fewest slots that carry `jobs` within `period_s`."""
    return -(-jobs * job_s // period_s)


def capacity(replicas: int, *, jobs_per_replica: int = 1, job_s: int = PLANNED_JOB_S) -> Capacity:
    slots = replicas * jobs_per_replica
    return Capacity(
        slots=slots,
        per_hour=jobs_within(slots, HOUR_S, job_s=job_s),
        per_peak=jobs_within(slots, PEAK_S, job_s=job_s),
        per_day=jobs_within(slots, DAY_S, job_s=job_s),
        per_slot_and_day=jobs_within(1, DAY_S, job_s=job_s),
    )
