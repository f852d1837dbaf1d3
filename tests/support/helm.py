"""Helm with one release, `neurocards`, in one namespace of a real cluster."""

from __future__ import annotations

import asyncio
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from support.chart import FOLDER, RELEASE, merged

WITHIN_S = 180.0


class HelmError(Exception):
    """Helm ended with a failure; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Helm:
    program: Path
    kubeconfig: Path
    namespace: str
    folder: Path
    """Where it keeps its own files, and the values."""

    async def run(self, verb: str, *arguments: str, within_s: float = WITHIN_S) -> str:
        """Give what it prints; HelmError when it fails."""
        command = [str(self.program), verb, RELEASE, *arguments]
        command += ["--namespace", self.namespace, "--kubeconfig", str(self.kubeconfig)]
        done = await asyncio.to_thread(
            subprocess.run,
            command,
            env={"PATH": os.defpath, "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
        if done.returncode != 0:
            raise HelmError(f"{done.stderr}\n{done.stdout}")
        return done.stdout

    async def release(
        self, verb: str, *layers: dict[str, Any], flags: tuple[str, ...] = (), timeout_s: int = 120
    ) -> str:
        """Install or upgrade with these values, the later ones over the earlier ones."""
        values = self.folder / "values.yaml"
        values.write_text(yaml.safe_dump(merged(*layers)))
        return await self.run(
            *(verb, str(FOLDER), "--values", str(values), "--timeout", f"{timeout_s}s", *flags),
            within_s=timeout_s + WITHIN_S,
        )
