"""NeurocardsScaling objects for tests on a real API server."""

from __future__ import annotations

from typing import Any

from neurocards.scaling_policies import API_VERSION, KIND

Tree = dict[str, Any]


def scaling(spec: Tree | None = None, *, name: str = "workers", **more: Any) -> Tree:
    """Give an object with this spec; `more` is put beside it."""
    tree: Tree = {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, **more}
    return tree if spec is None else tree | {"spec": spec}
