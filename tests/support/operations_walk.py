"""Everything that can be done and looked at by hand, once each: for tests of all of it together."""

from __future__ import annotations

from uuid import uuid4

from neurocards.adapters.postgres import Database
from neurocards.adapters.postgres.operations import Operations
from neurocards.adapters.postgres.overviews import Overviews

WEEK_S = 7 * 24 * 3600.0


async def walk_through_operations(database: Database, *, tg_user_id: int = 7) -> None:
    """Call every deed and every overview; what they find does not matter here."""
    operations = Operations(database, actor="walker")
    await operations.grant(tg_user_id, 1, request_id="walk", reason="")
    await operations.cancel(uuid4())
    await operations.retry(uuid4(), new_id=uuid4(), house_pays=True, deadline_s=60)
    await operations.requeue_stuck(older_than_s=0)
    await operations.republish_due()
    await operations.unblock_keys(None)
    await operations.forget_key_events(older_than_s=WEEK_S)
    await operations.note("walk", {}, "done")
    await operations.tidy_up()
    await walk_through_overviews(Overviews(database), tg_user_id)


async def walk_through_overviews(overviews: Overviews, tg_user_id: int) -> None:
    await overviews.queue_by_status(since_s=WEEK_S)
    await overviews.queue_now()
    await overviews.job(uuid4())
    await overviews.job_bookings(uuid4())
    await overviews.failed_jobs(since_s=WEEK_S)
    await overviews.keys(window_s=10, limit=20)
    await overviews.key_events(limit=9)
    await overviews.user(tg_user_id)
    await overviews.user_bookings(tg_user_id, limit=9)
    await overviews.user_jobs(tg_user_id, limit=9)
    await overviews.worker_leases()
    await overviews.database_facts()
    await overviews.table_sizes(limit=9)
    await overviews.recent_operations(limit=9)
    await overviews.recent_work(since_s=WEEK_S)
    await overviews.busiest_hours(since_s=WEEK_S, limit=9)
    await overviews.crew("default")
    await overviews.credit_faults()
    await overviews.scaling_use(since_s=WEEK_S)
