"""The chaos run works as a command: a short storm, all orders to their end, one JSON at last."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 900
"""A storm of seconds, and what eight processes need to start on a busy machine, tenfold."""


def test_a_short_storm_breaks_no_invariant(tmp_path: Path):
    """Fifteen orders, a wiped broker, and whatever else this seed brings."""
    command = [sys.executable, "-m", "chaos", "--seconds", "8", "--jobs", "15", "--seed", "5"]
    done = subprocess.run(
        [*command, "--keep", str(tmp_path / "run")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "tests"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert done.stderr.startswith("seed 5\n")
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["breaches"] == []
    assert result["accepted"] == 15
    assert result["delivered"] + result["refunded"] == 15
    assert result["faults"]["nats.wipe"] == 1
