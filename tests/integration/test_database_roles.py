"""What each process may do in the database, and what none of them may."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import asyncpg
import pytest

from neurocards.adapters.postgres import (
    Database,
    JobReports,
    PostgresDecisionJournal,
    PostgresSignalSource,
)
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.adapters.postgres.statements import load as product_statements
from neurocards.domain.inbound import PHOTO_COST, InboundLimit
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.domain.outbound import Priority, Wish
from neurocards.ports.outbound import Silence
from neurocards.ports.scaling import RecordedDecision
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    SCRIPT,
    USER_ID,
    VIOLATION,
    accepted,
    brought_to,
    carried_to,
    claimed,
    drafted,
    taken_messages,
)
from support.postgres_world import PostgresWorld
from support.statements import load
from support.turns import LIMITS

BOT = "neurocards_bot"
WORKER = "neurocards_worker"
OPERATOR = "neurocards_operator"
DAY_S = 24 * 3600.0
WorldOf = Callable[[str], AbstractAsyncContextManager[PostgresWorld]]


@pytest.fixture
def world_of(database_url: str) -> WorldOf:
    """A world whose connections have given up everything but one role."""

    @asynccontextmanager
    async def world_of(role: str) -> AsyncIterator[PostgresWorld]:
        async def init(connection: asyncpg.Connection) -> None:
            await set_codecs(connection)
            await connection.execute(f"SET ROLE {role}")

        async def keep(_connection: object) -> None:
            """A reset would take the role away."""

        async with asyncpg.create_pool(
            database_url, min_size=0, max_size=5, init=init, reset=keep
        ) as pool:
            yield PostgresWorld(Database(pool), pool)

    return world_of


async def speak(world: PostgresWorld) -> None:
    wishes = [Wish(5, Priority.DELIVERY)]
    assert await world.outbound.take(1, wishes, answers=1, limits=LIMITS) == [0.0]
    assert await world.outbound.pause(1, 5, for_s=1) is Silence.CHAT


async def test_a_bot_can_do_all_of_its_work(world_of: WorldOf, pool: asyncpg.Pool):
    async with world_of(BOT) as world:
        job_id = await accepted(world)
        assert await world.orders.cancel(job_id, tg_user_id=USER_ID) == (JobStatus.CANCELLED, True)
        await world.orders.cancel_newest(BOT_ID, 99, tg_user_id=USER_ID)
        await drafted(world)
        await accepted(world)
        await world.orders.set_blocked(USER_ID, blocked=True)
        await world.orders.history(USER_ID, before=None, limit=1)
        await world.orders.requeue_undelivered(USER_ID, bot_id=BOT_ID)
        await world.orders.queue_stats()
        await world.templates.templates()
        assert len(await taken_messages(world)) == 2
        await world.outbox.enqueue_all(batch=9)
        await world.outbox.enqueue_due(batch=1, unseen_s=0)
        await accepted(world)
        await PostgresWorld(Database(pool), pool).pass_time(10 * DAY_S)
        assert len(await world.outbox.end_overdue(batch=9, grace_s=60)) == 2
        assert await world.outbox.enqueue_untold(batch=9, after_s=0) == 3  # with the cancelled one
        assert await world.outbox.mark_told([job_id]) == 1
        limit = InboundLimit(60, PHOTO_COST)
        for update_id in (1, 2):
            await world.orders.admit(
                BOT_ID, update_id, tg_user_id=USER_ID, cost=PHOTO_COST, limit=limit
            )
        await world.outbox.forget_updates(older_than_s=0, batch=1)
        await world.outbox.forget_inbound_buckets(batch=1)
        await speak(world)
        await world.outbox.forget_outbound_buckets(batch=1)
        await world.outbox.forget_drafts(older_than_s=0, batch=1)
        await world.outbox.forget_dialogues(older_than_s=0, batch=1)
        await world.outbox.stray_jobs(count_max=1)
        await world.outbox.recent_jobs(since_s=3600)
        next_month = await pool.fetchval(load("partitions")["next_month"])
        made = await world.pool.fetchval(load("partitions")["ensure"], 3, next_month)
        assert made == 1
        assert await JobReports(Database(world.pool)).schema_version() >= 2


async def test_a_worker_can_do_all_of_its_work(
    world_of: WorldOf, database: Database, pool: asyncpg.Pool
):
    ordered = PostgresWorld(database, pool)
    first, second = await accepted(ordered), await accepted(ordered)
    async with world_of(WORKER) as world:
        job = await claimed(world, first)
        assert await world.jobs.store_script(job.fence, SCRIPT)
        job = await carried_to(world, job, JobStatus.DELIVERING)
        assert await world.jobs.renew_leases([(job.id, job.attempt)], lease_s=LEASE_S)
        assert await world.jobs.finish(job.fence, result_file_id="file", undelivered=False)
        other = await claimed(world, second)
        assert await world.jobs.release([(other.id, other.attempt)]) == 1
        other = await claimed(world, second)
        assert await world.jobs.fail(other.fence, VIOLATION)
        assert await world.jobs.mark_told(other.id, attempt=other.attempt)
        keys = parse_keys({"KIE_API_KEY": "a"})
        await world.keys.register(keys)
        await world.keys.take([keys[0].fingerprint], window_s=10, limit=1)
        await world.keys.block(keys[0].fingerprint, for_s=1, reason="RATE_LIMIT")
        assert len(await world.keys.states([keys[0].fingerprint])) == 1
        await speak(world)
        await world.templates.template("studio_clean")
        assert await JobReports(Database(world.pool)).schema_version() >= 2


async def test_an_operator_can_do_all_of_its_work(world_of: WorldOf):
    async with world_of(OPERATOR) as world:
        database = Database(world.pool)
        source, journal = PostgresSignalSource(database), PostgresDecisionJournal(database)
        await source.signals("default", since=datetime.now(UTC), wait_s=10)
        await source.service_times()
        await source.provider_accounts()
        await source.arrival_counts(from_bucket=0, to_bucket=1, bucket_s=900)
        await source.jobs_by_worker("default")
        decision = RecordedDecision(
            *(datetime.now(UTC), "shop", "workers", "default", "Auto", 1, 2, "Base", "2 replicas"),
            details={},
        )
        await journal.record(decision)
        assert len(await journal.last("shop", "workers", limit=5)) == 1
        assert await JobReports(database).schema_version() >= 2


FORBIDDEN = load("roles")
FACTS = load("role_facts")
ROLES = {"bot": BOT, "worker": WORKER, "operator": OPERATOR}


@pytest.mark.parametrize("name", [name for name in FORBIDDEN if name.partition("_")[0] in ROLES])
async def test_what_a_role_does_not_need_it_may_not_do(world_of: WorldOf, name: str):
    async with world_of(ROLES[name.partition("_")[0]]) as world:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await world.pool.execute(FORBIDDEN[name])


async def test_not_even_the_owner_changes_the_ledger(database: Database, pool: asyncpg.Pool):
    await brought_to(PostgresWorld(database, pool), JobStatus.SCRIPTING)
    forbidden = [sql for name, sql in FORBIDDEN.items() if name.startswith("owner_")]
    assert len(forbidden) == 3
    for statement in forbidden:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await pool.execute(statement)


async def test_functions_with_the_owner_s_rights_are_closed_and_trust_no_search_path(
    pool: asyncpg.Pool,
):
    assert await pool.fetchval(FACTS["functions_of_the_owner"]) >= 7
    assert await pool.fetch(FACTS["open_functions_of_the_owner"]) == []


async def test_a_worker_cannot_raise_a_refund_with_a_table_of_his_own(
    world_of: WorldOf, database: Database, pool: asyncpg.Pool
):
    job = await brought_to(PostgresWorld(database, pool), JobStatus.SCRIPTING)
    async with world_of(WORKER) as world, world.pool.acquire() as connection:
        for name in ("shadow_of_the_jobs", "shadow_of_a_job", "shadow_of_a_price"):
            await connection.execute(FORBIDDEN[name])
        fail = product_statements("jobs")["give_job_up"].sql
        arguments = (job.id, job.attempt, job.status, "kie", "UNKNOWN", "x", "x")
        assert await connection.fetchval(fail, *arguments)
    assert await pool.fetchval(FACTS["balance"]) == 3


async def test_no_bot_makes_partitions_without_end(world_of: WorldOf):
    async with world_of(BOT) as world:
        with pytest.raises(asyncpg.RaiseError, match="so far from now"):
            await world.pool.execute(FACTS["far_partitions"])


async def test_no_role_is_a_superuser_or_can_log_in_by_itself(pool: asyncpg.Pool):
    assert await pool.fetch(FACTS["powerful_roles"]) == []
