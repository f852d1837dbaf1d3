"""Runs the clients of a benchmark - load generator and baselines - as processes of their own.

So that what they cost stands in their own books, and a busy orchestrator disturbs no arrival.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.generator import Plan, Report

CLIENT_TIMEOUT_S = 1800.0


async def run_client(module: str, *arguments: str) -> Any:
    """Run `python -m MODULE ARGUMENTS` and read its JSON; RuntimeError if it fails."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(CLIENT_TIMEOUT_S):
            output, complaint = await process.communicate()
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{complaint.decode(errors='replace')}")
    return json.loads(output)


async def generate(plan: Plan, bodies: Sequence[object], folder: Path) -> Report:
    """Let the load generator send these JSON bodies by this plan."""
    text = "\n".join(json.dumps(body, separators=(",", ":")) for body in bodies)
    _write(Path(plan.bodies), text)
    path = _write(folder / "plan.json", json.dumps(asdict(plan)))
    return Report(**await run_client("bench.generator", str(path)))


async def run_bare(command: str, settings: Mapping[str, object], folder: Path) -> Any:
    """Let a baseline run: see `bench.bare`."""
    path = _write(folder / f"bare-{command}.json", json.dumps(settings))
    return await run_client("bench.bare", command, str(path))


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path
