"""What pods leave on the machine when the node ends: containers, mounts, groups, records."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from tools.cluster.node.host import run
from tools.cluster.node.layout import NODE_NAME, Layout

_NAMESPACE = "k8s.io"
_CNI_RESULTS = Path("/var/lib/cni/results")
_LOG_LINKS = Path("/var/log/containers")
_GROUPS = Path("/sys/fs/cgroup")
_POD_GROUP = "kubepods"
_NETWORK_NAMESPACES = Path("/run/netns")


def end_containers(layout: Layout) -> None:
    """End what still runs under our containerd, and the network namespaces of its pods."""
    for container in _ctr(layout, "containers", "ls", "-q").split():
        network = _network_namespace(layout, container)
        _ctr(layout, "tasks", "kill", "--signal", "SIGKILL", "--all", container)
        _ctr(layout, "tasks", "delete", "--force", container)
        _ctr(layout, "containers", "delete", container)
        if network is not None:
            run("ip", "netns", "delete", network, check=False)


def _ctr(layout: Layout, *arguments: str) -> str:
    return run(
        *("ctr", "--address", str(layout.socket), "--namespace", _NAMESPACE, *arguments),
        check=False,
    )


def _network_namespace(layout: Layout, container: str) -> str | None:
    facts = _ctr(layout, "containers", "info", container)
    if not facts:
        return None
    for namespace in json.loads(facts)["Spec"]["linux"]["namespaces"]:
        path = Path(namespace.get("path", ""))
        if namespace["type"] == "network" and path.parent.name == _NETWORK_NAMESPACES.name:
            return path.name
    return None


def unmount(layout: Layout) -> None:
    """Unmount everything below the folder of state, the innermost first."""
    for point in sorted(_mounts_below(layout.folder), key=len, reverse=True):
        run("umount", "--lazy", point, check=False)


def _mounts_below(folder: Path) -> Iterator[str]:
    for line in Path("/proc/mounts").read_text().splitlines():
        point = line.split()[1]
        if point.startswith(f"{folder}/"):
            yield point


def remove_groups() -> None:
    """Remove the control groups of pods; the kernel keeps one in which anything still runs."""
    for top in (_GROUPS / _POD_GROUP, *_GROUPS.glob(f"*/{_POD_GROUP}")):
        inner = [path for path in top.rglob("*") if path.is_dir()] if top.is_dir() else []
        for path in (*sorted(inner, key=lambda one: len(one.parts), reverse=True), top):
            try:
                path.rmdir()
            except OSError:
                continue


def remove_records(layout: Layout) -> None:
    """Remove what was written down outside of the folder of state, by its name or its target."""
    for path in _CNI_RESULTS.glob(f"{NODE_NAME}-*"):
        path.unlink(missing_ok=True)
    for path in _CNI_RESULTS.parent.glob(f"cache/results/{NODE_NAME}-*"):
        path.unlink(missing_ok=True)
    for link in _LOG_LINKS.glob("*"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{layout.folder}/"):
            link.unlink()


def remove_folder(layout: Layout) -> None:
    """Remove the state, unless something is still mounted in it: that would be deleted too."""
    if not list(_mounts_below(layout.folder)):
        shutil.rmtree(layout.folder, ignore_errors=True)
