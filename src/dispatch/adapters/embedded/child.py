"""Runs as a script between fork and the server: ties the process to its parent, and as root enters a user namespace.

Usage: child.py SIGNAL PARENT_PID NAMESPACE(0|1) PROGRAM [ARGUMENT ...]

A script of its own because code between fork and exec (preexec_fn) may deadlock in a process with threads, and because
setpriv and unshare differ between util-linux and busybox. Standard library only, started with -I -S: about 20 ms.
"""

import ctypes
import os
import sys

NOT_PERMITTED = 77
"""Exit code: this kernel or container does not allow user namespaces."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_CLONE_NEWUSER = 0x10000000  # linux/sched.h
_USER_INSIDE = 1000


def _write(path: str, text: str) -> None:
    file = os.open(path, os.O_WRONLY)
    try:
        os.write(file, text.encode())
    finally:
        os.close(file)


def _enter_user_namespace(libc: ctypes.CDLL) -> None:
    """Be user 1000 inside and remain ourselves outside: files keep their owner, nothing needs chown or chmod."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(_CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    # The kernel lets a process map its own group only after it has given up setgroups (user_namespaces(7)).
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{_USER_INSIDE} {user} 1")
    _write("/proc/self/gid_map", f"{_USER_INSIDE} {group} 1")


def main(signal: int, parent: int, namespace: bool, command: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if namespace:
        try:
            _enter_user_namespace(libc)
        except OSError as error:
            sys.stderr.write(f"{error}\n")
            raise SystemExit(NOT_PERMITTED) from error
    # After the namespace, because changed credentials clear the signal.
    if libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # It died before the line above: no signal will ever come.
        raise SystemExit(1)
    os.execv(command[0], command)  # noqa: S606 - to become the server is the purpose


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "1", sys.argv[4:])
