"""The migration runner: once, in order, by one at a time, and never behind anybody's back."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import asyncpg
import pytest

from neurocards.errors import StoreUnavailableError
from neurocards.migrate import MigrationError, Migrator, migrations_folder, read_migrations
from support.statements import load

FILES = Path(__file__).parents[1] / "support" / "migrations"
FIRST, SECOND, THIRD = "0001_first", "0002_second", "0003_third"
SQL = load("migration_runner")


def _write(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        for file in FILES.glob(f"{name}.*.sql"):
            shutil.copy(file, folder)
    return folder


def _migrator(url: str, folder: Path) -> Migrator:
    return Migrator(url, read_migrations(folder))


async def _tables(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(SQL["relations"])
    finally:
        await connection.close()
    return {row["relname"] for row in rows}


async def test_pending_files_are_applied_in_order_and_only_once(
    empty_database_url: str, tmp_path: Path
):
    folder = _write(tmp_path, FIRST, SECOND)
    _, applied = await _migrator(empty_database_url, folder).up()
    assert applied == ["0001_first", "0002_second"]
    _, applied = await _migrator(empty_database_url, folder).up()
    assert applied == []
    _write(tmp_path, THIRD)
    _, applied = await _migrator(empty_database_url, folder).up()
    assert applied == ["0003_third"]
    assert await _tables(empty_database_url) == {
        "first",
        "idx_first_id",
        "third",
        "schema_migrations",
    }


async def test_of_several_runners_at_once_one_does_the_work(
    empty_database_url: str, tmp_path: Path
):
    folder = _write(tmp_path, FIRST, SECOND, THIRD)
    answers = await asyncio.gather(*(_migrator(empty_database_url, folder).up() for _ in range(4)))
    assert sorted(len(applied) for _, applied in answers) == [0, 0, 0, 3]


async def test_a_file_that_fails_leaves_nothing_of_itself_and_what_came_before(
    empty_database_url: str, tmp_path: Path
):
    folder = _write(tmp_path, FIRST, "0002_broken")
    migrator = _migrator(empty_database_url, folder)
    with pytest.raises(MigrationError, match=r"0002_broken failed .* division by zero"):
        await migrator.up()
    assert await _tables(empty_database_url) == {"first", "schema_migrations"}
    assert [m.title for m in (await migrator.compare()).pending] == ["0002_broken"]


async def test_an_older_program_leaves_a_newer_schema_alone(
    empty_database_url: str, tmp_path: Path
):
    await _migrator(empty_database_url, _write(tmp_path / "new", FIRST, SECOND)).up()
    older = _migrator(empty_database_url, _write(tmp_path / "old", FIRST))
    before, applied = await older.up()
    assert before.schema_is_newer
    assert (before.schema_version, before.program_version, applied) == (2, 1, [])
    with pytest.raises(MigrationError, match="newer than this program"):
        await older.down(0)


async def test_a_changed_file_is_named_and_nothing_is_applied(
    empty_database_url: str, tmp_path: Path
):
    folder = _write(tmp_path, FIRST)
    await _migrator(empty_database_url, folder).up()
    shutil.copy(FILES / "0001_changed.sql", folder / "0001_first.up.sql")
    _write(tmp_path, SECOND)
    migrator = _migrator(empty_database_url, folder)
    with pytest.raises(MigrationError, match="0001_first was changed after it had been applied"):
        await migrator.up()
    assert "idx_first_id" not in await _tables(empty_database_url)
    assert len((await migrator.compare()).faults) == 1


async def test_a_missing_file_and_a_skipped_one_are_named(empty_database_url: str, tmp_path: Path):
    migrator = _migrator(empty_database_url, _write(tmp_path, FIRST, SECOND))
    await migrator.up()
    connection = await asyncpg.connect(empty_database_url)
    await connection.execute(SQL["forget_first"])
    with pytest.raises(MigrationError, match="0001_first was not applied, but a later one was"):
        await migrator.up()
    await connection.execute(SQL["invent_zeroth"])
    await connection.close()
    faults = (await migrator.compare()).faults
    assert "0000_zeroth was applied, but its file is missing" in faults


async def test_down_undoes_the_newest_first_and_stops_where_there_is_no_way_back(
    empty_database_url: str, tmp_path: Path
):
    folder = _write(tmp_path, FIRST, SECOND)
    migrator = _migrator(empty_database_url, folder)
    await migrator.up()
    assert await migrator.down(0) == ["0002_second", "0001_first"]
    assert await _tables(empty_database_url) == {"schema_migrations"}
    _write(tmp_path, THIRD)
    migrator = _migrator(empty_database_url, folder)
    await migrator.up()
    with pytest.raises(MigrationError, match=r"0003_third has no \.down\.sql"):
        await migrator.down(2)


async def test_a_table_that_somebody_holds_ends_the_run_instead_of_stopping_the_product(
    empty_database_url: str, tmp_path: Path
):
    folder = _write(tmp_path, FIRST)
    await _migrator(empty_database_url, folder).up()
    _write(tmp_path, "0002_alter")
    connection = await asyncpg.connect(empty_database_url)
    async with connection.transaction():
        await connection.execute(SQL["hold_first"])
        with pytest.raises(MigrationError, match="lock timeout"):
            await _migrator(empty_database_url, folder).up(lock_timeout_s=0.2)
    await connection.close()
    _, applied = await _migrator(empty_database_url, folder).up()
    assert applied == ["0002_alter"]


async def test_waiting_ends_when_the_schema_is_there(empty_database_url: str, tmp_path: Path):
    migrator = _migrator(empty_database_url, _write(tmp_path, FIRST))
    with pytest.raises(StoreUnavailableError, match="the schema is at version 0"):
        await migrator.wait(1, timeout_s=0)
    waiting = asyncio.create_task(migrator.wait(1, timeout_s=60))
    await asyncio.sleep(0)
    await migrator.up()
    assert await waiting == 1


async def test_waiting_outlasts_a_database_that_is_not_there_yet(
    empty_database_url: str, tmp_path: Path
):
    missing = empty_database_url + "_missing"
    migrator = _migrator(missing, _write(tmp_path, FIRST))
    with pytest.raises(StoreUnavailableError, match=r"waited 0\.5 s .* cannot be reached"):
        await migrator.wait(1, timeout_s=0.5)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (["0001_a.up.sql", "0003_c.up.sql"], "gap"),
        (["0001_a.up.sql", "0001_b.up.sql"], "gap or a double"),
        (["0001_a.down.sql"], r"no \.up\.sql for a"),
        (["1_a.up.sql"], "is not named"),
        (["0001_A.up.sql"], "is not named"),
    ],
)
def test_names_that_say_nothing_or_the_same_twice_are_refused(
    tmp_path: Path, names: list[str], complaint: str
):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(MigrationError, match=complaint):
        read_migrations(tmp_path)


async def test_our_own_migrations_go_up_down_and_up_again(empty_database_url: str):
    migrations = read_migrations(migrations_folder())
    migrator = Migrator(empty_database_url, migrations)
    await migrator.up()
    titles = [migration.title for migration in migrations]
    assert await migrator.down(0) == titles[::-1]
    assert await _tables(empty_database_url) == {"schema_migrations"}
    _, applied = await migrator.up()
    assert applied == titles


async def test_the_seeded_templates_are_complete_in_both_languages(pool: asyncpg.Pool):
    rows = await pool.fetch(load("world")["templates"])
    assert len(rows) >= 8
    for row in rows:
        for language in ("ru", "en"):
            assert 3 <= len(row["names"][language]) <= 30
            assert 100 < len(row["prompts"][language]) < 700
        assert any("а" <= letter <= "я" for letter in row["prompts"]["ru"])
        assert row["prompts"]["en"].isascii()
    assert len({row["position"] for row in rows}) == len(rows)
