"""A program that runs as a child of this process, and all that descends from it, as /proc tells (proc(5)).

Orphans of the program become children of this process, so that none of its descendants gets out of sight.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import LocalError, Unavailable

PR_SET_CHILD_SUBREAPER = 36

_libc = ctypes.CDLL(None, use_errno=True)

PROC = Path("/proc")


class CannotStart(LocalError):
    """A program that is not there or cannot be executed; `status` is what a shell says of it."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Process:
    """A process by the number that it has here, its folder in /proc, and what its program may be called."""

    pid: int
    folder: Path
    names: frozenset[str]

    def has_ended(self) -> bool:
        """Whether it only waits for its parent to ask how."""
        try:
            return _status(self.folder)["State"].startswith(("Z", "X"))
        except OSError:
            return True


class Program:
    """A command that runs with this process's own environment, files and terminal."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = [*command]
        self._pid = 0
        self.status: int | None = None
        """The exit status as a shell gives it, 128 + n for signal n; None until it has ended."""
        self.alone = False
        """Whether nothing is left of it and of what it started."""

    def start(self) -> None:
        """Start it. Raises CannotStart."""
        name = self._command[0]
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        try:
            # Python ignores these two, which no other program expects.
            self._pid = os.posix_spawnp(
                name, self._command, os.environ, setsigdef=(signal.SIGPIPE, signal.SIGXFSZ)
            )
        except FileNotFoundError:
            raise CannotStart(f"{name}: no such command", 127) from None
        except OSError as error:
            raise CannotStart(f"{name}: {(error.strerror or str(error)).lower()}", 126) from None

    def reap(self) -> None:
        """Note what has ended."""
        with suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self.status = code if code >= 0 else 128 - code
            return
        self.alone = True

    def send_signal(self, number: int) -> None:
        """Pass a signal on."""
        if self._pid and self.status is None:
            os.kill(self._pid, number)


def require_children() -> None:
    """Raise Unavailable where the kernel does not tell which processes another has started."""
    if not (PROC / "thread-self" / "children").exists():
        raise Unavailable(
            "this system does not tell what a program has started, so none can be watched: that takes /proc "
            "and a kernel with CONFIG_PROC_CHILDREN"
        )


def descendants() -> Iterator[Process]:
    """All that descend from this process, parents first."""
    number = os.readlink(PROC / "self")
    depth = len(_numbers(PROC / number)) - 1
    waiting = _children(PROC / number)
    for child in waiting:
        folder = PROC / child
        with suppress(OSError, IndexError):  # it may have ended
            pid = int(child) if number == str(os.getpid()) else int(_numbers(folder)[depth])
            waiting += _children(folder)
            yield Process(pid, folder, _names(folder))


def _children(folder: Path) -> list[str]:
    """What the threads of a process have started and not yet waited for."""
    found = []
    with suppress(OSError):
        for thread in os.listdir(folder / "task"):
            with suppress(OSError):
                found += (folder / "task" / thread / "children").read_text().split()
    return found


def _status(folder: Path) -> dict[str, str]:
    """/proc/PID/status by its words. Raises OSError."""
    lines = (folder / "status").read_text().splitlines()
    return {word: rest.strip() for word, _, rest in (line.partition(":") for line in lines)}


def _numbers(folder: Path) -> list[str]:
    """A process's numbers from /proc's own PID namespace inwards; that may be one around ours."""
    return _status(folder).get("NSpid", folder.name).split()


def _names(folder: Path) -> frozenset[str]:
    names = {(folder / "comm").read_text().rstrip("\n")}
    with suppress(OSError):  # another user's, whose program is not ours to know
        file = os.readlink(folder / "exe")
        names |= {file, file.rpartition("/")[2]}
    return frozenset(names)
