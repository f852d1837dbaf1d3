"""What a killed worker leaves behind is swept away, what a living one needs is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from neurocards.errors import ConfigurationError
from neurocards_worker.own_folder import PREFIX, UNLOCKED_AGE_S, OwnFolder, sweep

LEAVES_FILES_AND_DIES = """
import os, pathlib, sys
from neurocards_worker.own_folder import OwnFolder
folder = OwnFolder(pathlib.Path(sys.argv[1])).__enter__()
(folder / "neurocards-job-x").mkdir()
(folder / "neurocards-job-x" / "video.mp4").write_bytes(b"a video")
os._exit(9)
"""


def test_a_worker_that_ends_in_order_leaves_nothing(tmp_path: Path):
    """Its files may be lost at any moment, and nobody else reads them."""
    with OwnFolder(tmp_path) as folder:
        (folder / "neurocards-job-x").mkdir()
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_worker_left_is_gone_when_the_next_one_begins(tmp_path: Path):
    """A disk that fills up a little with each crash is full one night."""
    command = [sys.executable, "-c", LEAVES_FILES_AND_DIES, str(tmp_path)]
    assert subprocess.run(command, check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(PREFIX)
    with OwnFolder(tmp_path) as folder:
        assert list(tmp_path.iterdir()) == [folder]


def test_the_folder_of_a_living_worker_stays(tmp_path: Path):
    """Several of them may share a disk."""
    with OwnFolder(tmp_path) as first, OwnFolder(tmp_path) as second:
        assert sweep(tmp_path) == 0
        assert sorted(tmp_path.iterdir()) == sorted([first, second])


def test_a_folder_without_a_lock_goes_when_it_is_old(tmp_path: Path):
    """A young one may be that of a worker between two lines of its start."""
    folder = tmp_path / f"{PREFIX}x"
    folder.mkdir()
    assert sweep(tmp_path) == 0
    then = folder.stat().st_mtime - UNLOCKED_AGE_S - 1
    os.utime(folder, (then, then))
    assert sweep(tmp_path) == 1


def test_nothing_else_in_the_folder_is_touched(tmp_path: Path):
    """It may be the folder for everybody's temporary files."""
    (tmp_path / "somebody-elses").mkdir()
    (tmp_path / f"{PREFIX}a-file").write_text("x")
    target = tmp_path / "target"
    target.mkdir()
    (tmp_path / f"{PREFIX}a-link").symlink_to(target)
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 4


def test_a_work_folder_that_is_not_there_is_a_fault_of_the_settings(tmp_path: Path):
    """Told at the start, and not with the first video."""
    with pytest.raises(ConfigurationError, match="NEUROCARDS_WORK_FOLDER"):
        OwnFolder(tmp_path / "nowhere").__enter__()
