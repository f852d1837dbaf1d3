"""Up and down: every step in order, and `down` for whatever a broken `up` has left."""

from __future__ import annotations

import asyncio
import socket
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from tools.cluster.access import read_access
from tools.cluster.api import KubernetesApi, Refusal
from tools.cluster.binaries import (
    KUBERNETES_NODE,
    NODE_FAMILIES,
    PAUSE,
    build,
    program,
)
from tools.cluster.node import host, programs, remains
from tools.cluster.node.daemons import Daemons
from tools.cluster.node.errors import NodeError
from tools.cluster.node.images import load, write_pause_archive
from tools.cluster.node.layout import API_PORT, NODE_ADDRESS, NODE_NAME, Layout
from tools.cluster.node.volumes import CLASS

ROOT = Path(__file__).parents[3]
READY_WITHIN_S = 120.0
PODS_GONE_WITHIN_S = 60.0
_POLL_S = 0.1
_SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_NAMES_READER = "neurocards:coredns"
_RBAC = "rbac.authorization.k8s.io"


def daemons_of(layout: Layout) -> Daemons:
    return Daemons(layout.records, layout.logs)


def is_up(layout: Layout) -> bool:
    known = daemons_of(layout)
    return bool(known.names) and all(known.is_running(name) for name in known.names)


def up(layout: Layout) -> None:
    """Start everything; nothing happens where all of it runs."""
    if is_up(layout):
        return
    if layout.folder.exists():
        _say("ending what an earlier start has left ...")
        down(layout)
    host.require_packages()
    build(NODE_FAMILIES)
    host.require_free()
    layout.folder.mkdir(parents=True)
    began = time.monotonic()
    try:
        _start(layout)
    except BaseException:
        for name in daemons_of(layout).names:
            _say(f"--- {name}\n{daemons_of(layout).tail(name)[-600:]}")
        down(layout)
        raise
    _say(f"the node is ready after {time.monotonic() - began:.0f} s")


def _start(layout: Layout) -> None:
    daemons, secrets = daemons_of(layout), programs.Secrets(layout)
    host.make_network(layout)
    secrets.write()
    programs.write_settings(layout)
    daemons.start("containerd", programs.containerd(layout), _environment(layout))
    daemons.start("etcd", programs.etcd(layout), _environment(layout))
    _until(daemons, lambda: _answers(f"{programs.ETCD_CLIENTS}/health"), "etcd")
    daemons.start("kube-apiserver", programs.api_server(layout), _environment(layout))
    _until(daemons, lambda: _api_answers(secrets), "kube-apiserver")
    secrets.write_kubeconfigs()
    _until(daemons, layout.socket.exists, "containerd")
    _load_pause(layout)
    asyncio.run(_make_objects(secrets))
    for name, command in (
        ("kube-controller-manager", programs.controller_manager(layout)),
        ("kube-scheduler", programs.scheduler(layout)),
        ("kubelet", programs.kubelet(layout)),
        ("kube-proxy", programs.proxy(layout)),
        ("coredns", programs.coredns(layout)),
        ("volumes", programs.volumes(layout)),
    ):
        daemons.start(name, command, _environment(layout))
    _until(daemons, lambda: asyncio.run(_is_usable(secrets)), "the node")
    _until(daemons, lambda: _listens(NODE_ADDRESS, 53), "coredns")


def down(layout: Layout) -> None:
    """End and remove everything that `up` has made, in the order in which it can still be done."""
    if not layout.folder.exists():
        return
    daemons = daemons_of(layout)
    if daemons.is_running("kubelet") and daemons.is_running("kube-apiserver"):
        asyncio.run(_delete_pods(layout))
    for name in ("kubelet", "volumes", "coredns", "kube-proxy"):
        daemons.stop(name)
    if daemons.is_running("containerd"):
        remains.end_containers(layout)
    proxy = program(KUBERNETES_NODE, "kube-proxy")
    if proxy.exists():
        host.run(str(proxy), "--cleanup", check=False)
    for name in reversed(daemons.names):
        daemons.stop(name)
    host.remove_network(layout)
    remains.unmount(layout)
    remains.remove_groups()
    remains.remove_records(layout)
    remains.remove_folder(layout)
    if layout.folder.exists():
        raise NodeError(f"something still uses {layout.folder}")


