"""The circuit breaker: when calls are held back, who tries again, what closes it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neurocards.domain.breaker import (
    Breaker,
    BreakerLimits,
    BreakerState,
    HeldBack,
    Passed,
    abandoned,
    asked,
    failed,
    succeeded,
)

LIMITS = BreakerLimits(failures_max=3, open_s=30.0, probe_s=60.0)


def after_failures(count: int, *, now_s: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(count):
        breaker = failed(breaker, LIMITS, now_s=now_s)
    return breaker


def passed(breaker: Breaker, *, now_s: float) -> Breaker:
    answer = asked(breaker, LIMITS, now_s=now_s)
    assert isinstance(answer, Passed)
    return answer.breaker


def test_few_failures_hold_nothing_back():
    breaker = after_failures(2)
    assert breaker.state is BreakerState.CLOSED
    assert asked(breaker, LIMITS, now_s=0) == Passed(breaker)


def test_a_success_in_between_starts_the_count_anew():
    breaker = failed(succeeded(after_failures(2)), LIMITS, now_s=0)
    assert (breaker.state, breaker.failures) == (BreakerState.CLOSED, 1)


def test_failures_in_a_row_hold_every_call_back_and_say_for_how_long():
    breaker = after_failures(3, now_s=100)
    assert breaker.state is BreakerState.OPEN
    assert asked(breaker, LIMITS, now_s=110) == HeldBack(20.0)


def test_after_the_rest_one_call_tries_and_the_others_wait_for_it():
    breaker = passed(after_failures(3), now_s=30)
    assert breaker.state is BreakerState.HALF_OPEN
    assert asked(breaker, LIMITS, now_s=31) == HeldBack(59.0)


def test_the_call_that_tries_closes_it_or_opens_it_again():
    trying = passed(after_failures(3), now_s=30)
    assert succeeded(trying) == Breaker()
    again = failed(trying, LIMITS, now_s=40)
    assert again.state is BreakerState.OPEN
    assert asked(again, LIMITS, now_s=40) == HeldBack(30.0)


def test_a_call_that_tries_and_never_answers_is_not_waited_for_for_ever():
    assert passed(passed(after_failures(3), now_s=30), now_s=90).until_s == 150


def test_a_call_that_was_cut_off_lets_another_one_try_at_once():
    trying = passed(after_failures(3), now_s=30)
    assert passed(abandoned(trying, now_s=31), now_s=31).state is BreakerState.HALF_OPEN
    assert abandoned(Breaker(), now_s=31) == Breaker()


def test_late_failures_of_earlier_calls_do_not_prolong_the_rest():
    breaker = after_failures(3)
    assert failed(breaker, LIMITS, now_s=29) == breaker


def test_a_late_answer_of_an_earlier_call_closes_it():
    assert succeeded(after_failures(3)) == Breaker()


@given(
    st.lists(st.tuples(st.floats(0, 40), st.sampled_from(["ask", "fail", "succeed", "abandon"])))
)
def test_no_call_is_held_back_for_longer_than_the_limits_say(steps: list[tuple[float, str]]):
    breaker, now_s = Breaker(), 0.0
    for passes_s, what in steps:
        now_s += passes_s
        answer = asked(breaker, LIMITS, now_s=now_s)
        if isinstance(answer, HeldBack):
            # Sums of fractions are rounded: a nanosecond is allowed for it.
            assert 0 < answer.after_s <= max(LIMITS.open_s, LIMITS.probe_s) + 1e-9
        elif what == "ask":
            breaker = answer.breaker
        if what == "fail":
            breaker = failed(breaker, LIMITS, now_s=now_s)
        elif what == "succeed":
            breaker = succeeded(breaker)
            assert isinstance(asked(breaker, LIMITS, now_s=now_s), Passed)
        elif what == "abandon":
            breaker = abandoned(breaker, now_s=now_s)
