"""What must hold between settings, each of which is right by itself.

A rule stands here when breaking it breaks a promise of the product without any error at run time.
All of them are checked at the start, and what they find is told together with every other fault.
"""

from __future__ import annotations

from collections.abc import Iterator

from neurocards.settings import Broker, Pace, Telemetry, Timings


def timing_faults(timings: Timings) -> Iterator[str]:
    """A living worker must never look dead, and a job never be in two hands without a fence."""
    if timings.beat_s >= timings.ack_wait_s:
        yield (
            f"NEUROCARDS_BEAT_S: {timings.beat_s:g} s must be less than NEUROCARDS_ACK_WAIT_S "
            f"({timings.ack_wait_s:g} s), or the broker hands out jobs that are being worked on"
        )
    if timings.renewal_s >= timings.lease_s:
        yield (
            f"NEUROCARDS_RENEWAL_S: {timings.renewal_s:g} s must be less than NEUROCARDS_LEASE_S "
            f"({timings.lease_s:g} s), or every lease ends before it is renewed"
        )
    if timings.lease_s > timings.ack_wait_s:
        yield (
            f"NEUROCARDS_LEASE_S: {timings.lease_s:g} s must not be more than "
            f"NEUROCARDS_ACK_WAIT_S ({timings.ack_wait_s:g} s), or the message of a lost job "
            "comes while the lease still stands"
        )


def broker_faults(broker: Broker) -> Iterator[str]:
    """One way to log in, and a whole one."""
    if broker.nats_credentials_file is not None and broker.nats_user is not None:
        yield "NEUROCARDS_NATS_USER: give either a user or NEUROCARDS_NATS_CREDENTIALS_FILE"
    if broker.nats_password is not None and broker.nats_user is None:
        yield "NEUROCARDS_NATS_USER: NEUROCARDS_NATS_PASSWORD is of no use without it"
    if broker.nats_user is not None and broker.nats_password is None:
        yield "NEUROCARDS_NATS_PASSWORD: NEUROCARDS_NATS_USER is of no use without it"


def pace_faults(pace: Pace) -> Iterator[str]:
    """What may come at once is a part of what may come at all."""
    if pace.telegram_burst >= pace.telegram_per_s:
        yield (
            f"NEUROCARDS_TELEGRAM_BURST: {pace.telegram_burst} must be less than "
            f"NEUROCARDS_TELEGRAM_PER_S ({pace.telegram_per_s}), or nothing is left to flow"
        )
    if pace.telegram_group_burst >= pace.telegram_group_per_minute:
        yield (
            f"NEUROCARDS_TELEGRAM_GROUP_BURST: {pace.telegram_group_burst} must be less than "
            f"NEUROCARDS_TELEGRAM_GROUP_PER_MINUTE ({pace.telegram_group_per_minute}), or nothing "
            "is left to flow"
        )


def capacity_faults(broker: Broker, *, jobs_at_once: int) -> Iterator[str]:
    if broker.max_ack_pending < jobs_at_once:
        yield (
            f"NEUROCARDS_MAX_ACK_PENDING: {broker.max_ack_pending} must be at least "
            f"WORKER_CONCURRENCY ({jobs_at_once}), or slots of this worker stay empty for ever"
        )


def port_faults(telemetry: Telemetry, *, http_port: int) -> Iterator[str]:
    """0 asks for any free port, so two of them are no fault."""
    if http_port and telemetry.metrics_port == http_port:
        yield (
            f"NEUROCARDS_METRICS_PORT: {http_port} is NEUROCARDS_HTTP_PORT already; probes and "
            "metrics must not be reachable where Telegram is"
        )
