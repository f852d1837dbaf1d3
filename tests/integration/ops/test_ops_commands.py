"""`neurocards ops` on real servers: tables for people, JSON for programs, codes for scripts."""

from __future__ import annotations

import asyncio
import json
import tarfile
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from neurocards.adapters.postgres import Database, PostgresDecisionJournal
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.ports.scaling import RecordedDecision
from neurocards.testing.world import USER_ID, VIOLATION, accepted, brought_to, claimed
from support.decisions import decision
from support.ops_command import Ops
from support.postgres_world import PostgresWorld
from support.statements import load

SQL = load("operations")
KEYS = parse_keys({"KIE_API_KEY": "canary-key-one,canary-key-two"})
FIRST = KEYS[0].fingerprint
MONTH_S = 30 * 24 * 3600.0
CANARIES = ("canary-key", "canary-password", "Mug, 350 ml", str(USER_ID))


OnWorld = Callable[[Callable[[PostgresWorld], Awaitable[Any]]], Any]


async def _failed(world: PostgresWorld) -> UUID:
    job = await brought_to(world, JobStatus.RENDERING)
    await world.jobs.fail(job.fence, VIOLATION)
    return job.id


async def _blocked(world: PostgresWorld) -> None:
    await world.keys.register(KEYS)
    await world.keys.block(FIRST, for_s=3600, reason="rate_limit")


def test_the_queue_is_shown_by_state_and_by_what_it_waits_for(ops: Ops, on_world: OnWorld):
    """S0-14"""

    async def fill(world: PostgresWorld) -> None:
        await accepted(world)
        job = await brought_to(world, JobStatus.RENDERING)
        await world.jobs.postpone(job.fence, after_s=300, reason="keys_blocked")
        await brought_to(world, JobStatus.SCRIPTING)

    on_world(fill)
    seen = ops("queue", "--since", "1h", "-o", "json").json
    queue = seen["queue"]
    assert (queue["waiting"], queue["postponed"], queue["parked"]) == (1, 1, 1)
    assert (queue["at_work"], queue["unsent_messages"]) == (1, 3)
    assert seen["accepted_within_1h"] == [
        {"status": "queued", "jobs": 2},
        {"status": "scripting", "jobs": 1},
    ]
    table = ops("queue").out
    assert "waiting" in table
    assert "ACCEPTED WITHIN 1H" in table


def test_a_job_is_shown_with_its_bookings_and_without_what_it_is_about(ops: Ops, on_world: OnWorld):
    job_id = on_world(_failed)
    shown = ops("jobs", "show", str(job_id), "--output", "json")
    assert shown.code == 0
    job = shown.json["job"]
    assert (job["status"], job["error_class"], job["error_text"]) == (
        "failed",
        "USER_VIOLATION",
        "Flagged",
    )
    bookings = shown.json["credits_of_the_user"]
    assert [(row["kind"], row["amount"]) for row in bookings] == [("charge", -1), ("refund", 1)]
    assert "Mug" not in shown.out
    missing = ops("jobs", "show", str(UUID(int=1)))
    assert (missing.code, missing.out) == (1, "")
    assert "there is no job" in missing.err


def test_failures_of_a_week_are_counted_by_their_reason(ops: Ops, on_world: OnWorld):
    """S0-45"""
    assert ops("jobs", "failed").out == "no order failed\n"
    job_id = on_world(_failed)
    (row,) = ops("jobs", "failed", "--since", "7d", "-o", "json").json["failed"]
    assert (row["error_class"], row["error_code"], row["jobs"]) == ("USER_VIOLATION", "400", 1)
    assert row["newest"] == str(job_id)


def test_a_job_is_cancelled_retried_and_taken_from_its_worker_by_hand(ops: Ops, on_world: OnWorld):
    """S0-33, S0-34: each says what came of it, and the record has a row of each."""
    queued, failed = on_world(accepted), on_world(_failed)
    on_world(lambda world: brought_to(world, JobStatus.RENDERING))
    assert ops("jobs", "cancel", str(queued)).out.startswith("cancelled and refunded")
    assert ops("jobs", "cancel", str(queued)).out == "it was cancelled before\n"
    late = ops("jobs", "cancel", str(failed))
    assert (late.code, "it is failed" in late.out) == (1, True)
    retried = ops("jobs", "retry", str(failed), "-o", "json").json["result"]
    assert retried["outcome"] == "ordered"
    again = ops("jobs", "retry", str(failed), "-o", "json").json["result"]
    assert (again["outcome"], again["ordered"]) == ("ordered_before", retried["ordered"])
    assert ops("jobs", "requeue-stuck").out == "no job is stuck\n"
    assert ops("jobs", "requeue-stuck", "--older-than", "0s", "-o", "json").json["requeued"]
    record = ops("record", "-o", "json").json["operations"]
    assert [row["action"] for row in reversed(record)] == [
        *["jobs.cancel"] * 3,
        *["jobs.retry"] * 2,
        *["jobs.requeue_stuck"] * 2,
    ]
    assert {row["actor"] for row in record} == {"ada@desk"}


