"""What goes wrong when: the whole programme of a run, made from its seed. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass

LINKS = ("postgres", "nats", "telegram", "kie", "openai", "ingress")
CALM_SHARE = 0.25
"""Of the time nothing new goes wrong, so that what recovers is seen too."""
PAUSE_S = (0.3, 2.0)
LONGEST_S = 6.0
ORDERS_COME_UNTIL = 0.8
"""Of the run; what comes later could meet no fault."""


@dataclass(frozen=True, slots=True)
class Kind:
    """`weight`: how often it comes among the others; `lasts_s`: from ... to."""

    name: str
    weight: int
    lasts_s: tuple[float, float] = (0.0, 0.0)


KINDS = (
    Kind("worker.kill", 8),
    Kind("worker.stop", 4, (3.0, LONGEST_S)),
    Kind("worker.term", 4),
    Kind("bot.kill", 6),
    Kind("bot.stop", 2, (1.0, 4.0)),
    Kind("bot.term", 3),
    Kind("nats.kill", 2, (0.2, 2.0)),
    Kind("nats.restart", 2),
    Kind("postgres.kill", 1, (0.2, 1.0)),
    Kind("postgres.restart", 1),
    Kind("postgres.disconnect", 3),
    Kind("link.cut", 4),
    Kind("link.latency", 3, (1.0, LONGEST_S)),
    Kind("link.refuse", 2, (0.5, 3.0)),
    Kind("link.silence", 2, (1.0, 4.0)),
    Kind("link.reset_after_request", 4, (1.0, 4.0)),
    Kind("kie.rate", 2, (1.0, 3.0)),
    Kind("kie.create-500", 2, (1.0, 3.0)),
    Kind("kie.http-502", 2, (1.0, 3.0)),
    Kind("kie.lost-reply", 2, (0.5, 2.0)),
    Kind("kie.garbage", 1, (0.5, 2.0)),
    Kind("kie.temporary", 2, (1.0, 3.0)),
    Kind("kie.stuck", 1, (0.5, 1.5)),
    Kind("kie.result-500", 1, (1.0, 3.0)),
    Kind("kie.result-null", 1, (1.0, 3.0)),
    Kind("kie.callbacks", 3, (2.0, LONGEST_S)),
    Kind("openai.openai-rate", 2, (1.0, 3.0)),
    Kind("openai.openai-500", 2, (1.0, 3.0)),
    Kind("openai.openai-garbage", 1, (1.0, 3.0)),
    Kind("telegram.429", 2),
    Kind("telegram.500", 2),
    Kind("telegram.lost", 3),
    Kind("updates.again", 4),
)
WIPE = Kind("nats.wipe", 0)
"""Comes exactly once."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault: it begins `at_s` after the start; `victim` and `link` say which one is meant."""

    at_s: float
    kind: str
    lasts_s: float
    victim: int
    link: str


def programme(seed: int, seconds: float) -> list[Strike]:
    """Plan the strikes of a run, in order; the same seed gives the same ones."""
    dice = random.Random(seed)
    strikes = [_strike(dice, WIPE, seconds * dice.uniform(0.3, 0.7))]
    at_s = dice.uniform(*PAUSE_S)
    while at_s < seconds:
        if dice.random() >= CALM_SHARE:
            kind = dice.choices(KINDS, [kind.weight for kind in KINDS])[0]
            strikes.append(_strike(dice, kind, at_s))
        at_s += dice.uniform(*PAUSE_S)
    return sorted(strikes, key=lambda strike: strike.at_s)


def _strike(dice: random.Random, kind: Kind, at_s: float) -> Strike:
    return Strike(
        at_s=round(at_s, 2),
        kind=kind.name,
        lasts_s=round(dice.uniform(*kind.lasts_s), 2),
        victim=dice.randrange(1_000),
        link=dice.choice(LINKS),
    )


def arrivals(seed: int, seconds: float, jobs: int) -> list[float]:
    """Tell when each order is begun, in seconds after the start."""
    dice = random.Random(seed + 1)
    return sorted(dice.uniform(0.0, ORDERS_COME_UNTIL * seconds) for _ in range(jobs))
