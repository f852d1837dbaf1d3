"""Ports for servers that are started in a while."""

from __future__ import annotations

import socket
import sys

import pytest

from neurocards_sandbox.embedded.errors import PortTakenError
from neurocards_sandbox.embedded.ports import HELD_MAX, LOOPBACK, free_port, require_port


def server(port: int) -> socket.socket:
    return socket.create_server((LOOPBACK, port))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port that is kept is taken")
def test_a_port_is_found_once_even_before_its_server_runs():
    """Searches at random among 28,000 would find some of so many twice."""
    assert len({free_port() for _ in range(HELD_MAX)}) == HELD_MAX


def test_a_server_can_bind_the_port_that_was_kept_for_it_again_and_again():
    port = free_port()
    for _ in range(2):
        with server(port):
            with pytest.raises(PortTakenError, match=str(port)):
                require_port("server", port)
            with socket.create_connection((LOOPBACK, port), timeout=60):
                pass
        require_port("server", port)
