"""The command on real servers, run in this process: what it prints, and the code it exits with."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import asyncpg
import pytest
import structlog

from neurocards.adapters.postgres import Database
from neurocards.adapters.postgres.pool import set_codecs
from neurocards.cli import main
from support.postgres_world import PostgresWorld

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Ops(Protocol):
    def __call__(self, *words: str) -> Ran: ...


@pytest.fixture
def ops(
    database_url: str,
    nats_server: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Any,
) -> Ops:
    """Run `neurocards ops ...` with the settings of this test's servers and no cluster."""
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", database_url)
    monkeypatch.setenv("NEUROCARDS_NATS_URL", nats_server.url)
    monkeypatch.setenv("NEUROCARDS_OPS_ACTOR", "ada@desk")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["neurocards", "ops", *words])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            structlog.reset_defaults()
        return Ran(int(code), *capsys.readouterr())

    return run


@pytest.fixture
def on_world(
    database_url: str,
) -> Callable[[Callable[[PostgresWorld], Awaitable[Answer]]], Answer]:
    """Bring the tables into a state, before a command looks at them."""

    def bring(work: Callable[[PostgresWorld], Awaitable[Answer]]) -> Answer:
        async def run() -> Answer:
            async with asyncpg.create_pool(
                database_url, min_size=1, max_size=3, init=set_codecs
            ) as pool:
                return await work(PostgresWorld(Database(pool), pool))

        return asyncio.run(run())

    return bring
