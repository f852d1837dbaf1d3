"""`neurocards ops support-bundle`: what support needs to see, in one file, and nothing else.

Invariant: no secret and no person is in it. Settings are named, their values are not; jobs come
without their users; and every text goes through the redaction of the logs once more.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import platform
import tarfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

import neurocards
from neurocards.errors import NeurocardsError
from neurocards.ops.bench import Bench, cluster_of, opened, refuse
from neurocards.ops.doctor import examine
from neurocards.ops.maintenance import database_sheets
from neurocards.ops.settings import OpsSettings, load, names_that_are_set
from neurocards.ops.sheets import Row, plain
from neurocards.ops.workers import Component
from neurocards.telemetry.redaction import Redactor

WEEK_S = 7 * 24 * 3600.0
ROWS_MAX = 500
LOG_LINES = 2_000
PERSONAL = frozenset({"tg_user_id", "user", "actor", "login"})
"""Columns that name a person."""


def support_bundle(
    *,
    to: Annotated[
        Path | None, typer.Option(help="The file; support-<time>.tar.gz by default.")
    ] = None,
) -> None:
    """Collect findings, queue, keys, failures, sizes, decisions and logs, without any secret."""
    settings = load()
    now = datetime.now(UTC)
    path = to or Path(f"support-{now:%Y%m%d-%H%M%S}.tar.gz")
    if path.exists():
        raise refuse(f"{path} is there already")
    redacted = Redactor(settings.secrets())
    parts = asyncio.run(_collected(settings)) | _logs(settings)
    write(path, {name: redacted(text) for name, text in parts.items()}, now)
    typer.echo(f"{path}: {len(parts)} parts; look into it before you send it")


def write(path: Path, parts: Mapping[str, str], now: datetime) -> None:
    """Write the parts as files of a tar archive that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file, tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in sorted(parts.items()):
            content = text.encode()
            entry = tarfile.TarInfo(f"{path.name.partition('.')[0]}/{name}")
            entry.size, entry.mtime, entry.mode = len(content), int(now.timestamp()), 0o600
            archive.addfile(entry, io.BytesIO(content))


async def _collected(settings: OpsSettings) -> dict[str, str]:
    parts = {
        "about.json": _json(
            {
                "neurocards": neurocards.__version__,
                "python": platform.python_version(),
                "system": platform.platform(),
                "settings_that_are_set": names_that_are_set(),
            }
        ),
        "doctor.json": _json([finding.row() for finding in await examine()]),
    }
    try:
        async with opened(settings) as bench:
            parts |= {f"{name}.json": _json(rows) for name, rows in (await _tables(bench)).items()}
    except NeurocardsError as error:
        parts["database-unreadable.txt"] = str(error)
    return parts


async def _tables(bench: Bench) -> dict[str, Any]:
    overviews, operating = bench.overviews, bench.settings.operating
    keys = await overviews.keys(window_s=operating.ops_window_s, limit=operating.ops_window_limit)
    return {
        "queue": await overviews.queue_now(),
        "accepted-within-7d": await overviews.queue_by_status(since_s=WEEK_S),
        "failed-within-7d": await overviews.failed_jobs(since_s=WEEK_S),
        "work-within-7d": await overviews.recent_work(since_s=WEEK_S),
        "replicas-within-7d": await overviews.scaling_use(since_s=WEEK_S),
        "keys": keys,
        "key-events": await overviews.key_events(limit=ROWS_MAX),
        "leases": await overviews.worker_leases(),
        "operations": [
            _impersonal(row) for row in await overviews.recent_operations(limit=ROWS_MAX)
        ],
        "database": {sheet.name: sheet.rows for sheet in await database_sheets(bench)},
    }


def _logs(settings: OpsSettings) -> dict[str, str]:
    """Read the logs of the cluster; where there is none, say so."""
    try:
        cluster = cluster_of(settings)
        return {
            f"logs/{pod}.jsonl": cluster.log(pod, lines=LOG_LINES)
            for component in Component
            for pod in cluster.pods(component)
        }
    except NeurocardsError as error:
        return {"logs-unreadable.txt": str(error)}


def _impersonal(row: Row) -> Row:
    return {
        key: _impersonal(value) if isinstance(value, Mapping) else value
        for key, value in row.items()
        if key not in PERSONAL
    }


def _json(value: Any) -> str:
    return json.dumps(plain(value), indent=2)
