"""Ports of this machine for servers that are started in a while.

Between the choice of a port and the server's `bind` somebody else could get it: another search, or
a connection that needs a port of its own. On Linux a socket that is bound with SO_REUSEADDR and
does not listen keeps both away and hinders no server, since servers set that option too.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import deque

from neurocards_sandbox.embedded.errors import PortTakenError

LOOPBACK = "127.0.0.1"
HELD_MAX = 512
"""Ports that one process keeps for its servers; whoever asks for more has bound the oldest."""
_held: deque[int] = deque()
"""Their descriptors: they stay open until the process ends."""


def free_port() -> int:
    """Find a port that nobody listens on, and keep it until a server binds it."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """Find ports that nobody listens on, each another one, and keep them for servers."""
    found = [_bound(0) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in found]
    _held.extend(one.detach() for one in found)
    # Elsewhere a bound port is taken, whatever its socket does.
    while len(_held) > (HELD_MAX if sys.platform == "linux" else 0):
        os.close(_held.popleft())
    return ports


def require_port(name: str, port: int) -> None:
    """Raise PortTakenError when somebody listens on the port."""
    try:
        _bound(port).close()
    except OSError as error:
        raise PortTakenError(name, port) from error


def _bound(port: int) -> socket.socket:
    one = socket.socket()
    # As servers do: a port that only waits for the last packets of its past is free.
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((LOOPBACK, port))
    except OSError:
        one.close()
        raise
    return one
