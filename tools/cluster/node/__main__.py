"""`python -m tools.cluster.node up | down | load ARCHIVE...`; prints the kubeconfig of the node."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.cluster.binaries import BuildError
from tools.cluster.node.errors import NodeError
from tools.cluster.node.images import load
from tools.cluster.node.layout import layout
from tools.cluster.node.lifecycle import down, is_up, up


def _act(verb: str, archives: Sequence[Path]) -> None:
    where = layout()
    match verb:
        case "up":
            up(where)
            sys.stdout.write(f"{where.kubeconfig}\n")
        case "down":
            down(where)
        case _ if not is_up(where):
            raise NodeError("the node does not run: make cluster")
        case _:
            for archive in archives:
                load(where, archive)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.cluster.node", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("up", help="start the node, if it does not run")
    verbs.add_parser("down", help="end it and remove everything that it made")
    verbs.add_parser("load", help="bring images to it").add_argument(
        "archives", nargs="+", type=Path, help="as `docker save` writes them"
    )
    arguments = parser.parse_args()
    try:
        _act(arguments.verb, vars(arguments).get("archives", []))
    except (NodeError, BuildError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
