"""Pin the dependencies of each image and of development, with hashes and without addresses.

`compile.py` writes the files; `compile.py --check` tells whether they fit the project files.
A file is current when compiling it again, with its own pins as the preference, changes nothing.
"""

from __future__ import annotations

import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "3.11"
# A release younger than this is not taken: a supply-chain cool-down.
NEWEST = "2026-11-20"
MEMBERS = (
    *("neurocards", "neurocards-bot", "neurocards-worker", "neurocards-sandbox"),
    "neurocards-operator",
)
TARGETS: dict[str, tuple[str, ...]] = {
    "bootstrap": ("requirements/bootstrap.in",),
    "build": ("requirements/build.in",),
    "bot": ("services/bot/pyproject.toml",),
    "worker": ("services/worker/pyproject.toml",),
    "sandbox": ("services/sandbox/pyproject.toml",),
    "operator": ("operator/pyproject.toml",),
    "dev": ("--group", "dev"),
}
ADDRESS = re.compile(
    r"(https?|file|git\+\w+)://|\s@\s|^-e\s|--(extra-)?index-url|--find-links", re.MULTILINE
)


def compile_target(sources: tuple[str, ...], output: pathlib.Path) -> None:
    uv = shutil.which("uv", path=str(pathlib.Path(sys.executable).parent)) or "uv"
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes"]
    command += ["--no-header", "--no-annotate", "--python-version", PYTHON, "--no-emit-index-url"]
    command += ["--no-emit-find-links", "--exclude-newer", NEWEST]
    for member in MEMBERS:
        command += ["--no-emit-package", member]
    subprocess.run([*command, *sources, "--output-file", str(output)], cwd=ROOT, check=True)  # noqa: S603


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing, exit 1 if one is stale"
    )
    check = parser.parse_args().check
    faults: list[str] = []
    for name, sources in TARGETS.items():
        committed = ROOT / "requirements" / f"{name}.txt"
        with tempfile.TemporaryDirectory() as folder:
            fresh = pathlib.Path(folder) / committed.name
            if committed.exists():
                shutil.copy(committed, fresh)
            compile_target(sources, fresh)
            text = fresh.read_text()
        if ADDRESS.search(text):
            faults.append(f"requirements/{name}.txt would name an address")
        elif not check:
            committed.write_text(text)
        elif not committed.exists() or committed.read_text() != text:
            faults.append(f"requirements/{name}.txt is stale: run make requirements")
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
