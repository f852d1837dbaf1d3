"""Periods as people write them: 90s, 30m, 1h, 7d, 1h30m."""

from __future__ import annotations

import re

import typer

_PARTS = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_UNITS_S = (86_400, 3_600, 60, 1)


def period_s(text: str) -> float:
    """Give the seconds of a period; BadParameter for anything else."""
    match = _PARTS.fullmatch(text)
    if not text or match is None:
        raise typer.BadParameter(f"{text!r} is no period; write 90s, 30m, 1h, 7d or 1h30m")
    counts = (int(part or 0) for part in match.groups())
    return float(sum(count * unit for count, unit in zip(counts, _UNITS_S, strict=True)))


def shown(seconds: float) -> str:
    """Write a period in its two largest units."""
    left, parts = round(seconds), []
    for unit_s, letter in zip(_UNITS_S, "dhms", strict=True):
        count, left = divmod(left, unit_s)
        if count:
            parts.append(f"{count}{letter}")
    return "".join(parts[:2]) or "0s"
