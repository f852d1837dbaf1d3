"""What the chaos run makes of the workers' words about their keys."""

from __future__ import annotations

from collections import Counter

from prometheus_client import CollectorRegistry, generate_latest

from chaos.key_health import differing, states_in
from neurocards_worker.metrics import WorkerMetrics


def page(**counts: int) -> str:
    registry = CollectorRegistry()
    metrics = WorkerMetrics(registry)
    for state, count in counts.items():
        metrics.provider_keys.labels(state).set(count)
    return generate_latest(registry).decode()


def test_the_states_of_the_keys_are_read_off_the_workers_own_page():
    assert states_in(page(healthy=2, billing=1, rate_limit=0)) == {"healthy": 2, "billing": 1}


def test_a_worker_that_does_not_know_of_a_block_breaks_the_promise():
    truth = Counter({"healthy": 2, "billing": 1})
    seen = {
        "worker-0": states_in(page(healthy=2, billing=1)),
        "worker-1": states_in(page(healthy=3)),
    }
    (breach,) = differing(truth, seen)
    assert (breach.invariant, breach.subject) == ("I10", "worker-1")


def test_a_worker_that_says_nothing_breaks_it_too():
    assert differing(Counter({"healthy": 1}), {"worker-0": states_in("")})
