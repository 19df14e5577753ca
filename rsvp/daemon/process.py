"""The daemon's process: alone in its network namespace, and without rights that it does not need.

What RSVP does to a host takes CAP_NET_RAW and CAP_NET_ADMIN (capabilities(7)). All others go, and the
user too where another was named, before the first packet socket is opened; nothing brings them back.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import grp
import os
import pwd
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from .. import host
from ..config import NodeConfig
from ..errors import ConfigError, ControlError

CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13
KEPT: Final = 1 << CAP_NET_ADMIN | 1 << CAP_NET_RAW
"""The rights that stay, as a set of bits."""

PR_SET_KEEPCAPS, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 8, 23, 24, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
CAPABILITY_VERSION_3 = 0x20080522

COLLECTED: Final = (10_000, 25, 5)
"""How many new objects make the collector look at these, and how often it looks further back.

What does wait for it, such as messages to and from the kernel, is new: a megabyte or two of that. State
that goes does not, so the collector looks at everything only where 1.5 million objects were added, those
of fifty thousand sessions.
"""

ALONE: Final = b"\0rsvp.daemon"
"""A name in Linux' abstract name space, of which each network namespace has its own."""

_libc = ctypes.CDLL(None, use_errno=True)


def _call(name: str, *arguments: object) -> int:
    result: int = getattr(_libc, name)(*arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


@contextmanager
def settled(told: NodeConfig) -> Iterator[None]:
    """Be the only daemon here, and no more than that. Raises ControlError, ConfigError."""
    with _alone():
        host.load()  # another user may not be able to read this program's files
        _drop_rights(told)
        leave_alone()
        yield


def leave_alone() -> None:
    """Have the collector of garbage look seldom, and not through the program itself.

    State stays for long, and goes without the collector, as does what messages leave behind: only what
    points at each other waits for it, such as connections that were closed.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold the name that one daemon of a network namespace may have. Raises ControlError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as name:
        try:
            name.bind(ALONE)
            name.listen()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            who = _holder()
            if who is None:  # anybody can take a name; who cannot send RSVP is no daemon
                yield
                return
            raise ControlError(
                f"another RSVP daemon, {who}, already runs in this network namespace: end it first"
            ) from None
        yield


def _holder() -> str | None:
    """Which process holds the name, if it may be a daemon."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(ALONE)
        except OSError:
            return "whose process is not to be found"
        pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return f"process {pid}" if effective_rights(pid) & 1 << CAP_NET_RAW else None


def effective_rights(pid: int) -> int:
    """A process's effective capabilities as a set of bits; all of them where it cannot be seen."""
    try:
        if os.readlink("/proc/self") != str(os.getpid()):
            return ~0  # this /proc is another PID namespace's
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return ~0
    return next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), ~0)


# --- users and groups -------------------------------------------------------------------------------


def owner_of_socket(told: NodeConfig) -> tuple[int, int]:
    """The user and group that the control socket is to have, -1 for this process's. Raises ConfigError."""
    user = -1 if told.user is None else _user(told).pw_uid
    if told.control_group is None:
        return user, -1
    try:
        return user, grp.getgrnam(told.control_group).gr_gid
    except KeyError:
        where = told.place("control_group")
        raise ConfigError(f"{where}: there is no group {told.control_group!r} on this host") from None


def _user(told: NodeConfig) -> pwd.struct_passwd:
    assert told.user is not None
    try:
        return pwd.getpwnam(told.user)
    except KeyError:
        raise ConfigError(f"{told.place('user')}: there is no user {told.user!r} on this host") from None


# --- rights -----------------------------------------------------------------------------------------


def _drop_rights(told: NodeConfig) -> None:
    """Become the user that was named and keep what `KEPT` says, of what there is."""
    _limit_bounds()
    if told.user is not None and _user(told).pw_uid != os.geteuid():
        _become(told)
    _set_capabilities(_permitted() & KEPT)
    _call("prctl", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _limit_bounds() -> None:
    """Let no program that this one starts ever have more."""
    for capability in range(64):
        try:
            there = _call("prctl", PR_CAPBSET_READ, capability, 0, 0, 0)
        except OSError:
            return  # the last one that this kernel knows
        if there and not KEPT & 1 << capability:
            try:
                _call("prctl", PR_CAPBSET_DROP, capability, 0, 0, 0)
            except OSError:
                return  # without the right to, there is hardly any to lose


def _become(told: NodeConfig) -> None:
    entry = _user(told)
    try:
        _call("prctl", PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([entry.pw_gid])
        os.setresgid(entry.pw_gid, entry.pw_gid, entry.pw_gid)
        os.setresuid(entry.pw_uid, entry.pw_uid, entry.pw_uid)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"{told.place('user')}: cannot become {told.user!r}: {reason}; start as root, or leave it out"
        ) from None


def _permitted() -> int:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    _call("capget", header, data)
    return data[1] | data[4] << 32


def _set_capabilities(kept: int) -> None:
    """Make a set of rights the permitted and effective ones; nothing is inherited."""
    low, high = kept & 0xFFFFFFFF, kept >> 32
    _call("prctl", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    _call("capset", header, (ctypes.c_uint32 * 6)(low, low, 0, high, high, 0))
