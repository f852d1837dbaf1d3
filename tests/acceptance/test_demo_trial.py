"""What `helm test` runs: one photo through a product that is there already."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from neurocards_sandbox.demo.options import DemoOptions
from neurocards_sandbox.demo.stack import DemoStack

TRIAL = [sys.executable, "-m", "neurocards_sandbox.trial"]
WITHIN_S = 300


def try_it(**variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        TRIAL,
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )


async def test_a_trial_tells_the_moments_of_its_order_and_ends_well(tmp_path: Path) -> None:
    """S1-34: Telegram, bot, queue, worker, video; each state of the job with its second."""
    options = DemoOptions(data_dir=tmp_path, port=0, render_s=2, height_max=240)
    async with DemoStack(options, lambda _: None) as stack:
        address = {"NEUROCARDS_TELEGRAM_API_URL": stack.telegram_url}
        database = {"NEUROCARDS_DATABASE_URL": stack.plan.page_database_url}
        # The stack are processes: they go on while this one waits.
        told = try_it(**address, **database)
        silent = try_it(**address, NEUROCARDS_TRIAL_TIMELINE="false")
    assert told.returncode == 0, told.stderr
    assert re.findall(r"\d s  (\w+)", told.stdout) == [
        *("queued", "scripting", "submitting", "rendering", "fetching", "delivering", "done"),
    ]
    assert "a video of 5 s" in told.stdout
    assert silent.returncode == 0, silent.stderr
    assert silent.stdout.startswith("a video of 5 s")


def test_a_trial_of_nothing_fails_with_a_sentence() -> None:
    """Nobody listens there."""
    failed = try_it(NEUROCARDS_TELEGRAM_API_URL="http://127.0.0.1:9")
    assert failed.returncode == 1
    assert "ConnectError" in failed.stderr
    wrong = try_it(NEUROCARDS_TRIAL_TIMEOUT_S="-1")
    assert wrong.returncode == 2
    assert "NEUROCARDS_TRIAL_TIMEOUT_S" in wrong.stderr
