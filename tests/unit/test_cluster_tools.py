"""How the tests get to a Kubernetes: pinned programs, and kubeconfigs of all common forms."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from tools.cluster import binaries
from tools.cluster.access import Access, AccessError, read_access
from tools.cluster.binaries import FAMILIES, BuildError, build, cache_folder, missing

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


def kubeconfig(folder: Path, *, user: dict[str, object], cluster: dict[str, object]) -> Path:
    path = folder / "config"
    tree = {
        "current-context": "b",
        "contexts": [
            {"name": "a", "context": {"cluster": "x", "user": "x"}},
            {"name": "b", "context": {"cluster": "c", "user": "u"}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://10.0.0.1:6443", **cluster}}],
        "users": [{"name": "u", "user": user}],
    }
    path.write_text(json.dumps(tree))
    return path


def test_every_program_has_a_pinned_version_with_checksums():
    for family in FAMILIES:
        assert family.version.startswith("v")
        checksums = (binaries.MODULES / family.folder / "go.sum").read_text()
        assert f"{family.source} {family.version} h1:" in checksums


def test_programs_of_other_versions_lie_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder.is_relative_to(tmp_path)
    assert all(family.version in folder.name for family in FAMILIES)


def test_what_is_built_is_not_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "kube-apiserver" in missing()
    cache_folder().mkdir(parents=True)
    for name in missing():
        (cache_folder() / name).touch()
    assert missing() == []
    assert build() == cache_folder()


def test_without_go_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BuildError, match=r"Go 1\.24 or newer is needed") as refused:
        build()
    assert "\n" not in str(refused.value)
    assert binaries.KUBECONFIG_VARIABLE in str(refused.value)


def test_an_access_that_was_written_is_read_again_and_is_nobody_elses(tmp_path: Path):
    access = Access("https://127.0.0.1:1", PEM, token="t", certificate=PEM, key=PEM)
    path = access.write(tmp_path / "kubeconfig")
    assert read_access(path) == access
    assert path.stat().st_mode & 0o077 == 0


def test_files_that_a_kubeconfig_names_are_read(tmp_path: Path):
    (tmp_path / "ca.pem").write_text(PEM)
    (tmp_path / "token").write_text("secret\n")
    path = kubeconfig(
        tmp_path,
        user={"tokenFile": str(tmp_path / "token")},
        cluster={"certificate-authority": "ca.pem"},
    )
    assert read_access(path) == Access("https://10.0.0.1:6443", PEM, "secret")
    assert read_access(path).headers() == {"Authorization": "Bearer secret"}


def test_data_within_a_kubeconfig_are_decoded(tmp_path: Path):
    data = base64.b64encode(PEM.encode()).decode()
    path = kubeconfig(
        tmp_path,
        user={"client-certificate-data": data, "client-key-data": data},
        cluster={"insecure-skip-tls-verify": True},
    )
    found = read_access(path)
    assert found == Access(
        "https://10.0.0.1:6443", certificate=PEM, key=PEM, token=None, verified=False
    )
    assert found.headers() == {}


def test_a_kubeconfig_that_asks_a_program_is_refused_with_a_way_out(tmp_path: Path):
    path = kubeconfig(tmp_path, user={"exec": {"command": "login"}}, cluster={})
    with pytest.raises(AccessError, match="give one with a token instead"):
        read_access(path)


def test_a_kubeconfig_without_its_context_is_refused(tmp_path: Path):
    path = kubeconfig(tmp_path, user={}, cluster={})
    path.write_text(path.read_text().replace('"name": "c"', '"name": "other"'))
    with pytest.raises(AccessError, match="no current context that is whole"):
        read_access(path)
