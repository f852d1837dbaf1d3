"""The figures of a replay as a plain table, and one sentence per rival that says what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from neurocards.replay.figures import Figures

MINUTE_S, HOUR_S = 60, 3600
HEADINGS = (
    *("policy", "wait p50", "p95", "p99", "max", "over SLO", "worker-h", "replica-h"),
    *("peak", "writes", "interrupted", "wasted"),
)


def table(all_figures: Sequence[Figures]) -> str:
    """Lines of equal columns, the policy on the left."""
    rows = [HEADINGS, *map(_row, all_figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *starmap(str.rjust, zip(row[1:], widths[1:], strict=True))]
        ).rstrip()
        for row in rows
    )


def sentences(all_figures: Sequence[Figures]) -> str:
    """Compare the first with each of the others: what waits, and what it costs."""
    ours, *rivals = all_figures
    return "\n".join(_sentence(ours, rival) for rival in rivals)


def duration(seconds: float) -> str:
    """Write it as short as it can be read: 4.2s, 75s, 12m, 3.5h."""
    if seconds == 0:
        return "0s"
    if seconds < 10:  # noqa: PLR2004 - below, a tenth of a second can be seen
        return f"{seconds:.1f}s"
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f}s"
    if seconds < 10 * MINUTE_S:
        return f"{seconds / MINUTE_S:.1f}m"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f}m"
    return f"{seconds / HOUR_S:.1f}h"


def _row(figures: Figures) -> tuple[str, ...]:
    wait = figures.wait_s
    return (
        figures.policy,
        *map(duration, (wait.p50, wait.p95, wait.p99, wait.max)),
        f"{figures.over_slo / figures.jobs:.2%}",
        f"{figures.worker_hours:.1f}",
        f"{figures.replica_hours:.1f}",
        str(figures.peak_replicas),
        str(figures.scale_writes),
        str(figures.interrupted),
        duration(figures.wasted_render_s),
    )


def _sentence(ours: Figures, rival: Figures) -> str:
    cost = ""
    if rival.worker_hours > 0:
        cost = f" at {ours.worker_hours / rival.worker_hours:.2f} x the worker-hours"
    return (
        f"{ours.policy} against {rival.policy}: p95 wait {duration(ours.wait_s.p95)} "
        f"instead of {duration(rival.wait_s.p95)}{cost}, "
        f"{ours.interrupted} interrupted instead of {rival.interrupted}."
    )
