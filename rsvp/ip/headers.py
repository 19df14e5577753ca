"""IPv4 and IPv6 headers around RSVP (RFC 791, RFC 8200, RFC 2113, RFC 2711, RFC 4302).

Only packets that can carry RSVP come out: protocol 46, UDP to the encapsulation ports, and
fragments that may turn out to be one of the two.
"""

from __future__ import annotations

import struct
from typing import Final

import msgspec

from ..iana import IPV6_ROUTER_ALERT, ROUTER_ALERT, RSVP_PROTOCOL, UDP_ENCAPSULATION_PORTS, Protocol

HOP_BY_HOP: Final = 0
ROUTING: Final = 43
FRAGMENT: Final = 44
AUTHENTICATION: Final = 51
DESTINATION_OPTIONS: Final = 60
EXTENSIONS: Final = frozenset({HOP_BY_HOP, ROUTING, AUTHENTICATION, DESTINATION_OPTIONS})

CARRIERS: Final = frozenset({RSVP_PROTOCOL, Protocol.UDP, AUTHENTICATION})
"""IPv4 protocols that RSVP may be in."""

END_OF_OPTIONS: Final = 0
NO_OPERATION: Final = 1


class Fragment(msgspec.Struct, frozen=True, gc=False):
    """Which piece of which datagram: `offset` in bytes, `last` where no more follow."""

    identification: int
    offset: int
    last: bool


class Datagram(msgspec.Struct, frozen=True, gc=False):
    """One IP packet: what a frame tells of it, and its payload from `protocol` on.

    `source` and `destination` are 4 or 16 bytes. `missing` counts bytes that the header promises
    and the capture does not hold; what follows the IP packet in the frame is cut away.
    """

    source: bytes
    destination: bytes
    ttl: int
    router_alert: bool
    protocol: int
    payload: bytes
    missing: int
    fragment: Fragment | None


def read_ip(data: bytes, at: int) -> Datagram | None:
    """Read the IP header at `at`; None for what cannot be RSVP, or is too damaged to tell."""
    if at >= len(data):
        return None
    version = data[at] >> 4
    if version == 4:
        return _read_ipv4(data, at)
    if version == 6:
        return _read_ipv6(data, at)
    return None


_ipv4 = struct.Struct(">BxHHHBB2x4s4s").unpack_from
_ipv6 = struct.Struct(">4xHBB16s16s").unpack_from


def _read_ipv4(data: bytes, at: int) -> Datagram | None:
    if len(data) < at + 20 or data[at + 9] not in CARRIERS:
        return None
    first, total, identification, flags, ttl, protocol, source, destination = _ipv4(data, at)
    header = (first & 0x0F) * 4
    # Offloading network cards show packets to the capture before they fill the total length in.
    end = at + total if total else len(data)
    start = at + header
    if header < 20 or end < start:
        return None
    alert = header > 20 and _has_option(data[at + 20 : start], ROUTER_ALERT[0])
    fragment = None
    if flags & 0x3FFF:
        fragment = Fragment(identification, (flags & 0x1FFF) * 8, not flags & 0x2000)
    missing = 0 if end <= len(data) else end - max(start, len(data))
    return Datagram(source, destination, ttl, alert, protocol, data[start:end], missing, fragment)


def _has_option(options: bytes, wanted: int) -> bool:
    """Whether a list of IPv4 options has one of this type (RFC 791 section 3.1)."""
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == wanted:
            return True
        if kind == END_OF_OPTIONS:
            return False
        if kind == NO_OPERATION:
            at += 1
            continue
        if at + 1 >= len(options) or options[at + 1] < 2:
            return False
        at += options[at + 1]
    return False


def _read_ipv6(data: bytes, at: int) -> Datagram | None:
    start = at + 40
    if len(data) < start:
        return None
    length, protocol, ttl, source, destination = _ipv6(data, at)
    end = start + length if length else len(data)
    missing = max(0, end - len(data))
    alert = False
    fragment = None
    payload = data[start:end]
    if protocol == HOP_BY_HOP:
        alert = has_ipv6_option(payload, IPV6_ROUTER_ALERT[0])
    protocol, payload = skip_extensions(protocol, payload)
    if protocol == FRAGMENT:
        if len(payload) < 8:
            return None
        protocol, flags, identification = struct.unpack_from(">BxHI", payload)
        payload = payload[8:]
        # An "atomic fragment" is whole and stands for itself (RFC 6946).
        if flags & 0xFFF9:
            fragment = Fragment(identification, flags & 0xFFF8, not flags & 1)
        else:
            protocol, payload = skip_extensions(protocol, payload)
    if protocol not in CARRIERS and not (fragment and protocol in EXTENSIONS):
        return None
    return Datagram(source, destination, ttl, alert, protocol, payload, missing, fragment)


def has_ipv6_option(header: bytes, wanted: int) -> bool:
    """Whether a hop-by-hop options header has an option of this type (RFC 8200 section 4.2)."""
    if len(header) < 2:
        return False
    options = header[2 : (header[1] + 1) * 8]
    at = 0
    while at < len(options):
        kind = options[at]
        if kind == wanted:
            return True
        if kind == 0:  # Pad1 is the only option without a length
            at += 1
        elif at + 1 < len(options):
            at += 2 + options[at + 1]
        else:
            return False
    return False


def skip_extensions(protocol: int, payload: bytes) -> tuple[int, bytes]:
    """Step over extension headers, up to a fragment header; what is cut off stays as it is."""
    at = 0
    while protocol in EXTENSIONS and at + 2 <= len(payload):
        units = payload[at + 1]
        size = (units + 2) * 4 if protocol == AUTHENTICATION else (units + 1) * 8
        if at + size > len(payload):
            break
        protocol = payload[at]
        at += size
    return protocol, payload[at:] if at else payload


def read_rsvp(protocol: int, payload: bytes, missing: int) -> tuple[bytes, int, bool] | None:
    """Find RSVP in the payload of a whole datagram: (message, bytes missing of it, in UDP or not)."""
    protocol, payload = skip_extensions(protocol, payload)
    if protocol == RSVP_PROTOCOL:
        return payload, missing, False
    if protocol != Protocol.UDP or len(payload) < 8:
        return None
    port, length = struct.unpack_from(">2xHH", payload)
    if port not in UDP_ENCAPSULATION_PORTS:
        return None
    end = length if length >= 8 else len(payload) + missing
    return payload[8:end], max(0, end - max(8, len(payload))), True
