"""The embedded servers: they start twice, survive crashes and leave nothing running behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import nats
import pytest

from neurocards_sandbox.embedded import (
    FolderInUseError,
    NatsServer,
    PortTakenError,
    PostgresServer,
)
from neurocards_sandbox.embedded.processes import gone
from support.statements import load

SETTINGS = {"fsync": "off"}
GENEROUS_S = 60.0


async def _value(server: PostgresServer, name: str) -> object:
    connection = await asyncpg.connect(server.url())
    try:
        return await connection.fetchval(load("server")[name])
    finally:
        await connection.close()


async def test_a_second_start_of_postgresql_finds_its_data_again(tmp_path: Path):
    async with PostgresServer(tmp_path, settings=SETTINGS) as server:
        await _value(server, "keep")
    async with PostgresServer(tmp_path, settings=SETTINGS) as server:
        assert await _value(server, "kept") == 7


async def test_postgresql_recovers_from_a_crash_on_the_same_port(tmp_path: Path):
    async with PostgresServer(tmp_path, settings=SETTINGS) as server:
        await _value(server, "keep")
        port = server.port
        await server.kill()
        assert not server.is_running
        await server.start()
        assert server.port == port
        assert await _value(server, "kept") == 7


async def test_the_mark_of_a_dead_server_whose_number_was_given_away_blocks_no_start(
    tmp_path: Path,
):
    async with PostgresServer(tmp_path, settings=SETTINGS) as server:
        await server.kill()
        mark = tmp_path / "data" / "postmaster.pid"
        lines = mark.read_text().splitlines()
        mark.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
        await server.start()
        assert await _value(server, "one") == 1


async def test_an_interrupted_initialisation_is_done_again(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "half").write_text("made")
    async with PostgresServer(tmp_path, settings=SETTINGS) as server:
        assert await _value(server, "one") == 1


async def test_a_folder_that_is_served_already_is_refused(tmp_path: Path):
    async with NatsServer(tmp_path):
        with pytest.raises(FolderInUseError, match=str(tmp_path)):
            await NatsServer(tmp_path).start()


@pytest.mark.parametrize("kind", [PostgresServer, NatsServer])
async def test_a_taken_port_is_named(tmp_path: Path, kind: type[PostgresServer | NatsServer]):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=str(port)):
            await kind(tmp_path, port=port).start()


async def test_only_who_knows_the_password_gets_into_postgresql(tmp_path: Path):
    async with PostgresServer(tmp_path, settings=SETTINGS) as server:
        assert (tmp_path / "password").stat().st_mode & 0o077 == 0
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(
                host="127.0.0.1", port=server.port, user="postgres", password="guess"
            )


async def test_nats_keeps_its_stream_over_a_kill_and_forgets_it_when_wiped(tmp_path: Path):
    async with NatsServer(tmp_path) as server:
        await _publish(server)
        await server.kill()
        await server.start()
        assert await _messages(server) == 1
        await server.wipe()
        assert await _messages(server) is None


async def _publish(server: NatsServer) -> None:
    connection = await nats.connect(server.url)
    jetstream = connection.jetstream()
    await jetstream.add_stream(name="KEPT", subjects=["kept"])
    await jetstream.publish("kept", b"word")
    await connection.close()


async def _messages(server: NatsServer) -> int | None:
    connection = await nats.connect(server.url)
    try:
        streams = await connection.jetstream().streams_info()
    finally:
        await connection.close()
    return streams[0].state.messages if streams else None


async def test_no_server_outlives_a_killed_supervisor_and_the_next_one_goes_on(tmp_path: Path):
    supervisor = subprocess.Popen(  # noqa: ASYNC220 - it has to be killed by hand
        [sys.executable, "-c", _SUPERVISOR, str(tmp_path), load("server")["keep"]],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert supervisor.stdout is not None
    pids = [int(word) for word in (await asyncio.to_thread(supervisor.stdout.readline)).split()]
    assert len(pids) == 2
    supervisor.send_signal(signal.SIGKILL)
    await asyncio.to_thread(supervisor.wait)
    supervisor.stdout.close()
    assert await gone(pids, timeout_s=GENEROUS_S)
    async with PostgresServer(tmp_path / "postgres") as server:
        assert await _value(server, "kept") == 7


_SUPERVISOR = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    import asyncpg
    from neurocards_sandbox.embedded import NatsServer, PostgresServer

    async def main(folder):
        async with PostgresServer(folder / "postgres") as store, NatsServer(folder / "n") as nats:
            connection = await asyncpg.connect(store.url())
            await connection.execute(sys.argv[2])
            await connection.close()
            print(store.pid, nats.pid, flush=True)
            await asyncio.sleep(600)

    asyncio.run(main(Path(sys.argv[1])))
    """
)