def test_keys_are_listed_and_unblocked_by_their_fingerprints(ops: Ops, on_world: OnWorld):
    """S0-17, S0-37, S0-39: and nobody has to be restarted."""

    async def park(world: PostgresWorld) -> None:
        await _blocked(world)
        job = await claimed(world, await accepted(world))
        await world.jobs.postpone(job.fence, after_s=300, reason="keys_blocked")

    on_world(park)
    listed = {row["fingerprint"]: row for row in ops("keys", "list", "-o", "json").json["keys"]}
    assert listed[FIRST]["state"] == "blocked"
    assert listed[FIRST]["reason"] == "rate_limit"
    assert listed[KEYS[1].fingerprint]["state"] == "healthy"
    assert ops("keys", "unblock").code == 2
    unblocked = ops("keys", "unblock", FIRST).out
    assert "1 waiting jobs try again now" in unblocked
    assert ops("keys", "unblock", "--all").out == "no such key was blocked\n"
    events = ops("keys", "events", "--tail", "9", "-o", "json").json["events"]
    assert [row["event"] for row in events] == ["unblocked", "blocked", "added", "added"]


def test_a_grant_can_be_repeated_and_a_user_be_looked_at(ops: Ops, on_world: OnWorld):
    """S1-2, S1-43"""
    on_world(accepted)
    words = ("user", "grant", str(USER_ID), "102", "--request-id", "t-1", "-o", "json")
    assert ops(*words).json["result"]["outcome"] == "granted"
    assert ops(*words).json["result"] == {
        "outcome": "repeated",
        "balance": 104,
        "request_id": "t-1",
    }
    taken = ops("user", "grant", str(USER_ID), "-2")
    assert (taken.code, "has 102 credits" in taken.out) == (0, True)
    shown = ops("user", "show", str(USER_ID), "-o", "json").json
    assert (shown["user"]["balance"], shown["user"]["booked"]) == (102, 102)
    assert len(shown["orders"]) == 1
    assert ops("user", "grant", "1", "5").code == 1
    assert ops("user", "show", "1").code == 1
    assert ops("user", "grant", str(USER_ID), "0").code == 2


def test_workers_are_shown_by_their_leases_also_where_there_is_no_cluster(
    ops: Ops, on_world: OnWorld
):
    on_world(lambda world: brought_to(world, JobStatus.RENDERING))
    seen = ops("workers", "status", "-o", "json").json
    (lease,) = seen["leases"]
    assert (lease["worker"], lease["jobs"], lease["rendering"]) == ("worker", 1, 1)
    assert "no cluster can be reached" in seen["scaling"]["unknown"]


@pytest.mark.parametrize(
    "words", [("workers", "scale", "5"), ("workers", "scale", "-2"), ("stop",), ("restart",)]
)
def test_without_a_cluster_what_needs_one_says_so_and_leaves_nothing_behind(
    ops: Ops, words: tuple[str, ...]
):
    ran = ops(*words)
    assert (ran.code, ran.out) == (1, "")
    assert "no cluster can be reached" in ran.err
    assert ops("record").out == "nothing was done by hand\n"


def test_without_a_cluster_the_way_to_the_logs_is_said(ops: Ops):
    """S0-15, S2-11"""
    ran = ops("logs", "worker", "--tail", "50")
    assert ran.code == 1
    assert "by kubectl: kubectl logs --follow --prefix --tail 50 -l app.kubernetes" in ran.err
    assert "app.kubernetes.io/component=worker" in ran.err


def test_to_follow_the_logs_a_command_is_printed_that_a_shell_can_run(
    ops: Ops, monkeypatch: pytest.MonkeyPatch
):
    """S1-28: kubectl follows five pods at most unless it is told a number."""
    monkeypatch.setenv("NEUROCARDS_OPS_CONTEXT", "a context")
    monkeypatch.setenv("NEUROCARDS_OPS_NAMESPACE", "shop")
    ran = ops("logs", "worker", "-f")
    assert ran.code == 0
    assert ran.out == (
        "kubectl --context 'a context' -n shop logs --follow --prefix --tail 100 -l "
        "app.kubernetes.io/part-of=neurocards,app.kubernetes.io/component=worker "
        "--max-log-requests 200\n"
    )
    one = ops("logs", "worker", "-f", "--pod", "worker-7", "--job", "x;y").out
    assert one.endswith(" --tail 100 worker-7 | grep --line-buffered -F 'x;y'\n")


