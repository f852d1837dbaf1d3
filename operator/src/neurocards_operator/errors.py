"""What the Kubernetes API can answer beside what was asked for.

ClusterError
├── ClusterUnavailableError    no answer, or one that says: later
└── ClusterRefusedError        an answer that repeating does not change
"""

from __future__ import annotations

from neurocards.errors import NeurocardsError

NOT_FOUND, CONFLICT = 404, 409
_FORBIDDEN = (401, 403)


class ClusterError(NeurocardsError):
    """A request to the API server that brought nothing."""


class ClusterUnavailableError(ClusterError):
    """The API server cannot be reached, or is overloaded."""


class ClusterRefusedError(ClusterError):
    """The API server refused; `status` is the HTTP code, the text its own message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status

    @property
    def is_missing(self) -> bool:
        return self.status == NOT_FOUND

    @property
    def is_conflict(self) -> bool:
        return self.status == CONFLICT

    @property
    def is_forbidden(self) -> bool:
        return self.status in _FORBIDDEN
