"""The images of the product on the node: this version, and a next one with a migration more.

The next version is made of this one by a file in each image, so that an upgrade has something to
migrate; the product's own migrations stay what they are.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from support.chart import ROOT
from support.real_node import RealNode

TAG, NEXT_TAG = "0.1.0", "0.1.1-next"
PROGRAMS = ("bot", "worker", "operator")
OURS = (*PROGRAMS, "sandbox")
STAND_INS = ("postgres:18", "nats:2.12")
BASE = "python:3.11-slim-bookworm"
MIGRATIONS = "/opt/neurocards/lib/python3.11/site-packages/neurocards/migrations/"
UP = "SET lock_timeout = '5s';\nALTER TABLE jobs ADD COLUMN next_version_note text;\n"
DOWN = "SET lock_timeout = '5s';\nALTER TABLE jobs DROP COLUMN next_version_note;\n"


class ImagesError(Exception):
    """An image cannot be made; the text is what the builder said."""


@dataclass(frozen=True, slots=True)
class Builder:
    program: str
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        done = subprocess.run(
            list(command),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ImagesError(f"{' '.join(command)}: {done.stderr[-2000:]}")
        return done.stdout

    def has(self, image: str) -> bool:
        inspecting = {
            "docker": ("docker", "image", "inspect", image),
            "buildah": ("buildah", "inspect", "--type", "image", image),
        }
        try:
            self.run(*inspecting[self.program])
        except ImagesError:
            return False
        return True


def bring_images(node: RealNode, archives: Path) -> None:
    """Build whatever has changed, and bring it to the node."""
    builder = _builder()
    if not builder.has(BASE) and not _pulled(builder):
        builder.run("tools/images/base.sh")
    builder.run("tools/images/build.sh")
    names = [*(f"neurocards-{name}:{TAG}" for name in OURS), *STAND_INS]
    for name in PROGRAMS:
        _make_next(builder, name, archives.parent / "next")
        names.append(f"neurocards-{name}:{NEXT_TAG}")
    saved = builder.run("tools/images/save.sh", str(archives), *names).split()
    _bring(node, [Path(path) for path in saved])


def _builder() -> Builder:
    """Take Docker where it answers, else buildah without a runtime of its own."""
    answer = subprocess.run(["docker", "info"], capture_output=True, check=False)
    program = "docker" if answer.returncode == 0 else "buildah"
    extra = {"BUILDER": program, "TAG": TAG, "STAND_INS": "1"}
    if program == "buildah":
        extra |= {"BUILDAH_ISOLATION": "chroot", "NETWORK": "host"}
    return Builder(program, {**os.environ, **extra})


def _pulled(builder: Builder) -> bool:
    pulling = {"docker": ("docker", "pull", BASE), "buildah": ("buildah", "pull", "--quiet", BASE)}
    try:
        builder.run(*pulling[builder.program])
    except ImagesError:
        return False
    return True


def _make_next(builder: Builder, name: str, context: Path) -> None:
    number = 1 + len(list((ROOT / "migrations").glob("*.up.sql")))
    context.mkdir(parents=True, exist_ok=True)
    (context / f"{number:04d}_next_version.up.sql").write_text(UP)
    (context / f"{number:04d}_next_version.down.sql").write_text(DOWN)
    file = context / "Dockerfile"
    file.write_text(f"FROM neurocards-{name}:{TAG}\nCOPY *.sql {MIGRATIONS}\n")
    building = {"docker": ["docker", "build"], "buildah": ["buildah", "bud", "--format", "docker"]}
    command = [*building[builder.program], "-t", f"neurocards-{name}:{NEXT_TAG}", str(context)]
    builder.run(*command)


def _bring(node: RealNode, archives: Sequence[Path]) -> None:
    """Bring what this life of the node has not got yet."""
    known = node.brought.read_text().split() if node.brought and node.brought.exists() else []
    for archive in archives:
        identity = f"{archive.name}={archive.with_name(archive.name + '.id').read_text().strip()}"
        if identity in known:
            continue
        sys.stderr.write(f"bringing {archive.name} to {node.name}\n")
        node.bring(archive)
        known.append(identity)
        if node.brought:
            node.brought.write_text("\n".join(known))
