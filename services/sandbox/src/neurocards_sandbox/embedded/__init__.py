"""Real servers out of wheels, as child processes: PostgreSQL and NATS without an installation.

For the demo and for tests on one Linux machine; a production set-up brings its own servers.
Invariants: only processes that were started here are ever ended, a folder is served by one
supervisor at a time, and nothing goes on running when the supervisor is killed.
"""

from neurocards_sandbox.embedded.errors import (
    EmbeddedServerError,
    FolderInUseError,
    PortTakenError,
    ServerStartError,
)
from neurocards_sandbox.embedded.nats import NatsServer
from neurocards_sandbox.embedded.postgres import PostgresServer

__all__ = [
    "EmbeddedServerError",
    "FolderInUseError",
    "NatsServer",
    "PortTakenError",
    "PostgresServer",
    "ServerStartError",
]
