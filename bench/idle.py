"""What bot and worker need before they do anything: memory, start time, CPU at rest."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from bench.clients import run_client
from bench.effort import Effort
from bench.figures import Baseline, Figure, Outcome
from bench.stage import Stage, cpu_shares

NAMES = ("bot", "worker")
CONCURRENCY = 20
IMPORTS = {"bot": "neurocards_bot.__main__", "worker": "neurocards_worker.__main__"}
MIB = 1024 * 1024


@dataclass(slots=True)
class _Samples:
    rss_mib: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in NAMES})
    pss_mib: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in NAMES})
    ready_s: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in NAMES})
    import_s: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in NAMES})
    cores: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in NAMES})
    bare_mib: list[float] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"idle-{number}") as stage:
            await _run_once(stage, effort, samples)
    for name, module in IMPORTS.items():
        for _ in range(effort.imports):
            samples.import_s[name].append(await _import_s(module))
    figures = [figure for name in NAMES for figure in _figures(name, samples)]
    return Outcome(
        figures=tuple(figures),
        details={"cores_at_rest": samples.cores, "pss_mib": samples.pss_mib},
    )


async def _run_once(stage: Stage, effort: Effort, samples: _Samples) -> None:
    await stage.telegram()
    await stage.providers(render_s=1.0)
    programs = {"bot": await stage.bot(), "worker": await stage.worker(concurrency=CONCURRENCY)}
    before, began = stage.cpu_s(), time.monotonic()
    await asyncio.sleep(effort.idle_s)
    shares = cpu_shares(before, stage.cpu_s(), time.monotonic() - began)
    for name, program in programs.items():
        memory = program.memory()
        samples.rss_mib[name].append(memory.rss / MIB)
        samples.pss_mib[name].append(memory.pss / MIB)
        samples.ready_s[name].append(program.ready_s)
        samples.cores[name].append(shares[name])
    settings = {"database_url": stage.database_url, "nats_url": stage.nats.url, "count": 0}
    path = stage.folder / "bare-idle.json"
    await asyncio.to_thread(path.write_text, json.dumps(settings))
    bare = await run_client("bench.bare_hold", str(path))
    samples.bare_mib.append(bare["idle"]["rss"] / MIB)


async def _import_s(module: str) -> float:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", f"import {module}")
    if await process.wait() != 0:
        raise RuntimeError(f"{module} cannot be imported")
    return time.perf_counter() - began


def _figures(name: str, samples: _Samples) -> tuple[Figure, ...]:
    return (
        Figure(
            name=f"idle.{name}_rss_mib",
            title=f"Memory (RSS) of the idle {name}",
            unit="MiB",
            values=tuple(samples.rss_mib[name]),
            how="some seconds after it is ready, connected to PostgreSQL and NATS",
            baseline=Baseline(
                "a process with asyncpg, nats-py and httpx, connected",
                tuple(samples.bare_mib),
            ),
        ),
        Figure(
            name=f"idle.{name}_ready_s",
            title=f"Start of the {name} until it is ready",
            unit="s",
            values=tuple(samples.ready_s[name]),
            how="from the start of the process until GET /readyz answers 200",
        ),
        Figure(
            name=f"idle.{name}_import_s",
            title=f"Import of the {name}",
            unit="s",
            values=tuple(samples.import_s[name]),
            how=f"wall time of `python -c 'import {IMPORTS[name]}'`, the interpreter included",
        ),
    )
