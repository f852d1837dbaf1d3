"""The chart on a real API server: installed, upgraded after the scale was changed, rolled back.

Pods are played, so what is shown is what Helm and the API server make of the manifests.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from tools.cluster.api import KubernetesApi

from cluster.conftest import CRD_API, CRD_FILE, CRD_KIND, Cluster
from neurocards_operator.definition import NAME, apply
from support.chart import DEMO, EXTERNAL, FOLDER, merged
from support.helm import Helm

APPS, DEPLOYMENT, WORKER = "apps/v1", "Deployment", "neurocards-worker"
NO_VOLUMES = {
    "database": {"demo": {"persistence": {"enabled": False}}},
    "nats": {"demo": {"persistence": {"enabled": False}}},
    "networkPolicy": {"enabled": True},
}


@pytest.fixture(params=["helm3", "helm4"])
def helm(request: pytest.FixtureRequest, cluster: Cluster, namespace: str, tmp_path: Path) -> Helm:
    """Helm of one major version, for releases in the namespace of the test."""
    tools = os.environ.get("NEUROCARDS_CHART_TOOLS")
    if not tools:
        pytest.fail("NEUROCARDS_CHART_TOOLS is not set: run `make test-cluster`")
    return Helm(Path(tools) / request.param, cluster.kubeconfig, namespace, tmp_path)


async def replicas_of(api: KubernetesApi, namespace: str) -> int:
    scale = await api.read(APPS, DEPLOYMENT, WORKER, namespace=namespace, part="/scale")
    return int(scale["spec"]["replicas"])


async def test_an_upgrade_leaves_the_number_of_workers_to_the_operator(
    helm: Helm, api: KubernetesApi, namespace: str
):
    """S2-37: neither is it set back, nor does server-side apply find a conflict; twice."""
    await helm.release("install", DEMO, NO_VOLUMES)
    await api.patch(
        APPS, DEPLOYMENT, WORKER, {"spec": {"replicas": 7}}, namespace=namespace, part="/scale"
    )
    await helm.release("upgrade", DEMO, NO_VOLUMES, {"worker": {"concurrency": 9}})
    assert await replicas_of(api, namespace) == 7
    await api.patch(
        APPS, DEPLOYMENT, WORKER, {"spec": {"replicas": 4}}, namespace=namespace, part="/scale"
    )
    await helm.release("upgrade", DEMO, NO_VOLUMES, {"worker": {"concurrency": 12}})
    assert await replicas_of(api, namespace) == 4
    policy = await api.read(
        "neurocards.io/v1alpha1", "NeurocardsScaling", "workers", namespace=namespace
    )
    assert policy["spec"]["jobsPerReplica"] == 12
    await helm.run("rollback", "1", "--timeout", "120s")
    assert await replicas_of(api, namespace) == 4
    await helm.run("uninstall")


async def test_secrets_made_by_chance_stay_over_an_upgrade(
    helm: Helm, api: KubernetesApi, namespace: str
):
    """Otherwise the server would know other passwords than its clients."""
    names = ("neurocards", "neurocards-nats", "neurocards-database-bot")

    async def secrets() -> list[dict[str, str]]:
        found = [await api.read("v1", "Secret", name, namespace=namespace) for name in names]
        return [one["data"] for one in found]

    await helm.release("install", DEMO, NO_VOLUMES)
    before = await secrets()
    await helm.release("upgrade", DEMO, NO_VOLUMES)
    assert await secrets() == before


async def test_a_real_installation_runs_its_hooks(helm: Helm, api: KubernetesApi, namespace: str):
    """The migration of an external database comes first and leaves nothing behind."""
    profile = yaml.safe_load((FOLDER / "values-production.yaml").read_text())
    values = merged(
        profile,
        EXTERNAL,
        {"publicBaseUrl": "https://bot.example.com"},
        {"monitoring": {"podMonitor": {"enabled": False}, "alerts": {"enabled": False}}},
    )
    await helm.release("install", values)
    await helm.release("upgrade", values)
    jobs = await api.list("batch/v1", "Job", namespace=namespace)
    assert jobs == []
    deployment = await api.read(APPS, DEPLOYMENT, "neurocards-bot", namespace=namespace)
    assert deployment["spec"]["replicas"] == 3


async def test_the_operator_may_scale_its_workers_and_read_no_secret(
    helm: Helm, api: KubernetesApi, namespace: str
):
    """Asked of the API server itself."""
    await helm.release("install", DEMO, NO_VOLUMES)
    user = f"system:serviceaccount:{namespace}:neurocards-operator"

    async def may(verb: str, group: str, resource: str, name: str = "", part: str = "") -> bool:
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {
                "user": user,
                "resourceAttributes": {
                    "namespace": namespace,
                    "verb": verb,
                    "group": group,
                    "resource": resource,
                    "subresource": part,
                    "name": name,
                },
            },
        }
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        return bool((await api.post(path, review))["status"]["allowed"])

    assert await may("patch", "apps", "deployments", WORKER, "scale")
    assert await may("update", "coordination.k8s.io", "leases", "neurocards-operator")
    assert await may("patch", "neurocards.io", "neurocardsscalings", "workers", "status")
    assert not await may("patch", "apps", "deployments", "neurocards-bot", "scale")
    assert not await may("patch", "apps", "deployments", WORKER)
    for verb in ("get", "list", "watch"):
        assert not await may(verb, "", "secrets")
    assert not await may("patch", "apiextensions.k8s.io", "customresourcedefinitions", NAME)


async def test_the_definition_is_applied_over_what_is_there(cluster: Cluster, api: KubernetesApi):
    """By server-side apply, and again without a change."""
    before = await api.read(CRD_API, CRD_KIND, NAME)
    token = cluster.access.headers().get("Authorization", "").removeprefix("Bearer ")
    if not token:
        pytest.fail("this cluster knows its administrator by certificate: no token to try")

    def bring() -> str:
        return apply(CRD_FILE.read_bytes(), server=cluster.access.server, token=token, tls=tls)

    tls = cluster.access.context()
    generations = [await asyncio.to_thread(bring) for _ in range(2)]
    assert generations == [str(before["metadata"]["generation"])] * 2
