"""Recorded jobs as a trace: when each came, how long each took."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from neurocards.replay.recorded import trace_of
from neurocards.replay.trace import SERVICE_DEFAULT_S, TraceError

FIRST = datetime(2026, 11, 24, 20, tzinfo=UTC)


def test_a_trace_begins_with_its_first_job_and_unmeasured_times_are_the_mean():
    """So that schedules fall on the hours at which the jobs came."""
    jobs = [
        (FIRST, 200.0),
        (FIRST + timedelta(seconds=90), None),
        (FIRST + timedelta(seconds=100), 400.0),
    ]
    trace, begins = trace_of(jobs)
    assert begins == FIRST
    assert list(trace.arrivals_s) == [0, 90, 100]
    assert list(trace.services_s) == [200, 300, 400]
    assert list(trace_of(jobs, service_s=7.0)[0].services_s) == [7, 7, 7]


def test_jobs_of_which_none_was_measured_take_the_default():
    """A database that is new still gives a trace."""
    trace, _ = trace_of([(FIRST, None)])
    assert list(trace.services_s) == [SERVICE_DEFAULT_S]


def test_no_jobs_are_no_trace():
    """Said in words."""
    with pytest.raises(TraceError, match="remembers no jobs"):
        trace_of([])
