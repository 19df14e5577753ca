"""Capture files: pcap and pcapng, record by record, from a file or a pipe (no RFC; pcap and pcapng drafts).

Written here, on `struct`, because neither library does the job: dpkt 1.9.8 raises `NeedData` or hands
on short packets where a file is cut off, asks for as much memory as a damaged length field names,
and reads every pcapng packet with the first interface's link type and clock; python-pcapng 2.1.1
reads pcapng only, takes 35 us a packet (tcpdump decodes one in 12), and knows no limit either.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn

import msgspec

from ..errors import CaptureError

LARGEST: Final = 16 << 20
"""Bytes of one record beyond which a length field is taken for damage, as libpcap does."""

AGAIN: Final = "copy or record it again"


class Record(msgspec.Struct, frozen=True, gc=False):
    """One captured packet: `number` counts from 1, `time_ns` is nanoseconds since 1970 or None.

    `wire_length` is what the packet measured before the snap length cut it; `interface` tells
    apart the capture points of one file.
    """

    number: int
    time_ns: int | None
    link_type: int
    interface: int
    data: bytes
    wire_length: int


PCAP_MAGICS: Final[dict[bytes, tuple[str, int, int]]] = {
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),  # Kuznetsov's variant with eight bytes more a record
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),
}
"""First four bytes of a pcap file -> byte order, nanoseconds a tick, bytes of a record's header."""

LINK_TYPE_MASK: Final = 0x03FFFFFF
"""pcap keeps the length of the frame check sequence in the upper bits of the link type."""

SECTION_HEADER: Final = b"\x0a\x0d\x0d\x0a"
INTERFACE_DESCRIPTION: Final = 1
OBSOLETE_PACKET: Final = 2
SIMPLE_PACKET: Final = 3
ENHANCED_PACKET: Final = 6
IF_TSRESOL: Final = 9
IF_TSOFFSET: Final = 14

BYTE_ORDERS: Final = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}


def read_records(stream: BinaryIO, name: str) -> Iterator[Record]:
    """Read the packets of a capture, whichever of the two formats it is in.

    `name` stands for the file in error messages. Raises CaptureError for what is no capture and,
    after the packets before that place, for a capture that is cut off or damaged.
    """
    magic = stream.read(4)
    if not magic:
        raise CaptureError(f"{name} is empty: give a pcap or pcapng file")
    if magic == SECTION_HEADER:
        return _Pcapng(stream, name).records()
    if magic in PCAP_MAGICS:
        return _read_pcap(stream, name, *PCAP_MAGICS[magic])
    if magic[:2] == b"\x1f\x8b":
        raise CaptureError(f"{name} is compressed: unpack it first, as in gunzip -c FILE | rsvp decode -")
    raise CaptureError(f"{name} is no packet capture: give a pcap or pcapng file")


def _cut_off(name: str, number: int) -> NoReturn:
    """Say where a file ends too early; `number` packets of it were whole."""
    where = f"packet {number + 1}" if number else "its first packet"
    raise CaptureError(f"{name} is cut off in or before {where}: {AGAIN}")


def _damaged(name: str, number: int, what: str) -> NoReturn:
    where = f"after packet {number}" if number else "before its first packet"
    raise CaptureError(f"{name} is damaged {where} ({what}): {AGAIN}")


def _read_pcap(stream: BinaryIO, name: str, order: str, tick_ns: int, header: int) -> Iterator[Record]:
    read = stream.read
    head = read(20)
    if len(head) < 20:
        _cut_off(name, 0)
    link_type = struct.unpack(order + "I", head[16:])[0] & LINK_TYPE_MASK
    unpack = struct.Struct(f"{order}IIII{header - 16}x").unpack
    number = 0
    while head := read(header):
        if len(head) < header:
            _cut_off(name, number)
        seconds, ticks, captured, length = unpack(head)
        if captured > LARGEST:
            _damaged(name, number, f"a packet of {captured} bytes")
        data = read(captured)
        if len(data) < captured:
            _cut_off(name, number)
        number += 1
        yield Record(number, seconds * 1_000_000_000 + ticks * tick_ns, link_type, 0, data, length)


class _Interface(msgspec.Struct, frozen=True):
    """What an interface description block says; `units` is clock ticks a second."""

    number: int
    link_type: int
    snap: int
    units: int
    offset: int

    def time_ns(self, high: int, low: int) -> int:
        ticks = high << 32 | low
        return ticks * 1_000_000_000 // self.units + self.offset * 1_000_000_000


