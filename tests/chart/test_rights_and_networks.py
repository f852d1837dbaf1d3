"""What each part may ask of the API server, and whom it reaches."""

from __future__ import annotations

import ipaddress
from typing import Any

from support.chart import DEMO, EXTERNAL, WEBHOOK, Chart, Manifest, Rendered, merged

POLICIES = {"networkPolicy": {"enabled": True}}
INSIDE = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}}]


def rules(rendered: Rendered) -> list[dict[str, Any]]:
    roles = [*rendered.kind("Role"), *rendered.kind("ClusterRole")]
    return [rule for role in roles for rule in role["rules"]]


def policy(rendered: Rendered, component: str) -> Manifest:
    spec: Manifest = rendered.find("NetworkPolicy", f"neurocards-{component}")["spec"]
    return spec


def test_nobody_may_read_secrets(chart: Chart) -> None:
    """The operator least of all: it sees every namespace, if it is told to."""
    for values in (EXTERNAL, DEMO, merged(EXTERNAL, {"operator": {"clusterWide": True}})):
        for rule in rules(chart.render(values)):
            assert "secrets" not in rule["resources"]
            assert "*" not in [*rule["resources"], *rule["apiGroups"], *rule["verbs"]]


def test_the_operator_scales_its_workers_and_nothing_else(chart: Chart) -> None:
    """Its right to write a scale names the Deployments."""
    values = {"operator": {"extraTargets": ["another-worker"]}}
    for rule in rules(chart.render(EXTERNAL, values)):
        if {"deployments", "deployments/scale"} & set(rule["resources"]):
            assert rule["resourceNames"] == ["neurocards-worker", "another-worker"]
            assert rule["verbs"] == (["get"] if rule["resources"] == ["deployments"] else ["patch"])


def test_one_namespace_needs_no_right_of_the_cluster(chart: Chart) -> None:
    """But for the definition of the resource, and that only while an upgrade runs."""
    rendered = chart.render(EXTERNAL)
    names = [one["metadata"]["name"] for one in rendered.kind("ClusterRole")]
    assert names == ["shop-neurocards-crd-upgrade"]
    wide = chart.render(EXTERNAL, {"operator": {"clusterWide": True}})
    assert wide.has("ClusterRole", "shop-neurocards-operator")


def test_what_is_not_named_neither_comes_in_nor_goes_out(chart: Chart) -> None:
    """Default deny over every pod of the release."""
    spec = policy(chart.render(EXTERNAL, POLICIES), "default-deny")
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    assert "egress" not in spec
    assert "app.kubernetes.io/component" not in spec["podSelector"]["matchLabels"]


def test_every_pod_has_a_policy_of_its_own(chart: Chart) -> None:
    """A forgotten one could not do its work, or the policies would be switched off for it."""
    canary = {"worker": {"canary": {"enabled": True}}, "database": {"maxConnections": 200}}
    for values in (DEMO, EXTERNAL):
        rendered = chart.render(values, POLICIES, canary)
        covered = set()
        for one in rendered.kind("NetworkPolicy"):
            for expression in one["spec"]["podSelector"].get("matchExpressions", []):
                covered |= set(expression["values"])
        components = {
            pod["metadata"]["labels"]["app.kubernetes.io/component"] for _, pod in rendered.pods()
        }
        assert components <= covered


def test_a_worker_reaches_the_outside_but_not_what_is_private(chart: Chart) -> None:
    """A foreign address that a provider gave leads to no machine of ours, nor to metadata."""
    spec = policy(chart.render(EXTERNAL, POLICIES), "worker")
    outside = [rule for rule in spec["egress"] if {"protocol": "TCP", "port": 443} in rule["ports"]]
    assert len(outside) == 1
    block = outside[0]["to"][0]["ipBlock"]
    excepted = [ipaddress.ip_network(one) for one in block["except"]]
    for address in (
        "10.1.2.3",
        "172.20.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "127.0.0.1",
        "100.100.0.1",
    ):
        assert any(ipaddress.ip_address(address) in network for network in excepted), address
    assert not any(ipaddress.ip_address("149.154.167.220") in network for network in excepted)


def test_the_servers_are_reached_by_those_who_need_them(chart: Chart) -> None:
    """A foreign pod reaches neither PostgreSQL nor NATS."""
    rendered = chart.render(DEMO, POLICIES)
    for component, port in (("postgres", 5432), ("nats", 4222)):
        spec = policy(rendered, component)
        assert [rule["ports"] for rule in spec["ingress"]] == [[{"protocol": "TCP", "port": port}]]
        peers = spec["ingress"][0]["from"]
        assert all("namespaceSelector" not in peer and "ipBlock" not in peer for peer in peers)
        assert "worker" in peers[0]["podSelector"]["matchExpressions"][0]["values"]
        assert "egress" not in spec


def test_external_servers_can_be_named(chart: Chart) -> None:
    """By namespace, pod or block, as Kubernetes writes it."""
    values = {"networkPolicy": {"enabled": True, "databaseTo": INSIDE, "natsTo": INSIDE}}
    spec = policy(chart.render(EXTERNAL, values), "operator")
    named = [rule["ports"][0]["port"] for rule in spec["egress"] if rule.get("to") == INSIDE]
    assert named == [5432, 4222]


def test_metrics_are_read_by_the_named_only(chart: Chart) -> None:
    """Nobody but the kubelet, until somebody is named."""
    closed = chart.render(EXTERNAL, WEBHOOK, POLICIES)
    assert policy(closed, "worker")["ingress"] == []
    values = {"networkPolicy": {"enabled": True, "metricsFrom": INSIDE}}
    opened = policy(chart.render(EXTERNAL, WEBHOOK, values), "worker")["ingress"]
    assert opened == [{"ports": [{"protocol": "TCP", "port": 9090}], "from": INSIDE}]


def test_pods_of_servers_ask_no_one(chart: Chart) -> None:
    """Neither of the demo's servers goes out."""
    rendered = chart.render(DEMO, POLICIES)
    assert "egress" not in policy(rendered, "postgres")
    assert "egress" not in policy(rendered, "nats")
