"""Captures written: pcap files of raw IP packets (pcap draft; RFC 791, RFC 2113, RFC 2711, RFC 8200).

A packet that was read from a capture goes out as it came in, from its IP header on, so that link
layers of all kinds may stand in one file. One that came in fragments goes out whole, under a new
IP header.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from typing import BinaryIO, Final, NamedTuple

from ..iana import IPV6_ROUTER_ALERT, ROUTER_ALERT, RSVP_PROTOCOL, UDP_ENCAPSULATION_PORTS, Protocol
from ..ip.headers import HOP_BY_HOP
from ..objects import IPAddress
from . import Frame

RAW_IP: Final = 101
"""The link type of packets that begin with their IP header, of either version."""

LARGEST: Final = 65535
LARGEST_MESSAGE: Final = LARGEST - 32
"""What fits behind an IPv4 header with Router Alert and UDP, or behind IPv6's options."""

NANOSECONDS: Final = 0xA1B23C4D
"""First word of a pcap file whose times are in nanoseconds."""

LAST_SECOND: Final = 0xFFFFFFFF
"""A time that pcap cannot say is written as the nearest one that it can."""


class IPPacket(NamedTuple):
    """The bytes of an IP packet that are there, and how many it measured on the wire."""

    data: bytes
    wire_length: int


class PcapWriter:
    """Writes packets to a pcap file with times in nanoseconds; tcpdump and tshark read it."""

    def __init__(self, stream: BinaryIO, link_type: int = RAW_IP) -> None:
        self._write = stream.write
        self._write(struct.pack("<IHHiIII", NANOSECONDS, 2, 4, 0, 0, 262144, link_type))

    def write(self, time_ns: int | None, data: bytes, wire_length: int | None = None) -> None:
        """Add one packet; no time is written as 1970."""
        seconds, rest = divmod(time_ns or 0, 1_000_000_000)
        if not 0 <= seconds <= LAST_SECOND:
            seconds, rest = (0, 0) if seconds < 0 else (LAST_SECOND, 999_999_999)
        length = len(data) if wire_length is None else wire_length
        self._write(struct.pack("<IIII", seconds, rest, len(data), length) + data)


def write_pcap(file: str | os.PathLike[str] | BinaryIO, frames: Iterable[Frame]) -> int:
    """Write RSVP packets to a pcap file of raw IP and say how many they were.

    `file` is a path, or a binary stream, which stays open. Raises OSError where it cannot be written.
    """
    if isinstance(file, str | os.PathLike):
        with open(file, "wb") as stream:
            return write_pcap(stream, frames)
    writer = PcapWriter(file)
    count = 0
    for frame in frames:
        packet = ip_packet(frame)
        writer.write(frame.time_ns, packet.data, packet.wire_length)
        count += 1
    return count


def ip_packet(frame: Frame) -> IPPacket:
    """A frame's IP packet as it was captured, or put together again if it came in fragments."""
    if frame.ip_at is None:
        # Pieces may add up to more than one packet can hold.
        whole = wrap(
            frame.data[:LARGEST_MESSAGE],
            frame.source,
            frame.destination,
            frame.ip_ttl,
            router_alert=frame.router_alert,
            in_udp=frame.udp_encapsulated,
        )
        return IPPacket(whole, len(whole))
    captured, at = frame.captured, frame.ip_at
    if captured[at] >> 4 == 4:
        wire_length = int.from_bytes(captured[at + 2 : at + 4], "big")
    else:
        wire_length = int.from_bytes(captured[at + 4 : at + 6], "big")
        wire_length += 40 if wire_length else 0
    # No length at all: the sending network card had still to fill it in. All that is there counts.
    wire_length = wire_length or len(captured) - at
    return IPPacket(captured[at : at + wire_length], wire_length)


def wrap(
    message: bytes,
    source: IPAddress,
    destination: IPAddress,
    ttl: int,
    *,
    router_alert: bool = False,
    in_udp: bool = False,
) -> bytes:
    """Put an IP header, and UDP if wanted, before an RSVP message (RFC 2205 section 3.3, appendix C).

    Raises ValueError for a message that no IP packet can hold.
    """
    protocol, payload = RSVP_PROTOCOL, message
    if in_udp:
        port = UDP_ENCAPSULATION_PORTS[0]
        protocol = Protocol.UDP
        payload = struct.pack(">HHHH", port, port, 8 + len(message), 0) + message
    if source.version == 4:
        return _ipv4(payload, protocol, source.packed, destination.packed, ttl, router_alert)
    return _ipv6(payload, protocol, source.packed, destination.packed, ttl, router_alert)


def _ipv4(
    payload: bytes, protocol: int, source: bytes, destination: bytes, ttl: int, router_alert: bool
) -> bytes:
    options = ROUTER_ALERT if router_alert else b""
    header = 20 + len(options)
    _check_size(header + len(payload))
    addresses = source + destination + options
    first, total = 0x40 | header // 4, header + len(payload)
    start = struct.pack(">BBHHHBBH", first, 0, total, 0, 0, ttl, protocol, 0)
    words = struct.unpack(f">{header // 2}H", start + addresses)
    checksum: int = sum(words)
    checksum = (checksum & 0xFFFF) + (checksum >> 16)
    checksum = ~((checksum & 0xFFFF) + (checksum >> 16)) & 0xFFFF
    return start[:10] + checksum.to_bytes(2, "big") + addresses + payload


def _ipv6(
    payload: bytes, protocol: int, source: bytes, destination: bytes, ttl: int, router_alert: bool
) -> bytes:
    if router_alert:
        # The option with value 0, padded to eight bytes with PadN (RFC 2711, RFC 8200 section 4.2).
        payload = bytes((protocol, 0)) + IPV6_ROUTER_ALERT + b"\x01\x00" + payload
        protocol = HOP_BY_HOP
    _check_size(len(payload))
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, ttl) + source + destination + payload


def _check_size(size: int) -> None:
    if size > LARGEST:
        raise ValueError(f"an IP packet of {size} bytes cannot be written: {LARGEST} is the most")
