"""The servers of the tests as containers, for `NEUROCARDS_TEST_BACKEND=containers`.

They may be stopped, killed and started like the embedded ones, on a port that stays theirs. The
images are the official ones or the stand-ins of `tools/images`: both know what is asked here.
"""

from __future__ import annotations

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress

import asyncpg
from testcontainers.core.container import DockerContainer

from neurocards_sandbox.embedded.ports import free_port

POSTGRES_IMAGE = os.environ.get("NEUROCARDS_TEST_POSTGRES_IMAGE", "postgres:18-alpine")
NATS_IMAGE = os.environ.get("NEUROCARDS_TEST_NATS_IMAGE", "nats:2.15-alpine")
READY_WITHIN_S = 60.0


class ContainerServer(ABC):
    """A container on a port that stays the same over restarts.

    It is in the network of the machine, on loopback: a port that Docker forwards takes connections
    before the server does, so a server that is away would not look like one.
    """

    def __init__(self, container: DockerContainer, port: int) -> None:
        self.port = port
        self.container = container
        self._created = False

    async def start(self) -> None:
        if self._created:
            await asyncio.to_thread(self.container.get_wrapped_container().start)
        else:
            await asyncio.to_thread(self.container.start)
            self._created = True
        deadline = time.monotonic() + READY_WITHIN_S
        while not await self.is_ready():
            assert time.monotonic() < deadline, f"{self.container.image} is not ready"
            await asyncio.sleep(0.2)

    @abstractmethod
    async def is_ready(self) -> bool: ...

    async def stop(self) -> None:
        await asyncio.to_thread(self.container.get_wrapped_container().stop)

    async def kill(self) -> None:
        await asyncio.to_thread(self.container.get_wrapped_container().kill)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def remove(self) -> None:
        self.container.stop()


class PostgresContainer(ContainerServer):
    def __init__(self, settings: Mapping[str, str]) -> None:
        port = free_port()
        given = {**settings, "listen_addresses": "127.0.0.1", "port": port}
        # Options only: the entry points put the program before them.
        arguments = " ".join(f"-c {name}={value}" for name, value in given.items())
        container = DockerContainer(POSTGRES_IMAGE, network_mode="host").with_command(arguments)
        super().__init__(container.with_env("POSTGRES_PASSWORD", "tests"), port)

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:tests@127.0.0.1:{self.port}/{database}"

    async def is_ready(self) -> bool:
        try:
            connection = await asyncpg.connect(self.url(), timeout=2)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True


class NatsContainer(ContainerServer):
    def __init__(self) -> None:
        port = free_port()
        # An image may name another user, who may not make the folder.
        container = DockerContainer(NATS_IMAGE, network_mode="host", user="0:0")
        super().__init__(container.with_command(f"-a 127.0.0.1 -p {port} -js -sd /data"), port)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def is_ready(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        try:
            return (await asyncio.wait_for(reader.readline(), timeout=2)).startswith(b"INFO")
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def wipe(self) -> None:
        """Begin with an empty server: what it stored is in the container and goes with it."""
        await asyncio.to_thread(self.remove)
        self._created = False
        await self.start()
