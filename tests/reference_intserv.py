"""Slow and obvious readers of the objects of RFC 2207, 2745, 2746, 2747, 2750, 2961, 2996, 3175, 4860, 8796.

Part of `tests.reference`: written from the RFCs' figures with `struct`, sharing nothing with the
codec. Objects that hold objects take a third argument, by which they read those.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, TypeAlias

from rsvp import diagnostics as d
from rsvp import gmpls as g
from rsvp import objects as o
from rsvp import policy as p
from rsvp import reduction as r
from rsvp import sessions as s
from tests.reference_objects import LOST, Bad, Reader, address, chunks, need, real_address, reserved

NESTED = "wrong nested object"


def sized(data: bytes, v6: bool, fixed: int, addresses: int = 1) -> int:
    """The size of an address, in contents of `fixed` bytes and some addresses."""
    size = 16 if v6 else 4
    need(len(data) == fixed + addresses * size)
    return size


def gpi_session(data: bytes, ctype: int) -> o.GpiSession:
    n = sized(data, ctype == 4, 4)
    protocol, flags, port = struct.unpack("!BBH", data[n:])
    where = real_address(data[:n])
    need(protocol != 0, "zero protocol")
    return o.GpiSession(where, protocol, port, flags)


def gpi_filter(data: bytes, ctype: int) -> o.GpiFilter:
    n = sized(data, ctype == 5, 4)
    return o.GpiFilter(real_address(data[:n]), int.from_bytes(data[n:], "big"))


def aggregate_session(data: bytes, ctype: int) -> s.AggregateSession:
    n = sized(data, ctype == 10, 4)
    reserved(bytes((data[n], data[n + 2], data[n + 3] // 64)))
    return s.AggregateSession(real_address(data[:n]), data[n + 3] % 64, data[n + 1])


def aggregate_filter(data: bytes, ctype: int) -> s.AggregateFilter:
    sized(data, ctype == 10, 0)
    return s.AggregateFilter(real_address(data))


def generic_session(data: bytes, ctype: int) -> s.GenericAggregateSession:
    n = sized(data, ctype == 18, 8, 2)
    _, flags, phb, _, port = struct.unpack("!BBHHH", data[n : n + 8])
    reserved(data[n : n + 1] + data[n + 4 : n + 6])
    return s.GenericAggregateSession(
        real_address(data[:n]), phb, port, int.from_bytes(data[n + 8 :], "big"), flags
    )


def interest(data: bytes, ctype: int) -> s.SessionOfInterest:
    return s.SessionOfInterest(generic_session(data, ctype + 16))


def dclass(data: bytes, ctype: int) -> s.Dclass:
    need(len(data) >= 4)
    for word in chunks(data, 4):
        reserved(word[:3])
    return s.Dclass(tuple(data[3::4]))


def numbered(cls: type[Any]) -> Callable[[bytes, int], Any]:
    def read(data: bytes, ctype: int) -> Any:
        need(len(data) == 8)
        return cls(int.from_bytes(data[1:4], "big"), int.from_bytes(data[4:], "big"), data[0])

    return read


def id_list(data: bytes, ctype: int) -> Any:
    need(len(data) >= 4)
    flags, epoch = data[0], int.from_bytes(data[1:4], "big")
    if ctype == 1:
        return r.MessageIdList(epoch, tuple(int.from_bytes(c, "big") for c in chunks(data[4:], 4)), flags)
    n = 4 if ctype in (2, 4) else 16
    if ctype in (2, 3):
        sources = [r.SourceId(int.from_bytes(c[:4], "big"), address(c[4:])) for c in chunks(data[4:], 4 + n)]
        return r.SourceIdList(epoch, tuple(sources), 4 if n == 4 else 6, flags)
    entries = [
        r.MulticastId(int.from_bytes(c[:4], "big"), address(c[4 : 4 + n]), address(c[4 + n :]))
        for c in chunks(data[4:], 4 + 2 * n)
    ]
    return r.MulticastIdList(epoch, tuple(entries), 4 if n == 4 else 6, flags)


def challenge(data: bytes, ctype: int) -> o.Challenge:
    need(len(data) == 16)
    reserved(data[:2])
    return o.Challenge(int.from_bytes(data[2:8], "big"), int.from_bytes(data[8:], "big"))


def node_char(data: bytes, ctype: int) -> s.NodeCharacteristics:
    need(len(data) == 4)
    return s.NodeCharacteristics(int.from_bytes(data, "big"))


# --- objects inside objects ----------------------------------------------------------------------------

CONTAINERS = (14, 30, 32)
Read: TypeAlias = Callable[[int, int, bytes], Any]
"""Reads an object by class and C-Type; None where that is not known. Raises Bad."""
DeepReader: TypeAlias = Callable[[bytes, int, Read], Any]


def split(data: bytes, start: int) -> list[tuple[int, int, int, bytes | None]]:
    """Objects end to end: class, C-Type, place in the outer contents, contents (None if they do not fit)."""
    found: list[tuple[int, int, int, bytes | None]] = []
    while data:
        size, class_num, ctype = struct.unpack_from("!HBB", data)
        if size < 4 or size % 4 or size > len(data):
            found.append((class_num, ctype, start, None))
            break
        found.append((class_num, ctype, start, data[4:size]))
        data = data[size:]
        start += size
    return found


def read_inner(class_num: int, ctype: int, at: int, contents: bytes | None, read: Read) -> Any:
    """The value of an object inside another; what is wrong with it is its own fault."""
    try:
        need(contents is not None)
        return None if class_num in CONTAINERS else read(class_num, ctype, contents or b"")
    except Bad as bad:
        number, kind, deeper = bad.place or (class_num, ctype, -4)
        raise Bad(bad.reason, (number, kind, at + 4 + deeper)) from bad


def nested(data: bytes, start: int, read: Read) -> tuple[o.Nested, ...]:
    found = []
    for class_num, ctype, at, contents in split(data, start):
        value = read_inner(class_num, ctype, at, contents, read)
        if value is None:
            value = o.Opaque(class_num, ctype, contents or b"")
        found.append(o.Nested(class_num, value))
    return tuple(found)


def diagnostic(data: bytes, ctype: int, read: Read) -> d.Diagnostic:
    n = 4 if ctype == 1 else 16
    need(len(data) >= 40 if ctype == 1 else len(data) >= 76)
    hops, count, bits, request, mtu, offset = struct.unpack("!BBHIHH", data[:12])
    last_hop = address(data[12 : 12 + n])
    reserved(bytes((bits >> 8, bits & 254)))
    inner = split(data[12 + n :], 12 + n)
    ends = []
    for wanted, (class_num, kind, at, contents) in zip((11, 10), inner, strict=False):
        if contents is not None and class_num != wanted:
            raise Bad(NESTED, (class_num, kind, at))
        value = read_inner(class_num, kind, at, contents, read)
        fits = isinstance(value, o.FilterSpec | o.FlowLabelFilterSpec | o.GpiFilter)
        if not fits or value.address.version != last_hop.version:
            raise Bad(NESTED, (class_num, kind, at))
        ends.append(value)
    need(len(ends) == 2 and len(inner) == 2)
    return d.Diagnostic(hops, count, request, mtu, last_hop, *ends, offset, bool(bits & 1))


def tied(data: bytes, ctype: int, read: Read) -> s.SessionAssociation:
    """RFC 2746 section 2.3.1: the session end to end, then the tunnel's FILTER_SPEC."""
    need(len(data) >= 20)
    inner = split(data, 0)
    inside = []
    for wanted, (class_num, kind, at, contents) in zip((1, 10), inner, strict=False):
        value = None
        if contents is None or class_num == wanted:
            value = read_inner(class_num, kind, at, contents, read)
        if value is None:
            raise Bad(NESTED, (class_num, kind, at))
        inside.append(value)
    need(len(inside) == 2 and len(inner) == 2)
    return s.SessionAssociation(*inside)


