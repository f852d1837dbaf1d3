"""What a command works with, opened for as long as it runs.

Invariant: nothing is opened that a command does not ask for, so those that need no database work
without one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeVar

import asyncpg
import typer

from neurocards.adapters.kubernetes.cluster import KubernetesCluster
from neurocards.adapters.postgres import Database, open_database
from neurocards.adapters.postgres.operations import Operations
from neurocards.adapters.postgres.overviews import Overviews
from neurocards.errors import NeurocardsError
from neurocards.ops.settings import OpsSettings, load
from neurocards.ops.sheets import Output

APPLICATION_NAME = "neurocards-ops"
EXIT_FAILED = 1
EXIT_USAGE = 2
LONG_STATEMENT_S = 3600.0

Result = TypeVar("Result")
OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="A table for people, or JSON for programs.")
]


_UNKNOWN_TO_SCHEMA = (
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
)


class DeedRefusedError(NeurocardsError):
    """PostgreSQL said no; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Bench:
    settings: OpsSettings
    database: Database
    overviews: Overviews
    operations: Operations


@asynccontextmanager
async def opened(
    settings: OpsSettings, *, statement_timeout_s: float | None = None
) -> AsyncIterator[Bench]:
    """Connect to the database; what takes longer than usual says for how long."""
    database = settings.database
    if statement_timeout_s is not None:
        database = database.model_copy(update={"statement_timeout_s": statement_timeout_s})
    async with open_database(database, application_name=APPLICATION_NAME, size=1) as pool:
        operations = Operations(pool, actor=settings.operating.ops_actor)
        with _in_sentences():
            yield Bench(settings, pool, Overviews(pool), operations)


@contextmanager
def _in_sentences() -> Iterator[None]:
    """Say what a login may not do, or a schema does not know, as what it means here."""
    try:
        yield
    except asyncpg.InsufficientPrivilegeError as error:
        words = f"{error}: log in with the database role neurocards_ops"
        raise DeedRefusedError(words) from error
    except _UNKNOWN_TO_SCHEMA as error:
        words = f"{error}: the schema is not that of this program; neurocards migrate status"
        raise DeedRefusedError(words) from error
    except asyncpg.RaiseError as error:
        raise DeedRefusedError(str(error)) from error


def with_database(
    work: Callable[[Bench], Awaitable[Result]], *, statement_timeout_s: float | None = None
) -> Result:
    """Run what needs the database of the settings."""

    async def run() -> Result:
        async with opened(load(), statement_timeout_s=statement_timeout_s) as bench:
            return await work(bench)

    return asyncio.run(run())


def cluster_of(settings: OpsSettings) -> KubernetesCluster:
    operating = settings.operating
    return KubernetesCluster(namespace=operating.ops_namespace, context=operating.ops_context)


def refuse(sentence: str) -> typer.Exit:
    """Say why nothing was done; raise what this gives."""
    typer.echo(sentence, err=True)
    return typer.Exit(EXIT_FAILED)