def test_the_documented_capacities_come_out(ops: Ops):
    """S0-40, S0-41, S0-42"""
    rows = ops("capacity", "-o", "json").json["capacity"]
    assert [(row["replicas"], row["orders_per_day"], row["orders_per_peak"]) for row in rows] == [
        (20, 4800, 400),
        (50, 12_000, 1000),
        (100, 24_000, 2000),
    ]
    assert {row["per_slot_and_day"] for row in rows} == {240}
    inputs = ops("capacity", "--measured", "7d", "--job-time", "5m", "-o", "json").json["inputs"]
    assert inputs["job_s"] == 360


def test_the_database_is_shown_and_tidied_up(ops: Ops):
    """S0-35, S0-46"""
    status = ops("db", "status", "-o", "json").json
    assert status["database"]["has_next_month"] is True
    assert status["database"]["default_partition_jobs"] == 0
    assert len(status["largest_tables"]) > 5
    monthly = ops("maintenance", "monthly", "-o", "json")
    assert monthly.json["done"]["tables_tidied_up"] > 10


def test_connections_of_everybody_count_also_for_the_role_that_is_meant_for_it(
    ops: Ops, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    """S0-35: those of other roles fill the server as well."""
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", f"{database_url}?role=neurocards_ops")
    with asyncio.Runner() as runner:
        others = [runner.run(asyncpg.connect(database_url)) for _ in range(4)]
        shown = ops("db", "status", "-o", "json").json["database"]["connections"]
        for other in others:
            runner.run(other.close())
    assert shown >= 5


def test_once_a_week_events_that_are_older_than_seven_days_go(ops: Ops, on_world: OnWorld):
    """S0-44"""
    second = KEYS[1].fingerprint

    async def age(world: PostgresWorld) -> None:
        await world.keys.register(KEYS)
        await world.pool.execute(SQL["key_event_days_ago"], FIRST, 8)
        await world.pool.execute(SQL["key_event_days_ago"], second, 6)

    on_world(age)
    weekly = ops("maintenance", "weekly", "-o", "json")
    assert (weekly.code, weekly.json["done"]) == (
        0,
        {"partitions_made": 0, "key_events_forgotten": 1},
    )
    events = ops("keys", "events", "-o", "json").json["events"]
    assert [row["fingerprint"] for row in events] == [second]


def test_once_a_month_the_work_is_set_beside_the_replicas_that_were_decided(
    ops: Ops, on_world: OnWorld
):
    """S0-47: of twenty days three at the base of 20, one at the maximum of 50, the rest at 2."""

    async def work(world: PostgresWorld) -> None:
        journal = PostgresDecisionJournal(Database(world.pool))
        for days_ago, before, after in ((20, 1, 2), (4, 2, 20), (2, 20, 50), (1, 50, 20)):
            await journal.record(_decided(before, after, days_ago))
        await journal.record(_decided(20, 9, 3, mode="Observe"))
        job = await brought_to(world, JobStatus.DELIVERING)
        await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
        await world.pool.execute(SQL["ended_after"], job.id, MONTH_S)

    on_world(work)
    on_world(_failed)
    report = ops("maintenance", "monthly", "-o", "json").json
    used = report["used_within_30d"]
    assert (used["accepted"], used["delivered"], used["failed"]) == (2, 1, 1)
    (row,) = report["replicas_within_30d"]
    assert (row["policy"], row["pool"]) == ("neurocards/workers", "default")
    assert (row["decisions"], row["up"], row["down"]) == (4, 3, 1)
    assert (row["replicas_mean"], row["replicas_most"]) == (7.1, 50)
    assert (row["percent_at_base"], row["percent_at_most"]) == (15, 5)
    assert row["jobs_at_once_mean"] == 1
    assert row["seen_s"] == pytest.approx(20 * 24 * 3600.0, rel=0.01)


def _decided(before: int, after: int, days_ago: int, *, mode: str = "Auto") -> RecordedDecision:
    wishes = [
        {"kind": "wish", "source": "Base", "replicas": 20},
        {"kind": "limit", "source": "ReplicasMax", "replicas": 50},
    ]
    return decision(
        after,
        before=before,
        namespace="neurocards",
        mode=mode,
        age=timedelta(days=days_ago),
        details={"contributions": wishes},
    )


def test_without_an_operator_the_report_says_that_nothing_was_decided(ops: Ops):
    assert "the operator decided nothing" in ops("maintenance", "monthly").out


def test_after_an_outage_one_command_brings_everything_on_its_way_again(
    ops: Ops, on_world: OnWorld
):
    """S0-33"""

    async def outage(world: PostgresWorld) -> None:
        await accepted(world)
        job = await brought_to(world, JobStatus.RENDERING)
        await world.pass_time(3600)
        await world.pool.execute(SQL["claimed_long_ago"], job.id, 60)

    on_world(outage)
    recovered = ops("recover", "-o", "json").json
    assert recovered["done"]["announced_again"] == 1
    assert recovered["done"]["requeued"] == 1
    again = ops("recover", "-o", "json").json["done"]
    assert (again["announced_again"], again["requeued"]) == (0, 0)


def test_a_support_bundle_holds_no_secret_and_no_person(
    ops: Ops, on_world: OnWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("KIE_API_KEY", "canary-key-one,canary-key-two")
    monkeypatch.setenv("NEUROCARDS_NATS_USER", "somebody")
    monkeypatch.setenv("NEUROCARDS_NATS_PASSWORD", "canary-password")
    on_world(_failed)
    on_world(_blocked)
    ops("user", "grant", str(USER_ID), "3", "--reason", "canary-key-one was pasted here")
    path = tmp_path / "bundle.tar.gz"
    assert ops("support-bundle", "--to", str(path)).code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    with tarfile.open(path) as archive:
        parts = {
            Path(entry.name).name: file.read().decode()
            for entry in archive
            if (file := archive.extractfile(entry))
        }
    assert {"about.json", "doctor.json", "queue.json", "failed-within-7d.json"} <= parts.keys()
    assert "replicas-within-7d.json" in parts
    assert FIRST in parts["keys.json"]
    assert json.loads(parts["failed-within-7d.json"])[0]["jobs"] == 1
    assert "NEUROCARDS_NATS_PASSWORD" in parts["about.json"]
    for canary in CANARIES:
        assert [name for name, text in parts.items() if canary in text] == []
    assert ops("support-bundle", "--to", str(path)).code == 1


LOOKS = [
    *(("queue",), ("jobs", "failed"), ("keys", "list"), ("keys", "events"), ("record",)),
    *(("workers", "status"), ("db", "status"), ("capacity", "--measured", "7d")),
]
DEEDS = [
    *(("jobs", "requeue-stuck"), ("keys", "unblock", "--all"), ("recover",)),
    *(("maintenance", "weekly"), ("maintenance", "monthly")),
]


def test_all_of_it_works_with_the_role_that_is_meant_for_it(
    ops: Ops, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", f"{database_url}?role=neurocards_ops")
    for words in LOOKS + DEEDS:
        ran = ops(*words)
        assert (ran.code, ran.err) == (0, ""), words


def test_a_login_without_the_right_is_told_which_role_has_it(
    ops: Ops, database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", f"{database_url}?role=neurocards_operator")
    for words in LOOKS + DEEDS:
        ran = ops(*words)
        assert (ran.code, ran.out) == (1, ""), words
        assert "log in with the database role neurocards_ops" in ran.err, words
        assert len(ran.err.splitlines()) == 1


def test_an_empty_database_is_a_sentence(
    ops: Ops, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", empty_database_url)
    ran = ops("queue")
    assert (ran.code, ran.out) == (1, "")
    assert "neurocards migrate status" in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("queue", "--since", "soon"),
        ("jobs", "show", "no-uuid"),
        ("jobs", "requeue-stuck", "--older-than", ""),
        ("workers", "scale"),
        ("workers", "scale", "5", "--auto"),
        ("workers", "scale", "many"),
        ("keys", "list", "--output", "xml"),
        ("capacity", "--job-time", "0s"),
        ("bogus",),
    ],
)
def test_wrong_usage_exits_with_2(ops: Ops, words: tuple[str, ...]):
    assert ops(*words).code == 2


def test_every_command_has_an_example_in_its_help(ops: Ops):
    groups = ("jobs", "keys", "user", "workers", "db", "maintenance")
    commands: list[tuple[str, ...]] = [
        ("queue",),
        ("logs",),
        ("capacity",),
        ("support-bundle",),
        ("stop",),
        ("restart",),
    ]
    commands += [("doctor",), ("recover",), ("record",), ("jobs", "show"), ("jobs", "failed")]
    commands += [("jobs", "cancel"), ("jobs", "retry"), ("jobs", "requeue-stuck"), ("keys", "list")]
    commands += [("keys", "events"), ("keys", "unblock"), ("user", "show"), ("user", "grant")]
    commands += [("workers", "status"), ("workers", "scale"), ("db", "status")]
    commands += [("maintenance", "weekly"), ("maintenance", "monthly")]
    for group in groups:
        assert ops(group, "--help").code == 0
    for words in commands:
        assert "neurocards ops" in ops(*words, "--help").out, words
