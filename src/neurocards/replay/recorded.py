"""The jobs that a database remembers as a trace, and when that trace begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from neurocards.replay.trace import SERVICE_DEFAULT_S, Trace, TraceError

Job = tuple[datetime, float | None]


def trace_of(jobs: Sequence[Job], *, service_s: float | None = None) -> tuple[Trace, datetime]:
    """Make a trace of (accepted, seconds in a slot) pairs in the order of arrival.

    A time that is not known is the mean of those that are. `service_s` takes the place of all.
    Raises TraceError where there are no jobs.
    """
    if not jobs:
        raise TraceError("the database remembers no jobs of that pool and time")
    begins = jobs[0][0]
    known = [seconds for _, seconds in jobs if seconds is not None]
    mean_s = sum(known) / len(known) if known else SERVICE_DEFAULT_S
    return (
        Trace.of(
            ((accepted - begins).total_seconds(), service_s or seconds or mean_s)
            for accepted, seconds in jobs
        ),
        begins,
    )
