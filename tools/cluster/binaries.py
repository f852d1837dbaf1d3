"""The programs of the control plane, built from source: `python -m tools.cluster.binaries`.

Each Go module under `modules/` pins one family of programs with its checksums. What is built lies
in the user's cache folder under the versions' names, so another version never meets it. A build
that was interrupted goes on: a program appears under its name only when it is whole.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).with_name("modules")
GO_MISSING = "Go 1.24 or newer is needed to build the control plane: install it, or set {} instead"
KUBECONFIG_VARIABLE = "NEUROCARDS_TEST_KUBECONFIG"
GO_LEAST = (1, 24)
STAGES = (
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
STAGES_NAME = "stages.yaml"


class BuildError(Exception):
    """The programs cannot be built; the message is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Family:
    """A Go module and the programs that are made of it; `source` is the module with the version."""

    folder: str
    source: str
    programs: tuple[tuple[str, str], ...]
    """Name and package of each."""

    @property
    def version(self) -> str:
        """The version that the module requires, such as v1.34.4; empty for programs of ours."""
        if not self.source:
            return ""
        text = (MODULES / self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require )?{re.escape(self.source)} (v\S+)", text, re.MULTILINE)
        if found is None:
            raise BuildError(f"{self.folder}/go.mod does not require {self.source}")
        return found.group(1)


KUBERNETES = Family(
    "kubernetes",
    "k8s.io/kubernetes",
    tuple(
        (name, f"k8s.io/kubernetes/cmd/{name}")
        for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
    ),
)
ETCD = Family("etcd", "go.etcd.io/etcd/server/v3", (("etcd", "go.etcd.io/etcd/server/v3"),))
KWOK = Family("kwok", "sigs.k8s.io/kwok", (("kwok", "sigs.k8s.io/kwok/cmd/kwok"),))
FAMILIES = (ETCD, KUBERNETES, KWOK)
KUBERNETES_NODE = Family(
    "kubernetes",
    "k8s.io/kubernetes",
    tuple((name, f"k8s.io/kubernetes/cmd/{name}") for name in ("kubelet", "kube-proxy")),
)
COREDNS = Family("coredns", "github.com/coredns/coredns", (("coredns", "."),))
PAUSE = Family("pause", "", (("pause", "."),))
NODE_FAMILIES = (ETCD, KUBERNETES, KUBERNETES_NODE, COREDNS, PAUSE)
"""What a node needs on which pods really run (tools/cluster/node)."""


def cache_folder() -> Path:
    """Where the programs of these versions lie, whether they are built or not."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    versions = "-".join(f"{family.folder}-{family.version}" for family in FAMILIES)
    return root / "neurocards" / "cluster" / versions


def missing(families: Sequence[Family] = FAMILIES) -> list[str]:
    """Name what is not built yet."""
    folder = cache_folder()
    names = [_file_name(family, name) for family in families for name, _ in family.programs]
    if KWOK in families:
        names.append(STAGES_NAME)
    return [name for name in names if not (folder / name).exists()]


def build(families: Sequence[Family] = FAMILIES) -> Path:
    """Build what is missing and give the folder; BuildError where that is not possible."""
    folder = cache_folder()
    if not missing(families):
        return folder
    go = _go()
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        for family in families:
            for name, package in family.programs:
                target = folder / _file_name(family, name)
                if not target.exists():
                    _build_program(go, family, package, target)
        if KWOK in families and not (folder / STAGES_NAME).exists():
            _collect_stages(go, folder / STAGES_NAME)
    return folder


def program(family: Family, name: str) -> Path:
    """Tell where a program lies, whether it is built or not."""
    return cache_folder() / _file_name(family, name)


def _file_name(family: Family, name: str) -> str:
    """Name the version where the folder does not."""
    return name if family in FAMILIES or family is KUBERNETES_NODE else _versioned(family, name)


def _versioned(family: Family, name: str) -> str:
    return f"{name}-{family.version}" if family.version else name


def _go() -> str:
    go = shutil.which("go")
    if go is None:
        raise BuildError(GO_MISSING.format(KUBECONFIG_VARIABLE))
    answer = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=True)  # noqa: S603 - found on the PATH
    numbers = re.match(r"go(\d+)\.(\d+)", answer.stdout)
    if numbers is None or tuple(map(int, numbers.groups())) < GO_LEAST:
        raise BuildError(GO_MISSING.format(KUBECONFIG_VARIABLE))
    return go


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Let a second build of the same folder wait for the first one."""
    with (folder / "build.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_program(go: str, family: Family, package: str, target: Path) -> None:
    began = time.monotonic()
    _say(f"building {target.name} {family.version} ...")
    unfinished = target.with_suffix(".part")
    flags = f"-s -w -X k8s.io/component-base/version.gitVersion={family.version}"
    command = [go, "build", "-trimpath", "-ldflags", flags, "-o", str(unfinished), package]
    _run(command, MODULES / family.folder)
    unfinished.rename(target)
    _say(f"  {time.monotonic() - began:.0f} s")


def _collect_stages(go: str, target: Path) -> None:
    """Put the stages that play nodes and pods into one file; they come with the module of KWOK."""
    command = [go, "list", "-m", "-f", "{{.Dir}}", KWOK.source]
    source = Path(_run(command, MODULES / KWOK.folder).strip()) / "kustomize" / "stage"
    texts = [(source / name).read_text(encoding="utf-8").strip() for name in STAGES]
    unfinished = target.with_suffix(".part")
    unfinished.write_text("\n---\n".join(texts) + "\n", encoding="utf-8")
    unfinished.rename(target)


def _run(command: list[str], folder: Path) -> str:
    # The build asks for nothing of C, so a machine without a compiler can do it as well.
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    answer = subprocess.run(  # noqa: S603 - commands come from our own code
        command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, check=False
    )
    if answer.returncode:
        raise BuildError(f"failed: {' '.join(command[:2])} in {folder} (its words are above)")
    return answer.stdout


def _say(words: str) -> None:
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def main() -> int:
    try:
        folder = build()
    except BuildError as error:
        _say(str(error))
        return 2
    sys.stdout.write(f"{folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
