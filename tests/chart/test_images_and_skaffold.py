"""What can be said of the images and of skaffold.yaml without building or deploying."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from support.chart import FOLDER, ROOT

DOCKERFILES = {
    "bot": ROOT / "services" / "bot" / "Dockerfile",
    "worker": ROOT / "services" / "worker" / "Dockerfile",
    "sandbox": ROOT / "services" / "sandbox" / "Dockerfile",
    "operator": ROOT / "operator" / "Dockerfile",
}
SKAFFOLD = yaml.safe_load((ROOT / "skaffold.yaml").read_text())


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_holds_its_own_pinned_requirements(name: str) -> None:
    """S2-13: hashed, of this image, and the project's own parts without any index."""
    text = DOCKERFILES[name].read_text()
    assert f"--require-hashes -r requirements/{name}.txt" in text
    assert "--no-deps --no-index" in text
    assert (ROOT / "requirements" / f"{name}.txt").exists()


@pytest.mark.parametrize("name", DOCKERFILES)
def test_an_image_needs_no_extension_of_docker(name: str) -> None:
    """Plain Docker builds it: no mounts of BuildKit, no heredocs, no syntax line."""
    text = DOCKERFILES[name].read_text()
    assert "--mount" not in text
    assert "<<" not in text
    assert not text.startswith("# syntax")


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_process_is_nobody_in_particular(name: str) -> None:
    """The user of the images is the one that the chart runs them as."""
    last_stage = DOCKERFILES[name].read_text().rsplit("FROM ", 1)[1]
    assert "USER 10001:10001" in last_stage
    assert "runAsUser: {{ default 10001 .uid }}" in (FOLDER / "templates/_pods.tpl").read_text()


def test_the_images_are_built_alike() -> None:
    """They differ in name, folder and what is theirs alone; not in how they are made."""

    def common(name: str) -> str:
        folder = DOCKERFILES[name].parent.relative_to(ROOT)
        text = re.sub(
            r"(?m)^(ENTRYPOINT|.*image\.description).*$", "", DOCKERFILES[name].read_text()
        )
        text = re.sub(r"# The wheel of PostgreSQL.*?-delete\n", "", text, flags=re.DOTALL)
        return re.sub(rf"\b{name}\b", "NAME", text.replace(str(folder), "NAME"))

    assert {common(name) for name in DOCKERFILES} == {common("bot")}


def test_the_context_holds_what_the_images_copy() -> None:
    """.dockerignore leaves everything out that is not named there."""
    named = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for path in [*DOCKERFILES.values(), *(ROOT / "tools" / "images").glob("*.Dockerfile")]:
        for line in re.findall(r"(?m)^COPY (?!--from|\$)(.*)$", path.read_text()):
            for source in line.split()[:-1]:
                assert any(source == one or source.startswith(f"{one}/") for one in named), source


def test_skaffold_names_files_and_values_that_there_are() -> None:
    """Its binary is not at hand in the tests, so that a renamed value would go unseen."""
    schema = json.loads((FOLDER / "values.schema.json").read_text())

    def knows(path: str) -> bool:
        node: dict[str, Any] = schema
        for part in path.split("."):
            while "$ref" in node:
                node = schema["definitions"][node["$ref"].rsplit("/", 1)[1]]
            if part not in node.get("properties", {}):
                return False
            node = node["properties"][part]
        return True

    release = SKAFFOLD["deploy"]["helm"]["releases"][0]
    assert (ROOT / release["chartPath"] / "Chart.yaml").exists()
    patches = SKAFFOLD["profiles"][0]["patches"]
    values = [*release["setValues"], *release["setValueTemplates"]]
    values += [one["path"].rsplit("/", 1)[1] for one in patches if "/helm/" in one["path"]]
    assert [path for path in values if not knows(path)] == []
    artifacts = [*SKAFFOLD["build"]["artifacts"]]
    artifacts += [one["value"] for one in patches if one["path"] == "/build/artifacts/-"]
    for artifact in artifacts:
        assert (ROOT / artifact["docker"]["dockerfile"]).exists()
        for sync in artifact.get("sync", {}).get("manual", []):
            assert (ROOT / sync["strip"]).is_dir()