def group(data: bytes, ctype: int, read: Read) -> g.ExtendedAssociation:
    """RFC 6780 section 4; RFC 8796 section 3 for types 5 and 6, as bytes where that is not followed."""
    n = 4 if ctype == 3 else 16
    need(len(data) >= 8 + n)
    kind, number = struct.unpack_from("!HH", data)
    source, system = address(data[4 : 4 + n]), int.from_bytes(data[4 + n : 8 + n], "big")
    contents: Any = data[8 + n :]
    try:
        if kind == 5:
            contents = ready(contents, n, read)
        elif kind == 6:
            contents = active(contents, n, read)
    except Bad:
        pass
    return g.ExtendedAssociation(kind, number, source, system, contents)


def ready(data: bytes, n: int, read: Read) -> g.SummaryReady:
    """RFC 8796 section 3.1, figures 1 and 2."""
    need(len(data) == 20 + 2 * n)
    tunnel, zero = struct.unpack_from("!HH", data)
    need(zero == 0)
    ends = [address(c) for c in chunks(data[4 : 4 + 2 * n], n)]
    need(data[8 + 2 * n : 12 + 2 * n] == b"\0\x0c\x17\1")
    identifier = read(23, 1, data[12 + 2 * n :])
    return g.SummaryReady(tunnel, *ends, int.from_bytes(data[4 + 2 * n : 8 + 2 * n], "big"), identifier)


def active(data: bytes, n: int, read: Read) -> g.SummaryActive:
    """RFC 8796 section 3.2, figures 3 and 4."""
    need(len(data) >= 4)
    count, zero = struct.unpack_from("!HH", data)
    need(zero == 0 and len(data) == 20 + 4 * count + 2 * n)
    groups = struct.unpack_from(f"!{count}I", data, 4)
    rest = data[4 + 4 * count :]
    need(rest[:4] == bytes((0, 8 + n, 3, 1 if n == 4 else 2)))
    need(rest[8 + n : 12 + n] == b"\0\x08\5\1")
    hop = read(3, 1 if n == 4 else 2, rest[4 : 8 + n])
    return g.SummaryActive(groups, hop, read(5, 1, rest[12 + n : 16 + n]), address(rest[16 + n :]))


