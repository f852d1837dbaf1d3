"""What the operator may do, asked of the API server, and tried with the operator's own token."""

from __future__ import annotations

import json

import httpx
import pytest
from tools.cluster.access import Access, read_access
from tools.cluster.api import KubernetesApi, Refusal

from e2e.conftest import Installed
from support.e2e_record import Record
from support.kubectl import Kubectl, KubectlError

TITLE = "6. Rights"
WORKER_SCALE = "deployments/neurocards-worker", "--subresource=scale"
ALLOWED = (
    ("patch", *WORKER_SCALE),
    ("get", "deployments/neurocards-worker"),
    ("list", "neurocardsscalings"),
    ("patch", "neurocardsscalings/workers", "--subresource=status"),
    ("update", "leases/neurocards-operator"),
    ("create", "events"),
)
FORBIDDEN = (
    *((verb, "secrets") for verb in ("get", "list", "watch", "create")),
    ("get", "secrets/neurocards"),
    ("get", "configmaps"),
    ("get", "deployments/neurocards-bot"),
    ("patch", "deployments/neurocards-bot", "--subresource=scale"),
    ("patch", "deployments/neurocards-worker"),
    ("delete", "deployments/neurocards-worker"),
    ("create", "pods/exec"),
    ("delete", "pods"),
    ("create", "deployments"),
    ("patch", "customresourcedefinitions/neurocardsscalings.neurocards.io"),
    ("create", "rolebindings"),
)


def test_the_operator_may_do_its_work_and_nothing_else(installed: Installed, record: Record):
    """By `kubectl auth can-i`, as the ServiceAccount of the release."""
    place = installed.place
    account = f"system:serviceaccount:{place.namespace}:neurocards-operator"
    answers = {
        question: _may(place.kubectl, account, question) for question in (*ALLOWED, *FORBIDDEN)
    }
    assert {question for question, allowed in answers.items() if allowed} == set(ALLOWED)
    lines = [f"{'yes' if may else 'no ':3}  {' '.join(words)}" for words, may in answers.items()]
    told = "\n".join(lines)
    record.tell(
        TITLE, f"`kubectl auth can-i` as the ServiceAccount of the operator:\n```\n{told}\n```"
    )


def _may(kubectl: Kubectl, account: str, question: tuple[str, ...]) -> bool:
    try:
        return kubectl.run("auth", "can-i", *question, "--as", account).strip() == "yes"
    except KubectlError as error:
        # It says "no" by its exit code; other words mean that the question was put wrongly.
        if str(error) and "not namespace scoped" not in str(error):
            raise
        return False


async def test_the_operator_is_refused_a_secret_when_it_tries(installed: Installed):
    """With a token as its pod has one: the Secret of the release stays closed."""
    place = installed.place
    token = place.kubectl.run("create", "token", "neurocards-operator").strip()
    known = read_access(place.kubectl.kubeconfig)
    mine = Access(known.server, known.authority, token, verified=known.verified)
    async with KubernetesApi(mine) as api:
        with pytest.raises(Refusal) as refused:
            await api.read("v1", "Secret", "neurocards", namespace=place.namespace)
    assert refused.value.code == httpx.codes.FORBIDDEN


def test_only_the_operator_is_given_a_token(installed: Installed):
    """No other pod of the release has anything to show to the API server."""
    tree = json.loads(installed.place.kubectl.run("get", "pods", "--output", "json"))
    with_token = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in tree["items"]
        for container in pod["spec"]["containers"]
        for mount in container.get("volumeMounts", [])
        if mount["mountPath"].startswith("/var/run/secrets/kubernetes.io")
    }
    assert with_token == {"operator"}
