"""What the doctor concludes from facts: each fault by itself, with what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from neurocards.ops.findings import (
    BrokerFacts,
    CrewFacts,
    Finding,
    Level,
    broker_findings,
    credit_findings,
    database_findings,
    key_findings,
    queue_findings,
    schema_findings,
    worker_findings,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATABASE = {
    "server_version": "18.0",
    "connections": 10,
    "connections_max": 100,
    "read_only": False,
    "server_time": NOW,
    "has_next_month": True,
    "default_partition_jobs": 0,
}
QUEUE = {
    "waiting": 1,
    "at_work": 2,
    "oldest_wait_s": 10.0,
    "unsent_messages": 0,
    "oldest_message_s": 0.0,
}
HEALTHY = {"fingerprint": "aaa", "state": "healthy", "blocked_until": None}
BLOCKED = {"fingerprint": "bbb", "state": "blocked", "blocked_until": NOW}


def _worst(findings: Iterable[Finding]) -> dict[str, Level]:
    """Give the subjects that are not OK; every one of them says what to do."""
    bad = [finding for finding in findings if finding.level is not Level.OK]
    assert all(finding.remedy for finding in bad)
    return {finding.subject: finding.level for finding in bad}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"connections": 79}, {}),
        ({"connections": 80}, {"database": Level.WARN}),
        ({"read_only": True}, {"database": Level.FAIL}),
        ({"server_time": NOW + timedelta(seconds=5)}, {}),
        ({"server_time": NOW - timedelta(seconds=6)}, {"clock": Level.WARN}),
        ({"has_next_month": False}, {"partitions": Level.FAIL}),
        ({"default_partition_jobs": 3}, {"partitions": Level.WARN}),
    ],
)
def test_a_database_is_judged_fact_by_fact(change: dict[str, Any], expected: dict[str, Level]):
    assert _worst(database_findings(DATABASE | change, NOW)) == expected


@pytest.mark.parametrize(
    ("schema", "program", "faults", "expected"),
    [
        (7, 7, [], {}),
        (6, 7, [], {"schema": Level.FAIL}),
        (8, 7, [], {"schema": Level.WARN}),
        (7, 7, ["0001 was changed"], {"schema": Level.FAIL}),
    ],
)
def test_a_schema_must_be_that_of_the_program(
    schema: int, program: int, faults: list[str], expected: dict[str, Level]
):
    found = schema_findings(schema_version=schema, program_version=program, faults=faults)
    assert _worst(found) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, {}),
        ({"oldest_wait_s": 900.0}, {}),
        ({"oldest_wait_s": 901.0}, {"queue": Level.WARN}),
        ({"oldest_message_s": 60.0}, {}),
        ({"oldest_message_s": 61.0}, {"outbox": Level.FAIL}),
    ],
)
def test_a_queue_that_stands_still_is_found(change: dict[str, Any], expected: dict[str, Level]):
    """S0-20, S1-38"""
    assert _worst(queue_findings(QUEUE | change)) == expected


@pytest.mark.parametrize(
    ("keys", "configured", "expected"),
    [
        ([HEALTHY], {}, {}),
        ([HEALTHY], {"aaa": "aaa"}, {}),
        ([], {"aaa": "aaa"}, {"keys": Level.WARN}),
        ([HEALTHY, BLOCKED], {}, {"keys": Level.WARN}),
        ([BLOCKED], {}, {"keys": Level.FAIL}),
        ([HEALTHY], {"ccc": "ccc"}, {"keys": Level.WARN}),
    ],
)
def test_keys_that_cannot_be_taken_are_found(
    keys: list[dict[str, Any]], configured: dict[str, str], expected: dict[str, Level]
):
    """S0-37, S1-37"""
    assert _worst(key_findings(keys, configured)) == expected


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (BrokerFacts({}, {}, 5, 3), {}),
        (BrokerFacts(None, None, 0, 0), {"stream": Level.FAIL}),
        (BrokerFacts({}, None, 0, 0), {"consumer": Level.WARN}),
        (BrokerFacts({"max_msgs": 1}, {}, 0, 0), {"stream": Level.WARN}),
        (BrokerFacts({}, {"ack_wait": 1}, 0, 0), {"consumer": Level.WARN}),
    ],
)
def test_a_stream_that_is_not_as_wanted_is_found(facts: BrokerFacts, expected: dict[str, Level]):
    assert _worst(broker_findings(facts)) == expected


@pytest.mark.parametrize(
    ("holding", "asking", "expected", "decided", "decided_ago_s", "found"),
    [
        (1, 0, None, None, None, {}),
        (0, 1, None, None, None, {}),
        (0, 0, None, None, None, {"workers": Level.WARN}),
        (0, 0, None, 0, 9000.0, {}),
        (15, 5, None, 20, 9000.0, {}),
        (15, 4, None, 20, 9000.0, {"workers": Level.WARN}),
        (15, 4, None, 20, 299.0, {}),
        (15, 4, 19, 20, 9000.0, {}),
        (20, 0, 21, 20, 9.0, {"workers": Level.WARN}),
        (0, 0, 0, None, None, {}),
    ],
)
def test_workers_that_are_surely_missing_are_found(
    *,
    holding: int,
    asking: int,
    expected: int | None,
    decided: int | None,
    decided_ago_s: float | None,
    found: dict[str, Level],
):
    """S1-34, S1-42: by who asks, else by the operator, and pods of a moment ago may still start."""
    crew = CrewFacts(holding, asking, expected, decided, decided_ago_s)
    assert _worst(worker_findings(crew)) == found


def test_workers_that_are_busy_and_ask_are_not_taken_for_two():
    (one,) = worker_findings(CrewFacts(3, 2, None, None, None))
    assert one.text == "3 to 5 seen: 3 hold jobs, 2 ask for some"


ADDS_UP = {
    "wrong_balances": 0,
    "uneven_bookings": 0,
    "not_refunded": 0,
    "refunded_and_going_on": 0,
}


@pytest.mark.parametrize("name", [*ADDS_UP, None])
def test_credits_that_do_not_add_up_are_found(name: str | None):
    """S1-34"""
    if name is None:
        assert _worst(credit_findings(ADDS_UP)) == {}
    else:
        (one,) = credit_findings(ADDS_UP | {name: 2})
        assert (one.level, one.subject, one.text[:2]) == (Level.FAIL, "credits", "2 ")
