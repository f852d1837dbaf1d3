"""The database of a demo: made once, migrated by its owner, one login per process.

Nobody but this module uses the superuser. Invariant: it can be run again at every start.
"""

from __future__ import annotations

import asyncpg

from neurocards_sandbox.chat.jobs import load_statements
from neurocards_sandbox.demo.addresses import DATABASE, Plan
from neurocards_sandbox.embedded import PostgresServer

CONNECT_TIMEOUT_S = 10.0
_PACKAGE = "neurocards_sandbox.demo"


async def prepare_database(server: PostgresServer, plan: Plan) -> None:
    """Make the owner and the database, before the migrations."""
    statements = load_statements(_PACKAGE, "logins.sql")
    connection = await asyncpg.connect(server.url(), timeout=CONNECT_TIMEOUT_S)
    try:
        # CREATEROLE: the first migration makes the roles of the processes.
        await _make_login(
            connection, "neurocards_migrate", plan.secrets.migrate_password, "CREATEROLE"
        )
        if not await connection.fetchval(statements["database_exists"], DATABASE):
            make = await connection.fetchval(
                statements["make_database"], DATABASE, "neurocards_migrate"
            )
            await connection.execute(make)
    finally:
        await connection.close()


async def open_logins(server: PostgresServer, plan: Plan) -> None:
    """Let each process log in under its own role, after the migrations."""
    statements = load_statements(_PACKAGE, "logins.sql")
    secrets = plan.secrets
    logins = {
        "neurocards_bot": secrets.bot_password,
        "neurocards_worker": secrets.worker_password,
        "neurocards_operator": secrets.operator_password,
        "neurocards_page": secrets.page_password,
    }
    connection = await asyncpg.connect(server.url(DATABASE), timeout=CONNECT_TIMEOUT_S)
    try:
        for role, password in logins.items():
            await _make_login(connection, role, password, "")
        await connection.execute(statements["let_page_read"])
    finally:
        await connection.close()


async def _make_login(
    connection: asyncpg.Connection[asyncpg.Record], role: str, password: str, attributes: str
) -> None:
    statements = load_statements(_PACKAGE, "logins.sql")
    command = await connection.fetchval(statements["make_login"], role, password, attributes)
    await connection.execute(command)
