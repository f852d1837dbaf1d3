"""A month rolls over: partitions are there in time, and nothing is lost when they are not."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neurocards.adapters.postgres import Database, PostgresOutbox
from neurocards.domain.identifiers import month_bounds, uuid7
from support.statements import load

SQL = load("partitions")
PATIENCE_S = 10.0


async def _partitions(pool: asyncpg.Pool) -> list[str]:
    rows = await pool.fetch(SQL["partitions"])
    return [row["name"] for row in rows]


async def _partition_of(pool: asyncpg.Pool, job_id: UUID) -> str:
    return str(await pool.fetchval(SQL["partition_of"], job_id))


async def test_this_month_and_the_next_three_are_there_after_the_migrations(pool: asyncpg.Pool):
    assert len(await _partitions(pool)) == 1 + 4
    job_id = uuid7(datetime.now(UTC), 1)
    await pool.execute(SQL["insert_job"], job_id)
    assert await _partition_of(pool, job_id) == f"jobs_{datetime.now(UTC):%Y_%m}"


async def test_a_month_later_one_partition_is_added_and_a_repeat_adds_none(
    pool: asyncpg.Pool, database: Database
):
    before = await _partitions(pool)
    next_month = await pool.fetchval(SQL["next_month"])
    assert await pool.fetchval(SQL["ensure"], 3, next_month) == 1
    assert await pool.fetchval(SQL["ensure"], 3, next_month) == 0
    assert len(await _partitions(pool)) == len(before) + 1
    assert await PostgresOutbox(database).ensure_partitions() == 0


async def test_rows_of_the_default_partition_move_to_their_month_with_all_that_they_have(
    pool: asyncpg.Pool, database: Database
):
    moment = datetime(2031, 2, 28, 23, 59, 59, 999000, tzinfo=UTC)
    last, following = uuid7(moment, 1), month_bounds(moment)[1]
    for job_id in (last, following):
        await pool.execute(SQL["insert_job"], job_id)
        assert await _partition_of(pool, job_id) == "jobs_default"
    outbox = PostgresOutbox(database)
    assert await outbox.stray_jobs(count_max=9) == 2
    assert await outbox.stray_jobs(count_max=1) == 1
    before = await pool.fetchrow(SQL["job"], last)
    assert await pool.fetchval(SQL["ensure"], 0, moment) == 1
    assert await outbox.stray_jobs(count_max=9) == 1
    assert await _partition_of(pool, last) == "jobs_2031_02"
    assert await _partition_of(pool, following) == "jobs_default"
    assert await pool.fetchrow(SQL["job"], last) == before


async def test_the_guard_holds_in_a_new_partition_too(pool: asyncpg.Pool):
    moment = datetime(2031, 2, 1, tzinfo=UTC)
    await pool.fetchval(SQL["ensure"], 0, moment)
    job_id = uuid7(moment, 1)
    await pool.execute(SQL["insert_job"], job_id)
    await pool.execute(SQL["claim"], job_id)
    row = await pool.fetchrow(SQL["job"], job_id)
    assert row is not None
    assert (row["previous_status"], row["attempt"]) == ("queued", 1)
    with pytest.raises(asyncpg.RaiseError, match="lower"):
        await pool.execute(SQL["lower_attempt"], job_id)


async def test_several_replicas_may_do_it_at_once_while_jobs_come_in(pool: asyncpg.Pool):
    moment = datetime(2031, 2, 10, tzinfo=UTC)

    async def insert(number: int) -> None:
        await pool.execute(SQL["insert_job"], uuid7(moment, number))

    ensuring = (pool.fetchval(SQL["ensure"], 1, moment) for _ in range(4))
    results = await asyncio.gather(*ensuring, *(insert(number) for number in range(40)))
    assert sum(made for made in results if made is not None) == 2
    rows = await pool.fetch(SQL["rows_by_partition"])
    assert {row["name"]: row["rows"] for row in rows} == {"jobs_2031_02": 40}


async def test_a_job_that_meets_the_making_of_its_month_goes_into_it(pool: asyncpg.Pool):
    """Sent to the default partition before the month was there, it would be refused by it."""
    moment = datetime(2031, 6, 10, tzinfo=UTC)
    async with pool.acquire() as maker:
        async with maker.transaction():
            await maker.fetchval(SQL["ensure"], 0, moment)
            inserting = asyncio.create_task(pool.execute(SQL["insert_job"], uuid7(moment, 1)))
            async with asyncio.timeout(PATIENCE_S):
                while not await maker.fetchval(SQL["waiting"]):  # noqa: ASYNC110 - polls SQL
                    await asyncio.sleep(0.01)
        await inserting
    assert await _partition_of(pool, uuid7(moment, 1)) == "jobs_2031_06"


async def test_a_look_for_an_id_reads_one_partition(pool: asyncpg.Pool):
    job_id = uuid7(datetime.now(UTC), 1)
    plan = await pool.fetch(SQL["explain_job"], job_id)
    text = "\n".join(row[0] for row in plan)
    assert f"jobs_{datetime.now(UTC):%Y_%m}" in text
    assert text.count("jobs_20") == text.count(f"jobs_{datetime.now(UTC):%Y_%m}")
    assert "jobs_default" not in text


def test_python_and_sql_agree_on_the_first_id_of_any_moment(
    database_url: str, postgres_server: object
):
    del postgres_server

    async def compare(moments: list[datetime]) -> list[UUID]:
        connection = await asyncpg.connect(database_url)
        try:
            return [await connection.fetchval(SQL["first_id"], m) for m in moments]
        finally:
            await connection.close()

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(
            st.datetimes(
                min_value=datetime(1970, 1, 1),  # noqa: DTZ001 - the zone is added
                max_value=datetime(3000, 1, 1),  # noqa: DTZ001 - the zone is added
                timezones=st.just(UTC),
            ).map(lambda moment: moment.replace(microsecond=moment.microsecond // 1000 * 1000)),
            min_size=20,
        )
    )
    def check(moments: list[datetime]) -> None:
        expected = [UUID(int=uuid7(moment, 0).int >> 80 << 80) for moment in moments]
        assert asyncio.run(compare(moments)) == expected

    check()
