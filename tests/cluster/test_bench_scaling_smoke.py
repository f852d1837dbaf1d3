"""`make bench-scaling` still measures on a control plane: its checks hold, its JSON has its form.

No speed is asserted: that would test the machine. It always takes the built programs, because it
reads the audit log of the API server.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 900


def test_reaction_and_density_are_measured_and_their_checks_hold():
    """A burst is answered by the real operator, and idle policies cost no write."""
    finished = subprocess.run(
        [sys.executable, "-m", "bench.scaling", "--quick", "reaction", "density"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-4000:] + finished.stdout[-4000:]
    report = json.loads(finished.stdout)
    assert report["correct"]
    assert set(report["benchmarks"]) == {"reaction", "density"}
    for name, found in report["benchmarks"].items():
        assert found["figures"]
        assert all(figure["name"].startswith(f"{name}.") for figure in found["figures"])
        assert all(figure["how"] for figure in found["figures"])
        assert found["checks"]
