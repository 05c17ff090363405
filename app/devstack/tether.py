"""Run a program that ends when its parent does: `python -I -S tether.py PARENT SIGNAL UID GID PROGRAM [ARGUMENT…]`.

Started by `app.devstack.processes` in place of the program; it prepares itself and then *becomes* the program, so the
process id, the descriptors and the environment are the program's.

- Signals are put back to their defaults: a parent started with `nohup` or `&` hands down ignored ones.
- UID and GID (`-` to stay as we are) are taken on before the tie is made, for a change of user undoes it. Python's own
  `Popen(user=…)` changes the user too early: the interpreter itself may be in a home that only root may enter.
- Linux: `prctl(PR_SET_PDEATHSIG, SIGNAL)`; it survives `exec` and needs no watcher. The kernel sends it when the
  *thread* that started us ends, so the parent starts programs from its main thread alone. A parent that died before
  the call is seen by our having another parent already.
- Elsewhere a watcher is left behind, which looks whether the parent lives and signals the program when it does not.

A program of its own and no `preexec_fn`: code between fork and exec of a process with threads can deadlock. Standard
library only, and everything is imported before the user changes, who may be unable to read it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
CANNOT_EXECUTE = 126  # as shells say it
WATCH_INTERVAL_SECONDS = 0.2


def main(arguments: list[str]) -> None:
    """Take on the user, tie ourselves to the parent, become the program."""
    parent, death_signal, uid, gid, *program = arguments
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        die_with_parent(int(death_signal))
    else:
        watch_parent(int(parent), int(death_signal))
    if os.getppid() != int(parent):
        os._exit(CANNOT_EXECUTE)
    try:
        os.execv(program[0], program)  # noqa: S606  # becoming that program, without a shell, is what we are for
    except OSError as error:
        # No traceback: its sources may be out of the new user's reach.
        os.write(2, f"cannot execute {program[0]}: {error.strerror}\n".encode())
        os._exit(CANNOT_EXECUTE)


def die_with_parent(death_signal: int) -> None:
    """Ask the Linux kernel for `death_signal` when the thread that started us ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        os.write(2, f"prctl(PR_SET_PDEATHSIG): {os.strerror(ctypes.get_errno())}\n".encode())
        os._exit(CANNOT_EXECUTE)


def watch_parent(parent: int, death_signal: int) -> None:
    """Leave a watcher behind that signals this process when `parent` is gone; for systems without the kernel's help."""
    program = os.getpid()
    alive, closed_by_exit = os.pipe()
    os.set_inheritable(closed_by_exit, True)  # noqa: FBT003  # the name is os's
    child = os.fork()
    if child:
        os.waitpid(child, 0)  # the grandchild watches, so the program has no child that it does not know
        os.close(alive)
        return
    if os.fork():
        os._exit(0)
    os.setsid()
    os.close(closed_by_exit)
    os.set_blocking(alive, False)
    while True:
        try:
            os.kill(parent, 0)
        except ProcessLookupError:
            os.kill(program, death_signal)
            os._exit(0)
        except PermissionError:
            pass  # it lives, as another user
        try:
            if os.read(alive, 1) == b"":
                os._exit(0)  # the program and all that it started are gone
        except BlockingIOError:
            time.sleep(WATCH_INTERVAL_SECONDS)


if __name__ == "__main__":
    main(sys.argv[1:])
