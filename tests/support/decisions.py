"""What the operator has decided, as its journal keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from neurocards.ports.scaling import RecordedDecision


def decision(
    replicas: int,
    *,
    before: int = 1,
    namespace: str = "shop",
    name: str = "workers",
    mode: str = "Auto",
    age: timedelta = timedelta(),
    details: Mapping[str, Any] | None = None,
) -> RecordedDecision:
    """Decide on so many replicas of a policy, so long ago."""
    return RecordedDecision(
        decided_at=datetime.now(UTC) - age,
        namespace=namespace,
        name=name,
        pool="default",
        mode=mode,
        replicas_before=before,
        replicas=replicas,
        reason="QueueStep",
        message=f"{replicas} replicas",
        details=details or {},
    )
