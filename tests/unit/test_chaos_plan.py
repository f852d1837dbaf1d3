"""A chaos run follows its seed, and its figures are what they are called."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from chaos.judge import longest_stall_s
from chaos.plan import KINDS, LINKS, WIPE, arrivals, programme
from neurocards.domain.jobs import JobStatus
from support.history import Operation

SECONDS = 600.0
START = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_same_seed_makes_the_same_storm_and_another_one_another():
    """A run that breaks something can be repeated."""
    assert programme(7, SECONDS) == programme(7, SECONDS)
    assert programme(7, SECONDS) != programme(8, SECONDS)
    assert arrivals(7, SECONDS, 50) == arrivals(7, SECONDS, 50)


def test_the_store_of_the_broker_is_wiped_exactly_once_and_in_the_middle():
    """However short the run is."""
    for seed in range(20):
        wipes = [strike for strike in programme(seed, 60.0) if strike.kind == WIPE.name]
        assert len(wipes) == 1
        assert 18.0 <= wipes[0].at_s <= 42.0


def test_a_long_storm_brings_every_kind_of_trouble_on_every_link():
    """Nothing is planned that never comes."""
    strikes = [strike for seed in range(3) for strike in programme(seed, SECONDS)]
    assert {strike.kind for strike in strikes} == {kind.name for kind in (*KINDS, WIPE)}
    assert {strike.link for strike in strikes if strike.kind == "link.cut"} == set(LINKS)


def test_strikes_and_orders_come_in_time():
    """In order, within the run, and no order after the last trouble."""
    strikes = programme(3, SECONDS)
    moments = [strike.at_s for strike in strikes]
    assert moments == sorted(moments)
    assert max(moments) <= SECONDS
    coming = arrivals(3, SECONDS, 500)
    assert (len(coming), coming) == (500, sorted(coming))
    assert max(coming) < 0.8 * SECONDS


def _operation(at_s: float, job: int, status: JobStatus) -> Operation:
    return Operation(
        number=int(at_s * 10),
        observed_at=START + timedelta(seconds=at_s),
        backend="1",
        application="",
        job_id=UUID(int=job),
        attempt=0,
        status=status,
        leased_by=None,
        provider_task_id=None,
        submissions=0,
        undelivered=False,
    )


def test_a_stall_is_a_time_in_which_an_open_job_waits_and_none_moves():
    """An hour without orders is no stall."""
    log = [
        _operation(0, 1, JobStatus.QUEUED),
        _operation(4, 1, JobStatus.SCRIPTING),
        _operation(6, 1, JobStatus.FAILED),
        _operation(3600, 2, JobStatus.QUEUED),
        _operation(3601, 2, JobStatus.FAILED),
    ]
    assert longest_stall_s(log) == 4.0
