"""Kubernetes in one container, where Docker runs and can have the image."""

from __future__ import annotations

from pathlib import Path

from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.community.k3s import K3SContainer

IMAGE = "rancher/k3s:v1.34.4-k3s1"


class ContainersUnavailableError(Exception):
    """There is no Docker, or it cannot have the image."""


class K3s:
    """A running k3s; its administrator's kubeconfig lies in the folder."""

    def __init__(self, folder: Path) -> None:
        try:
            self._container = K3SContainer(IMAGE)
            self._container.start()
        except (DockerException, OSError) as error:
            raise ContainersUnavailableError(str(error).partition("\n")[0]) from error
        self.kubeconfig = folder / "k3s.kubeconfig"
        self.kubeconfig.write_text(self._container.config_yaml(), encoding="utf-8")

    def remove(self) -> None:
        self._container.stop()
