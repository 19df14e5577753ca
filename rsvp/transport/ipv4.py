"""RSVP over a raw IPv4 socket: protocol 46 with Router Alert (RFC 2205 sections 3.3, 3.11.5; RFC 2113).

The socket sees what is addressed to this node, and takes Router Alert packets in transit out of
the kernel's forwarding. It writes its own IP headers, so that a router can send a Path that bears
the sender's address, and cuts what exceeds the MTU itself, which the kernel refuses to do then.
"""

from __future__ import annotations

import errno
import fcntl
import random
import socket
import struct
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from ..iana import DEFAULT_TTL, ROUTER_ALERT, RSVP_PROTOCOL
from . import Packet
from .sockets import LARGEST, Ancillary, RawSocket

# Of linux/in.h and linux/sockios.h; Python's socket module has no names for them.
IP_ROUTER_ALERT = 5
IP_PKTINFO = 8
IP_MTU = 14
SIOCGIFNAME = 0x8910
SIOCGIFMTU = 0x8921
IFREQ = struct.Struct("=16si20x")

HEADER = struct.Struct("!BBHHHBBH4s4s")
PKTINFO = struct.Struct("=I4s4s")
FRAGMENT_OFFSET, MORE_FRAGMENTS = 0x1FFF, 0x2000

IP = socket.IPPROTO_IP
OPTIONS = [(IP, socket.IP_HDRINCL), (IP, IP_PKTINFO), (IP, IP_ROUTER_ALERT)]


class IPv4Transport:
    """A `Transport` for IPv4, in the network namespace it is made in."""

    def __init__(self) -> None:
        """Open the socket. Raises Unavailable without CAP_NET_RAW."""
        self._socket = RawSocket(socket.AF_INET, RSVP_PROTOCOL, OPTIONS)
        # A copy of each of our own multicast packets would come back otherwise.
        self._socket.set(IP, socket.IP_MULTICAST_LOOP, 0)
        # Never sends; it is asked for MTUs, and has to be of the same network namespace for that.
        self._probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._identification = random.randrange(1, LARGEST)

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""

        def taken(datagram: bytes, ancillary: Ancillary, _: object) -> None:
            packet = read_datagram(datagram, ancillary)
            if packet is not None:
                received(packet)

        self._socket.start(taken)

    def close(self) -> None:
        """Stop receiving, give back the sockets; packets that still wait to be sent are tried once."""
        self._socket.close()
        self._probe.close()

    def send(self, packet: Packet) -> None:
        """Send one packet, in fragments where it exceeds the outgoing MTU.

        A given interface overrules routing: the gateway is that of the best route through it, and
        where there is none the destination is taken to be on that link. A `ttl` of None is
        `iana.DEFAULT_TTL`. Raises OSError where the kernel refuses.
        """
        self._identification = self._identification % LARGEST + 1
        (datagram,) = write_datagrams(packet, self._identification, LARGEST)
        try:
            self._write(datagram, packet)
        except OSError as problem:
            if problem.errno != errno.EMSGSIZE:
                raise
            for fragment in write_datagrams(packet, self._identification, self._mtu(packet)):
                self._write(fragment, packet)

    def _write(self, datagram: bytes, packet: Packet) -> None:
        ancillary: Ancillary = []
        if packet.interface is not None:
            source = packet.source.packed if packet.source else bytes(4)  # for rules that look at it
            ancillary.append((IP, IP_PKTINFO, PKTINFO.pack(packet.interface, source, bytes(4))))
        # The header is ours, so this is only where the kernel looks for the way.
        self._socket.send(datagram, ancillary, (str(packet.gateway or packet.destination), 0))

    def _mtu(self, packet: Packet) -> int:
        """The MTU of the packet's interface, or of the route that the kernel would choose."""
        if packet.interface is None:
            self._probe.connect((str(packet.destination), RSVP_PROTOCOL))
            return self._probe.getsockopt(IP, IP_MTU)
        named = fcntl.ioctl(self._probe, SIOCGIFNAME, IFREQ.pack(b"", packet.interface))
        answer = fcntl.ioctl(self._probe, SIOCGIFMTU, named)
        return int(IFREQ.unpack(answer)[1])


def write_datagrams(packet: Packet, identification: int, mtu: int) -> Iterator[bytes]:
    """Build the IPv4 datagram of a packet, cut into fragments of at most `mtu` bytes.

    A source of zeroes is for the kernel to fill in, and so is the header checksum. Router Alert is
    copied into every fragment, as its copy flag asks (RFC 791 section 3.1). Raises OSError
    (EMSGSIZE) for more than an IPv4 datagram can hold.
    """
    options = ROUTER_ALERT if packet.router_alert else b""
    length = HEADER.size + len(options)
    data = packet.data
    if length + len(data) > LARGEST:
        raise OSError(errno.EMSGSIZE, f"{len(data)} bytes do not fit into an IPv4 datagram")
    room = mtu - length
    if room < len(data):
        room = room // 8 * 8
        if room <= 0:
            raise OSError(errno.EMSGSIZE, f"an MTU of {mtu} leaves no room for RSVP")
    ttl = DEFAULT_TTL if packet.ttl is None else packet.ttl
    source = packet.source.packed if packet.source else bytes(4)
    for offset in range(0, len(data) or 1, room):
        piece = data[offset : offset + room]
        more = MORE_FRAGMENTS if offset + room < len(data) else 0
        yield (
            HEADER.pack(
                0x40 | length // 4,
                0,
                length + len(piece),
                identification,
                more | offset // 8,
                ttl,
                RSVP_PROTOCOL,
                0,
                source,
                packet.destination.packed,
            )
            + options
            + piece
        )


def read_datagram(datagram: bytes, ancillary: Ancillary) -> Packet | None:
    """Take a received IPv4 datagram apart; None for what is no sound datagram, or our own."""
    if len(datagram) < HEADER.size:
        return None
    first, _, total, _, fragment, ttl, protocol, _, source, destination = HEADER.unpack_from(datagram)
    length = (first & 0x0F) * 4
    if first >> 4 != 4 or length < HEADER.size or total < length or len(datagram) < total:
        return None
    # The kernel puts fragments together before it hands them on.
    if protocol != RSVP_PROTOCOL or fragment & (FRAGMENT_OFFSET | MORE_FRAGMENTS):
        return None
    # Nothing on a wire comes from where it goes to: this is a node talking to itself.
    if source == destination:
        return None
    interface = None
    for level, kind, value in ancillary:
        if level == IP and kind == IP_PKTINFO and len(value) >= PKTINFO.size:
            interface = PKTINFO.unpack_from(value)[0]
    return Packet(
        data=datagram[length:total],
        destination=IPv4Address(destination),
        source=IPv4Address(source),
        interface=interface,
        ttl=ttl,
        router_alert=has_router_alert(datagram[HEADER.size : length]),
    )


def has_router_alert(options: bytes) -> bool:
    """Whether the Router Alert option is among IPv4 options (RFC 2113); broken options hold none."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == 0:  # end of options
            return False
        if kind == 1:  # no operation
            at += 1
            continue
        size = options[at + 1] if at + 1 < len(options) else 0
        if size < 2 or at + size > len(options):
            return False
        if kind == ROUTER_ALERT[0] and size == len(ROUTER_ALERT):
            return True
        at += size
    return False
