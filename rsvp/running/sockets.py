"""What the sockets of other processes say of themselves, by a look through a duplicate (pidfd_getfd(2)).

A duplicate is closed again at once: as long as it is there, the program's own `close` ends nothing.
It takes the right to trace the process, which whoever started it has unless the system keeps it back
or the program has rights of its own. Otherwise `tables` is asked, which knows less.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from ..attachment import read_socket
from ..errors import LocalError
from ..iana import Protocol
from ..objects import IPAddress
from .processes import Process, descendants, require_children
from .rules import OpenSocket
from .tables import Tables

SYS_PIDFD_GETFD: Final = 438  # the same number on all architectures that Linux still supports well
SO_NETNS_COOKIE: Final = 71
MCAST_MSFILTER: Final = 48
PAD = f"{struct.calcsize('P') - 4}x"
FILTER4 = struct.Struct(f"=I{PAD}HH4s120xII")
FILTER6 = struct.Struct(f"=I{PAD}HHI16sI100xII")
"""struct group_filter: interface, group as a sockaddr_storage, mode, how many sources are asked for."""

_libc = ctypes.CDLL(None, use_errno=True)


class Watcher:
    """Looks at the sockets of all descendants of this process."""

    def __init__(self) -> None:
        """Raises Unavailable where nothing can be seen."""
        require_children()
        self._others: set[int] = set()
        """Sockets that are neither TCP nor UDP over IP, and need no second look."""
        self._connected: dict[int, OpenSocket] = {}
        """Connections of TCP: their ends stay as they are."""
        self._tables: Tables | None = None
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            self._network = _network(own)
        self.hidden: dict[int, str] = {}
        """Processes that nobody may look into, and what they run."""

    def look(self) -> list[OpenSocket]:
        """The sockets of TCP and UDP that are open now."""
        found: dict[int, tuple[Process, int]] = {}
        names: dict[int, frozenset[str]] = {}
        for process in descendants():
            for number, descriptor in self._sockets(process):
                found.setdefault(number, (process, descriptor))
                names[number] = names.get(number, frozenset()) | process.names
        self._others &= found.keys()
        self._connected = {number: one for number, one in self._connected.items() if number in found}
        seen = list(self._connected.values())
        refused: dict[int, frozenset[str]] = {}
        groups: list[tuple[int, IPAddress]] | None = None
        for number in found.keys() - self._others - self._connected.keys():
            try:
                groups = host_groups() if groups is None else groups
                one = self._read(number, *found[number], names[number], groups)
            except PermissionError:
                refused[number] = names[number]
            except OSError:
                continue  # closed since
            else:
                if one is None:
                    self._others.add(number)
                    continue
                if one.protocol == Protocol.TCP and one.peer is not None:
                    self._connected[number] = one
                seen.append(one)
        if refused:
            self._tables = self._tables or Tables()
            joined = frozenset(group for _, group in groups or ())
            seen += self._tables.sockets(refused, joined)
        return seen

    def close(self) -> None:
        """Give back what was opened for looking."""
        if self._tables is not None:
            self._tables.close()

    def _sockets(self, process: Process) -> list[tuple[int, int]]:
        """The kernel's numbers of a process's sockets, and the process's own."""
        folder = process.folder / "fd"
        found = []
        try:
            for name in os.listdir(folder):
                with suppress(FileNotFoundError):
                    kind, _, number = os.readlink(folder / name).partition(":")
                    if kind == "socket":
                        found.append((int(number[1:-1]), int(name)))
        except PermissionError:
            if not process.has_ended():
                self.hidden[process.pid] = min(process.names, key=len)
        except OSError:  # it has ended
            pass
        return found

    def _read(
        self,
        number: int,
        process: Process,
        descriptor: int,
        names: frozenset[str],
        groups: list[tuple[int, IPAddress]],
    ) -> OpenSocket | None:
        """One socket; None for one that RSVP has nothing to do with. Raises OSError."""
        with _duplicate(process.pid, descriptor) as sock:
            if os.fstat(sock.fileno()).st_ino != number:
                raise FileNotFoundError  # another one has its place by now
            if _network(sock) != self._network:
                return None
            return describe(sock, number, names, groups)


