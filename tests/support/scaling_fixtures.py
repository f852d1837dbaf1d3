"""The stage of the operator's tests as a fixture; the folder of the tests imports it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import asyncpg
import pytest
from tools.cluster.access import Access
from tools.cluster.api import KubernetesApi

from neurocards.adapters.postgres import Database
from support.scaled_shop import open_shop
from support.scaling_stage import ScalingStage


class _Cluster(Protocol):
    @property
    def access(self) -> Access: ...


@pytest.fixture
async def stage(
    *,
    cluster: _Cluster,
    api: KubernetesApi,
    namespace: str,
    database: Database,
    database_url: str,
    pool: asyncpg.Pool,
    nats_url: str,
    tmp_path: Path,
) -> AsyncIterator[ScalingStage]:
    """A namespace with nothing in it yet, a database and a stream; the operator may be started."""

    def access(token: str) -> Access:
        given = cluster.access
        return Access(given.server, given.authority, token, verified=given.verified)

    environment = {
        # The operator works with the rights of its own role.
        "NEUROCARDS_DATABASE_URL": f"{database_url}?role=neurocards_operator",
        "NEUROCARDS_NATS_URL": nats_url,
        "NEUROCARDS_WATCH_NAMESPACE": namespace,
        "NEUROCARDS_POD_NAMESPACE": namespace,
    }
    async with open_shop(database, pool, nats_url) as shop:
        yield ScalingStage(
            api, namespace, tmp_path, access=access, shop=shop, environment=environment
        )
