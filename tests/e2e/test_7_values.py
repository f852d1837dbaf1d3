"""Wrong values on a real cluster: refused by a sentence with their key, and nothing is left."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from e2e.conftest import Place
from support.chart import EXTERNAL
from support.e2e_record import Record
from support.helm import HelmError
from support.wrong_values import WRONG

TITLE = "7. Wrong values"
LEAST = 30


async def test_wrong_values_are_refused_before_anything_is_installed(
    new_place: Callable[[str], Place], record: Record
):
    """`helm install` with each of the files that the chart's own tests know."""
    place = new_place("helm4")
    accepted = []
    for values, key in WRONG:
        try:
            await place.helm.release("install", EXTERNAL, values)
        except HelmError as error:
            if key not in str(error):
                accepted.append((key, str(error)))
        else:
            accepted.append((key, "installed"))
            await place.helm.run("uninstall")
    assert accepted == []
    kinds = "deployments,jobs,secrets,configmaps,serviceaccounts,services"
    left = await asyncio.to_thread(place.kubectl.run, "get", kinds, "--output", "name")
    assert set(left.split()) == {"configmap/kube-root-ca.crt", "serviceaccount/default"}
    assert len(WRONG) >= LEAST
    record.tell(
        TITLE,
        f"{len(WRONG)} wrong values files (`tests/support/wrong_values.py`), each refused by "
        "`helm install` with a message that names the key; nothing was left in the namespace.",
    )
