"""kubectl as a program, and ways to the ports of pods that outlive the pods."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tools.cluster.binaries import KUBERNETES, program

from neurocards_sandbox.embedded.ports import LOOPBACK, free_port

WITHIN_S = 120.0
_AGAIN_S = 0.3


class KubectlError(Exception):
    """It ended with a failure; the text is what it said."""


def kubectl_program() -> str:
    """Find the one that was built with the node, else that of the machine."""
    built = program(KUBERNETES, "kubectl")
    found = str(built) if built.exists() else shutil.which("kubectl")
    if found is None:
        raise KubectlError("there is no kubectl: run `make cluster-tools`")
    return found


@dataclass(frozen=True, slots=True)
class Kubectl:
    kubeconfig: Path
    namespace: str

    def command(self, *arguments: str) -> list[str]:
        where = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace]
        return [kubectl_program(), *where, *arguments]

    def run(self, *arguments: str, within_s: float = WITHIN_S) -> str:
        """Give what it prints; KubectlError when it fails."""
        done = subprocess.run(
            self.command(*arguments),
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout

    @contextlib.asynccontextmanager
    async def tunnel(self, target: str, port: int) -> AsyncIterator[int]:
        """Give a local port that leads to the target's, through a new pod too after a while."""
        local = free_port()
        keeping = asyncio.create_task(self._keep_open(target, local, port))
        try:
            await _until_listening(local)
            yield local
        finally:
            keeping.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeping

    async def _keep_open(self, target: str, local: int, port: int) -> None:
        command = self.command("port-forward", target, f"{local}:{port}", "--address", LOOPBACK)
        while True:
            process = await asyncio.create_subprocess_exec(
                *command,
                env=_environment(),
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                await process.wait()
            finally:
                if process.returncode is None:
                    process.terminate()
                    await process.wait()
            await asyncio.sleep(_AGAIN_S)

    @contextlib.asynccontextmanager
    async def watching(self, path: Path, *arguments: str) -> AsyncIterator[None]:
        """Let kubectl watch and print into the file meanwhile."""
        with path.open("wb") as file:
            process = await asyncio.create_subprocess_exec(
                *self.command(*arguments), env=_environment(), stdout=file
            )
            try:
                yield
            finally:
                process.terminate()
                await process.wait()


async def _until_listening(port: int) -> None:
    async with asyncio.timeout(WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(LOOPBACK, port)
            except OSError:
                await asyncio.sleep(_AGAIN_S)
            else:
                writer.close()
                await writer.wait_closed()
                return


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/")}
