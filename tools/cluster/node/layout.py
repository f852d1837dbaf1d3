"""Where everything of the node lies, and under which addresses it is found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

NODE_NAME = "neurocards"
BRIDGE = "neurocards0"
"""A device of its own: a node may not have an address of the loopback."""
NODE_NETWORK = IPv4Network("198.51.100.0/24")
NODE_ADDRESS = "198.51.100.10"
POD_NETWORK = IPv4Network("10.244.0.0/24")
SERVICE_NETWORK = IPv4Network("10.96.0.0/16")
DOMAIN = "cluster.local"
API_PORT = 6443
KUBELET_PORT = 10250
PAUSE_IMAGE = "localhost/neurocards-pause:1"
STORAGE_CLASS = "local"
CNI_PROGRAMS = Path("/usr/lib/cni")


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of state, and what is in it."""

    folder: Path

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def records(self) -> Path:
        return self.folder / "processes.json"

    @property
    def certificates(self) -> Path:
        return self.folder / "certificates"

    @property
    def containerd(self) -> Path:
        return self.folder / "containerd"

    @property
    def socket(self) -> Path:
        return self.containerd / "containerd.sock"

    @property
    def kubelet(self) -> Path:
        return self.folder / "kubelet"

    @property
    def networks(self) -> Path:
        """How pods get their network (CNI)."""
        return self.folder / "networks"

    @property
    def addresses(self) -> Path:
        return self.folder / "addresses"

    @property
    def volumes(self) -> Path:
        return self.folder / "volumes"

    @property
    def settings(self) -> Path:
        return self.folder / "settings"

    def user(self, name: str) -> Path:
        """Give the kubeconfig of a part of the cluster."""
        return self.settings / f"{name}.kubeconfig"


def layout() -> Layout:
    root = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Layout(Path(root).resolve() / "neurocards" / "node")
