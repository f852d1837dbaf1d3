"""What each part may ask of the API server, and whom it reaches."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from support.chart import (
    ADMISSION,
    CLOUD_NATIVE_PG,
    DEMO,
    EXTERNAL,
    FOLDER,
    PROMETHEUS,
    WEBHOOK,
    Chart,
    Manifest,
    Rendered,
    merged,
)

POLICIES = {"networkPolicy": {"enabled": True}}
INSIDE = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "data"}}}]
CLUSTER = merged(EXTERNAL, POLICIES, {"database": {"mode": "cnpg"}})
SERVERS = {"cnpg.io/cluster": "neurocards-postgres"}
NAMESPACED = {"Role", "RoleBinding", "ServiceAccount"}


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


def test_the_operator_may_patch_pods_only_while_it_marks_them(chart: Chart) -> None:
    """Without the marks it looks at pods and touches none."""

    def verbs(**operator: bool) -> list[list[str]]:
        found = rules(chart.render(EXTERNAL, {"operator": operator}))
        return [rule["verbs"] for rule in found if "pods" in rule["resources"]]

    for wide in (False, True):
        assert verbs(clusterWide=wide) == [["list", "patch"]]
        assert verbs(clusterWide=wide, markBusyPods=False) == [["list"]]


def test_the_patch_of_a_pod_is_limited_to_its_annotations(chart: Chart) -> None:
    """RBAC cannot say so: an admission policy does, for this one account, and binds everywhere."""
    for wide in (False, True):
        values = {"operator": {"clusterWide": wide}}
        rendered = chart.render(EXTERNAL, values, api=[ADMISSION])
        policy = rendered.find("ValidatingAdmissionPolicy", "shop-neurocards-operator-pods")
        spec = policy["spec"]
        assert spec["failurePolicy"] == "Fail"
        assert spec["matchConstraints"]["resourceRules"] == [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"]}
            | {"resources": ["pods"]}
        ]
        account = "system:serviceaccount:shop:neurocards-operator"
        conditions = [one["expression"] for one in spec["matchConditions"]]
        assert conditions == [f'request.userInfo.username == "{account}"']
        binding = rendered.find("ValidatingAdmissionPolicyBinding", policy["metadata"]["name"])
        assert binding["spec"] == {
            "policyName": policy["metadata"]["name"],
            "validationActions": ["Deny"],
        }
        operator = rendered.find("Deployment", "neurocards-operator")
        assert account.endswith(f":{operator['spec']['template']['spec']['serviceAccountName']}")


def test_there_is_no_admission_policy_where_none_can_be_or_is_needed(chart: Chart) -> None:
    """Kubernetes 1.29 has no such kind, and who may not patch pods needs no limit."""
    kinds = ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
    older = chart.render(EXTERNAL, kubernetes="1.29.0")
    unmarked = chart.render(EXTERNAL, {"operator": {"markBusyPods": False}}, api=[ADMISSION])
    elsewhere = chart.render(EXTERNAL, {"operator": {"enabled": False}}, api=[ADMISSION])
    for rendered in (older, unmarked, elsewhere):
        assert not any(rendered.kind(kind) for kind in kinds)


def test_one_namespace_needs_no_right_of_the_cluster(chart: Chart) -> None:
    """But for the definition of the resource, and that only while an upgrade runs.

    The admission policy belongs to the cluster, too. It gives no right and takes some away, but
    whoever installs must be allowed to make it; markBusyPods=false does without.
    """

    def of_the_cluster(rendered: Rendered) -> set[str]:
        kinds = {one["kind"] for one in rendered.manifests if "namespace" not in one["metadata"]}
        assert not kinds & NAMESPACED
        return kinds - {"CustomResourceDefinition"}

    rendered = chart.render(EXTERNAL, api=[ADMISSION])
    names = [one["metadata"]["name"] for one in rendered.kind("ClusterRole")]
    assert names == ["shop-neurocards-crd-upgrade"]
    upgrade = {"ClusterRole", "ClusterRoleBinding"}
    guard = {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    assert of_the_cluster(rendered) == upgrade | guard
    nothing = {"operator": {"markBusyPods": False}, "crd": {"upgrade": False}}
    assert of_the_cluster(chart.render(EXTERNAL, nothing, api=[ADMISSION])) == set()
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


@pytest.mark.parametrize(
    ("url", "ports"),
    [
        ("nats://nats.queue:4222", [4222]),
        ("nats://nats.queue", [4222]),
        ("tls://user:pass@nats.queue:5222/", [5222]),
        ("nats://a.queue:4333,nats://b.queue:4334,nats://c.queue:4333", [4333, 4334]),
        ("nats://[fd00::7]", [4222]),
        ("ws://nats.queue,wss://nats.queue/way", [80, 443]),
    ],
)
def test_the_ports_of_nats_are_those_of_its_address(
    chart: Chart, url: str, ports: list[int]
) -> None:
    """A port that had to be said twice was forgotten once."""
    rendered = chart.render(EXTERNAL, POLICIES, {"nats": {"url": url}})
    for component in ("bot", "worker", "operator", "jobs", "trial"):
        # After DNS and PostgreSQL.
        rule = policy(rendered, component)["egress"][2]
        assert rule == {"ports": [{"protocol": "TCP", "port": port} for port in ports]}


def test_the_servers_of_cloudnativepg_are_reached_by_those_who_need_them(chart: Chart) -> None:
    """By pods of Neurocards, each other, their operator, and who reads metrics."""
    metrics = {"networkPolicy": {"metricsFrom": INSIDE}}
    rendered = chart.render(CLUSTER, metrics, api=[CLOUD_NATIVE_PG])
    spec = policy(rendered, "postgres")
    assert spec["podSelector"] == {"matchLabels": SERVERS}
    assert spec["policyTypes"] == ["Ingress"]
    pods, servers, operator, scraper = spec["ingress"]
    assert pods["ports"] == [{"protocol": "TCP", "port": 5432}]
    assert servers == {"from": [{"podSelector": {"matchLabels": SERVERS}}]}
    assert [one["port"] for one in operator["ports"]] == [8000, 5432]
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "cnpg-system"}}
    assert operator["from"] == [{"namespaceSelector": selector}]
    assert scraper == {"ports": [{"protocol": "TCP", "port": 9187}], "from": INSIDE}
    # What is not named is nobody: an empty list would be everybody.
    closed = chart.render(
        CLUSTER, {"networkPolicy": {"cnpgOperatorFrom": []}}, api=[CLOUD_NATIVE_PG]
    )
    assert len(policy(closed, "postgres")["ingress"]) == 2
    assert not chart.render(EXTERNAL, POLICIES).has("NetworkPolicy", "neurocards-postgres")


def test_a_second_pool_reaches_the_first_ones_servers(chart: Chart) -> None:
    """Its pods have the labels of Neurocards, and another release in them."""
    spec = policy(chart.render(CLUSTER, api=[CLOUD_NATIVE_PG]), "postgres")
    (peer,) = spec["ingress"][0]["from"]
    wanted = peer["podSelector"]
    (expression,) = wanted["matchExpressions"]
    second = chart.render(EXTERNAL, release="premium")
    asking = {
        name
        for name, container in second.containers()
        if any(entry["name"] == "DB_HOST" for entry in container.get("env", []))
    }
    for name, pod in second.pods():
        if any(one.startswith(f"{name}/") for one in asking):
            labels = pod["metadata"]["labels"]
            assert wanted["matchLabels"].items() <= labels.items(), name
            assert labels[expression["key"]] in expression["values"], name


def test_prometheus_is_let_in_where_it_is_to_scrape(chart: Chart) -> None:
    """The profile of production has both, so that its alerts tell of what is."""
    rendered = chart.render(
        EXTERNAL, WEBHOOK, files=[FOLDER / "values-production.yaml"], api=[PROMETHEUS]
    )
    assert rendered.has("PodMonitor", "neurocards")
    selector = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
    for component in ("bot", "worker", "operator"):
        last = policy(rendered, component)["ingress"][-1]
        assert last == {
            "ports": [{"protocol": "TCP", "port": 9090}],
            "from": [{"namespaceSelector": selector}],
        }


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
