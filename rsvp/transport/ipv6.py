"""RSVP over raw IPv6 sockets: protocol 46 with Router Alert (RFC 2205 sections 3.3, 3.11.5; RFC 2711).

The kernel needs two. One of protocol 46 sends, and receives what is addressed to this node. Router
Alert packets in transit come from one of IPPROTO_RAW, which is the only kind that may ask for them,
with their headers in front and in fragments, if they were sent in fragments.

The kernel writes the headers: bound freely, it lets a router send a Path that bears the sender's
address, and cuts what exceeds the MTU with Router Alert in every piece.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Callable
from ipaddress import IPv6Address

from ..iana import DEFAULT_TTL, IPV6_ROUTER_ALERT, RSVP_PROTOCOL
from ..ip.fragments import Reassembler
from ..ip.headers import has_ipv6_option, read_ip, read_rsvp
from . import Packet
from .sockets import Ancillary, RawSocket

# Of linux/in6.h; Python's socket module has no names for them.
ROUTER_ALERT = 22
ROUTER_ALERT_ISOLATE = 30
FREEBIND = 78

PKTINFO = struct.Struct("=16sI")
HOP_LIMIT = struct.Struct("=i")
HOP_BY_HOP = bytes(2) + IPV6_ROUTER_ALERT + b"\x01\x00"
"""The options header with Router Alert, padded to 8 bytes; the kernel fills in what follows."""

IPV6 = socket.IPPROTO_IPV6
TOLD = [(IPV6, socket.IPV6_RECVPKTINFO), (IPV6, socket.IPV6_RECVHOPLIMIT), (IPV6, socket.IPV6_RECVHOPOPTS)]


class IPv6Transport:
    """A `Transport` for IPv6, in the network namespace it is made in."""

    def __init__(self) -> None:
        """Open the sockets. Raises Unavailable without CAP_NET_RAW, or without IPv6."""
        self._near = RawSocket(socket.AF_INET6, RSVP_PROTOCOL, [*TOLD, (IPV6, FREEBIND)])
        self._near.set(IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        # Isolated, or it would be given the transit packets of other network namespaces, too. The
        # value of Router Alert that it is for is RSVP's, 1.
        isolated = [(IPV6, ROUTER_ALERT_ISOLATE), (IPV6, ROUTER_ALERT), (IPV6, socket.IPV6_RECVPKTINFO)]
        try:
            self._transit = RawSocket(socket.AF_INET6, socket.IPPROTO_RAW, isolated)
        except BaseException:
            self._near.close()
            raise
        self._fragments = Reassembler()

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""

        def near(data: bytes, ancillary: Ancillary, address: tuple[str, int, int, int]) -> None:
            packet = read_near(data, ancillary, address[0])
            if packet is not None:
                received(packet)

        def transit(datagram: bytes, ancillary: Ancillary, _: object) -> None:
            packet = read_transit(datagram, ancillary, self._fragments)
            if packet is not None:
                received(packet)

        self._near.start(near)
        self._transit.start(transit)

    def close(self) -> None:
        """Stop receiving, give back the sockets; packets that still wait to be sent are tried once."""
        self._near.close()
        self._transit.close()

    def send(self, packet: Packet) -> None:
        """Send one packet, in fragments where it exceeds the outgoing MTU.

        A given interface overrules routing, as for IPv4; without one a link-local destination
        cannot be reached. A `ttl` of None is `iana.DEFAULT_TTL`. Raises OSError where the kernel
        refuses.
        """
        interface = packet.interface or 0
        source = packet.source.packed if packet.source else bytes(16)
        ttl = DEFAULT_TTL if packet.ttl is None else packet.ttl
        ancillary = [
            (IPV6, socket.IPV6_PKTINFO, PKTINFO.pack(source, interface)),
            (IPV6, socket.IPV6_HOPLIMIT, HOP_LIMIT.pack(ttl)),
        ]
        if packet.router_alert:
            ancillary.append((IPV6, socket.IPV6_HOPOPTS, HOP_BY_HOP))
        self._near.send(packet.data, ancillary, (str(packet.destination), 0, 0, interface))


def read_near(data: bytes, ancillary: Ancillary, source: str) -> Packet | None:
    """A packet that was addressed to this node; None for one that it sent itself."""
    told = {kind: value for level, kind, value in ancillary if level == IPV6}
    if len(told.get(socket.IPV6_PKTINFO, b"")) != PKTINFO.size:
        return None
    destination, interface = PKTINFO.unpack(told[socket.IPV6_PKTINFO])
    (ttl,) = HOP_LIMIT.unpack(told.get(socket.IPV6_HOPLIMIT, bytes(HOP_LIMIT.size)))
    sender = IPv6Address(source)
    if sender.packed == destination:
        return None
    options = told.get(socket.IPV6_HOPOPTS, b"")
    alert = has_ipv6_option(options, IPV6_ROUTER_ALERT[0])
    return Packet(data, IPv6Address(destination), sender, interface, ttl, alert)


def read_transit(datagram: bytes, ancillary: Ancillary, fragments: Reassembler) -> Packet | None:
    """A packet with its headers, taken out of the kernel's forwarding; None while it lacks pieces."""
    told = {kind: value for level, kind, value in ancillary if level == IPV6}
    if len(told.get(socket.IPV6_PKTINFO, b"")) != PKTINFO.size:
        return None
    _, interface = PKTINFO.unpack(told[socket.IPV6_PKTINFO])
    return read_datagram(datagram, interface, fragments)


def read_datagram(datagram: bytes, interface: int, fragments: Reassembler) -> Packet | None:
    """A packet with its headers that came in through an interface; None for what is not whole RSVP."""
    piece = read_ip(datagram, 0)
    if piece is None or len(piece.source) != 16:
        return None
    whole = fragments.add(piece, interface, time.monotonic_ns())
    rsvp = read_rsvp(whole.protocol, whole.payload, whole.missing) if whole is not None else None
    if whole is None or rsvp is None:
        return None
    message, missing, encapsulated = rsvp
    if missing or encapsulated:
        return None
    source, destination = IPv6Address(whole.source), IPv6Address(whole.destination)
    return Packet(message, destination, source, interface, whole.ttl, whole.router_alert)
