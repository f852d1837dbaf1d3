"""What the scaler of a demo sees and decides, as one JSON file that the page reads.

Pure but for `write`, which replaces the file whole, so that a reader never sees half of it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neurocards.domain.scaling import Contribution, Decision, Observation
from neurocards.domain.scaling_policy import ScalingPolicy

HISTORY_S = 300
SAMPLE_S = 1.0


@dataclass(frozen=True, slots=True)
class Workers:
    """How many of them are wanted, take jobs, and hand theirs over at this moment."""

    wanted: int
    ready: int
    going: int


class Board:
    """Keeps the last minutes in samples a second apart."""

    def __init__(self, policy: ScalingPolicy) -> None:
        self._policy = policy
        self._history: deque[tuple[float, int, int, int, int]] = deque(maxlen=HISTORY_S)

    def shown(self, observation: Observation, decision: Decision, workers: Workers) -> Any:
        """Give a tree of JSON values; moments are Unix seconds."""
        at = observation.at.timestamp()
        if not self._history or at - self._history[-1][0] >= SAMPLE_S:
            sample = (observation.queued, observation.running, workers.wanted, workers.ready)
            self._history.append((round(at, 1), *sample))
        replicas = self._policy.replicas
        return {
            "at": at,
            "policy": {
                "name": self._policy.name,
                "mode": self._policy.mode.value,
                "min": replicas.min,
                "max": replicas.max,
                "jobs_per_replica": self._policy.jobs_per_replica,
            },
            "queued": observation.queued,
            "running": observation.running,
            "oldest_wait_s": round(observation.oldest_wait_s, 1),
            "workers": {
                "wanted": workers.wanted,
                "ready": workers.ready,
                "going": workers.going,
            },
            "reason": decision.reason.value,
            "message": decision.message,
            "contributions": contributions_shown(decision.contributions),
            "history": [list(sample) for sample in self._history],
        }


def contributions_shown(contributions: Sequence[Contribution]) -> list[dict[str, Any]]:
    return [
        {
            "kind": one.kind.value,
            "source": one.source.value,
            "replicas": one.replicas,
            "text": one.text,
        }
        for one in contributions
    ]


def write(path: Path, tree: Any) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_text(json.dumps(tree, separators=(",", ":")), encoding="utf-8")
    part.replace(path)


def read(path: Path) -> Any | None:
    """Give the tree, or None where no scaler has written yet."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