def select(data: bytes, ctype: int) -> d.DiagSelect:
    pairs = [tuple(pair) for pair in chunks(data, 2)]
    if pairs and pairs[-1] == (0, 0):
        pairs.pop()
    return d.DiagSelect(tuple(pairs))  # type: ignore[arg-type]


def route(data: bytes, ctype: int) -> d.Route:
    need(len(data) >= 4)
    n = 4 if ctype == 1 else 16
    reserved(data[:3])
    return d.Route(tuple(address(c) for c in chunks(data[4:], n)), data[3], 4 if n == 4 else 6)


def response(data: bytes, ctype: int, read: Read) -> d.DiagResponse:
    n = 4 if ctype == 1 else 16
    need(len(data) >= 8 + 3 * n)
    arrival = int.from_bytes(data[:4], "big")
    addresses = [address(c) for c in chunks(data[4 : 4 + 3 * n], n)]
    ttl, bits, timer = struct.unpack("!BBH", data[4 + 3 * n : 8 + 3 * n])
    return d.DiagResponse(
        arrival,
        *addresses,
        ttl,
        bits % 16,
        timer,
        bits >= 128,
        bits // 16 % 8,
        nested(data[8 + 3 * n :], 8 + 3 * n, read),
    )


# --- POLICY_DATA: contents as they came wherever the RFCs are not followed to the letter --------------------


def attributes(data: bytes) -> tuple[Any, ...] | None:
    found: list[Any] = []
    while data:
        size, a_type, sub_type = struct.unpack_from("!HBB", data)
        padded = (size + 3) // 4 * 4
        if size < 4 or padded > len(data) or any(data[size:padded]):
            return None
        if a_type == 4 and size >= 8:
            reserved, error = struct.unpack_from("!HH", data, 4)
            if reserved:
                return None
            found.append(p.PolicyError(error, data[8:size], sub_type))
        else:
            found.append(p.Attribute(a_type, sub_type, data[4:size]))
        data = data[padded:]
    return tuple(found)


def element(p_type: int, data: bytes) -> Any:
    if p_type == 1 and len(data) == 8 and data[3] == 0:
        flags, strategy, error, _, preemption, defending = struct.unpack("!BBBBHH", data)
        return p.PreemptionPriority(preemption, defending, strategy, error, flags)
    if p_type in (2, 3) and data:
        found = attributes(data)
        if found is not None:
            return p.Identity(p_type, found)
    return p.UnknownElement(p_type, data)


def policy(data: bytes, ctype: int, read: Read) -> o.PolicyData:
    unread = o.PolicyData(data)
    if len(data) < 4:
        return unread
    offset, zero = struct.unpack("!HH", data[:4])
    if zero or offset < 8 or offset % 4 or offset > len(data) + 4:
        return unread
    LOST.clear()
    try:
        options = nested(data[4 : offset - 4], 4, read)
    except Bad:
        return unread
    if LOST:
        return unread
    rest = data[offset - 4 :]
    elements = []
    while rest:
        size, p_type = struct.unpack_from("!HH", rest)
        if size < 4 or size % 4 or size > len(rest):
            return unread
        elements.append(element(p_type, rest[4:size]))
        rest = rest[size:]
    return o.PolicyData(None, options, tuple(elements))


READERS: dict[tuple[int, int], Reader] = {
    (class_num, ctype): reader
    for class_num, ctypes, reader in (
        (1, (3, 4), gpi_session),
        (1, (9, 10), aggregate_session),
        (1, (17, 18), generic_session),
        (10, (4, 5), gpi_filter),
        (10, (9, 10), aggregate_filter),
        (11, (4, 5), gpi_filter),
        (11, (9, 10), aggregate_filter),
        (23, (1,), numbered(r.MessageId)),
        (24, (1,), numbered(r.MessageIdAck)),
        (24, (2,), numbered(r.MessageIdNack)),
        (25, (1, 2, 3, 4, 5), id_list),
        (31, (1, 2), route),
        (33, (1,), select),
        (64, (1,), challenge),
        (128, (0,), node_char),
        (132, (1, 2), interest),
        (225, (1,), dclass),
    )
    for ctype in ctypes
}
"""(class number, C-Type) -> its reader."""

DEEP_READERS: dict[tuple[int, int], DeepReader] = {
    (14, 1): policy,
    (30, 1): diagnostic,
    (30, 2): diagnostic,
    (32, 1): response,
    (32, 2): response,
    (192, 0): tied,
    (199, 3): group,
    (199, 4): group,
}
"""The same for those that hold objects."""
