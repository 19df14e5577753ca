"""RSVP over raw IPv4 sockets: protocol 46 with Router Alert (RFC 2205 sections 3.3, 3.11.5; RFC 2113).

The socket sees what is addressed to this node, and takes Router Alert packets in transit out of
the kernel's forwarding. It writes its own IP headers, so that a router can send a Path that bears
the sender's address, and cuts what exceeds the MTU itself, which the kernel refuses to do then.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import logging
import random
import socket
import struct
from collections import deque
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from ..errors import Unavailable
from ..iana import DEFAULT_TTL, ROUTER_ALERT, RSVP_PROTOCOL
from . import Packet

log = logging.getLogger("rsvp.transport")

NO_RIGHT = (
    "RSVP needs the right to open raw sockets: run as root, or give the process CAP_NET_RAW and "
    "CAP_NET_ADMIN (systemd: AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN)"
)

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
LARGEST = 0xFFFF
BATCH = 64
"""Packets taken in one turn of the event loop, so that a flood leaves room for timers."""
BUFFER = 4 << 20
PENDING = 4096
"""Packets that wait for room in the kernel's send buffer, at most."""


class RawTransport:
    """A `Transport` over one raw IPv4 socket of the network namespace it is made in.

    IPv6 packets are refused with OSError (EAFNOSUPPORT).
    """

    def __init__(self) -> None:
        """Open the socket. Raises Unavailable without CAP_NET_RAW."""
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, RSVP_PROTOCOL)
        except PermissionError:
            raise Unavailable(NO_RIGHT) from None
        except OSError as problem:
            raise Unavailable(f"RSVP cannot open a raw socket: {problem.strerror}") from None
        self._socket = sock
        # Never sends; it is asked for MTUs, and has to be of the same network namespace for that.
        self._probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._received: Callable[[Packet], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pending: deque[tuple[bytes, str, int | None]] = deque()
        self._identification = random.randrange(1, LARGEST)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_HDRINCL, 1)
            sock.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            sock.setsockopt(socket.IPPROTO_IP, IP_ROUTER_ALERT, 1)
            # A copy of each of our own multicast packets would come back otherwise.
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
            for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
                sock.setsockopt(socket.SOL_SOCKET, option, BUFFER)
        except OSError as problem:
            sock.close()
            self._probe.close()
            raise Unavailable(f"RSVP cannot set up its raw socket: {problem.strerror}") from None

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""
        self._received = received
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        """Stop receiving, give back the socket; packets that still wait to be sent are tried once."""
        if self._socket.fileno() < 0:
            return
        self._writable()
        self._pending.clear()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket.close()
        self._probe.close()

    # --- receiving --------------------------------------------------------------------------------

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                datagram, ancillary, _, _ = self._socket.recvmsg(LARGEST, 128)
            except BlockingIOError:
                return
            except OSError as problem:  # an error that the kernel left on the socket; reading cleared it
                log.debug("receiving: %s", problem)
                return
            packet = read_datagram(datagram, ancillary)
            if packet is not None and self._received is not None:
                try:
                    self._received(packet)
                except Exception:
                    log.exception("a received packet was not handled")
            if self._socket.fileno() < 0:  # closed by what it was told
                return

    # --- sending ----------------------------------------------------------------------------------

    def send(self, packet: Packet) -> None:
        """Send one packet, in fragments where it exceeds the outgoing MTU.

        A given interface overrules routing: the gateway is that of the best route through it, and
        where there is none the destination is taken to be on that link. A `ttl` of None is
        `iana.DEFAULT_TTL`. Raises OSError where the kernel refuses.
        """
        destination = packet.destination
        if not isinstance(destination, IPv4Address):
            raise OSError(errno.EAFNOSUPPORT, f"cannot send RSVP to {destination}: IPv4 only")
        if not (packet.source is None or isinstance(packet.source, IPv4Address)):
            raise OSError(errno.EAFNOSUPPORT, f"cannot send RSVP from {packet.source} to {destination}")
        self._identification = self._identification % LARGEST + 1
        where = str(destination)
        (datagram,) = write_datagrams(packet, self._identification, LARGEST)
        try:
            self._write(datagram, where, packet.interface)
        except OSError as problem:
            if problem.errno != errno.EMSGSIZE:
                raise
            mtu = self._mtu(where, packet.interface)
            for fragment in write_datagrams(packet, self._identification, mtu):
                self._write(fragment, where, packet.interface)

    def _write(self, datagram: bytes, destination: str, interface: int | None) -> None:
        """Hand one datagram to the kernel, or queue it behind those that wait for room already."""
        if not self._pending:
            try:
                self._sendmsg(datagram, destination, interface)
                return
            except BlockingIOError:
                if self._loop is None:
                    raise
                self._loop.add_writer(self._socket, self._writable)
        if len(self._pending) >= PENDING:
            raise OSError(errno.ENOBUFS, f"too many packets wait to be sent to {destination}")
        self._pending.append((datagram, destination, interface))

    def _sendmsg(self, datagram: bytes, destination: str, interface: int | None) -> None:
        ancillary = []
        if interface is not None:
            ancillary.append((socket.IPPROTO_IP, IP_PKTINFO, PKTINFO.pack(interface, bytes(4), bytes(4))))
        self._socket.sendmsg([datagram], ancillary, 0, (destination, 0))

    def _writable(self) -> None:
        while self._pending:
            try:
                self._sendmsg(*self._pending[0])
            except BlockingIOError:
                return
            except OSError as problem:
                log.warning("a packet to %s could not be sent: %s", self._pending[0][1], problem.strerror)
            self._pending.popleft()
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_writer(self._socket)

    def _mtu(self, destination: str, interface: int | None) -> int:
        """The MTU of the interface, or of the route that the kernel would choose."""
        if interface is None:
            self._probe.connect((destination, RSVP_PROTOCOL))
            return self._probe.getsockopt(socket.IPPROTO_IP, IP_MTU)
        named = fcntl.ioctl(self._probe, SIOCGIFNAME, IFREQ.pack(b"", interface))
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


def read_datagram(datagram: bytes, ancillary: list[tuple[int, int, bytes]]) -> Packet | None:
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
        if level == socket.IPPROTO_IP and kind == IP_PKTINFO and len(value) >= PKTINFO.size:
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
