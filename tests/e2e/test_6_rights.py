"""What the operator may do, asked of the API server, and tried with the operator's own token."""

from __future__ import annotations

import json

import httpx
import pytest
from tools.cluster.access import Access, read_access
from tools.cluster.api import KubernetesApi, Refusal

from e2e.conftest import Installed
from support.chart import RELEASE
from support.e2e_record import Record
from support.kubectl import Kubectl, KubectlError
from support.releases import pods_of

TITLE = "6. Rights"
WORKER_SCALE = "deployments/neurocards-worker", "--subresource=scale"
ALLOWED = (
    ("patch", *WORKER_SCALE),
    ("get", "deployments/neurocards-worker"),
    ("list", "neurocardsscalings"),
    ("patch", "neurocardsscalings/workers", "--subresource=status"),
    ("update", "leases/neurocards-operator"),
    ("create", "events"),
    ("list", "pods"),
    # Of every pod of the namespace: RBAC knows no annotations. What limits it is tried below.
    ("patch", "pods"),
)
COST = "controller.kubernetes.io/pod-deletion-cost"
FORBIDDEN = (
    *((verb, "secrets") for verb in ("get", "list", "watch", "create")),
    ("get", "secrets/neurocards"),
    ("get", "configmaps"),
    ("get", "deployments/neurocards-bot"),
    ("patch", "deployments/neurocards-bot", "--subresource=scale"),
    ("patch", "deployments/neurocards-worker"),
    ("delete", "deployments/neurocards-worker"),
    *((verb, "pods") for verb in ("get", "create", "update", "delete")),
    ("create", "pods", "--subresource=exec"),
    *(("patch", "pods", f"--subresource={part}") for part in ("ephemeralcontainers", "status")),
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


def _as_the_operator(kubectl: Kubectl) -> KubernetesApi:
    """Give the API server as the operator's pod sees it: with a token of its account."""
    token = kubectl.run("create", "token", "neurocards-operator").strip()
    known = read_access(kubectl.kubeconfig)
    return KubernetesApi(Access(known.server, known.authority, token, verified=known.verified))


async def test_the_operator_is_refused_a_secret_when_it_tries(installed: Installed):
    """With a token as its pod has one: the Secret of the release stays closed."""
    place = installed.place
    async with _as_the_operator(place.kubectl) as api:
        with pytest.raises(Refusal) as refused:
            await api.read("v1", "Secret", "neurocards", namespace=place.namespace)
    assert refused.value.code == httpx.codes.FORBIDDEN


async def test_the_operator_marks_a_pod_and_changes_nothing_else_of_it(
    installed: Installed, record: Record
):
    """With the same token: the cost of ending it is taken, an image and a label are refused.

    Not by `kubectl patch`, which reads the pod first, and that the operator may not.
    """
    kubectl, where = installed.place.kubectl, installed.place.namespace
    name = pods_of(kubectl, "bot")[0]
    pod = json.loads(kubectl.run("get", "pod", name, "--output", "json"))
    # A merge patch replaces a list, so that it has to be given whole.
    containers = [{**one, "image": "stranger:1"} for one in pod["spec"]["containers"]]
    changes: dict[str, dict[str, object]] = {
        "image of its container": {"spec": {"containers": containers}},
        "label": {"metadata": {"labels": {"app.kubernetes.io/component": "worker"}}},
    }
    said = []
    async with _as_the_operator(kubectl) as api:
        for what, change in changes.items():
            with pytest.raises(Refusal) as refused:
                await api.patch("v1", "Pod", name, change, namespace=where)
            # By the admission policy: RBAC would have said 403.
            assert refused.value.code == httpx.codes.UNPROCESSABLE_ENTITY
            reason = refused.value.message.partition("denied request: ")[2]
            assert reason == "the operator may set the annotations of pods and nothing else"
            said.append(f"- a patch of the {what}: refused, {reason}")
        mark = {"metadata": {"annotations": {COST: "7"}}}
        marked = await api.patch("v1", "Pod", name, mark, namespace=where)
    assert marked["metadata"]["annotations"][COST] == "7"
    assert marked["spec"] == pod["spec"]
    assert marked["metadata"]["labels"] == pod["metadata"]["labels"]
    lines = "\n".join([*said, f"- a patch of the annotation `{COST}`: done"])
    record.tell(TITLE, f"With a token of the operator, at a pod of the bot:\n{lines}")


def test_only_the_operator_is_given_a_token(installed: Installed):
    """No other pod of the release has anything to show to the API server."""
    chosen = ("--selector", f"app.kubernetes.io/instance={RELEASE}")
    tree = json.loads(installed.place.kubectl.run("get", "pods", *chosen, "--output", "json"))
    with_token = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]
        for pod in tree["items"]
        for container in pod["spec"]["containers"]
        for mount in container.get("volumeMounts", [])
        if mount["mountPath"].startswith("/var/run/secrets/kubernetes.io")
    }
    assert with_token == {"operator"}
