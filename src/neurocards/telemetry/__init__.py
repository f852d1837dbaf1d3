"""What a process tells about itself: logs, metrics and probes.

It observes and never decides: no part of the pipeline depends on a line, a counter or a probe.
Invariant: no secret and no user's identity leaves the process through here.
"""

from neurocards.telemetry.identity import user_hash

__all__ = ["user_hash"]