def describe(
    sock: socket.socket, number: int, names: frozenset[str], groups: Iterable[tuple[int, IPAddress]]
) -> OpenSocket | None:
    """What a socket says of itself, and which `groups` of which interfaces it has joined."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.proto not in (Protocol.TCP, Protocol.UDP):
        return None
    try:
        ends = read_socket(sock)
    except LocalError:
        return None
    versions = {4} if sock.family == socket.AF_INET else {6}
    source: IPAddress | None = None
    if sock.family == socket.AF_INET6 and not sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY):
        versions.add(4)
    if sock.family == socket.AF_INET:
        chosen = IPv4Address(sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4))
        source = chosen if int(chosen) else None
    return OpenSocket(
        number,
        names,
        ends.protocol,
        ends.local,
        ends.peer,
        frozenset(versions),
        frozenset(group for index, group in groups if _has_joined(sock, index, group)),
        ends.multicast_ttl,
        source,
    )


def _duplicate(pid: int, descriptor: int) -> socket.socket:
    """A socket of another process, of this one's own. Raises OSError."""
    process = os.pidfd_open(pid)
    try:
        own = _libc.syscall(SYS_PIDFD_GETFD, process, descriptor, 0)
        if own < 0:
            code = ctypes.get_errno()
            if code == errno.ENOSYS:  # before Linux 5.6, or hidden by a container's filter
                code = errno.EPERM
            raise OSError(code, os.strerror(code))
    finally:
        os.close(process)
    try:
        return socket.socket(fileno=own)
    except OSError:
        os.close(own)
        raise


def _network(sock: socket.socket) -> bytes:
    """Which network namespace a socket belongs to; a kernel before 5.14 does not say."""
    with suppress(OSError):
        return sock.getsockopt(socket.SOL_SOCKET, SO_NETNS_COOKIE, 8)
    return b""


def _has_joined(sock: socket.socket, index: int, group: IPAddress) -> bool:
    """Whether a socket is a member: only then does it have a filter of sources, if an empty one."""
    if sock.family == socket.AF_INET:
        if group.version == 6:
            return False
        request = FILTER4.pack(index, socket.AF_INET, 0, group.packed, 0, 0)
    elif group.version == 6:
        request = FILTER6.pack(index, socket.AF_INET6, 0, 0, group.packed, 0, 0, 0)
    else:
        return False
    level = socket.IPPROTO_IP if group.version == 4 else socket.IPPROTO_IPV6
    length = ctypes.c_uint(len(request))
    answer = ctypes.create_string_buffer(request, len(request))
    found: int = _libc.getsockopt(sock.fileno(), level, MCAST_MSFILTER, answer, ctypes.byref(length))
    return found == 0


def host_groups() -> list[tuple[int, IPAddress]]:
    """The groups that somebody on this host has joined, with the interface's number."""
    found: list[tuple[int, IPAddress]] = []
    index = 0
    with suppress(OSError):
        for line in Path("/proc/self/net/igmp").read_text().splitlines()[1:]:
            words = line.split()
            if not line.startswith("\t"):
                index = int(words[0])
            else:
                found.append((index, IPv4Address(struct.pack("=I", int(words[0], 16)))))
    with suppress(OSError):
        for line in Path("/proc/self/net/igmp6").read_text().splitlines():
            words = line.split()
            found.append((int(words[0]), IPv6Address(bytes.fromhex(words[2]))))
    return [(index, group) for index, group in found if not _stays_on_its_link(group)]


def _stays_on_its_link(group: IPAddress) -> bool:
    """Whether each host is a member by itself: 224.0.0.0/24, and scopes up to the link (RFC 4291 2.7)."""
    return group.packed[:3] == b"\xe0\x00\x00" or (group.version == 6 and group.packed[1] & 0xF <= 2)
