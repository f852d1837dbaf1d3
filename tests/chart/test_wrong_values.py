"""Values that are wrong are refused, before anything is installed, by a sentence with their key."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import CLOUD_NATIVE_PG, EXTERNAL, Chart, RefusedError, merged
from support.wrong_values import WRONG


@pytest.mark.parametrize(
    ("values", "key"), WRONG, ids=[f"{n}-{k}" for n, (_, k) in enumerate(WRONG)]
)
def test_each_wrong_file_is_refused_by_its_key(
    chart: Chart, values: dict[str, Any], key: str
) -> None:
    """S1-32, S4-14, C-22, C-35: a typo, an impossible number, values that do not fit together."""
    with pytest.raises(RefusedError) as refused:
        chart.render(EXTERNAL, values)
    assert key in str(refused.value)


def test_all_faults_are_told_at_once(chart: Chart) -> None:
    """Whoever fixes one does not meet the next one by another try."""
    with pytest.raises(RefusedError) as refused:
        chart.render({})
    said = str(refused.value)
    for key in ("database.external.host", "nats.url", "secrets.telegramTokens"):
        assert key in said


def test_a_real_key_has_no_business_in_the_demo(chart_once: Chart) -> None:
    """The demo would send it to a simulator."""
    with pytest.raises(RefusedError, match=r"demo\.enabled"):
        chart_once.render({"demo": {"enabled": True}, "secrets": {"kieApiKeys": ["real"]}})


def test_what_the_cases_start_from_is_right(chart: Chart) -> None:
    """Otherwise every case above would be refused for another reason."""
    assert chart.render(EXTERNAL).kind("Deployment")
    cluster = merged(EXTERNAL, {"database": {"mode": "cnpg"}})
    assert chart.render(cluster, api=[CLOUD_NATIVE_PG]).kind("Cluster")
