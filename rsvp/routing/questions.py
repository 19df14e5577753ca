"""Which way would the kernel send this? Questions about routes, and their answers, as bytes.

They come by the thousand whenever routing changes, so they are written and read here without a
library in between. Layout and numbers are those of linux/rtnetlink.h.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass
from ipaddress import ip_address

from ..netlink import HEADER, attribute, attributes
from ..objects import IPAddress
from . import Flow

RTMSG = struct.Struct("=BBBBBBBBI")
"""Family, destination's and source's prefix lengths, TOS, table, protocol, scope, type, flags."""
FIB_MATCH = 0x2000
"""Ask for the table's entry instead of the one way that a packet would take."""

DESTINATION, SOURCE, INCOMING, OUTGOING, GATEWAY, PREFERRED_SOURCE, MULTIPATH = 1, 2, 3, 4, 5, 7, 9
IP_PROTOCOL, SOURCE_PORT, PORT, FLOW_LABEL = 27, 28, 29, 31

UNICAST, LOCAL, MULTICAST = 1, 2, 5
"""Kinds of routes by which packets get somewhere; all others refuse."""

NUMBER = struct.Struct("=I")
BIG_NUMBER = struct.Struct("!I")
PORT_NUMBER = struct.Struct("!H")
NEXT_HOP = struct.Struct("=HBBi")

KNOWS_PORTS = (socket.IPPROTO_TCP, socket.IPPROTO_UDP)
"""Protocols whose ports the kernel lets a question name."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One route: its kind, where it leads, and how many ways share its load."""

    kind: int
    outgoing: int | None
    gateway: IPAddress | None
    source: IPAddress | None
    ways: int


@dataclass(frozen=True, slots=True)
class Arrival:
    """A packet that comes in by an interface, of no flow in particular."""

    incoming: int
    protocol: int = 0
    source_port: int = 0
    port: int = 0
    flow_label: int = 0


def question(
    destination: IPAddress,
    source: IPAddress | None = None,
    flow: Flow | None = None,
    flags: int = 0,
    outgoing: int | None = None,
) -> bytes:
    """The body of an RTM_GETROUTE for a packet to `destination`, out of an interface if that is given."""
    family = socket.AF_INET if destination.version == 4 else socket.AF_INET6
    bits = 0 if source is None else source.max_prefixlen
    body = RTMSG.pack(family, destination.max_prefixlen, bits, 0, 0, 0, 0, 0, flags)
    body += attribute(DESTINATION, destination.packed)
    if source is not None:
        body += attribute(SOURCE, source.packed)
    if outgoing is not None:
        body += attribute(OUTGOING, NUMBER.pack(outgoing))
    if flow is None:
        return body
    if flow.incoming:
        body += attribute(INCOMING, NUMBER.pack(flow.incoming))
    if flow.protocol in KNOWS_PORTS:
        body += attribute(IP_PROTOCOL, bytes([flow.protocol]))
        if flow.source_port:
            body += attribute(SOURCE_PORT, PORT_NUMBER.pack(flow.source_port))
        if flow.port:
            body += attribute(PORT, PORT_NUMBER.pack(flow.port))
    if flow.flow_label:
        body += attribute(FLOW_LABEL, BIG_NUMBER.pack(flow.flow_label))
    return body


def read_answer(data: bytes) -> Answer:
    """What an RTM_NEWROUTE says, from its header on."""
    kind = RTMSG.unpack_from(data, HEADER.size)[7]
    told = attributes(data, HEADER.size + RTMSG.size)
    out = told.get(OUTGOING)
    return Answer(
        kind,
        NUMBER.unpack(out)[0] if out else None,
        _address(told.get(GATEWAY)),
        _address(told.get(PREFERRED_SOURCE)),
        _count(told.get(MULTIPATH, b"")) or 1,
    )


def _address(packed: bytes | None) -> IPAddress | None:
    return ip_address(packed) if packed else None


def _count(hops: bytes) -> int:
    """How many next hops an RTA_MULTIPATH holds."""
    count = at = 0
    while at + NEXT_HOP.size <= len(hops):
        length = NEXT_HOP.unpack_from(hops, at)[0]
        if length < NEXT_HOP.size:
            break
        count += 1
        at += (length + 3) & ~3
    return count
