"""The programs of the node with their arguments, in the order in which they need each other."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tools.cluster.access import Access
from tools.cluster.binaries import COREDNS, ETCD, KUBERNETES, KUBERNETES_NODE, program
from tools.cluster.credentials import (
    new_tokens,
    write_account_key,
    write_private,
    write_tokens,
)
from tools.cluster.node import settings
from tools.cluster.node.host import make_kubelet_client
from tools.cluster.node.layout import (
    API_PORT,
    DOMAIN,
    NODE_ADDRESS,
    NODE_NAME,
    SERVICE_NETWORK,
    Layout,
)

ETCD_CLIENTS, ETCD_PEERS = "http://127.0.0.1:12379", "http://127.0.0.1:12380"
ADMINISTRATOR = "admin"
KUBELET = f"system:node:{NODE_NAME}"
GROUPS = {ADMINISTRATOR: "system:masters", KUBELET: "system:nodes"}
USERS = {
    "kube-controller-manager": "system:kube-controller-manager",
    "kube-scheduler": "system:kube-scheduler",
    "kube-proxy": "system:kube-proxy",
    "kubelet": KUBELET,
    "coredns": "neurocards:coredns",
}
"""A program, and as whom the API server knows it."""


class Secrets:
    """Tokens and keys of one life of the node, written into its folder."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._tokens = new_tokens(ADMINISTRATOR, *USERS.values())

    def write(self) -> None:
        for folder in (self._layout.certificates, self._layout.settings):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o700)
        write_tokens(self._layout.settings / "tokens.csv", self._tokens, GROUPS)
        write_account_key(self._layout.settings / "accounts.key")
        make_kubelet_client(self._layout.certificates)

    def write_kubeconfigs(self) -> None:
        """Write them as soon as the API server has made the certificate that they trust."""
        for name, user in USERS.items():
            self.access(user).write(self._layout.user(name))
        self.access(ADMINISTRATOR).write(self._layout.kubeconfig)

    def access(self, user: str = ADMINISTRATOR) -> Access:
        authority = (self._layout.certificates / "apiserver.crt").read_text()
        return Access(f"https://{NODE_ADDRESS}:{API_PORT}", authority, self._tokens[user])


def write_settings(layout: Layout) -> None:
    layout.networks.mkdir(parents=True, exist_ok=True)
    for path, text in (
        (layout.settings / "containerd.toml", settings.containerd(layout)),
        (layout.networks / "10-neurocards.conflist", settings.network(layout)),
        (layout.settings / "kubelet.json", settings.kubelet(layout)),
        (layout.settings / "kube-proxy.json", settings.proxy(layout)),
        (layout.settings / "Corefile", settings.names(layout)),
    ):
        write_private(path, text)


def containerd(layout: Layout) -> Sequence[str]:
    return ["containerd", f"--config={layout.settings / 'containerd.toml'}"]


def etcd(layout: Layout) -> Sequence[str]:
    return [
        str(program(ETCD, "etcd")),
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={ETCD_CLIENTS}",
        f"--advertise-client-urls={ETCD_CLIENTS}",
        f"--listen-peer-urls={ETCD_PEERS}",
        f"--initial-advertise-peer-urls={ETCD_PEERS}",
        f"--initial-cluster=default={ETCD_PEERS}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    ]


def api_server(layout: Layout) -> Sequence[str]:
    accounts = layout.settings / "accounts.key"
    return [
        str(program(KUBERNETES, "kube-apiserver")),
        f"--etcd-servers={ETCD_CLIENTS}",
        # Reached from this machine and its pods, and from nowhere else.
        f"--bind-address={NODE_ADDRESS}",
        f"--advertise-address={NODE_ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--cert-dir={layout.certificates}",
        f"--token-auth-file={layout.settings / 'tokens.csv'}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--service-cluster-ip-range={SERVICE_NETWORK}",
        f"--service-account-issuer=https://kubernetes.default.svc.{DOMAIN}",
        f"--service-account-key-file={accounts}",
        f"--service-account-signing-key-file={accounts}",
        f"--kubelet-client-certificate={layout.certificates / 'kubelet-client.crt'}",
        f"--kubelet-client-key={layout.certificates / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--allow-privileged=true",
        "--shutdown-delay-duration=0s",
    ]


def controller_manager(layout: Layout) -> Sequence[str]:
    return [
        str(program(KUBERNETES, "kube-controller-manager")),
        f"--kubeconfig={layout.user('kube-controller-manager')}",
        f"--service-account-private-key-file={layout.settings / 'accounts.key'}",
        f"--root-ca-file={layout.certificates / 'apiserver.crt'}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def scheduler(layout: Layout) -> Sequence[str]:
    return [
        str(program(KUBERNETES, "kube-scheduler")),
        f"--kubeconfig={layout.user('kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
    ]


def kubelet(layout: Layout) -> Sequence[str]:
    return [
        str(program(KUBERNETES_NODE, "kubelet")),
        f"--config={layout.settings / 'kubelet.json'}",
        f"--kubeconfig={layout.user('kubelet')}",
        f"--root-dir={layout.kubelet}",
        f"--cert-dir={layout.kubelet / 'pki'}",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    ]


def proxy(layout: Layout) -> Sequence[str]:
    return [
        str(program(KUBERNETES_NODE, "kube-proxy")),
        f"--config={layout.settings / 'kube-proxy.json'}",
    ]


def coredns(layout: Layout) -> Sequence[str]:
    return [str(program(COREDNS, "coredns")), f"-conf={layout.settings / 'Corefile'}"]


def volumes(layout: Layout) -> Sequence[str]:
    return [sys.executable, "-m", "tools.cluster.node.volumes", str(layout.folder)]
