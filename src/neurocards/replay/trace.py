"""Traffic to replay: when each job arrives, and how long the provider takes for it.

A trace file is CSV with the header `arrival_s,service_s` or `arrival_s` alone; seconds from the
start of the trace, in any order. What cannot be replayed is refused with the line it stands in.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from neurocards.errors import ConfigurationError

JOBS_MAX = 5_000_000
SERVICE_DEFAULT_S = 300.0
FAULTS_SHOWN = 5
HEADERS = (["arrival_s", "service_s"], ["arrival_s"])


class TraceError(ConfigurationError):
    """The trace cannot be read; the text names the lines."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Jobs in the order of their arrival. Two sequences of equal length, in seconds."""

    arrivals_s: Sequence[float]
    services_s: Sequence[float]

    def __len__(self) -> int:
        return len(self.arrivals_s)

    @property
    def span_s(self) -> float:
        """The time of the last arrival."""
        return self.arrivals_s[-1] if self.arrivals_s else 0.0

    @staticmethod
    def of(jobs: Iterable[tuple[float, float]]) -> Trace:
        """Make one of (arrival, service) pairs in any order."""
        ordered = sorted(jobs)
        return Trace([job[0] for job in ordered], [job[1] for job in ordered])


def read_trace(path: Path, *, service_s: float | None = None) -> Trace:
    """Read a file; `service_s` takes the place of the service column, or of one that is missing.

    Raises TraceError.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(csv.reader(file), path.name, service_s)
    except OSError as error:
        raise TraceError(f"the trace {path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"the trace {path.name} is no CSV file in UTF-8: {error}") from error


def _read(rows: Iterator[list[str]], name: str, service_s: float | None) -> Trace:
    header = [cell.strip() for cell in next(rows, [])]
    if header not in HEADERS:
        raise TraceError(
            f"the trace {name} must begin with the line arrival_s,service_s or arrival_s, "
            f"not with {','.join(header)[:80]!r}"
        )
    jobs: list[tuple[float, float]] = []
    faults: list[str] = []
    for number, row in enumerate(rows, start=2):
        if not row:
            continue
        if len(jobs) >= JOBS_MAX:
            raise TraceError(f"the trace {name} has more than {JOBS_MAX} jobs")
        try:
            jobs.append(_job(row, header, service_s))
        except ValueError as error:
            faults.append(f"line {number}: {error}")
            if len(faults) == FAULTS_SHOWN:
                break
    if faults:
        raise TraceError(f"the trace {name} cannot be replayed: " + "; ".join(faults))
    if not jobs:
        raise TraceError(f"the trace {name} has no jobs")
    return Trace.of(jobs)


def _job(row: list[str], header: list[str], service_s: float | None) -> tuple[float, float]:
    if len(row) != len(header):
        raise ValueError(f"{len(row)} values where {len(header)} are expected")
    arrival = _seconds(row[0], "arrival_s")
    if arrival < 0:
        raise ValueError(f"arrival_s is {row[0].strip()}, before the start")
    if service_s is not None:
        return arrival, service_s
    service = _seconds(row[1], "service_s") if len(row) > 1 else SERVICE_DEFAULT_S
    if service <= 0:
        raise ValueError(f"service_s is {row[1].strip()}, and no job takes no time")
    return arrival, service


def _seconds(text: str, column: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{column} is {text.strip()[:40]!r}, which is no number") from None
    if not math.isfinite(value):
        raise ValueError(f"{column} is {text.strip()}, which is no time")
    return value
