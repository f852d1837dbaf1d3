"""Images on the node: out of archives, and the one that every pod begins with."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path

from tools.cluster.node.host import run
from tools.cluster.node.layout import PAUSE_IMAGE, Layout

_NAMESPACE = "k8s.io"


def load(layout: Layout, archive: Path) -> None:
    """Bring the images of an archive, as `docker save` writes it, to the node."""
    run(
        *("ctr", "--address", str(layout.socket), "--namespace", _NAMESPACE),
        *("images", "import", str(archive)),
    )


def write_pause_archive(program: Path, target: Path) -> None:
    """Write an image that holds this one program, as `docker save` would."""
    layer = _tar({"pause": (program.read_bytes(), 0o755)})
    config = {
        "architecture": _architecture(),
        "os": "linux",
        "config": {"Entrypoint": ["/pause"], "User": "65535:65535"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [PAUSE_IMAGE], "Layers": ["layer.tar"]}]
    parts = {"manifest.json": manifest, "config.json": config}
    files = {name: (json.dumps(tree).encode(), 0o644) for name, tree in parts.items()}
    target.write_bytes(_tar({**files, "layer.tar": (layer, 0o644)}))


def _architecture() -> str:
    machine = run("uname", "-m").strip()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def _tar(files: dict[str, tuple[bytes, int]]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for name, (content, mode) in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            archive.addfile(entry, io.BytesIO(content))
    return written.getvalue()
