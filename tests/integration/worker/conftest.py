"""The world that the tests of the worker process live in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.worker_world import WorkerWorld, worker_world


@pytest.fixture
async def world(tmp_path: Path, database_url: str, nats_url: str) -> AsyncIterator[WorkerWorld]:
    async with worker_world(tmp_path, database_url=database_url, nats_url=nats_url) as world:
        yield world
