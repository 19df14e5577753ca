"""The socket underneath: what GQoS asks of the operating system, and how Linux answers.

`Kernel` is all that the rest of the package knows of sockets. Errors are the system's own (OSError).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from ipaddress import ip_address
from typing import Protocol

from ..iana import Protocol as IpProtocol
from ..objects import IPAddress
from .matching import Address


class Kernel(Protocol):
    """One socket of the operating system."""

    protocol: int
    """IP protocol, 6 or 17."""
    version: int
    """IP version, 4 or 6."""

    def bind(self, where: Address) -> None:
        """Give the socket an address of its own."""

    def local(self) -> Address | None:
        """Its own address, None where it has no port yet."""

    def peer(self) -> Address | None:
        """Whom it is connected to."""

    async def connect(self, to: Address) -> None:
        """Connect; a datagram socket then hears its peer only."""

    def disconnect(self) -> None:
        """Let a datagram socket hear everybody again."""

    def listen(self, backlog: int) -> None:
        """Take connections."""

    async def accept(self) -> Kernel:
        """Wait for a connection."""

    def join(self, group: IPAddress) -> None:
        """Receive what is sent to a group."""

    def leave(self, group: IPAddress) -> None:
        """Receive it no more."""

    def multicast_ttl(self) -> int:
        """The TTL of what is sent to groups."""

    def set_multicast_ttl(self, ttl: int) -> None:
        """Set the TTL of what is sent to groups."""

    def set_multicast_loop(self, on: bool) -> None:
        """Whether what is sent to groups comes back to this host."""

    def multicast_source(self) -> IPAddress | None:
        """The address of the interface that was chosen for groups, None where none was."""

    def source_for(self, to: Address) -> IPAddress:
        """The address that packets to somebody would have as their source."""

    def mark(self, dscp: int | None, priority: int | None) -> None:
        """Mark what is sent with a DSCP and a priority; None: as the application had it."""

    def pace(self, rate: int | None) -> None:
        """Send no faster than so many bytes/s; None: without bounds."""

    async def send(self, data: bytes, to: Address | None) -> int:
        """Send data, to the peer where `to` is None; how many bytes went."""

    async def receive(self, size: int) -> tuple[bytes, Address | None]:
        """Wait for data, and who sent it; the peer where that is not said."""

    def shutdown(self, how: int) -> None:
        """End one or both directions of the data."""

    def close(self) -> None:
        """Let go of it."""


class LinuxSocket:
    """A `Kernel` over a socket of Python's, which is made non-blocking; `socket` is that."""

    def __init__(self, underneath: socket.socket) -> None:
        self.socket = underneath
        underneath.setblocking(False)
        self.protocol = int(IpProtocol.TCP if underneath.type == socket.SOCK_STREAM else IpProtocol.UDP)
        self.version = 6 if underneath.family == socket.AF_INET6 else 4
        self._level = socket.IPPROTO_IPV6 if self.version == 6 else socket.IPPROTO_IP
        self._before: tuple[int, int] | None = None
        """IP_TOS and SO_PRIORITY as the application had them, while they are ours."""
        self._paced = False

    def _name(self, where: Address) -> tuple[str, int]:
        return str(where.address), where.port

    def _place(self, name: tuple[str, int]) -> Address:
        return Address(ip_address(name[0].partition("%")[0]), name[1])

    def bind(self, where: Address) -> None:
        """See `Kernel.bind`."""
        self.socket.bind(self._name(where))

    def local(self) -> Address | None:
        """See `Kernel.local`."""
        name = self._place(self.socket.getsockname())
        return name if name.port else None

    def peer(self) -> Address | None:
        """See `Kernel.peer`."""
        try:
            return self._place(self.socket.getpeername())
        except OSError:
            return None

    async def connect(self, to: Address) -> None:
        """See `Kernel.connect`."""
        await asyncio.get_running_loop().sock_connect(self.socket, self._name(to))

    def disconnect(self) -> None:
        """See `Kernel.disconnect`: Linux wants an address of no family, which Python cannot write."""
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        nowhere = struct.pack("=H14x", socket.AF_UNSPEC)
        if libc.connect(self.socket.fileno(), nowhere, len(nowhere)):
            raise OSError(ctypes.get_errno(), "the socket cannot be disconnected")

    def listen(self, backlog: int) -> None:
        """See `Kernel.listen`."""
        self.socket.listen(backlog)

    async def accept(self) -> LinuxSocket:
        """See `Kernel.accept`."""
        connected, _ = await asyncio.get_running_loop().sock_accept(self.socket)
        return LinuxSocket(connected)

    def join(self, group: IPAddress) -> None:
        """See `Kernel.join`."""
        self.socket.setsockopt(self._level, *self._membership(group, True))

    def leave(self, group: IPAddress) -> None:
        """See `Kernel.leave`."""
        with contextlib.suppress(OSError):  # the interface may have gone, and the membership with it
            self.socket.setsockopt(self._level, *self._membership(group, False))

    def _membership(self, group: IPAddress, joining: bool) -> tuple[int, bytes]:
        if self.version == 6:
            index = self.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF)
            option = socket.IPV6_JOIN_GROUP if joining else socket.IPV6_LEAVE_GROUP
            return option, group.packed + struct.pack("=I", index)
        option = socket.IP_ADD_MEMBERSHIP if joining else socket.IP_DROP_MEMBERSHIP
        interface = self.multicast_source()
        return option, group.packed + (interface.packed if interface is not None else bytes(4))

    def _multicast_option(self, four: int, six: int) -> tuple[int, int]:
        return (self._level, six) if self.version == 6 else (self._level, four)

    def multicast_ttl(self) -> int:
        """See `Kernel.multicast_ttl`."""
        return self.socket.getsockopt(
            *self._multicast_option(socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS)
        )

    def set_multicast_ttl(self, ttl: int) -> None:
        """See `Kernel.set_multicast_ttl`."""
        option = self._multicast_option(socket.IP_MULTICAST_TTL, socket.IPV6_MULTICAST_HOPS)
        self.socket.setsockopt(*option, ttl)

    def set_multicast_loop(self, on: bool) -> None:
        """See `Kernel.set_multicast_loop`."""
        option = self._multicast_option(socket.IP_MULTICAST_LOOP, socket.IPV6_MULTICAST_LOOP)
        self.socket.setsockopt(*option, int(on))

    def multicast_source(self) -> IPAddress | None:
        """See `Kernel.multicast_source`: IPv6 chooses an interface by number, and has no address for it."""
        if self.version == 6:
            return None
        chosen = ip_address(self.socket.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, 4))
        return chosen if int(chosen) else None

    def source_for(self, to: Address) -> IPAddress:
        """See `Kernel.source_for`: what a socket gets that is connected and thrown away."""
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(to.address), to.port or DISCARD))
            return self._place(probe.getsockname()).address

    def mark(self, dscp: int | None, priority: int | None) -> None:
        """See `Kernel.mark`: IP_TOS or IPV6_TCLASS, and SO_PRIORITY, from which a VLAN makes 802.1p.

        Priority 7 takes CAP_NET_ADMIN; without it 6 is set.
        """
        sock, level = self.socket, socket.SOL_SOCKET
        tos = (self._level, socket.IPV6_TCLASS if self.version == 6 else socket.IP_TOS)
        if self._before is None:
            if dscp is None and priority is None:
                return
            self._before = (sock.getsockopt(*tos), sock.getsockopt(level, socket.SO_PRIORITY))
        # Setting IP_TOS changes SO_PRIORITY: it goes first.
        sock.setsockopt(*tos, self._before[0] if dscp is None else dscp << 2)
        wanted = self._before[1] if priority is None else priority
        try:
            sock.setsockopt(level, socket.SO_PRIORITY, wanted)
        except PermissionError:
            sock.setsockopt(level, socket.SO_PRIORITY, UNPRIVILEGED)
        if dscp is None and priority is None:
            self._before = None

    def pace(self, rate: int | None) -> None:
        """See `Kernel.pace`: SO_MAX_PACING_RATE, which TCP keeps to alone and UDP with the qdisc fq."""
        if rate is not None or self._paced:
            self._paced = rate is not None
            most = NO_PACING if rate is None else min(rate, NO_PACING - 1)
            self.socket.setsockopt(socket.SOL_SOCKET, SO_MAX_PACING_RATE, struct.pack("=I", most))

    async def send(self, data: bytes, to: Address | None) -> int:
        """See `Kernel.send`."""
        loop = asyncio.get_running_loop()
        if to is None:
            await loop.sock_sendall(self.socket, data)
            return len(data)
        return await loop.sock_sendto(self.socket, data, self._name(to))

    async def receive(self, size: int) -> tuple[bytes, Address | None]:
        """See `Kernel.receive`."""
        loop = asyncio.get_running_loop()
        if self.protocol == IpProtocol.TCP:
            return await loop.sock_recv(self.socket, size), self.peer()
        data, name = await loop.sock_recvfrom(self.socket, size)
        return data, self._place(name)

    def shutdown(self, how: int) -> None:
        """See `Kernel.shutdown`; a datagram socket without a peer has nothing that the system could end."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(how)

    def close(self) -> None:
        """See `Kernel.close`."""
        self.socket.close()


SO_MAX_PACING_RATE = 47
"""From asm-generic/socket.h: Python has no name for it."""
DISCARD = 9
"""A port to ask for a route with; nothing is sent there."""
NO_PACING = 0xFFFFFFFF
UNPRIVILEGED = 6
"""The highest SO_PRIORITY that anybody may set."""
