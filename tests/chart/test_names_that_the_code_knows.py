"""Names in the chart are those of the code: settings, metrics, roles, migrations."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import CollectorRegistry

from neurocards_bot.metrics import BotMetrics
from neurocards_bot.outbox_metrics import OutboxMetrics
from neurocards_operator.metrics import OperatorMetrics
from neurocards_worker.metrics import WorkerMetrics
from support.chart import (
    DEMO,
    EXTERNAL,
    FOLDER,
    PROMETHEUS,
    ROOT,
    WEBHOOK,
    Chart,
    environment,
    main_container,
    merged,
)

SETTINGS_PAGE = (ROOT / "docs" / "settings.md").read_text()
# asyncpg reads the first two itself; the last is the operator's own name.
ELSEWHERE = {"PGSSLMODE", "PGSSLROOTCERT", "POD_NAMESPACE"}
VERIFIED = {"database": {"sslMode": "verify-full"}}
METRIC = re.compile(r"\b(?:neurocards|database|api|message|notifications)_[a-z_]+\b")
SUFFIX = re.compile(r"_(?:bucket|sum|count)$")


@pytest.mark.parametrize("component", ["bot", "worker", "operator"])
@pytest.mark.parametrize(
    "values",
    [DEMO, merged(EXTERNAL, WEBHOOK), merged(EXTERNAL, VERIFIED)],
    ids=["demo", "external", "verified"],
)
def test_every_variable_is_a_setting(
    chart_once: Chart, values: dict[str, object], component: str
) -> None:
    """A renamed setting would be ignored without a word."""
    container = main_container(
        chart_once.render(values).find("Deployment", f"neurocards-{component}")
    )
    known = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", SETTINGS_PAGE)) | ELSEWHERE
    assert set(environment(container)) - known == set()


def metrics_of_the_code() -> set[str]:
    """Ask what the processes register; a counter's family has no `_total`."""
    registry = CollectorRegistry()
    BotMetrics(registry)
    OutboxMetrics(registry)
    WorkerMetrics(registry)
    OperatorMetrics(registry)
    families = {family.name: family.type for family in registry.collect()}
    return {f"{name}_total" if kind == "counter" else name for name, kind in families.items()}


@pytest.mark.parametrize("name", ["alerts.yaml", "dashboard.json"])
def test_every_metric_is_counted_somewhere(name: str) -> None:
    """An alert about a metric that nobody counts never fires."""
    text = (FOLDER / "files" / name).read_text()
    found = {SUFFIX.sub("", metric) for metric in METRIC.findall(text)}
    known = metrics_of_the_code()
    assert found
    assert found - known == set()


def test_alerts_come_as_rules_with_a_page_to_read(chart: Chart) -> None:
    """S1-38, S4-6: every alert leads to its section of the runbook."""
    values = {"monitoring": {"alerts": {"enabled": True}}}
    rendered = chart.render(EXTERNAL, values, api=[PROMETHEUS])
    rules = rendered.find("PrometheusRule", "neurocards")["spec"]["groups"][0]["rules"]
    written = yaml.safe_load((FOLDER / "files" / "alerts.yaml").read_text())["rules"]
    assert [rule["alert"] for rule in rules] == [one["alert"] for one in written]
    for rule in rules:
        assert rule["annotations"]["runbook_url"].endswith("#" + rule["alert"].lower())
        assert 'namespace="shop"' in rule["expr"]


def test_nobody_is_woken_about_a_bot_that_a_release_does_not_have(chart: Chart) -> None:
    """A release for another pool has workers only; its other alerts stay."""
    values = {"bot": {"enabled": False}, "monitoring": {"alerts": {"enabled": True}}}
    rendered = chart.render(EXTERNAL, values, api=[PROMETHEUS])
    rules = rendered.find("PrometheusRule", "neurocards")["spec"]["groups"][0]["rules"]
    written = yaml.safe_load((FOLDER / "files" / "alerts.yaml").read_text())["rules"]
    missing = {one["alert"] for one in written} - {rule["alert"] for rule in rules}
    assert missing == {"NeurocardsBotDown"}


def test_the_dashboard_comes_as_it_is(chart: Chart) -> None:
    """S1-36, S4-27: Grafana finds it by its label."""
    values = {"monitoring": {"dashboard": {"enabled": True}}}
    found = chart.render(EXTERNAL, values).find("ConfigMap", "neurocards-dashboard")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    written = json.loads((FOLDER / "files" / "dashboard.json").read_text())
    assert json.loads(found["data"]["neurocards.json"]) == written


def test_monitoring_is_off_until_it_is_wanted(chart: Chart) -> None:
    """Its kinds are not in every cluster."""
    rendered = chart.render(EXTERNAL)
    for kind in ("PodMonitor", "PrometheusRule"):
        assert not rendered.kind(kind)
    wanted = chart.render(EXTERNAL, {"monitoring": {"podMonitor": {"enabled": True}}})
    monitor = wanted.find("PodMonitor", "neurocards")["spec"]
    values = monitor["selector"]["matchExpressions"][0]["values"]
    assert set(values) == {"bot", "worker", "worker-canary", "operator"}


def test_the_roles_are_those_of_the_migrations() -> None:
    """A grant to another name would be left out."""
    granted = set()
    for path in (ROOT / "migrations").glob("*.up.sql"):
        granted |= set(re.findall(r"\bTO (neurocards_[a-z]+)\b", path.read_text()))
    users = yaml.safe_load((FOLDER / "values.yaml").read_text())["database"]["users"]
    assert {user["name"] for user in users.values()} == granted | {"neurocards_migrate"}


def test_every_value_is_in_the_schema_with_its_default(chart_once: Chart) -> None:
    """The schema refuses what it does not know, the chart's own values included."""

    def unknown(values: object, schema: dict[str, object], path: str) -> list[str]:
        while "$ref" in schema:
            schema = definitions[str(schema["$ref"]).rsplit("/", 1)[1]]
        properties = schema.get("properties")
        if not isinstance(values, dict) or not isinstance(properties, dict):
            return []
        return [
            fault
            for key, value in values.items()
            for fault in (
                unknown(value, properties[key], f"{path}.{key}")
                if key in properties
                else [f"{path}.{key}"]
            )
        ]

    schema = json.loads((FOLDER / "values.schema.json").read_text())
    definitions = schema["definitions"]
    values = yaml.safe_load((FOLDER / "values.yaml").read_text())
    assert unknown(values, schema, "") == []
    assert set(values) | {"global"} == set(schema["properties"])
    assert chart_once.render(EXTERNAL).manifests


def test_every_value_has_a_word_beside_it_or_says_what_it_is() -> None:
    """A top-level part without any comment leaves the reader alone."""
    lines = (FOLDER / "values.yaml").read_text().splitlines()
    assert sum(line.strip().startswith("#") for line in lines) > 80


def test_the_files_of_the_chart_are_in_its_package() -> None:
    """.helmignore must not leave out what the templates read."""
    ignored = (FOLDER / ".helmignore").read_text().split()
    for needed in ("files/", "crds/", "values.schema.json"):
        assert needed not in ignored
    assert Path(FOLDER / "files" / "postgres-roles.sql").exists()
