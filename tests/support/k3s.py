"""Kubernetes in one container, where Docker runs and can have the image."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.community.k3s import K3SContainer

IMAGE = "rancher/k3s:v1.34.4-k3s1"
DOCKER_SOCKET = "/var/run/docker.sock"


class ContainersUnavailableError(Exception):
    """There is no Docker, or it cannot have the image."""


class K3s:
    """A running k3s; its administrator's kubeconfig lies in the folder."""

    def __init__(self, folder: Path) -> None:
        if not _docker_listens():
            raise ContainersUnavailableError("Docker does not run")
        self._container = K3SContainer(IMAGE)
        try:
            self._container.start()
        except (DockerException, OSError) as error:
            self._container.get_docker_client().client.close()
            raise ContainersUnavailableError(str(error).partition("\n")[0]) from error
        self.kubeconfig = folder / "k3s.kubeconfig"
        self.kubeconfig.write_text(self._container.config_yaml(), encoding="utf-8")

    def remove(self) -> None:
        self._container.stop()


def _docker_listens() -> bool:
    """Ask the socket itself: Docker's client leaves one open where nobody listens."""
    host = os.environ.get("DOCKER_HOST", f"unix://{DOCKER_SOCKET}")
    if not host.startswith("unix://"):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(host.removeprefix("unix://")) == 0
