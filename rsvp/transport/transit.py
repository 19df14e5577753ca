"""Paths to groups on their way through a multicast router (RFC 2205 sections 3.1.3, 3.3).

The kernel takes a unicast packet with Router Alert out of its forwarding, a multicast one only where
it is IPv4 and nobody on this node has joined the group. Otherwise it forwards the Path like data, and
the next hops would hear of two previous hops. So wherever it routes multicast, its forwarding is told
to leave RSVP alone; and a packet socket takes in what comes over IPv6, which nothing else does.
"""

from __future__ import annotations

import asyncio
import ctypes
import errno
import fcntl
import logging
import socket
import struct
from collections.abc import Callable
from typing import TypeAlias

from pyroute2.netlink import NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR
from pyroute2.netlink.rtnl import (
    RTM_DELNETCONF,
    RTM_GETNETCONF,
    RTM_NEWNETCONF,
    RTNLGRP_IPV4_NETCONF,
    RTNLGRP_IPV6_NETCONF,
)

from ..ip.fragments import Reassembler
from ..netlink import HEADER, SOL_NETLINK, NetlinkError, attributes, messages
from . import Packet
from .exemption import Exemption
from .ipv6 import read_datagram
from .sockets import LARGEST, Ancillary, RawSocket

log = logging.getLogger("rsvp.transport")

TWICE = "Paths to groups are also forwarded like data here, so that the next hops hear of two previous ones"

NETLINK_ADD_MEMBERSHIP = 1
VERSIONS = {socket.AF_INET: 4, socket.AF_INET6: 6}
NETCONF = struct.Struct("=B3x")
INTERFACE, FORWARDS_MULTICAST = 1, 4
"""Attributes of linux/netconf.h."""
NUMBER = struct.Struct("=i")

ETH_P_IPV6 = 0x86DD
SIOCGIFINDEX = 0x8933
IFREQ = struct.Struct("=16si20x")
SO_ATTACH_FILTER = 26
PROGRAM = struct.Struct("@HP")
INSTRUCTION = struct.Struct("=HBBI")
LOAD_BYTE, IF_EQUAL, RETURN = 0x30, 0x15, 0x06
HOP_BY_HOP, GROUP, ICMPV6 = 0, 0xFF, 58

Program: TypeAlias = tuple[tuple[int, int, int, int], ...]
"""Classic BPF: operation, jumps if true and if false, operand."""
HEARD: Program = (
    (LOAD_BYTE, 0, 0, 6),  # the IPv6 header's next header
    (IF_EQUAL, 0, 5, HOP_BY_HOP),
    (LOAD_BYTE, 0, 0, 24),  # the destination's first byte
    (IF_EQUAL, 0, 3, GROUP),
    (LOAD_BYTE, 0, 0, 40),  # what follows the hop-by-hop options: in multicast listener reports ICMPv6
    (IF_EQUAL, 1, 0, ICMPV6),
    (RETURN, 0, 0, LARGEST),
    (RETURN, 0, 0, 0),
)
"""What has options in front, goes to a group, and is no multicast listener's report."""
NOTHING: Program = ((RETURN, 0, 0, 0),)


