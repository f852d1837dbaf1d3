"""What the doctor concludes: facts in, findings out. Pure.

Every finding that is not OK says what to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

CLOCK_SKEW_S_MAX = 5.0
CONNECTIONS_SHARE_WARN = 0.8
OUTBOX_AGE_S_MAX = 60.0
WORKERS_START_S = 300.0
"""How long pods may take to be there after a decision: a node may have to come first."""
WAIT_S_WARN = 900.0
"""S0-20: where the documents add workers."""


class Level(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    level: Level
    subject: str
    text: str
    remedy: str = ""

    def row(self) -> Mapping[str, str]:
        return {
            "level": self.level.value,
            "subject": self.subject,
            "finding": self.text,
            "what_to_do": self.remedy,
        }


@dataclass(frozen=True, slots=True)
class BrokerFacts:
    """The stream and the consumer as they are, beside what the settings want."""

    stream_changes: Mapping[str, Any] | None
    """What the next process would change; None: there is no stream."""
    consumer_changes: Mapping[str, Any] | None
    waiting: int
    held: int


@dataclass(frozen=True, slots=True)
class CrewFacts:
    """Workers of a pool as far as they can be seen, beside how many there should be."""

    holding: int
    """They hold jobs, by their leases."""
    asking: int
    """They have room and wait at the broker; who holds few jobs does both."""
    expected: int | None
    """By whoever asks the doctor."""
    decided: int | None
    """By the operator, last; None: it has never decided for this pool."""
    decided_ago_s: float | None


def schema_findings(
    *, schema_version: int, program_version: int, faults: Sequence[str]
) -> Iterator[Finding]:
    for fault in faults:
        yield Finding(Level.FAIL, "schema", fault, "see the runbook, 'Schema'")
    if faults:
        return
    if schema_version < program_version:
        words = f"the schema is at {schema_version}, this program needs {program_version}"
        yield Finding(Level.FAIL, "schema", words, "neurocards migrate up")
    elif schema_version > program_version:
        words = f"the schema is at {schema_version}, newer than this program's {program_version}"
        yield Finding(Level.WARN, "schema", words, "use the program of the release that runs")
    else:
        yield Finding(Level.OK, "schema", f"at {schema_version}, as this program wants")


def database_findings(facts: Mapping[str, Any], now: datetime) -> Iterator[Finding]:
    used, most = facts["connections"], facts["connections_max"]
    words = f"{used} of {most} connections"
    if used >= CONNECTIONS_SHARE_WARN * most:
        remedy = "lower DB_POOL_SIZE x pods, raise max_connections, or put a pooler before it"
        yield Finding(Level.WARN, "database", words, remedy)
    else:
        yield Finding(Level.OK, "database", f"PostgreSQL {facts['server_version']}, {words}")
    if facts["read_only"]:
        remedy = "point the settings at the primary"
        yield Finding(Level.FAIL, "database", "this server only reads", remedy)
    skew_s = abs((facts["server_time"] - now).total_seconds())
    if skew_s > CLOCK_SKEW_S_MAX:
        words = f"this machine's clock and the server's are {skew_s:.1f} s apart"
        yield Finding(Level.WARN, "clock", words, "run an NTP client on both")
    else:
        yield Finding(Level.OK, "clock", f"{skew_s:.1f} s from the server's")
    yield from _partition_findings(facts)


def _partition_findings(facts: Mapping[str, Any]) -> Iterator[Finding]:
    remedy = "neurocards ops recover; then look why the bot's reaper did not"
    if not facts["has_next_month"]:
        words = "next month's partition of the jobs is missing"
        yield Finding(Level.FAIL, "partitions", words, remedy)
    elif facts["default_partition_jobs"]:
        words = f"{facts['default_partition_jobs']} jobs stand in the default partition"
        yield Finding(Level.WARN, "partitions", words, remedy)
    else:
        yield Finding(Level.OK, "partitions", "next month's is there, the default one is empty")


def queue_findings(now: Mapping[str, Any]) -> Iterator[Finding]:
    age_s, unsent = now["oldest_message_s"], now["unsent_messages"]
    if age_s > OUTBOX_AGE_S_MAX:
        words = f"{unsent} messages are unsent, the oldest for {age_s:.0f} s"
        yield Finding(Level.FAIL, "outbox", words, "see that a bot runs and reaches NATS")
    else:
        yield Finding(Level.OK, "outbox", f"{unsent} messages on their way")
    wait_s = now["oldest_wait_s"]
    words = f"{now['waiting']} jobs wait, the oldest for {wait_s:.0f} s; {now['at_work']} at work"
    if wait_s > WAIT_S_WARN:
        remedy = "neurocards ops workers status; neurocards ops workers scale +10"
        yield Finding(Level.WARN, "queue", words, remedy)
    else:
        yield Finding(Level.OK, "queue", words)


def worker_findings(crew: CrewFacts) -> Iterator[Finding]:
    """Complain only when there are surely too few: who is busy and asks is counted twice."""
    least, most = max(crew.holding, crew.asking), crew.holding + crew.asking
    seen = str(least) if least == most else f"{least} to {most}"
    words = f"{seen} seen: {crew.holding} hold jobs, {crew.asking} ask for some"
    remedy = "neurocards ops workers status; neurocards ops logs worker"
    just_decided = crew.decided_ago_s is not None and crew.decided_ago_s < WORKERS_START_S
    if crew.expected is not None:
        wanted, words, may_start = crew.expected, f"{words}; {crew.expected} are expected", False
    elif crew.decided is not None:
        wanted, may_start = crew.decided, just_decided
        words = f"{words}; the operator decided on {wanted}"
    else:
        wanted, may_start = 1, False
    if most >= wanted:
        yield Finding(Level.OK, "workers", words)
    elif may_start:
        yield Finding(Level.OK, "workers", f"{words} {crew.decided_ago_s:.0f} s ago")
    else:
        yield Finding(Level.WARN, "workers", words, remedy)


def credit_findings(faults: Mapping[str, int]) -> Iterator[Finding]:
    remedy = "see the runbook, 'Money'"
    sentences = {
        "wrong_balances": "balances are not the sum of their bookings",
        "uneven_bookings": "bookings do not sum to zero over both accounts",
        "not_refunded": "orders failed or were cancelled without a refund",
        "refunded_and_going_on": "orders were refunded and have not failed",
    }
    for name, sentence in sentences.items():
        if faults[name]:
            yield Finding(Level.FAIL, "credits", f"{faults[name]} {sentence}", remedy)
    if not any(faults[name] for name in sentences):
        yield Finding(Level.OK, "credits", "every balance is the sum of its bookings")


def key_findings(
    keys: Sequence[Mapping[str, Any]], configured: Mapping[str, str]
) -> Iterator[Finding]:
    """`configured`: accounts by fingerprint of this environment's keys, which may have none."""
    blocked = [key for key in keys if key["state"] == "blocked"]
    if not keys:
        remedy = "start a worker with KIE_API_KEY set"
        yield Finding(Level.WARN, "keys", "no worker has registered a key yet", remedy)
    elif len(blocked) == len(keys):
        until = min(key["blocked_until"] for key in blocked)
        words = f"all {len(keys)} keys are blocked, the first until {until:%Y-%m-%d %H:%M} UTC"
        remedy = "neurocards ops keys events; top up or add keys; neurocards ops keys unblock --all"
        yield Finding(Level.FAIL, "keys", words, remedy)
    elif blocked:
        words = f"{len(blocked)} of {len(keys)} keys are blocked"
        yield Finding(Level.WARN, "keys", words, "neurocards ops keys list")
    else:
        yield Finding(Level.OK, "keys", f"{len(keys)} healthy")
    known = {key["fingerprint"] for key in keys}
    for fingerprint in configured.keys() - known if keys else ():
        words = f"key {fingerprint} of this environment was registered by no worker"
        yield Finding(Level.WARN, "keys", words, "give the workers the same secret; restart them")


def broker_findings(facts: BrokerFacts) -> Iterator[Finding]:
    if facts.stream_changes is None:
        remedy = "start a bot: it makes the stream and publishes everything that is due"
        yield Finding(Level.FAIL, "stream", "there is no stream JOBS", remedy)
        return
    for subject, changes in (
        ("stream", facts.stream_changes),
        ("consumer", facts.consumer_changes),
    ):
        if changes is None:
            words = "there is no consumer of this pool"
            yield Finding(Level.WARN, subject, words, "start a worker of this pool: it makes it")
        elif changes:
            words = f"not as these settings want it: {', '.join(sorted(changes))}"
            remedy = "give all processes the same settings; the next start changes it"
            yield Finding(Level.WARN, subject, words, remedy)
        else:
            yield Finding(Level.OK, subject, f"{facts.waiting} messages wait, {facts.held} held")
