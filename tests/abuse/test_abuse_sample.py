"""A sample of `make abuse`: the real bot and worker, a few thousand bad updates and requests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 1_800
UPDATES, REQUESTS = 2_000, 600


def test_bad_updates_and_requests_are_answered_and_harm_nothing(tmp_path: Path):
    """No 5xx, no secret, no bug, no growth of memory, all invariants; an honest order goes on."""
    command = [sys.executable, "-m", "abuse", "--updates", str(UPDATES), "--requests"]
    done = subprocess.run(
        [*command, str(REQUESTS), "--keep", str(tmp_path / "run")],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": "tests"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.stdout, done.stderr[-3000:]
    result = json.loads(done.stdout.splitlines()[-1])
    assert done.stderr.startswith(f"seed {result['seed']}\n")
    assert result["breaches"] == []
    assert done.returncode == 0
    assert result["updates"] == UPDATES
    assert sum(result["answers"].values()) == UPDATES
    assert result["jobs"] > 0
    assert result["requests"] >= REQUESTS
