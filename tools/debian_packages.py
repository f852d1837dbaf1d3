"""Programs of Debian that a tool needs: installed where that is possible, named where it is not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Collection, Mapping

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
"""Where programs of Debian are, whatever the caller's own PATH leaves out."""


class MissingPackagesError(Exception):
    """Something is not there and cannot be installed; the text names the packages."""


def missing_packages(packages: Mapping[str, str]) -> set[str]:
    """Of programs and the packages that have them: name those whose program is not there."""
    path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
    return {name for program, name in packages.items() if not shutil.which(program, path=path)}


def install(packages: Collection[str]) -> None:
    """Install packages as root on Debian; MissingPackagesError anywhere else."""
    names = ", ".join(sorted(packages))
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingPackagesError(f"missing: {names} (names of Debian's packages)")
    environment = {"DEBIAN_FRONTEND": "noninteractive", **os.environ}
    for command in (
        ("apt-get", "update", "--quiet"),
        ("apt-get", "install", "--yes", "--quiet", "--no-install-recommends", *sorted(packages)),
    ):
        done = subprocess.run(  # noqa: S603 - commands come from our own code
            command, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise MissingPackagesError(f"{' '.join(command)}: {done.stderr.strip()}")
