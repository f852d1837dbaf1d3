"""How fast a bot speaks, and who speaks first: buckets, shares, silence."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurocards.domain.outbound import (
    WHOLE_BOT,
    Bucket,
    Flow,
    Priority,
    Wish,
    decide,
    paused,
)
from support.turns import LIMITS

NOW = 1000.0
SPOKEN = [one for one in Priority if one is not Priority.ANSWER]


def wish(chat_id: int = 1, priority: Priority = Priority.DELIVERY) -> Wish:
    return Wish(chat_id, priority)


def allowed(
    wishes: list[Wish],
    buckets: Mapping[int, Bucket] | None = None,
    *,
    answers: int = 0,
    now_s: float = NOW,
) -> list[bool]:
    decision = decide(wishes, buckets or {}, LIMITS, answers=answers, now_s=now_s)
    return [wait_s == 0 for wait_s in decision.waits_s]


def holding(left: float) -> Mapping[int, Bucket]:
    """The bucket of the bot with so much in it."""
    missing = LIMITS.bot.burst - left
    return {WHOLE_BOT: Bucket(NOW + missing * LIMITS.bot.refill_s)}


def test_a_burst_passes_at_once_and_no_more():
    """Six deliveries to six chats are six at once; the seventh waits for what flows back."""
    decision = decide([wish(chat) for chat in range(1, 9)], {}, LIMITS, answers=0, now_s=NOW)
    assert list(decision.waits_s[:6]) == [0.0] * 6
    assert decision.waits_s[6] == pytest.approx(1 / 24)


def test_what_was_taken_flows_back_steadily():
    """A second after an empty bucket there is a whole burst again."""
    wishes = [wish(chat) for chat in range(1, 13)]
    first = decide(wishes, {}, LIMITS, answers=0, now_s=NOW)
    later = NOW + 2.5 * LIMITS.bot.refill_s
    second = decide(wishes[6:], first.changed, LIMITS, answers=0, now_s=later)
    assert [wait_s == 0 for wait_s in second.waits_s] == [True, True, False, False, False, False]


@pytest.mark.parametrize(
    ("left", "who"),
    [
        (6, ["DELIVERY", "NOTICE", "STATE", "PROGRESS", "BROADCAST"]),
        (3.1, ["DELIVERY", "NOTICE", "STATE", "PROGRESS"]),
        (2.9, ["DELIVERY", "NOTICE", "STATE"]),
        (1.9, ["DELIVERY", "NOTICE"]),
        (1.4, ["DELIVERY"]),
        (0.9, []),
    ],
)
def test_the_less_urgent_stop_while_something_is_left_for_the_urgent(left: float, who: list[str]):
    """Progress stops under half of the bucket; a delivery takes the last one."""
    may = [one.name for one in SPOKEN if allowed([wish(priority=one)], holding(left)) == [True]]
    assert may == who


def test_answers_empty_the_bucket_and_never_take_what_flows_back():
    """However many buttons are pressed, a delivery waits for one refill and no longer."""
    flood = decide([], {}, LIMITS, answers=1000, now_s=NOW).changed
    refused = decide([wish()], flood, LIMITS, answers=1000, now_s=NOW)
    assert refused.waits_s[0] == pytest.approx(LIMITS.bot.refill_s)
    assert allowed([wish()], refused.changed, now_s=NOW + 1.01 * LIMITS.bot.refill_s) == [True]


def test_a_chat_gets_its_burst_and_then_one_a_second():
    """The other chats go on meanwhile."""
    wishes = [wish(7)] * 5
    first = decide(wishes, {}, LIMITS, answers=0, now_s=NOW)
    assert list(first.waits_s) == [0.0] * 5
    later = NOW + 0.5
    assert allowed([wish(7), wish(8)], first.changed, now_s=later) == [False, True]
    assert allowed([wish(7)], first.changed, now_s=NOW + 1.01) == [True]


def test_a_group_gets_twenty_in_a_minute():
    """Five at once, and one every four seconds."""
    buckets: dict[int, Bucket] = {}
    sent = 0
    for tick in range(600):
        decision = decide([wish(-5)], buckets, LIMITS, answers=0, now_s=NOW + tick / 10)
        buckets.update(decision.changed)
        sent += decision.waits_s[0] == 0
    assert 18 <= sent <= 20


def test_what_a_refused_wish_waits_for_is_not_taken():
    """A chat that is too fast costs the bot nothing."""
    first = decide([wish(7)] * 6, {}, LIMITS, answers=0, now_s=NOW)
    assert first.changed[WHOLE_BOT].full_at_s == pytest.approx(NOW + 5 * LIMITS.bot.refill_s)


def test_a_chat_that_telegram_silences_is_silent_and_the_others_speak():
    buckets = paused(7, {}, for_s=30, now_s=NOW)
    assert allowed([wish(7), wish(8)], buckets, now_s=NOW + 29) == [False, True]
    assert allowed([wish(7)], buckets, now_s=NOW + 30) == [True]


def test_two_chats_that_are_silenced_silence_the_bot():
    """Telegram does not say whom it means; twice at once is no matter of a chat."""
    buckets = dict(paused(7, {}, for_s=30, now_s=NOW))
    buckets.update(paused(8, buckets, for_s=10, now_s=NOW + 1))
    assert allowed([wish(9)], buckets, now_s=NOW + 10.9) == [False]
    assert allowed([wish(9), wish(7)], buckets, now_s=NOW + 11.1) == [True, False]


def test_the_same_chat_twice_is_a_matter_of_the_chat():
    buckets = dict(paused(7, {}, for_s=30, now_s=NOW))
    buckets.update(paused(7, buckets, for_s=30, now_s=NOW + 1))
    assert allowed([wish(8)], buckets, now_s=NOW + 2) == [True]


def test_a_call_without_a_chat_silences_the_bot():
    assert allowed([wish(8)], paused(WHOLE_BOT, {}, for_s=5, now_s=NOW)) == [False]


def test_a_shorter_silence_ends_no_longer_one():
    buckets = dict(paused(7, {}, for_s=30, now_s=NOW))
    buckets.update(paused(7, buckets, for_s=1, now_s=NOW))
    assert allowed([wish(7)], buckets, now_s=NOW + 20) == [False]


def test_alone_a_process_keeps_to_its_share_and_to_the_pace_of_chats():
    """A fifth of 24 a second; who writes in a chat is mostly one process anyway."""
    alone = LIMITS.alone(0.2)
    assert 1 / alone.bot.refill_s == pytest.approx(4.8)
    assert alone.bot.burst == pytest.approx(1.2)
    assert (alone.chat, alone.group) == (LIMITS.chat, LIMITS.group)


def test_only_progress_is_dropped():
    assert [one for one in Priority if one.is_droppable] == [Priority.PROGRESS]


@pytest.mark.parametrize(("refill_s", "burst"), [(0, 5), (1, 0.5)])
def test_a_flow_under_which_nobody_could_speak_is_refused(refill_s: float, burst: float):
    with pytest.raises(ValueError, match="nobody could ever speak"):
        Flow(refill_s, burst)


def test_a_burst_that_leaves_nothing_to_flow_is_refused():
    with pytest.raises(ValueError, match="leaves nothing"):
        Flow.within(5, window_s=1, burst=5)


def test_a_full_bucket_that_nobody_silences_may_be_forgotten():
    assert Bucket(NOW).is_forgettable(NOW)
    assert not Bucket(NOW + 1).is_forgettable(NOW)
    assert not Bucket(NOW, paused_until_s=NOW + 1).is_forgettable(NOW)


chats = st.integers(1, 12) | st.integers(-3, -1)
asked = st.lists(
    st.tuples(st.floats(0, 0.2), st.lists(st.tuples(chats, st.sampled_from(SPOKEN)), max_size=6)),
    max_size=60,
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(asked, st.integers(0, 3))
def test_no_second_sees_more_than_thirty_and_no_chat_more_than_its_own(
    questions: list[tuple[float, list[tuple[int, Priority]]]], answers: int
):
    """Whoever asks for what and when: the bounds hold in every window, answers booked or not."""
    buckets: dict[int, Bucket] = {}
    sent: list[tuple[float, int]] = []
    now_s = NOW
    for pause_s, wanted in questions:
        now_s += pause_s
        wishes = [Wish(chat, priority) for chat, priority in wanted]
        decision = decide(wishes, buckets, LIMITS, answers=answers, now_s=now_s)
        buckets.update(decision.changed)
        sent += [
            (now_s, one.chat_id)
            for one, wait_s in zip(wishes, decision.waits_s, strict=True)
            if wait_s == 0
        ]
    for start, _ in sent:
        within = [chat for at, chat in sent if start <= at < start + 1 - 1e-6]
        assert len(within) <= 30
        assert all(within.count(chat) <= 1 + 5 for chat in within)


@given(st.floats(0, 6), st.sampled_from(SPOKEN), st.sampled_from(SPOKEN))
def test_where_the_less_urgent_may_speak_the_more_urgent_may(
    left: float, one: Priority, other: Priority
):
    urgent, less = sorted((one, other))
    if allowed([wish(priority=less)], holding(left)) == [True]:
        assert allowed([wish(priority=urgent)], holding(left)) == [True]


@given(st.floats(0, 5.999), st.sampled_from(SPOKEN))
def test_who_asks_again_when_he_was_told_to_is_let_through(left: float, priority: Priority):
    """The wait is neither a guess nor too short: nobody has to ask a third time."""
    wishes = [wish(priority=priority)]
    decision = decide(wishes, holding(left), LIMITS, answers=0, now_s=NOW)
    if wait_s := decision.waits_s[0]:
        assert allowed(wishes, decision.changed, now_s=NOW + wait_s - 1e-3) == [False]
        assert allowed(wishes, decision.changed, now_s=NOW + wait_s + 1e-6) == [True]


def test_limits_that_are_scaled_let_as_many_times_more_pass():
    """The profile `fast` lives in shortened time: burst and flow of every bucket grow together."""
    scaled = LIMITS.scaled(20)
    for before, after in (
        (LIMITS.bot, scaled.bot),
        (LIMITS.chat, scaled.chat),
        (LIMITS.group, scaled.group),
    ):
        assert after.burst == pytest.approx(20 * before.burst)
        assert after.refill_s == pytest.approx(before.refill_s / 20)
