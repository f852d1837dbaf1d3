"""The simulators as a process of their own, which is told everything by its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from neurocards_sandbox.demo.sandbox_process import SandboxSettings


def test_an_ingress_may_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its default was a value that cannot be copied, so that the process ended at the start."""
    monkeypatch.setenv("NEUROCARDS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("NEUROCARDS_BOT_TOKEN", "1:a")
    monkeypatch.delenv("NEUROCARDS_INGRESS", raising=False)
    assert SandboxSettings().ingress == {}  # type: ignore[call-arg]
