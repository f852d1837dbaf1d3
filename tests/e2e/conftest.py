"""A real node for the scenarios of this folder: pods run, nothing is played (see docs/e2e.md)."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tools.cluster.access import read_access
from tools.cluster.api import KubernetesApi

from support.cluster_shop import ClusterShop, open_shop
from support.e2e_images import bring_images
from support.e2e_record import Record
from support.helm import Helm
from support.kubectl import Kubectl
from support.real_node import RealNode, real_node
from support.releases import SMALL

TOOLS_VARIABLE = "NEUROCARDS_CHART_TOOLS"
RECORD = pytest.StashKey[Record]()
NODE = pytest.StashKey[RealNode]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", action="store_true", help="write the outcomes into docs/e2e.md")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[RECORD] = Record()


@pytest.fixture(scope="session")
def record(pytestconfig: pytest.Config) -> Record:
    return pytestconfig.stash[RECORD]


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config, record: Record) -> Iterator[RealNode]:
    """A node with the images on it; what was not there before is gone afterwards."""
    with real_node() as found:
        bring_images(found)
        yield found
        if pytestconfig.getoption("--record"):
            record.write(_versions(found))


def _versions(node: RealNode) -> dict[str, str]:
    kubectl = Kubectl(node.kubeconfig, "default")
    first = json.loads(kubectl.run("get", "nodes", "--output", "json"))["items"][0]
    facts = first["status"]["nodeInfo"]
    return {
        "node": node.name,
        "Kubernetes": facts["kubeletVersion"],
        "runtime": facts["containerRuntimeVersion"],
        "Helm": "3.22.0 and 4.3.1",
    }


@pytest.fixture(scope="session")
def helm_program() -> Callable[[str], Path]:
    tools = os.environ.get(TOOLS_VARIABLE)
    if not tools:
        pytest.fail(f"{TOOLS_VARIABLE} is not set: run `make e2e`")
    return lambda name: Path(tools) / name


@dataclass(frozen=True, slots=True)
class Place:
    """A namespace with Helm and kubectl for it."""

    namespace: str
    helm: Helm
    kubectl: Kubectl


@pytest.fixture(scope="session")
def new_place(
    node: RealNode, helm_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Place]]:
    """Make places, each a namespace of its own that is deleted at the end."""
    made: list[str] = []

    def make(helm: str) -> Place:
        name = f"e2e-{secrets.token_hex(3)}"
        made.append(name)
        kubectl = Kubectl(node.kubeconfig, name)
        kubectl.run("create", "namespace", name)
        folder = tmp_path_factory.mktemp(name)
        return Place(name, Helm(helm_program(helm), node.kubeconfig, name, folder), kubectl)

    yield make
    for name in made:
        Kubectl(node.kubeconfig, name).run(
            "delete", "namespace", name, "--ignore-not-found", "--wait=false"
        )


@dataclass(frozen=True, slots=True)
class Installed:
    """A release that is ready, and how long that took."""

    place: Place
    took_s: float


@pytest.fixture(scope="session")
def installed(new_place: Callable[[str], Place]) -> Installed:
    """The release that several scenarios look at, installed by Helm 4."""
    place = new_place("helm4")
    return install(place)


def install(place: Place, *layers: dict[str, Any]) -> Installed:
    began = time.monotonic()
    asyncio.run(place.helm.release("install", SMALL, *layers, flags=("--wait",), timeout_s=600))
    return Installed(place, round(time.monotonic() - began, 1))


@pytest.fixture
async def shop(installed: Installed, tmp_path: Path) -> AsyncIterator[ClusterShop]:
    """People, and a view of the database, the queue and the simulators of that release."""
    async with open_shop(installed.place.kubectl, tmp_path) as shop:
        yield shop


@pytest.fixture
async def api(node: RealNode) -> AsyncIterator[KubernetesApi]:
    async with KubernetesApi(read_access(node.kubeconfig)) as api:
        yield api
