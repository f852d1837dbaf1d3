"""What is rendered fits the API of several versions of Kubernetes."""

from __future__ import annotations

from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from support.chart import (
    ADMISSION,
    CLOUD_NATIVE_PG,
    DEMO,
    EXTERNAL,
    FOLDER,
    PROMETHEUS,
    WEBHOOK,
    Chart,
    RefusedError,
    merged,
)

# With what a server of that version says it has: admission policies came with 1.30.
VERSIONS: dict[str, list[str]] = {"1.29": [], "1.32": [ADMISSION], "1.37": [ADMISSION]}
# Kinds that are not Kubernetes' own; NeurocardsScaling is tried on a real API server.
FOREIGN = {
    "NeurocardsScaling",
    "CustomResourceDefinition",
    "PodMonitor",
    "PrometheusRule",
    "HTTPRoute",
    "Cluster",
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
    "cnpg": (
        merged(
            EXTERNAL,
            WEBHOOK,
            EVERYTHING,
            {"database": {"mode": "cnpg", "sslMode": "verify-full"}},
        ),
        ["values-production.yaml"],
    ),
}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("way", WAYS)
def test_manifests_fit_the_api(chart_once: Chart, way: str, version: str) -> None:
    """No field is unknown, none has the wrong type."""
    values, files = WAYS[way]
    rendered = chart_once.render(
        values,
        files=[FOLDER / name for name in files],
        api=[PROMETHEUS, CLOUD_NATIVE_PG, *VERSIONS[version]],
        kubernetes=f"{version}.0",
    )
    checked = []
    for one in rendered.manifests:
        if one["kind"] not in FOREIGN:
            kubernetes_validate.validate(one, version, strict=True)
            checked.append(one["kind"])
    assert len(checked) > 20
    # Where it is not to be had, the operator's patch of pods has no limit (docs/operator.md).
    assert ("ValidatingAdmissionPolicy" in checked) is (ADMISSION in VERSIONS[version])


def test_an_older_kubernetes_is_refused(chart: Chart) -> None:
    """Before anything is installed; the oldest that is tried is the oldest that is taken."""
    with pytest.raises(RefusedError, match=r"1\.28"):
        chart.render(EXTERNAL, kubernetes="1.28.15")
    assert chart.render(EXTERNAL, kubernetes=f"{min(VERSIONS)}.0").kind("Deployment")


def test_a_wrong_field_would_be_seen(chart_once: Chart) -> None:
    """The check can fail."""
    worker = chart_once.render(EXTERNAL).find("Deployment", "neurocards-worker")
    worker["spec"]["replica"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(worker, min(VERSIONS), strict=True)
