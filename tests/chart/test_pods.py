"""What holds for every pod of every way to install: limits, probes, rights of the process."""

from __future__ import annotations

from typing import Any

import pytest

from support.chart import (
    CLOUD_NATIVE_PG,
    DEMO,
    EXTERNAL,
    FOLDER,
    PROMETHEUS,
    WEBHOOK,
    Chart,
    Rendered,
    environment,
    merged,
)

WAYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "demo": (DEMO, []),
    "external": (EXTERNAL, []),
    "cnpg": (merged(EXTERNAL, {"database": {"mode": "cnpg"}}), []),
    "small": (EXTERNAL, ["values-small.yaml"]),
    "production": (merged(EXTERNAL, WEBHOOK), ["values-production.yaml"]),
    "large": (merged(EXTERNAL, WEBHOOK), ["values-production.yaml", "values-large.yaml"]),
    "canary": (merged(EXTERNAL, {"worker": {"canary": {"enabled": True, "tag": "2"}}}), []),
    "colours": (
        merged(
            EXTERNAL,
            WEBHOOK,
            {"bot": {"blueGreen": {"enabled": True}}, "database": {"maxConnections": 200}},
        ),
        [],
    ),
}


@pytest.fixture(params=WAYS)
def rendered(request: pytest.FixtureRequest, chart_once: Chart) -> Rendered:
    values, files = WAYS[request.param]
    # The values of a profile are laid over what is needed, so that the profile is what is tested.
    return chart_once.render(
        values, files=[FOLDER / name for name in files], api=[CLOUD_NATIVE_PG, PROMETHEUS]
    )


def test_every_container_says_what_it_needs_and_may_take(rendered: Rendered) -> None:
    """G-26: requests of both kinds, and a limit of memory."""
    for name, container in rendered.containers():
        resources = container["resources"]
        assert {"cpu", "memory"} <= resources["requests"].keys(), name
        assert resources["limits"]["memory"], name


def test_every_pod_is_restricted(rendered: Rendered) -> None:
    """The level "restricted" of the pod security standards, and a root that cannot be written."""
    for name, pod in rendered.pods():
        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True, name
        assert context["runAsUser"] > 0, name
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
    for name, container in rendered.containers():
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, name


def test_only_what_talks_to_the_api_server_has_a_token(rendered: Rendered) -> None:
    """A token that is not there cannot be stolen."""
    for name, pod in rendered.pods():
        wanted = name.endswith(("-operator", "-crd-upgrade"))
        assert pod["spec"]["automountServiceAccountToken"] is wanted, name
    for account in rendered.kind("ServiceAccount"):
        assert account["automountServiceAccountToken"] is False


def test_everything_that_goes_on_running_has_probes(rendered: Rendered) -> None:
    """C-23: liveness asks the process alone, readiness what it depends on."""
    for kind in ("Deployment", "StatefulSet"):
        for one in rendered.kind(kind):
            for container in one["spec"]["template"]["spec"]["containers"]:
                name = f"{one['metadata']['name']}/{container['name']}"
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    assert container[probe], f"{name} {probe}"


def test_readiness_fails_after_three_times_ten_seconds(rendered: Rendered) -> None:
    """S4-15."""
    for one in rendered.kind("Deployment"):
        if one["metadata"]["name"].endswith(("-bot", "-worker")):
            probe = one["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
            assert (probe["periodSeconds"], probe["failureThreshold"]) == (10, 3)
            assert probe["httpGet"] == {"path": "/readyz", "port": "metrics"}


def test_every_process_waits_for_the_schema(rendered: Rendered) -> None:
    """A pod of a new version starts on the new schema, in whatever order things come up."""
    for one in rendered.kind("Deployment"):
        if one["metadata"]["name"].endswith("-sandbox"):
            continue
        spec = one["spec"]["template"]["spec"]
        waiting = spec["initContainers"][0]
        assert waiting["command"][:3] == ["neurocards", "migrate", "wait"]
        assert waiting["image"] == spec["containers"][0]["image"]


def test_pods_of_a_component_are_spread(rendered: Rendered) -> None:
    """S4-40: over zones and over nodes, as far as there are any."""
    for one in rendered.kind("Deployment"):
        if one["metadata"]["name"].endswith("-sandbox"):
            continue
        spread = one["spec"]["template"]["spec"]["topologySpreadConstraints"]
        assert {rule["topologyKey"] for rule in spread} == {
            "topology.kubernetes.io/zone",
            "kubernetes.io/hostname",
        }


def test_no_variable_comes_twice(rendered: Rendered) -> None:
    """Server-side apply, which Helm 4 installs by, refuses a list with one name twice."""
    for name, container in rendered.containers():
        names = [entry["name"] for entry in container.get("env", [])]
        assert len(names) == len(set(names)), name


def test_every_value_of_a_variable_is_text(rendered: Rendered) -> None:
    """A number or a boolean is refused by the API server only."""
    for name, container in rendered.containers():
        for entry in container.get("env", []):
            assert "valueFrom" in entry or isinstance(entry["value"], str), (name, entry)


def test_no_secret_is_a_plain_variable(rendered: Rendered) -> None:
    """S2-39, S2-40: passwords, tokens and keys come by reference."""
    for name, container in rendered.containers():
        for variable, entry in environment(container).items():
            if variable.endswith(("_PASS", "_PASSWORD", "_KEY", "_SECRET", "_TOKEN", "_TOKENS")):
                assert "secretKeyRef" in entry.get("valueFrom", {}), f"{name} {variable}"


def test_selectors_fit_their_pods_and_never_name_a_version(rendered: Rendered) -> None:
    """A selector cannot be changed, so an upgrade must not want to."""
    for kind in ("Deployment", "StatefulSet"):
        for one in rendered.kind(kind):
            selector = one["spec"]["selector"]["matchLabels"]
            labels = one["spec"]["template"]["metadata"]["labels"]
            assert selector.items() <= labels.items()
            assert not {"helm.sh/chart", "app.kubernetes.io/version"} & selector.keys()


def test_two_deployments_never_share_pods(rendered: Rendered) -> None:
    """Each would take the other's pods for its own."""
    workloads = rendered.kind("Deployment")
    for one in workloads:
        for other in workloads:
            if one is not other:
                selector = one["spec"]["selector"]["matchLabels"]
                labels = other["spec"]["template"]["metadata"]["labels"]
                assert not selector.items() <= labels.items()


def test_only_development_may_write_to_the_root(chart_once: Chart) -> None:
    """For sources that are copied into a running pod; never by accident."""
    rendered = chart_once.render(DEMO, {"development": {"writableRoot": True}})
    writable = {
        name
        for name, container in rendered.containers()
        if not container["securityContext"]["readOnlyRootFilesystem"]
    }
    assert writable == {"Deployment/neurocards-bot/bot", "Deployment/neurocards-worker/worker"}
