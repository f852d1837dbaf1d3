from __future__ import annotations

from pathlib import Path

import pytest

from support.worker_bench import WorkerBench


@pytest.fixture
def bench(tmp_path: Path) -> WorkerBench:
    """A worker with one key and callbacks."""
    return WorkerBench(tmp_path)


@pytest.fixture
def two_keys(tmp_path: Path) -> WorkerBench:
    return WorkerBench(tmp_path, keys=("key-1", "key-2"))


@pytest.fixture
def uncalled(tmp_path: Path) -> WorkerBench:
    """A worker that the provider cannot call back."""
    return WorkerBench(tmp_path, callbacks=False)
