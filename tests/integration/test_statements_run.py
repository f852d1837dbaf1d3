"""Every named statement runs on real PostgreSQL: one walk through the stores runs them all."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import pytest

from neurocards.adapters.postgres import (
    JobReports,
    PostgresDecisionJournal,
    PostgresOutbox,
    PostgresSignalSource,
    open_database,
)
from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import FILES, load
from neurocards.adapters.postgres.traffic import PostgresTrafficRecord
from neurocards.domain.fetching import FetchFailures
from neurocards.domain.inbound import InboundLimit
from neurocards.domain.jobs import JobStatus
from neurocards.domain.keys import parse_keys
from neurocards.domain.outbound import Priority, Wish
from neurocards.ports.orders import DialogueKey
from neurocards.ports.scaling import RecordedDecision
from neurocards.settings import Database as DatabaseSettings
from neurocards.testing.world import (
    BOT_ID,
    LEASE_S,
    RATE_LIMIT,
    SCRIPT,
    TASK,
    USER_ID,
    VIOLATION,
    accepted,
    brought_to,
    claimed,
    drafted,
    new_job_id,
    taken_messages,
)
from support.operations_walk import walk_through_operations
from support.postgres_world import PostgresWorld
from support.turns import LIMITS

MIGRATE = Path(__file__).parents[2] / "src" / "neurocards" / "migrate.py"


@pytest.fixture
def seen() -> dict[str, float]:
    return {}


@pytest.fixture
async def recorded(database_url: str, seen: dict[str, float]) -> AsyncIterator[Database]:
    settings = DatabaseSettings.model_validate({"database_url": database_url})
    async with open_database(
        settings, application_name="tests", observe=seen.__setitem__
    ) as database:
        yield database


async def test_every_named_statement_runs_and_is_timed_under_its_name(
    recorded: Database, pool: asyncpg.Pool, seen: dict[str, float]
):
    world = PostgresWorld(recorded, pool)
    await _walk_through_orders(world)
    await _walk_through_jobs(world)
    await _walk_through_the_rest(world, recorded)
    await walk_through_operations(recorded)
    await _walk_through_scaling(recorded)
    named = {name for file in FILES if file != "migrations" for name in load(file)}
    assert set(seen) == named
    assert all(0 < seconds < 60 for seconds in seen.values())


def test_every_statement_of_the_migration_runner_is_used_by_it():
    """What each of them does is tested with the runner; none of them may be left over."""
    source = MIGRATE.read_text("utf-8")
    assert [name for name in load("migrations") if f'"{name}"' not in source] == []


async def _walk_through_orders(world: PostgresWorld) -> None:
    orders = world.orders
    request = await drafted(world)
    await orders.user(USER_ID)
    await orders.set_language(USER_ID, "en")
    await orders.set_blocked(USER_ID, blocked=True)
    await orders.admit(BOT_ID, 1, tg_user_id=USER_ID, cost=1, limit=InboundLimit(60, 20))
    await orders.was_applied(BOT_ID, 1)
    await orders.mark_applied(BOT_ID, 1)
    await orders.draft(request.draft_id, tg_user_id=USER_ID)
    await orders.choose(request.draft_id, tg_user_id=USER_ID, caption="x")
    await orders.accept(request)
    await orders.cancel_newest(BOT_ID, 99, tg_user_id=USER_ID)
    await orders.cancel(request.job_id, tg_user_id=USER_ID)
    await orders.history(USER_ID, before=None, limit=5)
    await orders.past_order(new_job_id(), tg_user_id=USER_ID, bot_id=BOT_ID)
    await orders.requeue_undelivered(USER_ID, bot_id=BOT_ID)
    await orders.queue_stats()
    await orders.discard((await drafted(world)).draft_id, tg_user_id=USER_ID)


async def _walk_through_jobs(world: PostgresWorld) -> None:
    jobs = world.jobs
    job = await claimed(world, await accepted(world))
    await jobs.store_script(job.fence, SCRIPT)
    await jobs.renew_leases([(job.id, job.attempt)], lease_s=LEASE_S)
    await jobs.release([(job.id, job.attempt)])
    submitting = await brought_to(world, JobStatus.SUBMITTING, user_id=USER_ID + 1)
    await jobs.count_resubmission(submitting.fence, number=2)
    await jobs.store_task(submitting.fence, TASK)
    delivering = await brought_to(world, JobStatus.DELIVERING, user_id=USER_ID + 2)
    await jobs.count_fetch_failure(delivering.fence, FetchFailures("fingerprint", 1, 1))
    await jobs.mark_fallback_sent(delivering.fence)
    await jobs.mark_parked_notice(delivering.fence)
    await jobs.finish(delivering.fence, result_file_id="file", undelivered=False)
    await jobs.mark_told(delivering.id, attempt=delivering.attempt)
    failing = await brought_to(world, JobStatus.RENDERING, user_id=USER_ID + 3)
    await jobs.postpone(failing.fence, after_s=0, reason="retry", failure=RATE_LIMIT)
    await jobs.fail((await claimed(world, failing.id)).fence, VIOLATION)


async def _walk_through_scaling(database: Database) -> None:
    source, journal = PostgresSignalSource(database), PostgresDecisionJournal(database)
    await source.signals("default", since=None, wait_s=None)
    await source.service_times()
    await source.provider_accounts()
    await source.arrival_counts(from_bucket=0, to_bucket=1, bucket_s=900)
    await source.jobs_by_worker("default")
    decision = RecordedDecision(
        *(datetime.now(UTC), "shop", "workers", "default", "Auto", 1, 2, "Base", "2 replicas"),
        details={},
    )
    await journal.record(decision)
    await journal.last("shop", "workers", limit=1)
    await PostgresTrafficRecord(database).jobs("default", since_s=60, limit=1)


async def _walk_through_the_rest(world: PostgresWorld, database: Database) -> None:
    keys = parse_keys({"KIE_API_KEY": "a"})
    await world.keys.register(keys)
    for _ in range(2):
        await world.keys.take([keys[0].fingerprint], window_s=10, limit=1)
    await world.keys.usable([keys[0].fingerprint])
    await world.keys.block(keys[0].fingerprint, for_s=1, reason="RATE_LIMIT")
    await world.keys.states([keys[0].fingerprint])
    await world.templates.templates()
    await world.templates.template("studio_clean")
    key = DialogueKey(1, 2, 3)
    async with world.dialogues.lock(key):
        await world.dialogues.set_state(key, "s")
        await world.dialogues.state(key)
        await world.dialogues.set_data(key, {})
        await world.dialogues.update_data(key, {"a": 1})
        await world.dialogues.data(key)
    await world.outbox.enqueue_due(batch=9, unseen_s=60)
    await world.outbox.enqueue_all(batch=9)
    assert (await PostgresOutbox(database).depth())[0] > 0
    await taken_messages(world)
    await world.outbox.ensure_partitions()
    await world.outbox.end_overdue(batch=9, grace_s=60)
    await world.outbox.enqueue_untold(batch=9, after_s=0)
    await world.outbox.mark_told([])
    await world.outbox.forget_updates(older_than_s=0, batch=9)
    await world.outbox.forget_inbound_buckets(batch=9)
    await world.outbound.take(1, [Wish(5, Priority.DELIVERY)], answers=1, limits=LIMITS)
    await world.outbound.pause(1, 5, for_s=1)
    await world.outbox.forget_outbound_buckets(batch=9)
    await world.outbox.forget_drafts(older_than_s=0, batch=9)
    await world.outbox.forget_dialogues(older_than_s=0, batch=9)
    await world.outbox.stray_jobs(count_max=9)
    await world.outbox.recent_jobs(since_s=3600)
    reports = JobReports(database)
    assert await reports.schema_version() >= 2
    await reports.key_health()
    await reports.job_timeline((await brought_to(world, JobStatus.RENDERING, user_id=42)).id)
