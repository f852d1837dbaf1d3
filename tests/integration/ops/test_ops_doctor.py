"""`neurocards ops doctor` on real servers: what is right, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from neurocards.adapters.nats.subjects import STREAM, consumer_name
from neurocards.adapters.postgres import Database, PostgresDecisionJournal
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.testing.world import accepted, brought_to
from support.decisions import decision
from support.job_stream import made_stream
from support.ops_command import Ops, Ran
from support.postgres_world import PostgresWorld
from support.statements import load

OnWorld = Callable[[Callable[[PostgresWorld], Awaitable[Any]]], Any]
KEYS = parse_keys({"KIE_API_KEY": "one"})


def _levels(ran: Ran) -> dict[str, str]:
    """Give the worst level by subject."""
    worst: dict[str, str] = {}
    for row in ran.json["doctor"]:
        order = ["OK", "WARN", "FAIL"]
        before = worst.get(row["subject"], "OK")
        worst[row["subject"]] = max(before, row["level"], key=order.index)
        assert row["level"] == "OK" or row["what_to_do"]
    return worst


def _finding(ran: Ran, subject: str) -> tuple[str, str]:
    (row,) = (row for row in ran.json["doctor"] if row["subject"] == subject)
    return row["level"], row["finding"]


@contextmanager
def _asking(nats_url: str) -> Iterator[None]:
    """A worker with room, as far as the broker sees one: its pull waits there."""
    address = urlsplit(nats_url)
    pull = json.dumps({"batch": 1, "expires": 60 * 10**9}).encode()
    subject = f"$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{consumer_name('default')}"
    with socket.create_connection((address.hostname, address.port), timeout=10) as line:
        line.sendall(
            b'CONNECT {"verbose":false}\r\nSUB inbox.pull 1\r\n'
            + f"PUB {subject} inbox.pull {len(pull)}\r\n".encode()
            + pull
            + b"\r\nPING\r\n"
        )
        heard = b""
        while b"PONG" not in heard:
            heard += line.recv(65536)
        yield


async def _decided_on_three(world: PostgresWorld) -> None:
    """Long enough ago that the pods should be there."""
    three = decision(3, age=timedelta(minutes=10))
    await PostgresDecisionJournal(Database(world.pool)).record(three)


def test_a_healthy_house_is_ok_in_every_line(ops: Ops, on_world: OnWorld, nats_url: str):
    """S1-34, S1-42"""
    asyncio.run(made_stream(nats_url))
    on_world(lambda world: world.keys.register(KEYS))
    with _asking(nats_url):
        ran = ops("doctor", "--workers", "1", "-o", "json")
        text = ops("doctor").out
    assert ran.code == 0
    assert _levels(ran) == dict.fromkeys(
        [
            *("settings", "schema", "database", "clock", "partitions", "credits"),
            *("outbox", "queue", "keys", "stream", "consumer", "workers"),
        ],
        "OK",
    )
    assert text.count("OK") == len(ran.json["doctor"])


def test_workers_that_are_not_there_are_missed(ops: Ops, on_world: OnWorld, nats_url: str):
    """S1-34, S1-42: seen by a lease or by a pull, against the last decision or the number given."""
    asyncio.run(made_stream(nats_url))
    nobody = _finding(ops("doctor", "-o", "json"), "workers")
    assert nobody == ("WARN", "0 seen: 0 hold jobs, 0 ask for some")
    on_world(lambda world: brought_to(world, JobStatus.RENDERING))
    with _asking(nats_url):
        ran = ops("doctor", "-o", "json")
        assert _finding(ran, "workers") == ("OK", "1 to 2 seen: 1 hold jobs, 1 ask for some")
        on_world(_decided_on_three)
        level, text = _finding(ops("doctor", "-o", "json"), "workers")
        assert (level, text.partition("; ")[2]) == ("WARN", "the operator decided on 3")
        assert _finding(ops("doctor", "--workers", "2", "-o", "json"), "workers")[0] == "OK"
    on_world(lambda world: world.pass_time(3600))
    level, text = _finding(ops("doctor", "-o", "json"), "workers")
    assert (level, text[:7]) == ("WARN", "0 seen:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("always_i1_wrong_balance", "1 balances are not the sum of their bookings"),
        ("always_i1_unbalanced_booking", "1 bookings do not sum to zero over both accounts"),
        ("always_i3_ended_without_refund", "1 orders failed or were cancelled without a refund"),
        ("always_i3_refunded_and_not_ended_so", "1 orders were refunded and have not failed"),
    ],
)
def test_credits_that_were_tampered_with_are_found_by_the_role_for_it(
    *,
    ops: Ops,
    on_world: OnWorld,
    database_url: str,
    name: str,
    text: str,
    monkeypatch: pytest.MonkeyPatch,
):
    """S1-34"""

    async def tamper(world: PostgresWorld) -> None:
        job_id = await accepted(world)
        async with world.pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")
            await connection.execute(load("corruptions")[name], job_id)

    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", f"{database_url}?role=neurocards_ops")
    assert _finding(ops("doctor", "-o", "json"), "credits")[0] == "OK"
    on_world(tamper)
    ran = ops("doctor", "-o", "json")
    found = [row["finding"] for row in ran.json["doctor"] if row["subject"] == "credits"]
    assert (ran.code, text in found) == (1, True)


def test_what_is_wrong_is_named_with_what_to_do(ops: Ops, on_world: OnWorld, nats_url: str):
    asyncio.run(made_stream(nats_url, ack_wait_s=30))

    async def spoil(world: PostgresWorld) -> None:
        await world.keys.register(KEYS)
        await world.keys.block(KEYS[0].fingerprint, for_s=3600, reason="billing")
        await accepted(world)
        await world.pass_time(3600)
        await world.pool.execute(load("operations")["unsent_for_an_hour"])

    on_world(spoil)
    ran = ops("doctor", "-o", "json")
    assert ran.code == 1
    levels = _levels(ran)
    assert {subject for subject, level in levels.items() if level == "FAIL"} == {"outbox"}
    assert {subject for subject, level in levels.items() if level == "WARN"} == {
        "queue",
        "consumer",
        "workers",
    }


def test_without_a_stream_or_with_every_key_blocked_it_fails(
    ops: Ops, on_world: OnWorld, nats_url: str
):
    async def block(world: PostgresWorld) -> None:
        await world.keys.register(KEYS)
        await world.keys.block(KEYS[0].fingerprint, for_s=3600, reason="billing")

    on_world(block)
    assert nats_url
    levels = _levels(ops("doctor", "-o", "json"))
    assert (levels["stream"], levels["keys"]) == ("FAIL", "FAIL")


def test_servers_that_are_away_and_an_old_schema_are_findings_and_no_errors(
    ops: Ops, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("NEUROCARDS_NATS_URL", "nats://127.0.0.1:1")
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", empty_database_url)
    ran = ops("doctor", "-o", "json")
    assert ran.code == 1
    assert _levels(ran) == {"settings": "OK", "schema": "FAIL", "nats": "FAIL"}
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", "postgresql://x:canary@127.0.0.1:1/x")
    away = ops("doctor", "-o", "json")
    assert _levels(away) == {"settings": "OK", "database": "FAIL", "nats": "FAIL"}
    assert "canary" not in away.out + away.err


def test_faults_of_the_settings_come_one_by_one(ops: Ops, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DB_PORT", "x")
    monkeypatch.setenv("NEUROCARDS_NATS_REPLICAS", "9")
    ran = ops("doctor", "-o", "json")
    assert ran.code == 1
    texts = [row["finding"] for row in ran.json["doctor"]]
    assert [text.split(":")[0] for text in texts] == ["DB_PORT", "NEUROCARDS_NATS_REPLICAS"]
