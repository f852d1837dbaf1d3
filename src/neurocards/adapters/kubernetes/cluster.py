"""What a person may want of a cluster: the scaling object, the components, and what they log.

The client is synchronous and heavy, so it is imported when a cluster is opened, by commands only.
Invariant: whatever it raises leaves here as ClusterUnavailableError (nothing was changed, or nobody
knows) or ClusterRefusedError (the server said no).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from neurocards.errors import NeurocardsError

GROUP, VERSION, PLURAL = "neurocards.io", "v1alpha1", "neurocardsscalings"
REQUEST_TIMEOUT_S = 10.0
PODS_MAX = 500
MERGE_PATCH = "application/merge-patch+json"
"""Or the client takes the first of its list, which wants a list of operations."""
OURS = "app.kubernetes.io/part-of=neurocards"
COMPONENT_LABEL = "app.kubernetes.io/component"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
REPLICAS_BEFORE_STOP = "neurocards.io/replicas-before-stop"
IN_CLUSTER_TOKEN = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")


class ClusterUnavailableError(NeurocardsError):
    """There is no client, no kubeconfig, or no answer."""


class ClusterRefusedError(NeurocardsError):
    """The API server said no; `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the API server refused: {status} {reason}")
        self.status = status


@dataclass(frozen=True, slots=True)
class ScalingState:
    """What the scaling object says of its workers, in the words of its status."""

    mode: str
    override: Mapping[str, Any] | None
    replicas: int | None
    ready: int | None
    desired: int | None
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class ComponentState:
    """One Deployment of ours."""

    name: str
    component: str
    replicas: int
    ready: int
    stopped_with: int | None
    """Replicas that it had before it was stopped by hand."""


class KubernetesCluster:
    """One namespace, with the rights of the kubeconfig or of the pod."""

    def __init__(self, *, namespace: str | None = None, context: str | None = None) -> None:
        try:
            import urllib3  # noqa: PLC0415
            from kubernetes import client, config  # noqa: PLC0415
        except ImportError as error:
            words = (
                "the client of Kubernetes is not installed: pip install 'neurocards[kubernetes]'"
            )
            raise ClusterUnavailableError(words) from error
        self._unreachable = (OSError, urllib3.exceptions.HTTPError)
        self._refused = client.ApiException
        try:
            self._configure(config, context)
            self.namespace = namespace or self._own_namespace(config, context)
        except config.ConfigException as error:
            raise ClusterUnavailableError(f"no cluster can be reached: {error}") from error
        self._objects = client.CustomObjectsApi()
        self._apps = client.AppsV1Api()
        self._core = client.CoreV1Api()

    def scaling_object(self, name: str) -> Mapping[str, Any]:
        """Read a NeurocardsScaling object as the API server has it."""
        with self._translated():
            tree: Any = self._objects.get_namespaced_custom_object(
                GROUP, VERSION, self.namespace, PLURAL, name, _request_timeout=REQUEST_TIMEOUT_S
            )
        return dict(tree)

    def scaling(self, name: str) -> ScalingState:
        """Read the state of a NeurocardsScaling object."""
        tree = self.scaling_object(name)
        spec, status = tree.get("spec", {}), tree.get("status", {})
        decision = status.get("decision", {})
        return ScalingState(
            mode=spec.get("mode", "Auto"),
            override=spec.get("override"),
            replicas=status.get("replicas"),
            ready=status.get("readyReplicas"),
            desired=status.get("desiredReplicas"),
            reason=decision.get("reason", ""),
            message=decision.get("message", ""),
        )

    def override(self, name: str, *, replicas: int, until: datetime) -> None:
        """Let the scaling object ask for exactly `replicas` until a moment."""
        ends = until.strftime("%Y-%m-%dT%H:%M:%SZ")
        self._patch_scaling(name, {"override": {"replicas": replicas, "until": ends}})

    def end_override(self, name: str) -> None:
        self._patch_scaling(name, {"override": None})

    def components(self) -> Sequence[ComponentState]:
        """List our Deployments."""
        with self._translated():
            found = self._apps.list_namespaced_deployment(
                self.namespace, label_selector=OURS, _request_timeout=REQUEST_TIMEOUT_S
            )
        return [_component(deployment) for deployment in found.items]

    def restart(self, name: str, *, now: datetime) -> None:
        """Let a Deployment replace its pods one after another, as `kubectl rollout restart`."""
        stamp = {"annotations": {RESTARTED_AT: now.isoformat(timespec="seconds")}}
        self._patch_deployment(name, {"spec": {"template": {"metadata": stamp}}})

    def stop(self, component: ComponentState) -> None:
        """Scale to nothing, and note on the Deployment with how many it ran."""
        noted = {"annotations": {REPLICAS_BEFORE_STOP: str(component.replicas)}}
        self._patch_deployment(component.name, {"metadata": noted, "spec": {"replicas": 0}})

    def start(self, component: ComponentState) -> None:
        """Undo `stop`."""
        noted = {"annotations": {REPLICAS_BEFORE_STOP: None}}
        spec = {"replicas": component.stopped_with}
        self._patch_deployment(component.name, {"metadata": noted, "spec": spec})

    def pods(self, component: str) -> Sequence[str]:
        """Name the pods of a component."""
        selector = f"{OURS},{COMPONENT_LABEL}={component}"
        with self._translated():
            found = self._core.list_namespaced_pod(
                self.namespace,
                label_selector=selector,
                limit=PODS_MAX,
                _request_timeout=REQUEST_TIMEOUT_S,
            )
        pods: Any = found.items
        return sorted(pod.metadata.name for pod in pods)

    def log(self, pod: str, *, lines: int) -> str:
        """Read the last lines of a pod's log."""
        with self._translated():
            text: str = self._core.read_namespaced_pod_log(
                pod, self.namespace, tail_lines=lines, _request_timeout=REQUEST_TIMEOUT_S
            )
        return text

    def _patch_scaling(self, name: str, spec: Mapping[str, Any]) -> None:
        with self._translated():
            self._objects.patch_namespaced_custom_object(
                GROUP,
                VERSION,
                self.namespace,
                PLURAL,
                name,
                {"spec": spec},
                _request_timeout=REQUEST_TIMEOUT_S,
                _content_type=MERGE_PATCH,
            )

    def _patch_deployment(self, name: str, patch: dict[str, Any]) -> None:
        with self._translated():
            self._apps.patch_namespaced_deployment(
                name,
                self.namespace,
                patch,
                _request_timeout=REQUEST_TIMEOUT_S,
                _content_type=MERGE_PATCH,
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except self._refused as error:
            raise ClusterRefusedError(error.status, error.reason) from error
        except self._unreachable as error:
            raise ClusterUnavailableError(f"the API server does not answer: {error}") from error

    @staticmethod
    def _configure(config: Any, context: str | None) -> None:
        """Read the kubeconfig; without one, take what a pod of the cluster is given."""
        try:
            config.load_kube_config(context=context)
        except config.ConfigException:
            if context is not None or not IN_CLUSTER_TOKEN.exists():
                raise
            config.load_incluster_config()

    @staticmethod
    def _own_namespace(config: Any, context: str | None) -> str:
        """Give the namespace of the pod, or that of the context, as kubectl does."""
        beside_token = IN_CLUSTER_TOKEN.with_name("namespace")
        if beside_token.exists():
            return beside_token.read_text(encoding="ascii").strip()
        contexts, active = config.list_kube_config_contexts()
        wanted = next((one for one in contexts if one["name"] == context), active)
        return str(wanted.get("context", {}).get("namespace") or "default")


def _component(deployment: Any) -> ComponentState:
    noted = (deployment.metadata.annotations or {}).get(REPLICAS_BEFORE_STOP, "")
    return ComponentState(
        name=deployment.metadata.name,
        component=(deployment.metadata.labels or {}).get(COMPONENT_LABEL, ""),
        replicas=deployment.spec.replicas or 0,
        ready=deployment.status.ready_replicas or 0,
        stopped_with=int(noted) if noted.isdigit() else None,
    )
