"""What the page knows of a demo's scaling: the file of the scaler, and a crowd to send."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neurocards_sandbox.demo import board
from neurocards_sandbox.demo.crowd import Crowd


class ScalingDesk:
    """The ScalingView of the page."""

    def __init__(self, file: Path, crowd: Crowd) -> None:
        self._file, self._crowd = file, crowd

    def shown(self) -> dict[str, Any]:
        progress = self._crowd.progress
        return {
            "scaling": board.read(self._file),
            "crowd": progress.as_json() if progress else None,
        }

    def send_crowd(self, visitor_id: int, language: str) -> bool:
        return self._crowd.begin(visitor_id, language)
