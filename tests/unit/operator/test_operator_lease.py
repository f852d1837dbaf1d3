"""Who may act: the Lease as a value."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from neurocards_operator.lease_record import (
    LeaseRecord,
    Step,
    Watched,
    acts_until_s,
    lease_body,
    record_of,
    step,
    watched,
)

RECORD = LeaseRecord("other", "2026-11-24T12:00:00.000000Z", 3, "7")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def test_a_missing_lease_is_made_and_an_own_one_renewed():
    assert step(None, me="me", now_s=0, duration_s=15) is Step.MAKE
    mine = Watched(replace(RECORD, holder="me"), 0)
    assert step(mine, me="me", now_s=99, duration_s=15) is Step.RENEW


def test_a_lease_of_another_is_taken_when_it_was_silent_for_its_duration():
    """S3-29: only if absent, or over."""
    seen = Watched(RECORD, 100)
    assert step(seen, me="me", now_s=114.9, duration_s=15) is Step.WAIT
    assert step(seen, me="me", now_s=115, duration_s=15) is Step.TAKE


def test_a_lease_that_was_given_back_is_taken_at_once():
    seen = Watched(replace(RECORD, holder=""), 100)
    assert step(seen, me="me", now_s=100, duration_s=15) is Step.TAKE


def test_each_sign_of_life_starts_the_watching_anew():
    """The clock of the other machine is not asked: what counts is when the record changed here."""
    seen = watched(None, RECORD, 100)
    assert watched(seen, RECORD, 110) == seen
    renewed = watched(seen, replace(RECORD, renewed="x", resource_version="8"), 110)
    assert renewed.since_s == 110


@given(asked_s=st.floats(0, 1000), answer_s=st.floats(0, 60), duration_s=st.floats(3, 60))
def test_the_holder_stops_before_anybody_else_begins(
    asked_s: float, answer_s: float, duration_s: float
):
    """However long the answer took: the other one saw the renewal after it was asked for."""
    other_sees_s = asked_s + answer_s
    other = Watched(RECORD, other_sees_s)
    last_s = acts_until_s(asked_s, duration_s)
    assert step(other, me="me", now_s=last_s, duration_s=duration_s) is Step.WAIT


def test_a_change_of_the_holder_is_counted_and_a_renewal_is_not():
    written: dict[str, Any] = {
        "namespace": "shop",
        "name": "operator",
        "duration_s": 15,
        "now": NOW,
    }
    taken = lease_body(holder="me", former=RECORD, **written)
    assert taken["spec"]["leaseTransitions"] == 4
    assert taken["metadata"]["resourceVersion"] == "7"
    mine = replace(RECORD, holder="me")
    assert lease_body(holder="me", former=mine, **written)["spec"]["leaseTransitions"] == 3
    assert lease_body(holder="", former=mine, **written)["spec"]["leaseTransitions"] == 3
    made = lease_body(holder="me", former=None, **written)
    assert "resourceVersion" not in made["metadata"]
    assert made["spec"]["renewTime"] == "2026-11-24T12:00:00.000000Z"


def test_a_lease_that_somebody_made_empty_can_be_read():
    assert record_of({"metadata": {"resourceVersion": "1"}}) == LeaseRecord("", "", 0, "1")
