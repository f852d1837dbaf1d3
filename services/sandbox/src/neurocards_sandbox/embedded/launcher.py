"""Become another program that dies with its parent: `python -I launcher.py PARENT SIGNAL UID CMD`.

Run as a script, never imported, so that nothing of the parent's state is in the way. The kernel
sends SIGNAL when the thread that started this process ends, however it ends.

UID 0 keeps the user. Any other one is taken on, because PostgreSQL refuses to run as root. A
root's folders are often closed to everybody else (/root, a temporary folder). Then, and only then,
the new user keeps the one capability that opens them: no permission of any file is changed.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1


class CapabilityHeader(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class CapabilitySet(ctypes.Structure):
    _fields_ = [
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    ]


LIBC = ctypes.CDLL(None, use_errno=True)


def call(function: str, *arguments: object) -> None:
    if getattr(LIBC, function)(*arguments) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")


def keep_access_to_closed_folders() -> None:
    """Keep CAP_DAC_OVERRIDE over the coming exec; OSError where root itself does not have it."""
    bit = 1 << CAP_DAC_OVERRIDE
    header = CapabilityHeader(CAPABILITY_VERSION_3, 0)
    sets = (CapabilitySet * 2)(CapabilitySet(bit, bit, bit), CapabilitySet(0, 0, 0))
    call("capset", ctypes.byref(header), ctypes.byref(sets))
    call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_OVERRIDE, 0, 0)


def become(uid: int, paths: list[str]) -> None:
    call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    # `access` asks for the user alone, whatever capabilities are left.
    if not all(os.access(path, os.R_OK) for path in paths):
        with contextlib.suppress(OSError):
            keep_access_to_closed_folders()


def main() -> None:
    parent, signal_number, uid = (int(word) for word in sys.argv[1:4])
    command = sys.argv[4:]
    if uid:
        values = (word.partition("=")[2] if word.startswith("--") else word for word in command)
        become(uid, [value for value in values if value.startswith("/")])
    # After the change of user, which would clear it.
    call("prctl", PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(1)
    os.execv(command[0], command)  # noqa: S606 - that is its task


if __name__ == "__main__":
    main()
