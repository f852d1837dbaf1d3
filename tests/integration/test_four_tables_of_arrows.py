"""The legal arrows stand in four places; here they are compared."""

from __future__ import annotations

import re
from pathlib import Path

import asyncpg
import pytest

from neurocards.adapters.postgres import Database
from neurocards.domain.jobs import ARROWS, JobEvent, JobStatus, legal_arrows
from support.job_machine import HAPPENINGS, current_fence, led_to
from support.postgres_world import PostgresWorld
from support.statements import load

DOCUMENT = Path(__file__).parents[2] / "docs" / "state-machine.md"
PICTURE = re.compile(r"^    (\w+) --> (\w+) : (\w+)$", re.MULTILINE)
CONSTRAINT = re.compile(r"'(\w+) -> (\w+)'")

Arrow = tuple[str, str]


def _of_the_domain() -> set[Arrow]:
    return {(before.value, after.value) for before, after in legal_arrows()}


async def _of_the_constraint(pool: asyncpg.Pool) -> set[Arrow]:
    text = await pool.fetchval(load("arrows")["constraint"])
    return set(CONSTRAINT.findall(text))


def _of_the_picture() -> set[Arrow]:
    return {(before, after) for before, after, _ in PICTURE.findall(DOCUMENT.read_text("utf-8"))}


async def _of_the_machine(world: PostgresWorld) -> set[Arrow]:
    """Try every event in every state on the real stores, and see what moves."""
    seen: set[Arrow] = set()
    for number, (status, event) in enumerate((s, e) for s in JobStatus for e in HAPPENINGS):
        user_id = 9000 + number
        fence = await led_to(world, status, user_id=user_id)
        await world.pass_time(1000)
        await HAPPENINGS[event](world, fence, user_id)
        after = (await current_fence(world, fence.job_id)).status
        if after is not status:
            seen.add((status.value, after.value))
    return seen


async def test_domain_constraint_picture_and_machine_have_the_same_arrows(
    database: Database, pool: asyncpg.Pool
):
    domain = _of_the_domain()
    assert await _of_the_constraint(pool) == domain
    assert _of_the_picture() == domain
    assert await _of_the_machine(PostgresWorld(database, pool)) == domain


def test_the_picture_names_the_event_of_every_arrow():
    picture = PICTURE.findall(DOCUMENT.read_text("utf-8"))
    drawn = {(JobEvent(event), before, after) for before, after, event in picture}
    assert drawn == {
        (event, before.value, after.value)
        for event, arrows in ARROWS.items()
        for before, after in arrows.items()
        if before is not after
    }


async def test_no_other_arrow_gets_past_the_constraint(database: Database, pool: asyncpg.Pool):
    world = PostgresWorld(database, pool)
    refused: set[Arrow] = set()
    pairs = {(s, t) for s in JobStatus for t in JobStatus if s is not t} - legal_arrows()
    for number, (before, after) in enumerate(sorted(pairs)):
        fence = await led_to(world, before, user_id=7000 + number)
        with pytest.raises(asyncpg.CheckViolationError):
            await pool.execute(
                load("arrows")["force_status"],
                fence.job_id,
                after.value,
                after.is_terminal,
            )
        refused.add((before.value, after.value))
    assert len(refused) == 9 * 8 - len(legal_arrows())


async def test_a_delivered_job_stays_done_and_an_attempt_never_falls(
    database: Database, pool: asyncpg.Pool
):
    world = PostgresWorld(database, pool)
    fence = await led_to(world, JobStatus.DELIVERING, user_id=1)
    with pytest.raises(asyncpg.RaiseError, match="lower"):
        await pool.execute(load("arrows")["lower_attempt"], fence.job_id)
    assert await world.jobs.finish(fence, result_file_id="file", undelivered=False)
    with pytest.raises(asyncpg.RaiseError, match="stays done"):
        await pool.execute(load("arrows")["reopen"], fence.job_id)