def _read_interface(body: bytes, order: str, number: int) -> _Interface:
    link_type, snap = struct.unpack_from(order + "HxxI", body)
    units, offset, at = 1_000_000, 0, 8
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        content = body[at + 4 : at + 4 + length]
        if code == IF_TSRESOL and len(content) == 1:
            power = content[0] & 0x7F
            units = 1 << power if content[0] & 0x80 else 10**power
        elif code == IF_TSOFFSET and len(content) == 8:
            (offset,) = struct.unpack(order + "q", content)
        elif code == 0:
            break
        at += 4 + (length + 3 & ~3)
    return _Interface(number, link_type, snap, units, offset)


class _Pcapng:
    """One pass over a pcapng file: its byte order and interfaces change with every section."""

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.order = "<"
        self.number = 0
        self.interfaces: list[_Interface] = []
        self.former = 0  # interfaces of earlier sections, so that no two share a number

    def records(self) -> Iterator[Record]:
        head = SECTION_HEADER + self.stream.read(4)
        while head:
            if len(head) < 8:
                _cut_off(self.name, self.number)
            if head[:4] == SECTION_HEADER:
                self._start_section(head)
            else:
                kind = struct.unpack_from(self.order + "I", head)[0]
                body = self._read_body(head)
                if kind == INTERFACE_DESCRIPTION:
                    self._add_interface(body)
                elif kind in (ENHANCED_PACKET, OBSOLETE_PACKET, SIMPLE_PACKET):
                    yield self._read_packet(kind, body)
            head = self.stream.read(8)

    def _start_section(self, head: bytes) -> None:
        mark = self.stream.read(4)
        if len(mark) < 4:
            _cut_off(self.name, self.number)
        order = BYTE_ORDERS.get(mark)
        if order is None:
            self._damaged("a section without byte order")
        self.order = order
        body = self._read_body(head, mark)
        if len(body) < 16:
            self._damaged("a section header that is too short")
        major = struct.unpack_from(order + "H", body, 4)[0]
        if major != 1:
            raise CaptureError(f"{self.name} is pcapng of version {major}: convert it to version 1")
        self.former += len(self.interfaces)
        self.interfaces = []

    def _read_body(self, head: bytes, start: bytes = b"") -> bytes:
        """Read the rest of a block of which `head` and `start` are read; return its body."""
        length = struct.unpack_from(self.order + "I", head, 4)[0]
        if length % 4 or not 12 + len(start) <= length <= LARGEST:
            self._damaged(f"a block of {length} bytes")
        rest = self.stream.read(length - 8 - len(start))
        if len(rest) < length - 8 - len(start):
            _cut_off(self.name, self.number)
        if rest[-4:] != head[4:]:
            self._damaged("a block whose two lengths differ")
        return start + rest[:-4]

    def _add_interface(self, body: bytes) -> None:
        if len(body) < 8:
            self._damaged("an interface description that is too short")
        number = self.former + len(self.interfaces)
        self.interfaces.append(_read_interface(body, self.order, number))

    def _read_packet(self, kind: int, body: bytes) -> Record:
        fixed = 4 if kind == SIMPLE_PACKET else 20
        if len(body) < fixed:
            self._damaged("a packet block that is too short")
        index = 0
        if kind == SIMPLE_PACKET:
            length = struct.unpack_from(self.order + "I", body)[0]
        else:
            form = "IIIII" if kind == ENHANCED_PACKET else "HxxIIII"
            index, high, low, captured, length = struct.unpack_from(self.order + form, body)
        if index >= len(self.interfaces):
            self._damaged(f"a packet of interface {index}, which is not described")
        interface = self.interfaces[index]
        if kind == SIMPLE_PACKET:
            time_ns = None
            captured = min(length, len(body) - fixed, interface.snap or length)
        else:
            time_ns = interface.time_ns(high, low)
        if fixed + captured > len(body):
            self._damaged(f"a packet of {captured} bytes in a shorter block")
        self.number += 1
        data = body[fixed : fixed + captured]
        return Record(self.number, time_ns, interface.link_type, interface.number, data, length)

    def _damaged(self, what: str) -> NoReturn:
        _damaged(self.name, self.number, what)
