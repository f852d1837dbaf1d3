"""The chart, rendered by the real Helm of both major versions; `make chart` builds them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.chart import Chart

MAJORS = ("3", "4")


def _tools() -> Path:
    named = os.environ.get("NEUROCARDS_CHART_TOOLS")
    if not named:
        pytest.fail("NEUROCARDS_CHART_TOOLS is not set: run `make chart`, which builds Helm")
    return Path(named)


@pytest.fixture(scope="session", params=MAJORS)
def chart(request: pytest.FixtureRequest) -> Chart:
    """The chart under Helm 3, and again under Helm 4."""
    return Chart(_tools() / f"helm{request.param}")


@pytest.fixture(scope="session")
def chart_once() -> Chart:
    """The chart under Helm 4 only, where the version cannot make a difference."""
    return Chart(_tools() / "helm4")
