"""Every scaling rule of the documents, as the profile that carries it decides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from neurocards.domain.scaling import Kind, Source
from support.scaling_pool import NOON, PaperPool, fresh, ready_made

MOSCOW = ZoneInfo("Europe/Moscow")


def moscow(hour: int, minute: int = 0, *, day: int = 4) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=MOSCOW).astimezone(UTC)


@pytest.mark.parametrize(("queued", "replicas"), [(100, 20), (101, 30), (500, 30)])
def test_s0_18_more_than_100_queued_adds_10(queued: int, replicas: int):
    assert fresh(ready_made("classic"), queued=queued).replicas == replicas


def test_s0_19_more_than_500_queued_adds_20():
    decision = fresh(ready_made("classic"), queued=501)
    assert (decision.replicas, decision.reason) == (40, Source.QUEUE_STEP)


@pytest.mark.parametrize(("waited_s", "replicas"), [(900, 20), (901, 30), (1800, 30)])
def test_s0_20_waiting_15_minutes_on_average_adds_10(waited_s: int, replicas: int):
    assert fresh(ready_made("classic"), queued=1, mean_wait_s=waited_s).replicas == replicas


def test_s0_21_waiting_30_minutes_on_average_adds_20():
    decision = fresh(ready_made("classic"), queued=1, mean_wait_s=1801)
    assert (decision.replicas, decision.reason) == (40, Source.WAIT_STEP)


def test_c_6_steps_never_add_up():
    assert fresh(ready_made("classic"), queued=501, mean_wait_s=1801).replicas == 40


@pytest.mark.parametrize("minute", [0, 30, 59])
def test_s0_22_the_peak_is_staffed_an_hour_before_it_begins(minute: int):
    decision = fresh(ready_made("classic"), moscow(19, minute))
    assert (decision.replicas, decision.reason) == (50, Source.WINDOW)


def test_s0_23_an_hour_with_an_empty_queue_halves_the_workers_again_and_again():
    pool = PaperPool(ready_made("classic"))
    assert pool.decide().replicas == 20
    assert pool.decide(after_s=3599).replicas == 20
    assert pool.decide(after_s=301).replicas == 20  # the drop must last for five minutes
    assert pool.decide(after_s=301).replicas == 10
    assert pool.decide(after_s=3600).replicas == 10
    assert pool.decide(after_s=301).replicas == 5
    assert pool.decide(after_s=7200).replicas == 5


def test_s0_23_one_queued_job_ends_the_idle_time():
    pool = PaperPool(ready_made("classic"))
    for _ in range(4):
        pool.decide(after_s=3000)
    assert pool.replicas == 10
    assert pool.decide(after_s=30, queued=1).replicas == 20


def test_s0_24_idle_workers_go_down_to_the_base_load_of_five():
    pool = PaperPool(ready_made("classic"))
    for _ in range(40):
        pool.decide(after_s=600, running=0)
    assert pool.replicas == 5


def test_s0_25_s0_27_the_night_keeps_five_workers():
    for hour in (1, 2, 4, 6):
        assert fresh(ready_made("classic"), moscow(hour), replicas=5).replicas == 5


def test_s0_26_the_evening_has_fifty_workers():
    for hour in (19, 20, 21, 22):
        assert fresh(ready_made("classic"), moscow(hour)).replicas == 50


def test_s0_28_normal_hours_have_twenty_workers():
    for hour in (0, 7, 12, 18, 23):
        assert fresh(ready_made("classic"), moscow(hour)).replicas == 20


def test_c_9_a_day_in_moscow():
    pool = PaperPool(ready_made("classic"), replicas=5, now=moscow(6, 55))
    seen = {}
    while pool.now < moscow(1, 10, day=5):
        pool.decide(after_s=60, queued=1)
        seen[pool.now] = pool.replicas
    changes = {}
    last = 0
    for instant, replicas in seen.items():
        if replicas != last:
            changes[instant.astimezone(MOSCOW).strftime("%H:%M")] = replicas
        last = replicas
    assert changes == {"06:56": 5, "07:00": 20, "19:00": 50, "23:05": 20, "01:05": 5}


@pytest.mark.parametrize(
    ("clock", "replicas"),
    [((7, 0), 20), ((18, 59), 20), ((19, 0), 50), ((23, 0), 20), ((1, 0), 5), ((0, 59), 20)],
)
def test_c_21_the_hours_are_those_of_moscow(clock: tuple[int, int], replicas: int):
    assert fresh(ready_made("classic"), moscow(*clock), replicas=replicas).replicas == replicas


def test_s0_29_the_queue_is_compared_with_what_runs_and_the_target_is_read_live():
    decision = fresh(ready_made("absolute"), replicas=33, queued=100, running=33)
    assert (decision.replicas, decision.reason) == (33, Source.HOLD_DOWN)
    assert "wished for 20" in decision.message


@pytest.mark.parametrize(("queued", "replicas"), [(200, 20), (201, 50), (9999, 50)])
def test_s0_30_more_than_200_queued_sets_50(queued: int, replicas: int):
    assert fresh(ready_made("absolute"), queued=queued).replicas == replicas


def test_s0_31_fewer_than_10_queued_sets_10_once_that_has_lasted():
    pool = PaperPool(ready_made("absolute"))
    assert pool.decide(queued=10).replicas == 20
    assert pool.decide(after_s=300, queued=9).replicas == 20
    decision = pool.decide(after_s=300, queued=9)
    assert (decision.replicas, decision.reason) == (10, Source.QUEUE_LOW)


def test_s0_32_the_script_runs_every_five_minutes():
    assert ready_made("absolute").evaluation.interval_s == 300


def test_c_33_profiles_look_often_and_wait_before_they_take_away():
    for name in ("classic", "small"):
        policy = ready_made(name)
        assert 30 <= policy.evaluation.interval_s <= 60
        assert policy.behavior.down_hold_s == 300


def test_s1_40_more_than_100_queued_or_15_minutes_of_waiting_adds_10():
    assert fresh(ready_made("classic"), queued=101).replicas == 30
    assert fresh(ready_made("classic"), queued=1, mean_wait_s=901).replicas == 30


def test_s1_41_a_job_that_takes_more_than_8_minutes_is_named_and_adds_nobody():
    calm = fresh(ready_made("classic"), queued=50, running=20, service_s=480)
    slow = fresh(ready_made("classic"), queued=50, running=20, service_s=481)
    assert slow.replicas == calm.replicas
    assert [c.replicas for c in slow.contributions if c.kind is Kind.ADVICE] == [0]
    advice = [c.text for c in slow.contributions if c.kind is Kind.ADVICE]
    assert advice == ["a job takes 481 s, more than 480: look at the provider, not at the replicas"]
    assert all(c.kind is not Kind.ADVICE for c in calm.contributions)


@pytest.mark.parametrize(("queued", "replicas"), [(10, 5), (11, 8), (50, 8)])
def test_s2_21_more_than_10_queued_adds_3(queued: int, replicas: int):
    assert fresh(ready_made("small"), replicas=5, queued=queued).replicas == replicas


def test_s2_22_more_than_50_queued_adds_10():
    assert fresh(ready_made("small"), replicas=5, queued=51).replicas == 15


@pytest.mark.parametrize(("waited_s", "replicas"), [(300, 5), (301, 8)])
def test_s2_23_waiting_5_minutes_on_average_adds_workers(waited_s: int, replicas: int):
    decision = fresh(ready_made("small"), replicas=5, queued=3, mean_wait_s=waited_s)
    assert decision.replicas == replicas


def test_c_8_no_rule_goes_below_the_floor_and_one_worker_is_legal():
    pool = PaperPool(ready_made("small"), replicas=5)
    for _ in range(20):
        pool.decide(after_s=3600)
    assert pool.replicas == ready_made("small").replicas.min == 1


def test_c_10_rules_add_to_the_target_of_the_window():
    policy = ready_made("classic")
    night = fresh(policy, moscow(2), replicas=5, queued=150)
    assert (night.replicas, night.reason) == (15, Source.QUEUE_STEP)
    evening = fresh(policy, moscow(20), replicas=50, queued=150)
    assert (evening.replicas, evening.reason) == (50, Source.REPLICAS_MAX)
    assert evening.message == (
        "50 replicas: the policy allows 50 at most; "
        "wished for 60 (QueueStep: 150 queued, above 100: 50 + 10)"
    )


def test_c_10_the_idle_rule_stops_at_the_target_of_the_window():
    pool = PaperPool(ready_made("classic"), replicas=50, now=moscow(19))
    for _ in range(6):
        assert pool.decide(after_s=2300 if pool.now > moscow(19) else 0).replicas == 50


def test_c_11_and_c_12_the_profiles_start_from_their_documents():
    classic, small, standard = (ready_made(n).replicas for n in ("classic", "small", "standard"))
    assert (classic.min, classic.base, classic.max) == (5, 20, 50)
    assert (small.base, small.max) == (5, 20)
    assert standard.max == 100


def test_c_7_only_a_drop_needs_stable_time():
    pool = PaperPool(ready_made("classic"))
    pool.decide(queued=0)
    assert pool.decide(after_s=1, queued=101).replicas == 30
    assert pool.decide(after_s=1, queued=99).replicas == 30
    assert pool.decide(after_s=299, queued=99).replicas == 30
    assert pool.decide(after_s=2, queued=99).replicas == 20
    assert pool.now - NOON == timedelta(seconds=303)
