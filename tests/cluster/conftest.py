"""A real Kubernetes for the tests of this folder (see tests/README.md).

It is taken, in this order, from `NEUROCARDS_TEST_KUBECONFIG`, from the programs that `make
cluster-tools` built, and from k3s in a container. A test without a cluster fails.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from tools.cluster.access import Access, read_access
from tools.cluster.api import KubernetesApi, Refusal
from tools.cluster.binaries import KUBECONFIG_VARIABLE, cache_folder, missing
from tools.cluster.control_plane import ControlPlane

from support.k3s import ContainersUnavailableError, K3s

CRD_FILE = Path(__file__).parents[2] / "charts/neurocards/crds/neurocardsscaling.yaml"
CRD_API = "apiextensions.k8s.io/v1"
CRD_KIND = "CustomResourceDefinition"
ESTABLISHED_WITHIN_S = 30.0
HOW_TO_GET_ONE = (
    f"no Kubernetes: set {KUBECONFIG_VARIABLE}, or run `make cluster-tools` (needs Go), "
    "or let Docker pull images"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster and the rights of its administrator."""

    access: Access
    kubeconfig: Path
    plane: ControlPlane | None
    """Where its programs are ours: they can be stopped and started again."""


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of the session, with the definition of NeurocardsScaling in it."""
    for found in _clusters(tmp_path_factory.mktemp("cluster")):
        asyncio.run(_define(found.access))
        yield found


def _clusters(folder: Path) -> Iterator[Cluster]:
    """Give the one cluster that there is, and end what was started for it."""
    if given := os.environ.get(KUBECONFIG_VARIABLE):
        yield Cluster(read_access(Path(given)), Path(given), None)
    elif not missing():
        plane = ControlPlane(folder, cache_folder())
        try:
            asyncio.run(plane.start())
            yield Cluster(plane.access, plane.kubeconfig, plane)
        finally:
            asyncio.run(plane.stop())
    else:
        container = _container(folder)
        try:
            yield Cluster(read_access(container.kubeconfig), container.kubeconfig, None)
        finally:
            container.remove()


def _container(folder: Path) -> K3s:
    try:
        return K3s(folder)
    except ContainersUnavailableError as error:
        reason = str(error)
    pytest.fail(f"{HOW_TO_GET_ONE} ({reason})", pytrace=False)


async def _define(access: Access) -> None:
    """Put the definition into the cluster and wait until objects of it can be stored."""
    tree = yaml.safe_load(CRD_FILE.read_text(encoding="utf-8"))
    name = tree["metadata"]["name"]
    async with KubernetesApi(access) as api:
        try:
            await api.create(tree)
        except Refusal as refusal:
            if refusal.code != 409:
                raise
            await api.patch(CRD_API, CRD_KIND, name, tree)
        async with asyncio.timeout(ESTABLISHED_WITHIN_S):
            while not await _is_established(api, name):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.1)


async def _is_established(api: KubernetesApi, name: str) -> bool:
    tree = await api.read(CRD_API, CRD_KIND, name)
    conditions = tree.get("status", {}).get("conditions") or []
    return any(c["type"] == "Established" and c["status"] == "True" for c in conditions)


@pytest.fixture
async def api(cluster: Cluster) -> AsyncIterator[KubernetesApi]:
    """The API server, as its administrator."""
    async with KubernetesApi(cluster.access) as api:
        yield api


@pytest.fixture
async def namespace(api: KubernetesApi) -> AsyncIterator[str]:
    """A namespace of this test alone, deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    await api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    await api.delete("v1", "Namespace", name)
