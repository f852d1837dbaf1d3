"""How to reach an API server: its address and credentials, out of a kubeconfig or into one."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]


class AccessError(Exception):
    """A kubeconfig that cannot be used here; the message says why."""


@dataclass(frozen=True, slots=True)
class Access:
    """An address with what it takes to be let in: a token, or a client certificate with its key."""

    server: str
    authority: str | None = None
    """Certificates (PEM) that the server's must be signed by; None = those of the system."""
    token: str | None = None
    certificate: str | None = None
    key: str | None = None
    verified: bool = True

    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.authority)
        if not self.verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(f"{self.certificate}\n{self.key}\n")
                file.flush()
                context.load_cert_chain(file.name)
        return context

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def write(self, path: Path) -> Path:
        """Write a kubeconfig that only its owner can read."""
        user = _encoded({"client-certificate-data": self.certificate, "client-key-data": self.key})
        cluster: dict[str, Any] = _encoded({"certificate-authority-data": self.authority})
        if not self.verified:
            cluster["insecure-skip-tls-verify"] = True
        tree = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "here"}}],
            "clusters": [{"name": "here", "cluster": {"server": self.server, **cluster}}],
            "users": [
                {"name": "here", "user": user | ({"token": self.token} if self.token else {})}
            ],
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(tree, indent=2), encoding="utf-8")
        return path


def read_access(path: Path) -> Access:
    """Read the current context; AccessError if it names a program for its credentials."""
    tree = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        context = _named(tree, "contexts", tree["current-context"])["context"]
        cluster = _named(tree, "clusters", context["cluster"])["cluster"]
        user = _named(tree, "users", context["user"]).get("user") or {}
    except (KeyError, TypeError) as error:
        raise AccessError(f"{path} has no current context that is whole: {error}") from error
    if "exec" in user or "auth-provider" in user:
        raise AccessError(f"{path} asks a program for credentials; give one with a token instead")
    token_file = user.get("tokenFile")
    return Access(
        server=cluster["server"],
        authority=_pem(cluster, "certificate-authority", path),
        token=user.get("token") or (Path(token_file).read_text().strip() if token_file else None),
        certificate=_pem(user, "client-certificate", path),
        key=_pem(user, "client-key", path),
        verified=not cluster.get("insecure-skip-tls-verify", False),
    )


def _encoded(texts: Mapping[str, str | None]) -> dict[str, Any]:
    return {name: base64.b64encode(t.encode()).decode() for name, t in texts.items() if t}


def _named(tree: Any, section: str, name: str) -> Any:
    for entry in tree[section]:
        if entry["name"] == name:
            return entry
    raise KeyError(f"{section} {name}")


def _pem(section: Mapping[str, Any], name: str, path: Path) -> str | None:
    if data := section.get(f"{name}-data"):
        return base64.b64decode(data).decode()
    file = section.get(name)
    return Path(path.parent, file).read_text(encoding="utf-8") if file else None
