"""Schedules that several folders of tests speak of."""

from __future__ import annotations

from neurocards.domain.schedule import Schedule


def daily(start: str, end: str, zone: str, **values: int) -> Schedule:
    def cron(clock: str) -> str:
        hour, minute = clock.split(":")
        return f"{int(minute)} {int(hour)} * * *"

    return Schedule("window", zone, cron(start), cron(end), **(values or {"min": 1}))
