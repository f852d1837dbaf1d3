"""`neurocards ops doctor` on real servers: what is right, what is not, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from neurocards.domain.keys import parse_keys
from neurocards.testing.world import accepted
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


def test_a_healthy_house_is_ok_in_every_line(ops: Ops, on_world: OnWorld, nats_url: str):
    """S1-34, S1-42"""
    asyncio.run(made_stream(nats_url))
    on_world(lambda world: world.keys.register(KEYS))
    ran = ops("doctor", "-o", "json")
    assert ran.code == 0
    assert _levels(ran) == dict.fromkeys(
        [
            *("settings", "schema", "database", "clock", "partitions"),
            *("outbox", "queue", "keys", "stream", "consumer"),
        ],
        "OK",
    )
    assert ops("doctor").out.count("OK") == len(ran.json["doctor"])


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
