"""What is rendered fits the API of several versions of Kubernetes."""

from __future__ import annotations

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from support.chart import DEMO, EXTERNAL, FOLDER, PROMETHEUS, WEBHOOK, Chart, merged

VERSIONS = ("1.29", "1.32", "1.37")
# Kinds that are not Kubernetes' own; NeurocardsScaling is tried on a real API server.
FOREIGN = {
    "NeurocardsScaling",
    "CustomResourceDefinition",
    "PodMonitor",
    "PrometheusRule",
    "HTTPRoute",
}
EVERYTHING = {
    "worker": {"canary": {"enabled": True}},
    "httpRoute": {"enabled": True, "parentRefs": [{"name": "public"}]},
    "networkPolicy": {"enabled": True, "metricsFrom": [{"podSelector": {}}]},
}
WAYS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "demo": (merged(DEMO, {"networkPolicy": {"enabled": True}}), []),
    "small": (EXTERNAL, ["values-small.yaml"]),
    "production": (merged(EXTERNAL, WEBHOOK, EVERYTHING), ["values-production.yaml"]),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", WAYS)
def test_manifests_fit_the_api(chart_once: Chart, way: str, version: str) -> None:
    """No field is unknown, none has the wrong type."""
    values, files = WAYS[way]
    rendered = chart_once.render(values, files=[FOLDER / name for name in files], api=[PROMETHEUS])
    checked = 0
    for one in rendered.manifests:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)
            checked += 1
    assert checked > 20


def test_a_wrong_field_would_be_seen(chart_once: Chart) -> None:
    """The check can fail."""
    worker = chart_once.render(EXTERNAL).find("Deployment", "neurocards-worker")
    worker["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker, VERSIONS[0], strict=True)
