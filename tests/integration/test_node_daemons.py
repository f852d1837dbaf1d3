"""The processes of `make cluster`: they outlive their starter, and only they are ever ended."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tools.cluster.node.daemons import Daemons
from tools.cluster.node.errors import NodeError

SLEEP = (sys.executable, "-c", "import time; time.sleep(600)")
DEAF = (
    sys.executable,
    "-c",
    "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()",
)


@pytest.fixture
def daemons(tmp_path: Path) -> Daemons:
    return Daemons(tmp_path / "processes.json", tmp_path / "logs")


def test_a_process_is_found_again_by_its_record(daemons: Daemons, tmp_path: Path):
    """By whoever comes later, and ended by its recorded id."""
    daemons.start("etcd", SLEEP)
    later = Daemons(tmp_path / "processes.json", tmp_path / "logs")
    assert later.names == ["etcd"]
    assert later.is_running("etcd")
    later.stop("etcd")
    assert not daemons.is_running("etcd")
    assert daemons.names == []


def test_a_process_that_does_not_listen_is_ended_all_the_same(daemons: Daemons):
    """After its time is over."""
    daemons.start("kubelet", DEAF)
    while "deaf" not in daemons.tail("kubelet"):
        daemons.require_running()
    daemons.stop("kubelet", within_s=0.2)
    assert not daemons.is_running("kubelet")


def test_a_stranger_with_the_recorded_id_is_left_alone(daemons: Daemons, tmp_path: Path):
    """Ids are given again: the moment of the start tells one process from the other."""
    with subprocess.Popen(SLEEP) as stranger:
        facts = {"pid": stranger.pid, "started": 1, "boot": _boot()}
        (tmp_path / "processes.json").write_text(json.dumps({"etcd": facts}))
        assert not daemons.is_running("etcd")
        daemons.stop("etcd")
        assert stranger.poll() is None
        stranger.kill()


def test_a_record_of_an_earlier_boot_means_nobody(daemons: Daemons, tmp_path: Path):
    """After a restart of the machine both numbers may come again."""
    daemons.start("etcd", SLEEP)
    records = tmp_path / "processes.json"
    kept = records.read_text()
    records.write_text(kept.replace(_boot(), "another boot"))
    assert not daemons.is_running("etcd")
    records.write_text(kept)
    daemons.stop("etcd")


def test_the_last_words_of_a_process_that_ended_are_told(daemons: Daemons):
    daemons.start("coredns", (sys.executable, "-c", "import time; time.sleep(.2); exit('no port')"))
    while daemons.is_running("coredns"):
        pass
    with pytest.raises(NodeError, match="no port"):
        daemons.require_running()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
