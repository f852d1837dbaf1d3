"""On what and with what it was measured: no figure means anything without that."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

_LIBRARIES = (
    "neurocards",
    "aiogram",
    "asyncpg",
    "fastapi",
    "httpx",
    "nats-py",
    "uvicorn",
    "uvloop",
)


def machine() -> dict[str, object]:
    """Describe this machine; `cores` are those that we may use."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "kernel": platform.release(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def versions(servers: Mapping[str, str]) -> dict[str, str]:
    """List what runs; the servers have told their own versions."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), **servers, **libraries}


def taken_at() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
