"""A rule machine over all events on real PostgreSQL: the stores and the domain never disagree."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TypeVar

import asyncpg
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from neurocards.adapters.postgres import open_database
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.domain.jobs import ARROWS, Fence, JobEvent, JobStatus
from neurocards.settings import Database as DatabaseSettings
from neurocards.testing.world import LEASE_S, accepted
from support import invariants
from support.job_machine import HAPPENINGS, current_fence
from support.postgres_world import PostgresWorld

Result = TypeVar("Result")
FIRST_USER_ID = 100_000
WELCOME_CREDITS = 3


@dataclass
class Expected:
    """What the domain says of a job: a user has one job here, so his balance tells of it."""

    user_id: int
    fence: Fence
    has_lease: bool = False
    """Somebody is noted as the holder, even when his time is over."""
    lease_is_over: bool = False
    was_submitted: bool = False


class JobMachine(RuleBasedStateMachine):
    jobs = Bundle("jobs")
    database_url: str
    users = iter(range(FIRST_USER_ID, 10 * FIRST_USER_ID))

    def __init__(self) -> None:
        super().__init__()
        self._runner = asyncio.Runner()
        self._exit = AsyncExitStack()
        self._world = self._run(self._open())
        self._expected: list[Expected] = []

    async def _open(self) -> PostgresWorld:
        database_settings = DatabaseSettings.model_validate(
            {"database_url": self.database_url, "DB_POOL_SIZE": 2}
        )
        database = await self._exit.enter_async_context(
            open_database(database_settings, application_name="job-machine")
        )
        pool = await self._exit.enter_async_context(
            asyncpg.create_pool(self.database_url, min_size=0, max_size=2, init=set_codecs)
        )
        return PostgresWorld(database, pool)

    def _run(self, work: Awaitable[Result]) -> Result:
        async def run() -> Result:
            return await work

        return self._runner.run(run())

    @rule(target=jobs)
    def an_order_is_accepted(self) -> Expected:
        user_id = next(self.users)
        job_id = self._run(accepted(self._world, user_id=user_id))
        expected = Expected(user_id, Fence(job_id, 0, JobStatus.QUEUED))
        self._expected.append(expected)
        return expected

    @rule(job=jobs, event=st.sampled_from(JobEvent))
    def something_happens(self, job: Expected, event: JobEvent) -> None:
        before = job.fence.status
        agreed = self._run(HAPPENINGS[event](self._world, job.fence, job.user_id))
        assert agreed == self._is_possible(job, event), (before, event)
        if agreed:
            self._follow(job, event)

    @rule(job=jobs, event=st.sampled_from(sorted(set(JobEvent) - {JobEvent.CLAIMED})))
    def a_zombie_tries_it_under_an_older_attempt(self, job: Expected, event: JobEvent) -> None:
        if event in (JobEvent.CANCELLED, JobEvent.USER_RETURNED) or not job.fence.attempt:
            return
        zombie = Fence(job.fence.job_id, job.fence.attempt - 1, job.fence.status)
        assert not self._run(HAPPENINGS[event](self._world, zombie, job.user_id))

    @rule(job=jobs)
    def a_worker_hands_it_over(self, job: Expected) -> None:
        fences = [(job.fence.job_id, job.fence.attempt)]
        released = self._run(self._world.jobs.release(fences))
        assert released == (1 if job.has_lease else 0)
        job.has_lease = False

    @rule(seconds=st.sampled_from([1.0, LEASE_S + 1]))
    def time_passes(self, seconds: float) -> None:
        self._run(self._world.pass_time(seconds))
        if seconds > LEASE_S:
            for job in self._expected:
                job.lease_is_over = True

    def _is_possible(self, job: Expected, event: JobEvent) -> bool:
        if job.fence.status not in ARROWS[event]:
            return False
        if event is JobEvent.CLAIMED:
            return not job.has_lease or job.lease_is_over
        if event is JobEvent.CANCELLED:
            return not job.was_submitted
        return True

    def _follow(self, job: Expected, event: JobEvent) -> None:
        after = ARROWS[event][job.fence.status]
        attempt = job.fence.attempt + (1 if event is JobEvent.CLAIMED else 0)
        job.fence = Fence(job.fence.job_id, attempt, after)
        job.has_lease = after.is_running and (job.has_lease or event is JobEvent.CLAIMED)
        job.lease_is_over = job.lease_is_over and event is not JobEvent.CLAIMED
        job.was_submitted |= event is JobEvent.SCRIPT_READY

    @invariant()
    def every_job_is_where_the_domain_says(self) -> None:
        for job in self._expected:
            assert self._run(current_fence(self._world, job.fence.job_id)) == job.fence

    @invariant()
    def nobody_is_charged_without_a_video_and_nobody_is_refunded_twice(self) -> None:
        refunded = {JobStatus.FAILED, JobStatus.CANCELLED}
        for job in self._expected:
            user = self._run(self._world.orders.user(job.user_id))
            assert user is not None
            assert user.balance == WELCOME_CREDITS - (job.fence.status not in refunded)

    def teardown(self) -> None:
        assert self._run(invariants.always(self._world.pool)) == []
        self._run(self._exit.aclose())
        self._runner.close()


def test_whatever_happens_in_whatever_order_the_stores_follow_the_domain(database_url: str):
    JobMachine.database_url = database_url
    run_state_machine_as_test(
        JobMachine,
        settings=settings(
            max_examples=50,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
