"""The command on real servers and without a cluster, and tables that are brought into a state."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, TypeVar

import asyncpg
import pytest

from neurocards.adapters.kubernetes import cluster
from neurocards.adapters.postgres import Database
from neurocards.adapters.postgres.pool import set_codecs
from support.ops_command import Ops, ops_command
from support.postgres_world import PostgresWorld

Answer = TypeVar("Answer")


class NatsServer(Protocol):
    @property
    def url(self) -> str: ...


@pytest.fixture
def ops(
    database_url: str,
    nats_server: NatsServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> Ops:
    monkeypatch.setenv("NEUROCARDS_DATABASE_URL", database_url)
    monkeypatch.setenv("NEUROCARDS_NATS_URL", nats_server.url)
    monkeypatch.setenv("NEUROCARDS_OPS_ACTOR", "ada@desk")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))
    # Neither may a test speak to the cluster that it runs in.
    monkeypatch.setattr(cluster, "IN_CLUSTER_TOKEN", tmp_path / "no-token")
    return ops_command(monkeypatch, capsys)


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
