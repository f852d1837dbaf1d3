"""`python crash_entry.py worker|bot ORDER_FILE SOCKET`: a nursery of real processes with points.

It loads the program once, with its doors guarded, and forks a process of it for every request on
the socket: a line of JSON with `log_path` and `environment`, answered by the pid. A process that is
killed is replaced in an instant, which a start from nothing would not be.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1


def load(program: str, order_file: Path) -> Callable[[], int]:
    sys.path.insert(0, str(Path(__file__).parents[1]))
    crash = importlib.import_module("neurocards.testing.crash")
    doors = importlib.import_module("support.crash_doors")
    doors.GUARDS[program](crash.CrashOrder(order_file))
    main: Callable[[], int] = importlib.import_module(f"neurocards_{program}.__main__").main
    return main


def become(request: dict[str, Any], main: Callable[[], int]) -> None:
    """Be the process that was asked for, until its end."""
    code = 1
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        log = os.open(request["log_path"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(log, stream)
        os.environ.clear()
        os.environ.update(request["environment"])
        code = main()
    except BaseException:  # noqa: BLE001 - a fork must never go on as its parent
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    program, order_file, address = sys.argv[1:4]
    started = load(program, Path(order_file))
    # Nobody waits for the forks: the kernel takes them away.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as server:
        # An abstract address: nothing is left of it in any folder.
        server.bind(address.replace("@", "\0", 1))
        server.listen()
        while True:
            client, _ = server.accept()
            with client, client.makefile("rw") as lines:
                request = json.loads(lines.readline())
                pid = os.fork()
                if pid == 0:
                    server.close()
                    client.close()
                    become(request, started)
                lines.write(f"{pid}\n")
                lines.flush()


if __name__ == "__main__":
    main()
