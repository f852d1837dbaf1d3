"""The pool: limits on every wait, errors that say what they mean, and a life after a restart."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import asyncpg
import pytest

from neurocards.adapters.postgres import PostgresDialogueStore, PostgresOrderStore, open_database
from neurocards.adapters.postgres.pool import Database
from neurocards.adapters.postgres.statements import Statement
from neurocards.errors import StoreUnavailableError
from neurocards.ports.orders import DialogueKey
from neurocards.settings import Database as DatabaseSettings
from neurocards_sandbox.embedded.ports import free_port
from support.statements import load

KEY = DialogueKey(1, 2, 3)
GENEROUS_S = 30.0


class Server(Protocol):
    async def start(self) -> None: ...
    async def kill(self) -> None: ...
    async def restart(self) -> None: ...


Open = Callable[..., AbstractAsyncContextManager[Database]]


@pytest.fixture
def opened(database_url: str) -> Open:
    def opened(
        *, size: int | None = None, lock_timeout_s: float | None = None, **values: object
    ) -> AbstractAsyncContextManager[Database]:
        settings = DatabaseSettings.model_validate({"database_url": database_url, **values})
        return open_database(
            settings, application_name="pool-test", size=size, lock_timeout_s=lock_timeout_s
        )

    return opened


async def test_a_pool_without_a_free_connection_answers_with_an_error_and_recovers(opened: Open):
    async with opened(
        DB_POOL_SIZE=1, DB_MAX_OVERFLOW=1, NEUROCARDS_DB_ACQUIRE_TIMEOUT_S=2
    ) as database:
        async with database.session(), database.session():
            assert database.connections() == (2, 0)
            with pytest.raises(StoreUnavailableError, match="no free connection"):
                await PostgresOrderStore(database).user(1)
        assert await PostgresOrderStore(database).user(1) is None


async def test_a_statement_that_takes_too_long_is_ended(opened: Open):
    async with opened(NEUROCARDS_DB_STATEMENT_TIMEOUT_S=1) as database:
        with pytest.raises(StoreUnavailableError):
            await database.value(_statement("sleep"))
        assert await database.value(_statement("one")) == 1


async def test_postgresql_knows_who_is_connected(opened: Open):
    async with opened() as database:
        name = await database.value(_statement("application_name"))
    assert name == "pool-test"


async def test_a_cancelled_transaction_is_cancelled_even_when_its_connection_is_gone(
    opened: Open, pool: asyncpg.Pool
):
    async with opened() as database:
        begun = asyncio.Event()

        async def hold() -> None:
            async with database.transaction() as session:
                await session.value(_statement("one"))
                begun.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(hold())
        await begun.wait()
        assert await pool.fetchval(load("pool")["end_connections"]) == 1
        while await pool.fetchval(load("pool")["connections"]):  # noqa: ASYNC110 - no event
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, GENEROUS_S)
        assert await database.value(_statement("one")) == 1


async def test_jsonb_is_pythons_own_values_in_any_alphabet(opened: Open):
    value = {"слово": ["Кружка", 1, None, {"a": True}]}
    async with opened() as database:
        assert await database.value(_statement("echo"), value) == value


async def test_without_the_statement_cache_a_pooler_is_asked_for_nothing_special(opened: Open):
    async with opened(NEUROCARDS_DB_STATEMENT_CACHE_SIZE=0) as database:
        shown = await database.value(_statement("statement_timeout"))
        assert shown == "0"
        assert await PostgresOrderStore(database).user(1) is None


async def test_a_process_starts_while_postgresql_is_away_and_says_so_when_asked():
    settings = DatabaseSettings.model_validate(
        {"database_url": f"postgresql://nobody:x@127.0.0.1:{free_port()}/none"}
    )
    async with open_database(settings, application_name="pool-test") as database:
        with pytest.raises(StoreUnavailableError):
            await PostgresOrderStore(database).user(1)


@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_after_postgresql_went_and_came_back_the_same_pool_goes_on(
    opened: Open, postgres_server: Server, how: str
):
    async with opened() as database:
        store = PostgresOrderStore(database)
        await store.welcome(1, bot_id=1, language="ru", welcome_credits=3)
        if how == "kill":
            await postgres_server.kill()
            try:
                with pytest.raises(StoreUnavailableError):
                    await store.user(1)
            finally:
                await postgres_server.start()
        else:
            await postgres_server.restart()
        async with asyncio.timeout(GENEROUS_S):
            while True:
                try:
                    user = await store.user(1)
                    break
                except StoreUnavailableError:
                    await asyncio.sleep(0.05)
        assert user is not None
        assert user.balance == 3


async def test_a_transaction_that_fails_leaves_nothing(opened: Open):
    async with opened() as database:
        with pytest.raises(KeyError):
            await _insert_and_fail(database)
        assert await PostgresOrderStore(database).user(9) is None


def _statement(name: str) -> Statement:
    return Statement(name, load("server")[name])


async def _insert_and_fail(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(Statement("add_user", load("world")["add_user"]), 9)
        raise KeyError("a bug")


async def test_a_dialogue_that_stays_locked_ends_in_an_error_not_in_a_queue(opened: Open):
    async with opened() as database, opened(size=8, lock_timeout_s=0.3) as locks:
        dialogues = PostgresDialogueStore(database, locks=locks)
        async with dialogues.lock(KEY):
            with pytest.raises(StoreUnavailableError, match="LockNotAvailable"):
                async with dialogues.lock(KEY):
                    pass
        async with dialogues.lock(KEY):
            await dialogues.set_state(KEY, "free again")


async def test_waiting_dialogues_cannot_take_the_connections_of_the_one_that_works(opened: Open):
    async with opened(DB_POOL_SIZE=1) as database, opened(size=8, lock_timeout_s=30) as locks:
        dialogues = PostgresDialogueStore(database, locks=locks)

        async def handle(number: int) -> None:
            async with dialogues.lock(KEY):
                await dialogues.update_data(KEY, {str(number): number})

        async with asyncio.timeout(GENEROUS_S):
            await asyncio.gather(*(handle(number) for number in range(30)))
        assert len(await dialogues.data(KEY)) == 30


async def test_an_error_of_ours_is_not_called_an_outage(opened: Open):
    async with opened() as database:
        with pytest.raises(Exception, match="syntax error") as caught:
            await database.value(_statement("wrong"))
    assert not isinstance(caught.value, StoreUnavailableError)


@pytest.mark.parametrize("turns", range(4))
async def test_a_connection_whose_end_is_on_its_way_is_an_outage_like_any_other(
    opened: Open, pool: asyncpg.Pool, turns: int
):
    """Between the server's last word and the end of the stream a statement meets a strange state.

    So many turns of the loop lie between what it heard and the statement.
    """
    async with opened(DB_POOL_SIZE=1) as database:
        assert await database.value(_statement("one")) == 1
        assert await pool.fetchval(load("pool")["end_connections"]) == 1
        time.sleep(1.0)  # noqa: ASYNC251 - what comes meanwhile must wait in the socket
        for _ in range(turns):
            await asyncio.sleep(0)
        with contextlib.suppress(StoreUnavailableError):
            await database.value(_statement("one"))
        assert await database.value(_statement("one")) == 1
