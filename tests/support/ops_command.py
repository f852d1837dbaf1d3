"""`neurocards ops` run in this process: what it prints, and the code that it exits with."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any, Protocol

import pytest
import structlog

from neurocards.cli import main


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Ops(Protocol):
    def __call__(self, *words: str) -> Ran: ...


def ops_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ops:
    """Give the command; its settings are the environment of the test."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Ran:
        monkeypatch.setattr(sys, "argv", ["neurocards", "ops", *words])
        capsys.readouterr()
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        finally:
            structlog.reset_defaults()
        return Ran(int(code), *capsys.readouterr())

    return run
