"""A picture of a replay: what arrived and queued, the replicas of each policy, and the waits.

Plain SVG, written by hand: no fonts, no scripts and no styles from elsewhere, readable on a light
and a dark page because it brings its own paper. One column of the drawing is a part of the time,
so a week is as large as an hour. Waits stand on a scale that spreads seconds and hours alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from neurocards.replay.engine import Run
from neurocards.replay.figures import Figures
from neurocards.replay.series import Buckets
from neurocards.replay.table import duration
from neurocards.replay.trace import Trace

WIDTH, LEFT, RIGHT, TOP = 1200, 64, 28, 120
PANEL, GAP, BOTTOM = 176, 52, 44
PARTS = 320
INK, FAINT, GRID, PAPER, BARS = "#1f2933", "#66727f", "#e4e8ec", "#ffffff", "#d5dbe1"
COLOURS = ("#0b6bcb", "#d9480f", "#2b8a3e", "#862e9c", "#b08900", "#c2255c", "#0c8599", "#5c677d")
DASHES = ("", "", "", "", "7 4", "7 4", "7 4", "2 3")
WAIT_TICKS_S = {0: "0", 1: "1s", 10: "10s", 60: "1m", 600: "10m", 3600: "1h", 21_600: "6h"}
WAIT_SHOWN_MIN_S = 12.0
HOUR_S, DAY_S = 3600, 86_400
TIME_STEPS_S = (300, 900, 1800, HOUR_S, 3 * HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S, 7 * DAY_S)
TIME_TICKS_MAX = 14
LINES_MAX = 7
LEGEND_COLUMNS = 2
LEGEND_ROW = 20
LETTER = 7.2


@dataclass(frozen=True, slots=True)
class _Panel:
    """A frame with a vertical scale, and a line of values per policy; `y` maps a value into it."""

    title: str
    top: float
    lines: Sequence[Sequence[float]]
    ticks: Sequence[tuple[float, str]]
    y: Callable[[float], float]


def picture(trace: Trace, runs: Sequence[Run], all_figures: Sequence[Figures], title: str) -> str:
    """Draw runs of one trace; the first is drawn last, so that it lies on top."""
    buckets = Buckets(max(run.end_s for run in runs), PARTS)
    legend_rows = math.ceil(len(runs) / LEGEND_COLUMNS)
    top = TOP + LEGEND_ROW * (legend_rows - 1)
    foot = top + 3 * PANEL + 2 * GAP
    height = foot + BOTTOM
    arrivals = buckets.arrivals(trace)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="system-ui, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>',
        _text(LEFT, 34, title, size=18, weight=600),
        *_legend(all_figures),
    ]
    for number, panel in enumerate(_panels(trace, runs, buckets, arrivals, top)):
        parts += _frame(panel, buckets.end_s)
        if number == 0:
            parts += _bars(arrivals, panel)
        for index in reversed(range(len(runs))):
            parts.append(_line(panel.lines[index], panel, index))
    parts += _time_axis(buckets.end_s, foot)
    return "\n".join([*parts, "</svg>", ""])


def _panels(
    trace: Trace, runs: Sequence[Run], buckets: Buckets, arrivals: Sequence[int], top: float
) -> Iterator[_Panel]:
    queued = [buckets.queued(trace, run) for run in runs]
    title = f"Jobs in the queue (grey: arrivals in {duration(buckets.end_s / PARTS)})"
    yield _linear(title, top, queued, max(arrivals))
    yield _linear("Replicas", top + PANEL + GAP, [buckets.replicas(run) for run in runs], 1)
    waits = [buckets.waits(trace, run) for run in runs]
    yield _spread("Wait for a worker (95th percentile)", top + 2 * (PANEL + GAP), waits)


def _linear(title: str, top: float, lines: Sequence[Sequence[float]], least: float) -> _Panel:
    largest = max(least, *(max(line) for line in lines))
    step = _round_step(largest)
    limit = step * math.ceil(largest / step)
    ticks = [(step * number, f"{step * number:g}") for number in range(round(limit / step) + 1)]
    return _Panel(title, top, lines, ticks, lambda value: top + PANEL * (1 - value / limit))


def _spread(title: str, top: float, lines: Sequence[Sequence[float]]) -> _Panel:
    """Logarithmic, but for a zero, which is the best wait there is."""
    limit = math.log1p(1.15 * max(WAIT_SHOWN_MIN_S, *(max(line) for line in lines)))
    ticks = [(at, label) for at, label in WAIT_TICKS_S.items() if math.log1p(at) <= limit]

    def y(value: float) -> float:
        return top + PANEL * (1 - math.log1p(value) / limit)

    return _Panel(title, top, lines, ticks, y)


def _round_step(largest: float) -> float:
    """Give a whole step, 1, 2 or 5 times a power of ten, that draws at most seven lines."""
    power = 10.0 ** max(0, math.floor(math.log10(largest / LINES_MAX)))
    steps = (factor * power for factor in (1, 2, 5, 10))
    return next(step for step in steps if largest / step <= LINES_MAX)


def _x(share: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * share


def _line(values: Sequence[float], panel: _Panel, index: int) -> str:
    points = []
    for part, value in enumerate(values):
        y = f"{panel.y(value):.1f}"
        points += [f"{_x(part / PARTS):.1f},{y}", f"{_x((part + 1) / PARTS):.1f},{y}"]
    width = 2.2 if index == 0 else 1.3
    return f'<polyline fill="none" {_stroke(index, width)} points="{" ".join(points)}"/>'


def _stroke(index: int, width: float) -> str:
    colour, dash = COLOURS[index % len(COLOURS)], DASHES[index % len(DASHES)]
    pattern = f' stroke-dasharray="{dash}"' if dash else ""
    return f'stroke="{colour}" stroke-width="{width}" stroke-linejoin="round"{pattern}'


def _bars(values: Sequence[int], panel: _Panel) -> Iterator[str]:
    foot, width = panel.y(0), _x(1 / PARTS) - LEFT
    for part, value in enumerate(values):
        if value:
            x, y = _x(part / PARTS), panel.y(value)
            yield (
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.2f}" height="{foot - y:.1f}" '
                f'fill="{BARS}"/>'
            )


def _frame(panel: _Panel, end_s: float) -> Iterator[str]:
    yield _text(LEFT, panel.top - 14, panel.title, weight=600)
    for tick, label in panel.ticks:
        y = panel.y(tick)
        yield _rule(LEFT, y, WIDTH - RIGHT, y)
        yield _text(LEFT - 8, y + 4, label, anchor="end", colour=FAINT)
    for at_s in _time_ticks(end_s):
        x = _x(at_s / end_s)
        yield _rule(x, panel.top, x, panel.top + PANEL)


def _time_axis(end_s: float, y: float) -> Iterator[str]:
    for at_s in _time_ticks(end_s):
        yield _text(_x(at_s / end_s), y + 20, _time(at_s, end_s), anchor="middle", colour=FAINT)


def _time_ticks(end_s: float) -> list[float]:
    fitting = (step for step in TIME_STEPS_S if end_s / step <= TIME_TICKS_MAX)
    step = next(fitting, math.ceil(end_s / DAY_S / TIME_TICKS_MAX) * DAY_S)
    return [step * number for number in range(int(end_s // step) + 1)]


def _time(at_s: float, end_s: float) -> str:
    if end_s <= 2 * DAY_S:
        return f"{int(at_s // HOUR_S)}:{int(at_s % HOUR_S // 60):02d}"
    day, hour = int(at_s // DAY_S) + 1, int(at_s % DAY_S // HOUR_S)
    return f"day {day}" if hour == 0 else f"{hour}:00"


def _legend(all_figures: Sequence[Figures]) -> Iterator[str]:
    column = (WIDTH - LEFT - RIGHT) / LEGEND_COLUMNS
    for index, figures in enumerate(all_figures):
        x = LEFT + column * (index % LEGEND_COLUMNS)
        y = 64 + LEGEND_ROW * (index // LEGEND_COLUMNS)
        yield f'<path d="M{x:.1f} {y - 4}h26" {_stroke(index, 3)}/>'
        yield _text(x + 34, y, figures.policy, weight=600)
        detail = (
            f"p95 wait {duration(figures.wait_s.p95)}, {figures.worker_hours:,.0f} worker-hours, "
            f"{figures.interrupted} interrupted"
        )
        yield _text(x + 44 + LETTER * len(figures.policy), y, detail, colour=FAINT)


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{GRID}"/>'


def _text(
    x: float,
    y: float,
    text: str,
    *,
    size: int = 12,
    weight: int = 400,
    anchor: str = "start",
    colour: str = INK,
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
    )
