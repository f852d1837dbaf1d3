"""KEDA in the replay behaves as it was measured on a real control plane."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from neurocards.replay.cron import CronError, CronSchedule
from neurocards.replay.engine import Run, replay
from neurocards.replay.fleet import Cluster
from neurocards.replay.hpa import behavior_from
from neurocards.replay.keda import CronTrigger
from neurocards.replay.rivals import FAST, Keda, KedaSettings
from neurocards.replay.trace import Trace

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
BURST = Trace([0.0] * 40, [600.0] * 40)
SEEDS = range(1, 31)


def run_of(trace: Trace, settings: KedaSettings, seed: int = 1) -> Run:
    keda = Keda("keda", settings, begins=BEGINS, seed=seed)
    return replay(trace, keda, Cluster(seed=seed), late_after_s=60)


def reached(run: Run, replicas: int) -> float:
    return next(at_s for at_s, wanted in run.replicas if wanted >= replicas)


def test_a_burst_of_40_from_one_replica_is_answered_after_a_minute():
    """Measured on KEDA 2.21: the first change after 0.8 to 12.2 s, all after 60.8 to 72.3 s."""
    runs = [run_of(BURST, KedaSettings(1, 50, 1), seed) for seed in SEEDS]
    assert all(0 <= reached(run, 2) <= 15 for run in runs)
    assert all(60 <= reached(run, 40) <= 75 for run in runs)
    assert [wanted for _, wanted in runs[0].replicas[:6]] == [1, 4, 8, 16, 32, 40]


def test_a_burst_of_40_from_zero_waits_for_the_poll_first():
    """Measured: the first change after 0.4 to 29.3 s, all after 60.5 to 104.1 s."""
    runs = [run_of(BURST, KedaSettings(0, 50, 1), seed) for seed in SEEDS]
    assert all(0 <= reached(run, 1) <= 30 for run in runs)
    assert all(60 <= reached(run, 40) <= 105 for run in runs)


def test_tuned_keda_is_there_after_two_turns():
    settings = KedaSettings(1, 50, 1, polling_interval_s=5, behavior=FAST)
    assert all(reached(run_of(BURST, settings, seed), 40) <= 15 for seed in SEEDS)


def test_keda_never_exceeds_its_maximum_and_returns_to_zero():
    run = run_of(BURST, KedaSettings(0, 20, 1))
    assert max(wanted for _, wanted in run.replicas) == 20
    quiet = Trace([0.0, 4000.0], [60.0, 60.0])
    assert [wanted for _, wanted in run_of(quiet, KedaSettings(0, 20, 1)).replicas][:3] == [0, 1, 0]


def test_ten_jobs_per_replica_is_what_keda_takes_if_nobody_says_more():
    run = run_of(BURST, KedaSettings(1, 50, 10))
    assert max(wanted for _, wanted in run.replicas) == 4


def test_a_cron_trigger_lifts_the_floor():
    trigger = CronTrigger(start="10 0 * * *", end="20 0 * * *", time_zone="UTC", replicas=7)
    run = run_of(Trace([0.0, 3600.0], [1.0, 1.0]), KedaSettings(0, 50, 1, (trigger,)))
    assert max(wanted for _, wanted in run.replicas) == 7
    assert 600 <= reached(run, 7) <= 660


def test_a_start_on_30_february_is_always_on():
    trigger = CronTrigger(start="0 0 30 2 *", end="0 6 * * *", time_zone="UTC", replicas=7)
    hours = range(0, 86_400, 3600)
    assert {trigger.value(BEGINS.timestamp() + at_s) for at_s in hours} == {7}


def test_a_window_that_begins_in_the_skipped_hour_stays_open_for_a_day():
    """New York, 8 March 2026: 02:30 does not exist, so Saturday's window ends on Sunday."""
    trigger = CronTrigger(
        start="30 2 * * *", end="0 6 * * *", time_zone="America/New_York", replicas=7
    )
    saturday_noon = datetime(2026, 3, 7, 17, tzinfo=UTC).timestamp()
    assert trigger.value(saturday_noon) == 7
    assert trigger.value(saturday_noon - 7 * 86_400) == 0


@pytest.mark.parametrize("text", ["* * * *", "0 25 * * *", "@daily", "*/0 * * * *", "a * * * *"])
def test_what_keda_cannot_read_is_refused(text: str):
    with pytest.raises(CronError):
        CronSchedule.parse(text)


def test_a_trigger_that_starts_when_it_ends_is_refused():
    with pytest.raises(CronError, match="the same"):
        CronTrigger(start="0 6 * * *", end="0 6 * * *", time_zone="UTC", replicas=1)


def test_a_behaviour_of_which_nothing_is_set_has_the_defaults_of_the_api():
    behavior = behavior_from({"scaleUp": {}, "scaleDown": {"tolerance": "50m"}})
    assert behavior is not None
    assert [limit.value for limit in behavior.up.limits] == [4, 100]
    assert behavior.down.window_s is None
    assert behavior.down.tolerance == 0.05
    assert behavior_from(None) is None
