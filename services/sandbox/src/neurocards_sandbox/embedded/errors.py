"""What can go wrong with an embedded server, each with words that tell what to do.

EmbeddedServerError
├── FolderInUseError     another supervisor serves this folder
├── PortTakenError       somebody else listens on the wanted port
└── ServerStartError     the server ended or was not ready in time; carries the end of its log
"""

from __future__ import annotations

from pathlib import Path

from neurocards.errors import NeurocardsError


class EmbeddedServerError(NeurocardsError):
    """An embedded server cannot do what was asked of it."""


class FolderInUseError(EmbeddedServerError):
    def __init__(self, folder: Path) -> None:
        super().__init__(f"{folder} is in use by another running process")
        self.folder = folder


class PortTakenError(EmbeddedServerError):
    def __init__(self, name: str, port: int) -> None:
        super().__init__(f"port {port} of 127.0.0.1, which {name} needs, is taken")
        self.port = port


class ServerStartError(EmbeddedServerError):
    def __init__(self, name: str, reason: str, log_tail: str = "") -> None:
        super().__init__(f"{name} {reason}" + (f":\n{log_tail}" if log_tail else ""))
        self.log_tail = log_tail
