"""How many workers `/queue_stats` tells: as the operator has decided, while that is believed."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from neurocards.adapters.postgres import PostgresDecisionJournal, PostgresOrderStore
from neurocards.adapters.postgres.pool import Database
from neurocards.ports.scaling import RecordedDecision
from support.bot_process import BotProcess
from support.decisions import decision


@pytest.fixture
def mode() -> str:
    return "webhook"


async def decided(database: Database, *decisions: RecordedDecision) -> int | None:
    """Let the operator decide, one after the other; give what the bot sees of it."""
    journal = PostgresDecisionJournal(database)
    for one in decisions:
        await journal.record(one)
    return (await PostgresOrderStore(database).queue_stats()).workers_decided


async def test_without_a_decision_there_is_no_number(database: Database):
    assert await decided(database) is None


async def test_the_newest_decision_is_the_number_be_it_none_at_all(database: Database):
    assert await decided(database, decision(30), decision(40, before=30)) == 40
    assert await decided(database, decision(0, before=40)) == 0


async def test_the_numbers_of_several_fleets_are_added_like_their_queues(database: Database):
    fleets = (decision(30), decision(5, name="others"), decision(25, before=30))
    assert await decided(database, *fleets) == 30


async def test_a_fleet_that_is_only_observed_keeps_the_number_that_it_had(database: Database):
    """What the operator would have done, nobody did."""
    assert await decided(database, decision(50, before=20, mode="Observe")) == 20


async def test_an_old_decision_is_no_longer_believed(database: Database):
    """The operator may be gone, and another hand may have set the number since."""
    assert await decided(database, decision(30, age=timedelta(days=4))) is None
    assert await decided(database, decision(30, age=timedelta(days=2))) == 30


async def test_the_bot_tells_what_was_decided_instead_of_its_setting(
    bot: BotProcess, database: Database
):
    """S1-30, S2-20, C-20: desired replicas."""
    async with httpx.AsyncClient(timeout=60, trust_env=False) as client:

        async def told() -> object:
            return (await client.get(f"{bot.url}/queue_stats")).json()["workers_configured"]

        assert await told() == 20
        await decided(database, decision(37))
        assert await told() == 37
