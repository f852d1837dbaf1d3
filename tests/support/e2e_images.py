"""The images of the product on the node: this version, and a next one with a migration more.

The next version is made of this one by a file in each image, so that an upgrade has something to
migrate; the product's own migrations stay what they are.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.images.builder import TAG, Builder, archives_folder, find_builder

from support.chart import ROOT
from support.real_node import RealNode

NEXT_TAG = "0.1.1-next"
UPGRADED = ("bot", "worker", "operator")
"""The simulators stay: they are the witness of an upgrade."""
MIGRATIONS = "/opt/neurocards/lib/python3.11/site-packages/neurocards/migrations/"
UP = "SET lock_timeout = '5s';\nALTER TABLE jobs ADD COLUMN next_version_note text;\n"
DOWN = "SET lock_timeout = '5s';\nALTER TABLE jobs DROP COLUMN next_version_note;\n"


def bring_images(node: RealNode) -> None:
    """Build whatever has changed, and bring it to the node."""
    builder = find_builder()
    names = builder.build()
    for name in UPGRADED:
        names.append(_make_next(builder, name))
    _bring(node, builder.save(names, archives_folder()))


def _make_next(builder: Builder, name: str) -> str:
    number = 1 + len(list((ROOT / "migrations").glob("*.up.sql")))
    image = f"neurocards-{name}:{NEXT_TAG}"
    with tempfile.TemporaryDirectory() as folder:
        context = Path(folder)
        (context / f"{number:04d}_next_version.up.sql").write_text(UP)
        (context / f"{number:04d}_next_version.down.sql").write_text(DOWN)
        for path in context.iterdir():
            path.chmod(0o644)
        (context / "Dockerfile").write_text(
            f"FROM neurocards-{name}:{TAG}\nCOPY *.sql {MIGRATIONS}\n"
        )
        builder.derive(context, image)
    return image


def _bring(node: RealNode, archives: Sequence[Path]) -> None:
    """Bring what this life of the node has not got yet."""
    known = node.brought.read_text().split() if node.brought and node.brought.exists() else []
    for archive in archives:
        identity = f"{archive.name}={archive.with_name(archive.name + '.id').read_text().strip()}"
        if identity in known:
            continue
        sys.stderr.write(f"bringing {archive.name} to {node.name}\n")
        node.bring(archive)
        known.append(identity)
        if node.brought:
            node.brought.write_text("\n".join(known))
