"""How many provider keys a second are taken by many takers at once, through the real statement.

Every job of every worker passes here before it may order a render, so all takers of an account
meet at one row. The window is made so short that it never is full: otherwise the provider's quota,
20 in 10 s, would be all that is measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.clients import run_client
from bench.effort import Effort
from bench.figures import Baseline, Check, Figure, Outcome
from bench.stage import Stage

TAKERS = (1, 20, 200)
ACCOUNTS = (1, 50)
QUOTA, QUOTA_S, ASKERS = 20, 10.0, 200
"""The provider's real window, for the check that it is kept."""
UNEVEN_MAX = 0.5
"""Of the turns of a key, where takers are more than accounts: they pass each other. With fewer of
them the turns are exact."""


@dataclass(slots=True)
class _Samples:
    taken_per_s: dict[tuple[int, int], list[float]] = field(
        default_factory=lambda: {(a, t): [] for a in ACCOUNTS for t in TAKERS}
    )
    bare_per_s: dict[tuple[int, int], list[float]] = field(
        default_factory=lambda: {(a, t): [] for a in ACCOUNTS for t in TAKERS}
    )
    p99_ms: dict[str, list[float]] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)


async def run(effort: Effort, folder: Path) -> Outcome:
    samples = _Samples()
    for number in range(1, effort.runs + 1):
        async with Stage(folder / f"keys-{number}") as stage:
            await _run_once(stage, effort, f"keys, run {number}", samples)
    return Outcome(
        figures=_figures(samples, effort),
        checks=tuple(samples.checks),
        details={"p99_ms_by_accounts_and_takers": samples.p99_ms},
    )


async def _run_once(stage: Stage, effort: Effort, label: str, samples: _Samples) -> None:
    found = await _taken(stage, "window", accounts=1, takers=ASKERS, limit=QUOTA, window_s=QUOTA_S)
    samples.checks.append(
        Check(
            f"{label}: of {ASKERS} takers of one key {QUOTA} get it, the others are told to wait",
            (found["taken"], found["waiting"]) == (QUOTA, ASKERS - QUOTA),
            f"taken {found['taken']}, told to wait {found['waiting']}, blocked {found['blocked']}",
        )
    )
    for accounts in ACCOUNTS:
        for takers in TAKERS:
            size = {"accounts": accounts, "takers": takers, "seconds": effort.keys_s}
            product = await _taken(stage, "take", **size)
            bare = await _taken(stage, "bare", **size)
            samples.taken_per_s[accounts, takers].append(product["taken"] / product["took_s"])
            samples.bare_per_s[accounts, takers].append(bare["taken"] / bare["took_s"])
            times = samples.p99_ms.setdefault(f"{accounts} accounts, {takers} takers", [])
            times.append(product["p99_ms"])
            what = f"{label}, {accounts} x {takers}"
            samples.checks.append(_check(product, what, crowded=takers > accounts))


async def _taken(stage: Stage, command: str, **settings: object) -> Mapping[str, Any]:
    path = stage.folder / "keys.json"
    path.write_text(json.dumps({"database_url": stage.database_url, **settings}), "utf-8")
    found: Mapping[str, Any] = await run_client("bench.key_takers", command, str(path))
    return found


def _check(product: Mapping[str, Any], label: str, *, crowded: bool) -> Check:
    uneven_max = max(1.0, UNEVEN_MAX * product["most"]) if crowded else 1.0
    return Check(
        f"{label}: every answer is a key, each was counted, and the keys took turns",
        product["waiting"] == product["blocked"] == 0
        and product["counted"] == product["taken"] + product["warm_up"]
        and product["most"] - product["least"] <= uneven_max,
        f"taken {product['warm_up']} and {product['taken']}, counted {product['counted']}, told "
        f"to wait {product['waiting']}, of one key {product['least']} to {product['most']}",
    )


def _figures(samples: _Samples, effort: Effort) -> tuple[Figure, ...]:
    return tuple(
        Figure(
            name=f"keys.taken_per_s_{accounts}x{takers}",
            title=(
                f"Keys taken by {takers} taker{'s' if takers > 1 else ''} at once, "
                f"{accounts} account{'s' if accounts > 1 else ''}"
            ),
            unit="per s",
            values=tuple(values),
            how=(
                f"closed loop for {effort.keys_s:g} s, a connection for each taker, one key per "
                "account, all keys offered to every taker; each take is a commit"
            ),
            baseline=Baseline(
                "bare asyncpg: UPDATE ... RETURNING of the row of one of these keys, by id, on as "
                "many connections",
                tuple(samples.bare_per_s[accounts, takers]),
            ),
        )
        for (accounts, takers), values in samples.taken_per_s.items()
    )
