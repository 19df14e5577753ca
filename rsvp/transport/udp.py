"""RSVP in UDP, for hosts that may not open raw sockets (RFC 2205 appendix C).

A host without them sends to port Pu: to the destination if it is on the link, else to the first
router, and for a group to all nodes on the link that understand it (G*). It is answered at port Pu'.
None of these packets is to leave the link, but for those to a first router that is known to be further
away: what a message's own TTL is stands in its common header.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Protocol

from ..errors import Unavailable
from ..iana import UDP_ENCAPSULATION_GROUPS, UDP_FROM_HOST, UDP_TO_HOST
from ..objects import IPAddress
from . import Encapsulation, Packet
from .sockets import Ancillary, LoopSocket

log = logging.getLogger("rsvp.transport")

# Of linux/in.h; Python's socket module has no name for it.
IP_PKTINFO = 8
PKTINFO = struct.Struct("=I4s4s")
PKTINFO6 = struct.Struct("=16sI")
TTL = struct.Struct("=i")
GROUP_ON = struct.Struct("=4s4si")
GROUP6_ON = struct.Struct("=16si")

ON_LINK = 1
"""IP TTL of what is not to leave the link."""

IP, IPV6 = socket.IPPROTO_IP, socket.IPPROTO_IPV6


class FirstHop(Protocol):
    """Asks routing for the first router on the way to an address; None where that is on the link."""

    def __call__(self, destination: IPAddress, interface: int | None) -> IPAddress | None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class FarRouter:
    """The first router that understands RSVP, where that is not on the host's links (appendix C).

    `addresses` are Ra, by IP version; `ttl` is Ta, with which packets reach it and get no further.
    """

    addresses: Mapping[int, IPAddress] = field(default_factory=dict)
    ttl: int = ON_LINK


NEAR = FarRouter()
"""It is on the link: the next hop of whatever is for further away."""


class UdpSocket(LoopSocket):
    """One UDP port for one IP version, in the network namespace it is made in."""

    def __init__(self, version: int, port: int) -> None:
        """Open it. Raises Unavailable, also where another process has the port."""
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        try:
            sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        except OSError as problem:
            raise Unavailable(f"no UDP over IPv{version}: {problem.strerror}") from None
        super().__init__(sock)
        self.version = version
        self._joined: set[int] = set()
        told = (IP, IP_PKTINFO) if version == 4 else (IPV6, socket.IPV6_RECVPKTINFO)
        try:
            self.prepare([told] if version == 4 else [told, (IPV6, socket.IPV6_V6ONLY)])
            loop = (IP, socket.IP_MULTICAST_LOOP) if version == 4 else (IPV6, socket.IPV6_MULTICAST_LOOP)
            self.set(*loop, 0)
            sock.bind(("" if version == 4 else "::", port))
        except OSError as problem:
            sock.close()
            if problem.errno != errno.EADDRINUSE:
                raise Unavailable(f"RSVP cannot use UDP port {port}: {problem.strerror}") from None
            raise Unavailable(
                f"another process has UDP port {port} and so speaks RSVP for this host: talk to it "
                "with --control, or end it"
            ) from None

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        """Be a member of G* on these links, and no others."""
        for index in self._joined - links.keys():
            with contextlib.suppress(OSError):  # the interface is gone
                self._membership(index, socket.IP_DROP_MEMBERSHIP, socket.IPV6_LEAVE_GROUP)
        self._joined &= links.keys()
        for index in links.keys() - self._joined:
            try:
                self._membership(index, socket.IP_ADD_MEMBERSHIP, socket.IPV6_JOIN_GROUP)
            except OSError as problem:
                log.debug("interface %d: not in the group of RSVP in UDP: %s", index, problem)
            else:
                self._joined.add(index)

    def _membership(self, index: int, verb: int, verb6: int) -> None:
        group = UDP_ENCAPSULATION_GROUPS[self.version].packed
        if self.version == 4:
            self.set(IP, verb, GROUP_ON.pack(group, bytes(4), index))
        else:
            self.set(IPV6, verb6, GROUP6_ON.pack(group, index))

    def listen(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""

        def taken(data: bytes, ancillary: Ancillary, address: tuple[str, ...]) -> None:
            packet = read_encapsulated(data, ancillary, address[0])
            if packet is not None:
                received(packet)

        self.start(taken)

    def put(self, packet: Packet, to: IPAddress, port: int, ttl: int = ON_LINK) -> None:
        """Send a packet's message to an address. Raises OSError where the kernel refuses."""
        index = packet.interface or 0
        if self.version == 4:
            source = packet.source.packed if packet.source else bytes(4)
            told = (IP, IP_PKTINFO, PKTINFO.pack(index, source, bytes(4)))
            self.send(packet.data, [told, (IP, socket.IP_TTL, TTL.pack(ttl))], (str(to), port))
        else:
            source = packet.source.packed if packet.source else bytes(16)
            told = (IPV6, socket.IPV6_PKTINFO, PKTINFO6.pack(source, index))
            limit = (IPV6, socket.IPV6_HOPLIMIT, TTL.pack(ttl))
            self.send(packet.data, [told, limit], (str(to), port, 0, index))