class MulticastTransit:
    """Takes RSVP out of the multicast that this network namespace routes, on the interfaces where it does."""

    def __init__(self) -> None:
        """Of the network namespace of the caller. Raises Unavailable without CAP_NET_RAW."""
        self._watch = socket.socket(
            socket.AF_NETLINK,
            socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK,
            socket.NETLINK_ROUTE,
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._routed: set[tuple[int, int]] = set()
        """IP version and number of each interface where multicast is routed."""
        self._unread: list[socket.AddressFamily] = []
        self._exemption = Exemption()
        self._packets = PacketSocket(self._taken)

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to watch; `received` gets each IPv6 packet that is taken out."""
        self._loop = asyncio.get_running_loop()
        self._received = received
        self._watch.bind((0, 0))
        for group in (RTNLGRP_IPV4_NETCONF, RTNLGRP_IPV6_NETCONF):
            self._watch.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)
        self._read_all()
        self._packets.start()
        self._loop.add_reader(self._watch, self._readable)

    def close(self) -> None:
        """Let everything pass again."""
        if self._watch.fileno() < 0:
            return
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._watch)
        for one in (self._watch, self._exemption, self._packets):
            one.close()

    def brings(self, packet: Packet) -> bool:
        """Whether a packet comes from here as well, and the copy from another socket is one too many."""
        if not self._routed or packet.destination.version != 6 or not packet.destination.is_multicast:
            return False
        return (6, packet.interface) in self._routed

    # --- where multicast is routed ------------------------------------------------------------------

    def _read_all(self) -> None:
        """Ask for the state of all interfaces; one IP version after the other, as a socket can no more."""
        self._unread = [socket.AF_INET6, socket.AF_INET]
        self._read_next()

    def _read_next(self) -> None:
        if self._unread:
            body = NETCONF.pack(self._unread.pop())
            flags = NLM_F_REQUEST | NLM_F_DUMP
            self._watch.send(HEADER.pack(HEADER.size + len(body), RTM_GETNETCONF, flags, 0, 0) + body)

    def _readable(self) -> None:
        before = set(self._routed)
        while True:
            try:
                data = self._watch.recv(1 << 16)
            except BlockingIOError:
                break
            except OSError as problem:
                if problem.errno == errno.ENOBUFS:  # some news were lost
                    self._read_all()
                    continue
                log.warning("watching where multicast is routed: %s", problem.strerror)
                break
            for kind, _, _, message in messages(data):
                if kind in (NLMSG_DONE, NLMSG_ERROR):
                    self._read_next()
                elif kind in (RTM_NEWNETCONF, RTM_DELNETCONF):
                    self._note(kind, message)
        if self._routed != before:
            self._settle()

    def _note(self, kind: int, message: bytes) -> None:
        (family,) = NETCONF.unpack_from(message, HEADER.size)
        told = attributes(message, HEADER.size + NETCONF.size)
        if family not in VERSIONS or INTERFACE not in told:
            return
        (index,) = NUMBER.unpack(told[INTERFACE])
        where = (VERSIONS[family], index)
        if kind == RTM_DELNETCONF:
            self._routed.discard(where)
        elif index > 0 and FORWARDS_MULTICAST in told:  # others are not interfaces, or not news of it
            (routed,) = NUMBER.unpack(told[FORWARDS_MULTICAST])
            (self._routed.add if routed else self._routed.discard)(where)

    def _settle(self) -> None:
        """Be in the way where multicast is routed, and nowhere else."""
        self._packets.hear(HEARD if any(version == 6 for version, _ in self._routed) else NOTHING)
        try:
            if self._routed and not self._exemption.placed:
                self._exemption.place()
            elif not self._routed and self._exemption.placed:
                self._exemption.lift()
        except NetlinkError as problem:
            log.warning("%s: %s", TWICE, problem.strerror)

    def _taken(self, packet: Packet) -> None:
        if (6, packet.interface) in self._routed:
            self._received(packet)


class PacketSocket:
    """Hears the RSVP that comes in over IPv6 to groups, whether this node has joined them or not."""

    def __init__(self, received: Callable[[Packet], None]) -> None:
        """Of the network namespace of the caller. Raises Unavailable without CAP_NET_RAW."""
        self._received = received
        self._fragments = Reassembler()
        self._names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._socket = RawSocket(socket.AF_PACKET, socket.htons(ETH_P_IPV6), [], socket.SOCK_DGRAM)
        self.hear(NOTHING)

    def start(self) -> None:
        """Begin to receive on the running event loop."""
        self._socket.start(self._taken)

    def hear(self, program: Program) -> None:
        """Let the kernel pick what to hear: `HEARD` or `NOTHING`."""
        text = b"".join(INSTRUCTION.pack(*one) for one in program)
        code = ctypes.create_string_buffer(text, len(text))
        address = PROGRAM.pack(len(program), ctypes.addressof(code))
        self._socket.set(socket.SOL_SOCKET, SO_ATTACH_FILTER, address)

    def close(self) -> None:
        """Stop receiving."""
        self._socket.close()
        self._names.close()

    def _taken(self, datagram: bytes, _: Ancillary, address: tuple[str, int, int, int, bytes]) -> None:
        try:
            found = fcntl.ioctl(self._names, SIOCGIFINDEX, IFREQ.pack(address[0].encode(), 0))
        except OSError:  # gone meanwhile
            return
        packet = read_datagram(datagram, IFREQ.unpack(found)[1], self._fragments)
        if packet is not None:
            self._received(packet)
