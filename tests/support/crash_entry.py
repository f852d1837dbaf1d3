"""`python crash_entry.py worker|bot ORDER_FILE`: the real process with points to die at."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main() -> int:
    program, order_file = sys.argv[1:3]
    sys.path.insert(0, str(Path(__file__).parents[1]))
    crash = importlib.import_module("neurocards.testing.crash")
    doors = importlib.import_module("support.crash_doors")
    doors.GUARDS[program](crash.CrashOrder(Path(order_file)))
    started = importlib.import_module(f"neurocards_{program}.__main__")
    return int(started.main())


if __name__ == "__main__":
    sys.exit(main())