def _load_pause(layout: Layout) -> None:
    archive = layout.folder / "pause.tar"
    write_pause_archive(program(PAUSE, "pause"), archive)
    load(layout, archive)
    archive.unlink()


async def _make_objects(secrets: programs.Secrets) -> None:
    """Make the class of the volumes, and let CoreDNS read what it tells."""
    rules = [
        {
            "apiGroups": [""],
            "resources": ["endpoints", "services", "pods", "namespaces"],
            "verbs": ["list", "watch"],
        },
        {
            "apiGroups": ["discovery.k8s.io"],
            "resources": ["endpointslices"],
            "verbs": ["list", "watch"],
        },
    ]
    reference = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _NAMES_READER}
    subject = {"apiGroup": _RBAC, "kind": "User", "name": programs.USERS["coredns"]}
    named = {"apiVersion": f"{_RBAC}/v1", "metadata": {"name": _NAMES_READER}}
    async with KubernetesApi(secrets.access()) as api:
        await api.create(CLASS)
        await api.create({**named, "kind": "ClusterRole", "rules": rules})
        await api.create(
            {**named, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]}
        )


async def _is_usable(secrets: programs.Secrets) -> bool:
    async with KubernetesApi(secrets.access()) as api:
        account = await api.find("v1", "ServiceAccount", "default", namespace="default")
        node = await api.find("v1", "Node", NODE_NAME)
    if account is None or node is None or node["spec"].get("taints"):
        return False
    conditions = node["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


async def _delete_pods(layout: Layout) -> None:
    """Let the kubelet take the pods down, with their networks; what stays is ended afterwards."""
    try:
        async with (
            asyncio.timeout(PODS_GONE_WITHIN_S),
            KubernetesApi(read_access(layout.kubeconfig)) as api,
        ):
            # Whoever would make them anew goes first.
            daemons_of(layout).stop("kube-controller-manager")
            while pods := await api.list("v1", "Pod"):
                for pod in pods:
                    await _delete_pod(api, pod["metadata"]["namespace"], pod["metadata"]["name"])
                await asyncio.sleep(_POLL_S * 5)
    except (TimeoutError, Refusal, httpx.HTTPError, OSError) as error:
        _say(f"pods are ended without the kubelet: {type(error).__name__} {error}")


async def _delete_pod(api: KubernetesApi, namespace: str, name: str) -> None:
    try:
        await api.delete("v1", "Pod", name, namespace=namespace, grace_s=1)
    except Refusal as refusal:
        if refusal.code != httpx.codes.NOT_FOUND:
            raise


def _until(daemons: Daemons, is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while not is_so():
        daemons.require_running()
        if time.monotonic() > deadline:
            raise NodeError(f"{what} is not ready after {READY_WITHIN_S:g} s")
        time.sleep(_POLL_S)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _api_answers(secrets: programs.Secrets) -> bool:
    try:
        access = secrets.access()
        answer = httpx.get(
            f"https://{NODE_ADDRESS}:{API_PORT}/readyz",
            verify=access.context(),
            headers=access.headers(),
            timeout=2,
            trust_env=False,
        )
    except (OSError, httpx.HTTPError, ssl.SSLError):
        return False
    return answer.is_success


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def _environment(layout: Layout) -> dict[str, str]:
    """Give what a program of the system has, and no proxy or secret of the developer."""
    return {"HOME": str(layout.folder), "PATH": _SYSTEM_PATH, "PYTHONPATH": str(ROOT)}


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()