def open_port(port: int) -> dict[int, UdpSocket]:
    """A UDP port for each IP version there is. Raises Unavailable where another process has it."""
    sockets = {4: UdpSocket(4, port)}
    if socket.has_ipv6:
        try:
            sockets[6] = UdpSocket(6, port)
        except Unavailable as refusal:
            log.debug("no RSVP in UDP over IPv6: %s", refusal)
    return sockets


def read_encapsulated(data: bytes, ancillary: Ancillary, source: str) -> Packet | None:
    """A message that came in UDP. Its TTL is not told: Send_TTL stands for it (appendix C)."""
    for level, kind, value in ancillary:
        if level == IP and kind == IP_PKTINFO and len(value) >= PKTINFO.size:
            index, _, destination = PKTINFO.unpack_from(value)
            break
        if level == IPV6 and kind == socket.IPV6_PKTINFO and len(value) >= PKTINFO6.size:
            destination, index = PKTINFO6.unpack_from(value)
            break
    else:
        return None
    came_from = ip_address(source.split("%")[0])
    return Packet(data, ip_address(destination), came_from, index, None, encapsulated=True)


class UdpTransport:
    """A `Transport` of a host without raw sockets: `Hu` of RFC 2205 appendix C."""

    def __init__(self, first_hop: FirstHop, far: FarRouter = NEAR) -> None:
        """Open the sockets, for which no right is needed. Raises Unavailable where they are taken."""
        self._first_hop = first_hop
        self._far = far
        self._from_host = open_port(UDP_FROM_HOST)
        try:
            self._to_host = open_port(UDP_TO_HOST)
        except Unavailable:
            for one in self._from_host.values():
                one.close()
            raise

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""
        for one in (*self._from_host.values(), *self._to_host.values()):
            one.listen(received)

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        """Be a member of G* on these links."""
        for one in self._from_host.values():
            one.attend(links)

    def send(self, packet: Packet) -> None:
        """Send one packet to whoever on the link takes it on. Raises OSError where the kernel refuses."""
        destination, version = packet.destination, packet.destination.version
        if version not in self._from_host:
            raise OSError(errno.EAFNOSUPPORT, f"no RSVP over IPv{version} to {destination}")
        gateway = None if destination.is_multicast else self._first_hop(destination, packet.interface)
        to, ttl = gateway or destination, ON_LINK
        if version in self._far.addresses and (gateway is not None or destination.is_multicast):
            to, ttl = self._far.addresses[version], self._far.ttl
        elif destination.is_multicast:
            to = UDP_ENCAPSULATION_GROUPS[version]
        self._from_host[version].put(packet, to, UDP_FROM_HOST, ttl)

    def close(self) -> None:
        """Stop receiving, give back the sockets; packets that still wait to be sent are tried once."""
        for one in (*self._from_host.values(), *self._to_host.values()):
            one.close()
        self._first_hop.close()
