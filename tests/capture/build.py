"""Captures and packets made by hand, byte for byte, with no library between test and format."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from ipaddress import IPv4Address, ip_address

from rsvp._wire import encode
from rsvp.intserv import Tspec
from rsvp.messages import Path, Sender
from rsvp.objects import FilterSpec, Hop, Session, TimeValues

SECTION = 0x0A0D0D0A


def path_message(port: int = 5000) -> bytes:
    """A Path of 88 bytes; `port` tells one from another."""
    return encode(
        Path(
            session=Session(IPv4Address("10.0.2.2"), 17, port),
            hop=Hop(IPv4Address("10.0.1.1"), 3),
            time_values=TimeValues(30000),
            sender=Sender(FilterSpec(IPv4Address("10.0.1.1"), 4000), Tspec(125000.0, 5000.0)),
            send_ttl=63,
        )
    )


def ipv4(
    payload: bytes,
    protocol: int = 46,
    *,
    source: str = "10.0.1.1",
    destination: str = "10.0.2.2",
    ttl: int = 63,
    options: bytes = b"",
    identification: int = 1,
    offset: int = 0,
    more: bool = False,
    total: int | None = None,
) -> bytes:
    """An IPv4 packet; `offset` in bytes, `total` in place of the right total length."""
    header = 20 + len(options)
    first = struct.pack(
        ">BBHHHBBH4s4s",
        0x40 | header // 4,
        0,
        header + len(payload) if total is None else total,
        identification,
        offset // 8 | (0x2000 if more else 0),
        ttl,
        protocol,
        0,
        ip_address(source).packed,
        ip_address(destination).packed,
    )
    return first + options + payload


def ipv6(
    payload: bytes,
    protocol: int = 46,
    *,
    source: str = "2001:db8::1",
    destination: str = "2001:db8::2",
    hop_limit: int = 63,
) -> bytes:
    """An IPv6 packet; `protocol` is the first header after the fixed one."""
    first = struct.pack(">IHBB", 6 << 28, len(payload), protocol, hop_limit)
    return first + ip_address(source).packed + ip_address(destination).packed + payload


def ipv6_fragment(payload: bytes, protocol: int, identification: int, offset: int, more: bool) -> bytes:
    """A fragment header (RFC 8200 section 4.5) and its piece."""
    return struct.pack(">BxHI", protocol, offset | more, identification) + payload


def udp(payload: bytes, port: int = 1698) -> bytes:
    return struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload


def ethernet(packet: bytes, kind: int | None = None) -> bytes:
    """An Ethernet frame; the type follows from IP's version unless given."""
    if kind is None:
        kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return bytes(12) + struct.pack(">H", kind) + packet


def pcap(
    packets: Sequence[bytes], link_type: int = 1, order: str = "<", tick: int = 1000, snap: int | None = None
) -> bytes:
    """A pcap file, packet n captured n seconds and n ticks after 1970; `tick` is 1000 or 1 ns."""
    magic = 0xA1B2C3D4 if tick == 1000 else 0xA1B23C4D
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap or 262144, link_type)]
    for number, packet in enumerate(packets, 1):
        kept = packet[:snap]
        out.append(struct.pack(order + "IIII", number, number, len(kept), len(packet)) + kept)
    return b"".join(out)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A pcapng block."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<", major: int = 1) -> bytes:
    return block(SECTION, struct.pack(order + "IHHq", 0x1A2B3C4D, major, 0, -1), order)


def option(code: int, content: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(content)) + content + bytes(-len(content) % 4)


def interface(link_type: int = 1, order: str = "<", snap: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", link_type, 0, snap) + options, order)


def enhanced(
    packet: bytes, index: int = 0, ticks: int = 0, order: str = "<", length: int | None = None
) -> bytes:
    """An enhanced packet block; `length` is what the packet measured on the wire."""
    head = struct.pack(
        order + "IIIII",
        index,
        ticks >> 32,
        ticks & 0xFFFFFFFF,
        len(packet),
        len(packet) if length is None else length,
    )
    return block(6, head + packet, order)


def simple(packet: bytes, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", len(packet)) + packet, order)


def obsolete(packet: bytes, index: int = 0, ticks: int = 0, order: str = "<") -> bytes:
    head = struct.pack(
        order + "HHIIII", index, 0xFFFF, ticks >> 32, ticks & 0xFFFFFFFF, len(packet), len(packet)
    )
    return block(2, head + packet, order)
