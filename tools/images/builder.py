"""The images of the product, built and written into archives: `python -m tools.images.builder`.

With Docker where it answers, else with buildah, which is installed on Debian if it is missing.
Where no registry answers the base is made of Debian's packages. `make cluster-images` brings what
is built to the node of `make cluster`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.debian_packages import MissingPackagesError, install, missing_packages

ROOT = Path(__file__).parents[2]
TAG = "0.1.0"
PROGRAMS = ("bot", "worker", "operator", "sandbox")
STAND_INS = ("postgres:18", "nats:2.12")
BASE = "python:3.11-slim-bookworm"


class ImagesError(Exception):
    """An image cannot be made; the text is what the builder said."""


@dataclass(frozen=True, slots=True)
class Builder:
    program: str
    environment: dict[str, str]

    def run(self, *command: str) -> str:
        done = subprocess.run(  # noqa: S603 - commands come from our own code
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

    def build(self) -> list[str]:
        """Build whatever has changed; give the names of all images."""
        if not self._has(BASE) and not self._pulled(BASE):
            _require("debootstrap")
            self.run("tools/images/base.sh")
        self.run("tools/images/build.sh")
        return [*(f"neurocards-{name}:{TAG}" for name in PROGRAMS), *STAND_INS]

    def save(self, images: Sequence[str], folder: Path) -> list[Path]:
        """Write each image into an archive, unless it lies there already."""
        saved = self.run("tools/images/save.sh", str(folder), *images)
        return [Path(line) for line in saved.splitlines()]

    def derive(self, context: Path, image: str) -> None:
        """Build the Dockerfile of a folder."""
        ways = {"docker": ["docker", "build"], "buildah": ["buildah", "bud", "--format", "docker"]}
        self.run(*ways[self.program], "-t", image, str(context))

    def _has(self, image: str) -> bool:
        ways = {"docker": ["docker", "inspect"], "buildah": ["buildah", "inspect"]}
        return self._succeeds(*ways[self.program], "--type", "image", image)

    def _pulled(self, image: str) -> bool:
        return self._succeeds(self.program, "pull", "--quiet", image)

    def _succeeds(self, *command: str) -> bool:
        try:
            self.run(*command)
        except ImagesError:
            return False
        return True


def find_builder() -> Builder:
    """Take what BUILDER names, else Docker where it answers, else buildah without a runtime."""
    program = os.environ.get("BUILDER") or ("docker" if _docker_answers() else "buildah")
    _require(program)
    # A label that stays: another commit with the same sources is the same image.
    extra = {"BUILDER": program, "TAG": TAG, "STAND_INS": "1", "REVISION": "local"}
    if program == "buildah":
        extra |= {"BUILDAH_ISOLATION": "chroot", "NETWORK": "host"}
    return Builder(program, {**os.environ, **extra})


def _require(program: str) -> None:
    """Install a program of Debian that is missing, where that is possible."""
    try:
        if missing := missing_packages({program: program}):
            install(missing)
    except MissingPackagesError as error:
        raise ImagesError(f"images need Docker or buildah: {error}") from error


def _docker_answers() -> bool:
    try:
        answer = subprocess.run(["docker", "info"], capture_output=True, check=False)  # noqa: S607
    except FileNotFoundError:
        return False
    return answer.returncode == 0


def archives_folder() -> Path:
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return root / "neurocards" / "images"


def main() -> int:
    try:
        builder = find_builder()
        archives = builder.save(builder.build(), archives_folder())
    except ImagesError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write("".join(f"{path}\n" for path in archives))
    return 0


if __name__ == "__main__":
    sys.exit(main())
