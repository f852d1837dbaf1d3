"""The chart as objects: rendered by Helm out of values, and asked for what is in it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "charts" / "neurocards"
RELEASE = "neurocards"
NAMESPACE = "shop"
PROMETHEUS = "monitoring.coreos.com/v1"
CLOUD_NATIVE_PG = "postgresql.cnpg.io/v1"
GATEWAY = "gateway.networking.k8s.io/v1"
# Kubernetes 1.30 and newer have it; `helm template` names no kinds of its own accord.
ADMISSION = "admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy"
KUBERNETES = "1.34.4"

Manifest = dict[str, Any]

DEMO: dict[str, Any] = {"demo": {"enabled": True}}
EXTERNAL: dict[str, Any] = {
    "secrets": {"existingSecret": "neurocards"},
    "nats": {"url": "nats://nats.queue:4222"},
    "database": {
        "external": {"host": "postgres.database"},
        "users": {
            name: {"existingSecret": f"database-{name}"}
            for name in ("bot", "worker", "operator", "ops", "migrate")
        },
    },
}
WEBHOOK: dict[str, Any] = {"publicBaseUrl": "https://bot.example.com"}


class RefusedError(Exception):
    """Helm did not render; the text is what it said."""


def merged(*layers: dict[str, Any]) -> dict[str, Any]:
    """Lay values over values, as several -f files do."""
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            both = isinstance(below, dict) and isinstance(value, dict)
            result[key] = merged(below or {}, value) if both else value
    return result


@dataclass(frozen=True, slots=True)
class Rendered:
    manifests: tuple[Manifest, ...]

    def kind(self, kind: str) -> list[Manifest]:
        return [one for one in self.manifests if one["kind"] == kind]

    def find(self, kind: str, name: str) -> Manifest:
        found = [one for one in self.kind(kind) if one["metadata"]["name"] == name]
        assert len(found) == 1, f"{kind} {name}: {[o['metadata']['name'] for o in self.kind(kind)]}"
        return found[0]

    def has(self, kind: str, name: str) -> bool:
        return any(one["metadata"]["name"] == name for one in self.kind(kind))

    def pods(self) -> Iterator[tuple[str, Manifest]]:
        """Give the pod templates of everything that makes pods, with a name to tell them by."""
        for one in self.manifests:
            name = f"{one['kind']}/{one['metadata']['name']}"
            match one["kind"]:
                case "Deployment" | "StatefulSet" | "Job":
                    yield name, one["spec"]["template"]
                case "CronJob":
                    yield name, one["spec"]["jobTemplate"]["spec"]["template"]
                case "Pod":
                    yield name, one

    def containers(self) -> Iterator[tuple[str, Manifest]]:
        for name, pod in self.pods():
            spec = pod["spec"]
            for container in [*spec.get("initContainers", []), *spec["containers"]]:
                yield f"{name}/{container['name']}", container


def environment(container: Manifest) -> dict[str, Manifest]:
    """Give the variables of a container by name."""
    return {entry["name"]: entry for entry in container.get("env", [])}


def value_of(container: Manifest, name: str) -> str | None:
    value = environment(container).get(name, {}).get("value")
    assert value is None or isinstance(value, str), f"{name} is no text"
    return value


def main_container(manifest: Manifest) -> Manifest:
    container: Manifest = manifest["spec"]["template"]["spec"]["containers"][0]
    return container


@dataclass(frozen=True, slots=True)
class Chart:
    helm: Path

    def render(
        self,
        *layers: dict[str, Any],
        files: Sequence[Path] = (),
        api: Sequence[str] = (),
        release: str = RELEASE,
        kubernetes: str = KUBERNETES,
    ) -> Rendered:
        """Render; RefusedError with Helm's words when it does not."""
        flags = [part for path in files for part in ("--values", str(path))]
        flags += [part for version in api for part in ("--api-versions", version)]
        flags += ["--kube-version", kubernetes]
        text = _render(self.helm, release, yaml.safe_dump(merged(*layers)), tuple(flags))
        # Read anew each time, so that a test may change what it was given.
        return Rendered(tuple(one for one in yaml.load_all(text, yaml.CSafeLoader) if one))


@cache
def _render(helm: Path, release: str, values: str, flags: tuple[str, ...]) -> str:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as written:
        written.write(values)
        written.flush()
        command = [str(helm), "template", release, str(FOLDER), "--namespace", NAMESPACE]
        # The values of a test come last and win over those of files.
        command += ["--include-crds", *flags, "--values", written.name]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise RefusedError(done.stderr)
    return done.stdout
