"""Link layers: where the IP header of a captured packet begins (IEEE 802.1Q, RFC 3032, RFC 2516).

Written here rather than taken from dpkt 1.9.8: it knows these layers, but builds an object for each
header, 10 us a packet where tcpdump needs 12 for reading and decoding all of it, and tells neither
how much of a packet the snap length took nor puts fragments together.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

IPV4: Final = 0x0800
IPV6: Final = 0x86DD
VLAN_TAGS: Final = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
MPLS: Final = frozenset({0x8847, 0x8848})
PPPOE_SESSION: Final = 0x8864
PPP_TO_ETHERTYPE: Final = {0x0021: IPV4, 0x0057: IPV6, 0x0281: 0x8847, 0x0283: 0x8848}
SNAP: Final = b"\xaa\xaa\x03\x00\x00\x00"

NO_IP: Final = -1
"""What a reader returns where there is no IP header, or none that was captured."""


def read_ethernet(data: bytes) -> int:
    """Ethernet, with VLAN tags, MPLS labels or a PPPoE session between it and IP."""
    if data[12:14] == b"\x08\x00":
        return 14
    return _after_ethertype(data, 12)


def read_linux_cooked(data: bytes) -> int:
    """Linux cooked capture, version 1: 16 bytes that end in an Ethernet type."""
    return _after_ethertype(data, 14)


def read_linux_cooked_2(data: bytes) -> int:
    """Linux cooked capture, version 2: 20 bytes that begin with an Ethernet type."""
    return _after_ethertype(data, 0, 20)


def read_raw(data: bytes) -> int:
    """No link layer at all."""
    return 0


def read_null(data: bytes) -> int:
    """BSD loopback: four bytes of address family, in either byte order.

    The families are not looked at: each system numbers IPv6 differently, and IP says its version.
    """
    return 4


def read_ppp(data: bytes) -> int:
    """PPP, with or without its address and control bytes."""
    return _after_ppp(data, 2 if data[:2] == b"\xff\x03" else 0)


LINKS: Final[dict[int, Callable[[bytes], int]]] = {
    0: read_null,
    1: read_ethernet,
    9: read_ppp,
    12: read_raw,
    14: read_raw,
    50: read_ppp,
    101: read_raw,
    108: read_null,
    113: read_linux_cooked,
    228: read_raw,
    229: read_raw,
    276: read_linux_cooked_2,
}
"""Link type number (the tcpdump.org registry) -> the offset of the IP header, or NO_IP."""

FOREIGN: Final = {105: "802.11", 127: "802.11 with radiotap", 195: "802.15.4", 220: "USB", 253: "netlink"}
"""Names of link types that people meet and that carry no RSVP."""


def link_name(link_type: int) -> str:
    """A link type for an error message: its number, and its name where that is known."""
    name = FOREIGN.get(link_type)
    return f"{link_type} ({name})" if name else str(link_type)


def _after_ethertype(data: bytes, at: int, after: int | None = None) -> int:
    """Follow tags and labels from the Ethernet type at `at`; its contents begin at `after`."""
    if after is None:
        after = at + 2
    size = len(data)
    while at + 2 <= size:
        kind = data[at] << 8 | data[at + 1]
        if kind in (IPV4, IPV6):
            return after
        if kind in VLAN_TAGS:
            at, after = after + 2, after + 4
        elif kind in MPLS:
            return _after_labels(data, after)
        elif kind == PPPOE_SESSION:
            return _after_ppp(data, after + 6)
        elif kind <= 1500 and data[after : after + 6] == SNAP:
            at, after = after + 6, after + 8
        else:
            return NO_IP
    return NO_IP


def _after_labels(data: bytes, at: int) -> int:
    """Step over an MPLS label stack, which does not say what it carries: IP's version tells."""
    while at + 4 <= len(data):
        at += 4
        if data[at - 2] & 1:
            return at
    return NO_IP


def _after_ppp(data: bytes, at: int) -> int:
    if at + 2 > len(data):
        return NO_IP
    if data[at] & 1:  # compressed to one byte
        kind, after = data[at], at + 1
    else:
        (kind,) = struct.unpack_from(">H", data, at)
        after = at + 2
    ethertype = PPP_TO_ETHERTYPE.get(kind)
    if ethertype in MPLS:
        return _after_labels(data, after)
    return NO_IP if ethertype is None else after
