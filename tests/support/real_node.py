"""The Kubernetes on which pods really run: somebody's own, or the node that is built from source.

In this order: the kubeconfig of `E2E_KUBECONFIG`; the current context, if it is kind's, k3d's or
minikube's and answers; the node of `make cluster`, which is left as it was found.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml  # type: ignore[import-untyped]
from tools.cluster.node.images import load
from tools.cluster.node.layout import layout
from tools.cluster.node.lifecycle import down, is_up, up

from support.kubectl import Kubectl, KubectlError

VARIABLE = "E2E_KUBECONFIG"
OWN = "the node of `make cluster`"
_ANSWERS_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class RealNode:
    name: str
    kubeconfig: Path
    bring: Callable[[Path], None]
    """Brings the images of an archive to it."""
    enforces_policies: bool | None
    """Whether its network obeys NetworkPolicies; None = that is not known."""
    brought: Path | None = None
    """Where it is written down which images this life of the node has; None = bring them again."""


@contextmanager
def real_node() -> Iterator[RealNode]:
    if given := os.environ.get(VARIABLE):
        name = f"the cluster of {VARIABLE}"
        yield RealNode(name, Path(given), _there_already, enforces_policies=None)
    elif (current := _current_context()) is not None:
        yield current
    else:
        where = layout()
        was_up = is_up(where)
        up(where)
        try:
            yield RealNode(
                OWN,
                where.kubeconfig,
                lambda path: load(where, path),
                enforces_policies=False,
                brought=where.folder / "images",
            )
        finally:
            if not was_up:
                down(where)


def _there_already(archive: Path) -> None:
    """Whoever names a cluster of his own has put the images there (docs/e2e.md)."""


def _current_context() -> RealNode | None:
    path = Path(os.environ.get("KUBECONFIG") or Path.home() / ".kube" / "config")
    if not path.is_file():
        return None
    context = (yaml.safe_load(path.read_text()) or {}).get("current-context") or ""
    command = _loading(context)
    if command is None or shutil.which(command[0]) is None:
        return None
    try:
        Kubectl(path, "default").run("get", "nodes", within_s=_ANSWERS_WITHIN_S)
    except (KubectlError, subprocess.TimeoutExpired):
        return None

    def bring(archive: Path) -> None:
        subprocess.run([*command, str(archive)], check=True, capture_output=True)

    return RealNode(f"the context {context}", path, bring, enforces_policies=None)


def _loading(context: str) -> list[str] | None:
    """Give the command that brings an archive to the nodes of a context; None for a stranger's."""
    if context.startswith("kind-"):
        return ["kind", "load", "image-archive", "--name", context.removeprefix("kind-")]
    if context.startswith("k3d-"):
        return ["k3d", "image", "import", "--cluster", context.removeprefix("k3d-")]
    if context == "minikube":
        return ["minikube", "image", "load"]
    return None
