"""etcd, API server, controller manager, scheduler and KWOK: started, ready, and ended by their ids.

The API server can be stopped and started again on its port, with everything that it has stored.
Nothing here survives a crash of the machine: etcd does not wait for the disk.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import signal
import ssl
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
from tools.cluster.access import Access
from tools.cluster.api import KubernetesApi
from tools.cluster.credentials import new_tokens, write_account_key, write_tokens

from neurocards_sandbox.embedded.ports import LOOPBACK, free_port
from neurocards_sandbox.embedded.processes import ChildProcess

READY_WITHIN_S = 120.0
STOP_WITHIN_S = 10.0
_POLL_S = 0.1
_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived", "ResponseStarted"],
    "rules": [{"level": "Metadata"}],
}


class ControlPlane:
    """Use it as `async with ControlPlane(folder, binaries) as plane`; `nodes` of KWOK are ready."""

    def __init__(
        self, folder: Path, binaries: Path, *, nodes: int = 2, audited: bool = False
    ) -> None:
        self._folder = folder.resolve()
        self._binaries = binaries
        self._nodes = nodes
        self._audited = audited
        self._port = free_port()
        self._token = secrets.token_urlsafe(24)
        self._helper_tokens = new_tokens("system:kube-controller-manager", "system:kube-scheduler")
        self._children: dict[str, ChildProcess] = {}

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def kubeconfig(self) -> Path:
        """That of an administrator."""
        return self._folder / "admin.kubeconfig"

    @property
    def audit_path(self) -> Path:
        """One JSON line for each request, where `audited`."""
        return self._folder / "audit.log"

    @property
    def access(self) -> Access:
        return self.access_with(self._token)

    @property
    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self._children.items() if child.is_running}

    def access_with(self, token: str) -> Access:
        """Give the access of whoever has this token."""
        authority = (self._folder / "certificates" / "apiserver.crt").read_text()
        return Access(f"https://{LOOPBACK}:{self._port}", authority, token)

    async def start(self) -> None:
        """Start everything and wait until a pod could be scheduled."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._write_secrets()
        await self._start_etcd()
        await self.start_api()
        self.access.write(self.kubeconfig)
        self._start_controllers()
        async with KubernetesApi(self.access) as api:
            await asyncio.gather(*(api.create(_node(n)) for n in range(self._nodes)))
            await self._until_usable(api)

    async def stop(self) -> None:
        """End what was started, the last first; everything that it stored is of no more use."""
        for name, child in reversed(self._children.items()):
            await (child.kill() if name == "etcd" else child.stop(timeout_s=STOP_WITHIN_S))
        self._children.clear()

    async def start_api(self) -> None:
        """Start the API server, on the same port as before."""
        child = self._launch("kube-apiserver", self._api_arguments())

        def is_ready() -> bool:
            try:
                authority = (self._folder / "certificates" / "apiserver.crt").read_text()
                context = ssl.create_default_context(cadata=authority)
                url = f"https://{LOOPBACK}:{self._port}/readyz"
                headers = self.access.headers()
                return httpx.get(url, verify=context, headers=headers, timeout=2).is_success
            except (OSError, httpx.HTTPError, ssl.SSLError):
                return False

        await child.until(is_ready, timeout_s=READY_WITHIN_S)

    async def stop_api(self) -> None:
        """Take the API server away at once, as a crash would."""
        await self._children.pop("kube-apiserver").kill()

    async def _start_etcd(self) -> None:
        self._etcd_url = f"http://{LOOPBACK}:{free_port()}"
        peers = f"http://{LOOPBACK}:{free_port()}"
        child = self._launch(
            "etcd",
            [
                f"--data-dir={self._folder / 'etcd'}",
                f"--listen-client-urls={self._etcd_url}",
                f"--advertise-client-urls={self._etcd_url}",
                f"--listen-peer-urls={peers}",
                f"--initial-advertise-peer-urls={peers}",
                f"--initial-cluster=default={peers}",
                "--unsafe-no-fsync",
                "--log-level=warn",
            ],
        )

        def is_ready() -> bool:
            try:
                return httpx.get(f"{self._etcd_url}/health", timeout=2).is_success
            except httpx.HTTPError:
                return False

        await child.until(is_ready, timeout_s=READY_WITHIN_S)

    def _api_arguments(self) -> Sequence[str]:
        return [
            f"--etcd-servers={self._etcd_url}",
            f"--bind-address={LOOPBACK}",
            f"--advertise-address={LOOPBACK}",
            f"--secure-port={self._port}",
            f"--cert-dir={self._folder / 'certificates'}",
            f"--token-auth-file={self._folder / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._folder / 'accounts.key'}",
            f"--service-account-signing-key-file={self._folder / 'accounts.key'}",
            "--allow-privileged=true",
            "--shutdown-delay-duration=0s",
            *self._audit_arguments(),
        ]

    def _audit_arguments(self) -> Sequence[str]:
        if not self._audited:
            return ()
        policy = self._folder / "audit-policy.json"
        policy.write_text(json.dumps(_AUDIT_POLICY))
        return (
            f"--audit-policy-file={policy}",
            f"--audit-log-path={self.audit_path}",
            "--audit-log-mode=blocking",
        )

    def _start_controllers(self) -> None:
        paths = {
            user: self.access_with(token).write(
                self._folder / f"{user.partition(':')[2]}.kubeconfig"
            )
            for user, token in self._helper_tokens.items()
        }
        self._launch(
            "kube-controller-manager",
            [
                f"--kubeconfig={paths['system:kube-controller-manager']}",
                f"--service-account-private-key-file={self._folder / 'accounts.key'}",
                "--use-service-account-credentials=true",
                "--leader-elect=false",
                "--secure-port=0",
            ],
        )
        self._launch(
            "kube-scheduler",
            [
                f"--kubeconfig={paths['system:kube-scheduler']}",
                "--leader-elect=false",
                "--secure-port=0",
            ],
        )
        self._launch(
            "kwok",
            [
                f"--kubeconfig={self.kubeconfig}",
                f"--config={self._binaries / 'stages.yaml'}",
                "--manage-all-nodes=true",
                "--node-lease-duration-seconds=40",
            ],
        )

    def _launch(self, name: str, arguments: Sequence[str]) -> ChildProcess:
        child = ChildProcess(
            name,
            [str(self._binaries / name), *arguments],
            log_path=self._folder / f"{name}.log",
            stop_signal=signal.SIGTERM,
            environment={"HOME": str(self._folder), "PATH": "/usr/bin:/bin"},
        )
        self._children[name] = child
        return child

    def _write_secrets(self) -> None:
        users = {"admin": self._token, **self._helper_tokens}
        write_tokens(self._folder / "tokens.csv", users, {"admin": "system:masters"})
        write_account_key(self._folder / "accounts.key")

    async def _until_usable(self, api: KubernetesApi) -> None:
        """Wait for the account that every pod needs and for nodes that take pods."""

        async def usable() -> bool:
            account = await api.find("v1", "ServiceAccount", "default", namespace="default")
            nodes = [await api.read("v1", "Node", _node_name(n)) for n in range(self._nodes)]
            taints = [taint for node in nodes for taint in node["spec"].get("taints", [])]
            return account is not None and not taints

        async with asyncio.timeout(READY_WITHIN_S):
            while not await usable():
                for child in self._children.values():
                    if not child.is_running:
                        raise RuntimeError(f"{child.name} ended:\n{child.log_tail()}")
                await asyncio.sleep(_POLL_S)


def _node_name(number: int) -> str:
    return f"kwok-{number}"


def _node(number: int) -> dict[str, object]:
    name = _node_name(number)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
        },
        "status": {
            "allocatable": {"cpu": "1000", "memory": "4000Gi", "pods": "10000"},
            "capacity": {"cpu": "1000", "memory": "4000Gi", "pods": "10000"},
        },
    }
