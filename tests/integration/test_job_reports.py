"""The life of a job as people look at it."""

from __future__ import annotations

import asyncpg
import pytest

from neurocards.adapters.postgres import Database, JobReports
from neurocards.domain.jobs import JobStatus
from neurocards.testing.world import SCRIPT, TASK, new_job_id
from support.job_machine import led_to
from support.postgres_world import PostgresWorld

IN_ORDER = ["queued", "scripting", "submitting", "rendering", "fetching", "delivering", "done"]


@pytest.fixture
def world(database: Database, pool: asyncpg.Pool) -> PostgresWorld:
    return PostgresWorld(database, pool)


async def test_a_timeline_tells_every_state_with_its_time_in_order(
    database: Database, world: PostgresWorld
):
    fence = await led_to(world, JobStatus.DONE, user_id=1)
    timeline = await JobReports(database).job_timeline(fence.job_id)
    assert timeline is not None
    assert [step.status.value for step in timeline.steps] == IN_ORDER
    moments = [step.at for step in timeline.steps]
    assert moments == sorted(moments)
    assert (timeline.script, timeline.provider_task_id) == (SCRIPT, TASK.task_id)
    assert (timeline.status, timeline.attempt, timeline.price_credits) == (JobStatus.DONE, 1, 1)
    assert timeline.undelivered_at is not None


async def test_a_timeline_of_a_job_that_failed_ends_with_the_reason(
    database: Database, world: PostgresWorld
):
    fence = await led_to(world, JobStatus.FAILED, user_id=1)
    timeline = await JobReports(database).job_timeline(fence.job_id)
    assert timeline is not None
    assert [step.status.value for step in timeline.steps] == ["queued", "failed"]
    assert (timeline.error_class, timeline.error_text) == ("USER_VIOLATION", "Flagged")


async def test_a_job_that_does_not_exist_has_no_timeline(database: Database):
    assert await JobReports(database).job_timeline(new_job_id()) is None
