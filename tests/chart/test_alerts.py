"""Every query of the chart can find something: labels that exist, and events that are seen."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry

from neurocards.domain.scaling import SLOW_JOB_S
from neurocards_bot.metrics import BotMetrics
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_operator.metrics import OperatorMetrics
from neurocards_worker.metrics import WorkerMetrics
from support.chart import EXTERNAL, FOLDER, PROMETHEUS, ROOT, Chart

RULES: list[dict[str, Any]] = yaml.safe_load((FOLDER / "files" / "alerts.yaml").read_text())[
    "rules"
]
BOARD = json.loads((FOLDER / "files" / "dashboard.json").read_text())
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()

TARGET = {"namespace", "pod", "container", "job", "instance"}
"""What Prometheus adds to every series of a pod."""
CONTAINER = {"namespace", "pod", "container", "image", "id", "name"}
# Of the kubelet, of its cAdvisor and of kube-state-metrics, as their pages list them.
FOREIGN = {
    "kubelet_volume_stats_available_bytes": {"namespace", "persistentvolumeclaim"},
    "kubelet_volume_stats_capacity_bytes": {"namespace", "persistentvolumeclaim"},
    "container_memory_working_set_bytes": CONTAINER,
    "container_spec_memory_limit_bytes": CONTAINER,
    "container_cpu_cfs_throttled_periods_total": CONTAINER,
    "container_cpu_cfs_periods_total": CONTAINER,
    "kube_pod_container_resource_limits": {
        *("namespace", "pod", "container", "node", "resource", "unit", "uid")
    },
}
SELECTOR = re.compile(r"(?<![\w.])([a-zA-Z_][\w:]*+)(?!\s*\()(?:\s*\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
KEYWORDS = {"and", "or", "unless", "bool", "offset"}
COUNTED = re.compile(r"\b(?:increase|rate|irate|delta)\(((\w+)(?:\{[^}]*\})?)\[(\w+)\]\)")


class Query(NamedTuple):
    where: str
    text: str


class Known(NamedTuple):
    labels: dict[str, set[str]]
    """Of every name that a series of ours may have."""
    from_the_start: set[str]
    """Names that have a series before anything happened."""


def known() -> Known:
    """Ask the metrics of bot, worker and operator themselves."""
    registry = CollectorRegistry()
    BotMetrics(registry)
    OutboxMetrics(registry)
    WorkerMetrics(registry)
    OperatorMetrics(registry)
    labels = {
        name: set(getattr(collector, "_labelnames", ()))
        | ({"le"} if name.endswith("_bucket") else set())
        for name, collector in registry._names_to_collectors.items()
    }
    started = {sample.name for family in registry.collect() for sample in family.samples}
    return Known(labels, started)


KNOWN = known()


def queries() -> Iterator[Query]:
    for rule in RULES:
        yield Query(rule["alert"], " ".join(rule["expr"].split()))
    for panel in BOARD["panels"]:
        for target in panel.get("targets", []):
            yield Query(f"{panel['title']} {target['refId']}", target["expr"])


QUERIES = list(queries())
IDS = [query.where for query in QUERIES]


def selectors(text: str) -> list[tuple[str, set[str]]]:
    """Give the metrics of a query, each with the labels that are asked of it."""
    without_groups = GROUPING.sub(" ", text)
    return [
        (match[1], set(MATCHER.findall(match[2] or "")))
        for match in SELECTOR.finditer(without_groups)
        if match[1] not in KEYWORDS
    ]


def argument(text: str, start: int) -> str:
    """Give what stands between the next bracket and the one that closes it."""
    opening = start + re.match(r"\s*\(", text[start:]).end()  # type: ignore[union-attr]
    depth, at = 1, opening
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
    return text[opening : at - 1]


def labels_of(metric: str) -> set[str]:
    assert metric in FOREIGN or metric in KNOWN.labels, f"nobody counts {metric}"
    return TARGET | (FOREIGN[metric] if metric in FOREIGN else KNOWN.labels[metric])


def faults(query: Query) -> list[str]:
    """Name the labels that a metric of the query does not have."""
    found = [
        f"{metric} has no {label}"
        for metric, asked in selectors(query.text)
        for label in sorted(asked - labels_of(metric))
    ]
    for group in GROUPING.finditer(query.text):
        word, names = group[1], {name.strip() for name in group[2].split(",") if name.strip()}
        # `sum by (x) (…)` is about what follows; `a / on (x) b` about both sides.
        about = query.text if word in ("on", "ignoring") else argument(query.text, group.end())
        if word in ("group_left", "group_right"):
            continue
        found += [
            f"{metric} has no {label} to go {word}"
            for metric, _ in selectors(about)
            for label in sorted(names - labels_of(metric))
        ]
    return found


def test_the_reader_of_queries_finds_what_is_wrong() -> None:
    """A test that reads nothing would let everything pass."""
    wrong = [
        'sum by (pod, pool) (rate(database_query_seconds_count{namespace="a"}[5m])) > 100',
        'max(neurocards_scaling_queued_jobs{namespace="a",queue="b"})',
        "database_connections * on (pod, host) database_connections",
    ]
    assert [len(faults(Query("", text))) for text in wrong] == [1, 1, 2]
    right = 'sum by (pod, pool) (database_connections{namespace="a",state="idle"} offset 5m) == 0'
    assert selectors(right) == [("database_connections", {"namespace", "state"})]
    assert faults(Query("", right)) == []


@pytest.mark.parametrize("query", QUERIES, ids=IDS)
def test_a_query_names_labels_that_its_metrics_have(query: Query) -> None:
    """One that no series has makes an alert that can never fire, or a panel that is empty."""
    assert selectors(query.text)
    assert faults(query) == []


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_speaks_of_labels_that_are_left(rule: dict[str, Any]) -> None:
    """`sum by (pod)` leaves the pod alone; another label would be an empty word in the text."""
    text = " ".join(rule["expr"].split())
    groups = [set(re.split(r"\s*,\s*", group[2])) for group in GROUPING.finditer(text)]
    left = set.intersection(*groups) if groups else labels_of(selectors(text)[0][0])
    said = set(re.findall(r"\$labels\.(\w+)", rule["summary"] + rule["description"]))
    assert said <= left


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_sees_the_first_event(rule: dict[str, Any]) -> None:
    """A series that begins with its first event never increases, as Prometheus counts."""
    text = " ".join(rule["expr"].split())
    for series, metric, window in COUNTED.findall(text):
        # A percentile does not hang on one observation, nor does the kubelet's count of periods.
        if metric.endswith("_bucket") or metric in FOREIGN:
            continue
        begun = f"({series} unless {series} offset {window}) or increase({series}[{window}])"
        assert metric in KNOWN.from_the_start or begun in text


def test_a_key_that_rests_is_told_while_it_rests() -> None:
    """The states are there from the first second on, whatever was counted before."""
    text = expression("NeurocardsProviderKeysBlocked")
    assert "neurocards_provider_keys{" in text
    assert 'state!="healthy"' in text


@pytest.mark.parametrize(
    ("alert", "metric", "limit"),
    [
        ("NeurocardsProviderSlow", "neurocards_scaling_job_seconds", f"> {SLOW_JOB_S}"),
        ("NeurocardsPartitionMissing", "neurocards_jobs_default_partition_rows", "> 0"),
        ("NeurocardsBotSlow", "message_processing_seconds_bucket", "> 0.2"),
        ("NeurocardsVolumeFills", "kubelet_volume_stats_available_bytes", "< 0.15"),
        ("NeurocardsMemoryShort", "container_memory_working_set_bytes", "> 0.9"),
        ("NeurocardsCpuThrottled", "container_cpu_cfs_throttled_periods_total", "> 0.25"),
    ],
)
def test_each_bottleneck_has_its_alert_and_a_page_of_the_runbook(
    alert: str, metric: str, limit: str
) -> None:
    """S0-43, S1-41, S2-8, S4-6."""
    text = expression(alert)
    assert metric in text
    assert text.endswith(limit)
    assert f"\n### {alert}\n" in RUNBOOK


def test_a_percentile_is_compared_with_a_bound_that_is_counted() -> None:
    """Between two bounds Prometheus guesses."""
    registry = CollectorRegistry()
    BotMetrics(registry).message_processing_seconds.labels("callback_query").observe(0)
    bounds = {
        float(sample.labels["le"])
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "message_processing_seconds_bucket"
    }
    assert 0.2 in bounds


def test_the_scaling_alert_is_true_of_every_reason_of_its_condition() -> None:
    """S1-41: slow jobs make it fire too, and those are no fault of the signals."""
    page = (ROOT / "docs" / "operator.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| `Degraded` "))
    reasons = set(re.findall(r"`([A-Z][A-Za-z]+)`", row)) - {"Degraded"}
    assert {"SlowJobs", "PolicyFault", "StaleSignals"} <= reasons
    section = RUNBOOK.split("\n### NeurocardsScalingHeld\n")[1].split("\n##")[0]
    assert {reason for reason in reasons if f"`{reason}`" not in section} == set()


def test_alerts_about_pods_and_volumes_are_those_of_the_release(chart_once: Chart) -> None:
    """The kubelet counts all of a node; a neighbour in the namespace is not ours to tell of."""
    values = {"monitoring": {"alerts": {"enabled": True}}}
    rendered = chart_once.render(EXTERNAL, values, api=[PROMETHEUS])
    rules = rendered.find("PrometheusRule", "neurocards")["spec"]["groups"][0]["rules"]
    foreign = 0
    for rule in rules:
        assert "__" not in rule["expr"], rule["alert"]
        for metric, asked in selectors(" ".join(rule["expr"].split())):
            if metric in FOREIGN:
                foreign += 1
                assert "namespace" in asked, rule["alert"]
                assert {"pod", "persistentvolumeclaim"} & asked, rule["alert"]
                assert '=~"' in rule["expr"], rule["alert"]
                assert "neurocards-" in rule["expr"], rule["alert"]
    assert foreign >= 7


def expression(alert: str) -> str:
    found = [rule for rule in RULES if rule["alert"] == alert]
    assert len(found) == 1, alert
    return " ".join(found[0]["expr"].split())
