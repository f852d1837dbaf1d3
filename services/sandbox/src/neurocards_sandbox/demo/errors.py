"""What can end a demo, in words that tell what to do.

DemoError             exit code 1
└── UsageError        what was asked for does not exist; exit code 2
"""

from __future__ import annotations

from neurocards.errors import NeurocardsError


class DemoError(NeurocardsError):
    """The demo cannot start or go on."""


class UsageError(DemoError):
    """The command line names something that there is not."""
