"""The documents' capacity figures, from the calculator."""

from __future__ import annotations

import pytest

from neurocards.domain.capacity import (
    DAY_S,
    HOUR_S,
    PEAK_S,
    Capacity,
    capacity,
    jobs_within,
    slots_needed,
)


@pytest.mark.parametrize(
    ("workers", "per_day", "per_peak"),
    [
        pytest.param(20, 4_800, 400, id="s0_40"),
        pytest.param(50, 12_000, 1_000, id="s0_41"),
        pytest.param(100, 24_000, 2_000, id="s0_42"),
    ],
)
def test_s0_40_to_42_the_table_of_workers(workers: int, per_day: int, per_peak: int):
    found = capacity(workers)
    assert (found.per_day, found.per_peak, found.per_slot_and_day) == (per_day, per_peak, 240)


def test_s1_26_the_same_by_its_own_formula():
    assert jobs_within(20, DAY_S) == 20 * 24 * 60 // 6 == 4_800
    assert jobs_within(20, PEAK_S) == 20 * 120 // 6 == 400


def test_s2_33_a_worker_makes_twelve_videos_an_hour_at_five_minutes_each():
    assert jobs_within(1, HOUR_S, job_s=300) == 12


def test_c_14_a_thousand_in_the_peak_need_fifty_workers():
    assert slots_needed(1_000, PEAK_S) == 50
    assert slots_needed(1_001, PEAK_S) == 51


def test_a_replica_that_carries_twenty_jobs_is_twenty_workers():
    assert capacity(1, jobs_per_replica=20) == Capacity(20, 200, 400, 4_800, 240) == capacity(20)
