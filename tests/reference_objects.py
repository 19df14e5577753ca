"""Slow and obvious readers of the objects of RFC 2205 and 2210, and what all slow readers stand on.

Part of `tests.reference`: written from the RFCs' figures with `struct`, sharing nothing with the
codec. A reader takes contents and C-Type and gives the value, or raises `Bad`; where its object
stands in the message is not its business.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeAlias

from rsvp import intserv as i
from rsvp import objects as o

Reader: TypeAlias = Callable[[bytes, int], Any]


class Bad(Exception):
    """The contents are malformed, for this reason.

    `place` is the object to blame, where that is one inside: class, C-Type, where it starts in the contents.
    """

    def __init__(self, reason: str, place: tuple[int, int, int] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.place = place


LENGTH = "wrong object length"

LOST: list[bytes] = []
"""Bits that no value has and that were not zero, since somebody last emptied the list."""


def need(good: bool, reason: str = LENGTH) -> None:
    if not good:
        raise Bad(reason)


def reserved(data: bytes) -> None:
    """Bits that an RFC reserves, or that have one right value only: given as what should be zero."""
    if any(data):
        LOST.append(data)


def whole(data: bytes) -> int:
    return int.from_bytes(data, "big")


def address(data: bytes) -> Any:
    return IPv4Address(data) if len(data) == 4 else IPv6Address(data)


def real_address(data: bytes) -> Any:
    need(any(data), "zero address")
    return address(data)


def chunks(data: bytes, size: int) -> list[bytes]:
    need(len(data) % size == 0)
    return [data[n : n + size] for n in range(0, len(data), size)]


def split_address(data: bytes, ctype: int, rest: int) -> tuple[bytes, bytes]:
    """An address, four bytes where the C-Type is 1, and `rest` bytes behind it."""
    size = 4 if ctype == 1 else 16
    need(len(data) == size + rest)
    return data[:size], data[size:]


def real(data: bytes) -> float:
    """An IEEE single that is not negative."""
    (value,) = struct.unpack("!f", data)
    need(value >= 0.0, "bad number")
    return float(value)


# --- RFC 2205 appendix A ------------------------------------------------------------------------------


def session(data: bytes, ctype: int) -> o.Session:
    where, rest = split_address(data, ctype, 4)
    protocol, flags, port = struct.unpack("!BBH", rest)
    destination = real_address(where)
    need(protocol != 0, "zero protocol")
    return o.Session(destination, protocol, port, flags)


def hop(data: bytes, ctype: int) -> o.Hop:
    where, rest = split_address(data, ctype, 4)
    return o.Hop(address(where), whole(rest))


def integrity(data: bytes, ctype: int) -> o.Integrity:
    """RFC 2747 section 2."""
    need(len(data) >= 20)
    flags, zero, high, low, sequence = struct.unpack("!BBHIQ", data[:16])
    reserved(bytes([zero]))
    return o.Integrity(high << 32 | low, sequence, data[16:], flags)


def time_values(data: bytes, ctype: int) -> o.TimeValues:
    need(len(data) == 4)
    return o.TimeValues(whole(data))


def error_spec(data: bytes, ctype: int) -> o.ErrorSpec:
    where, rest = split_address(data, ctype, 4)
    flags, code, value = struct.unpack("!BBH", rest)
    return o.ErrorSpec(address(where), code, value, flags)


def scope(data: bytes, ctype: int) -> o.Scope:
    need(len(data) > 0)
    addresses = [address(piece) for piece in chunks(data, 4 if ctype == 1 else 16)]
    need(addresses == sorted(addresses, key=int), "unordered scope")
    return o.Scope(tuple(addresses))


def style(data: bytes, ctype: int) -> o.Style:
    need(len(data) == 4)
    return o.Style(whole(data[1:]), data[0])


def filter_spec(data: bytes, ctype: int) -> o.Filter:
    where, rest = split_address(data, ctype, 4)
    if ctype == 3:
        reserved(rest[:1])
        return o.FlowLabelFilterSpec(real_address(where), whole(rest[1:]))
    reserved(rest[:2])
    return o.FilterSpec(real_address(where), whole(rest[2:]))


def confirm(data: bytes, ctype: int) -> o.ResvConfirm:
    return o.ResvConfirm(address(split_address(data, ctype, 0)[0]))


# --- RFC 2210 section 3: messages of services, services of parameters ----------------------------------


def message_header(data: bytes) -> None:
    need(len(data) >= 8)
    need(data[0] >> 4 == 0, "unsupported format")
    need(whole(data[2:4]) * 4 == len(data) - 4, "wrong service length")
    reserved(data[:2])


def token_bucket(data: bytes) -> i.Tspec:
    """The 24 bytes of a Token_Bucket_TSpec."""
    need(data[0] == 127 and data[2:4] == b"\0\5", "wrong parameter")
    reserved(data[1:2])
    rate, bucket, peak = real(data[4:8]), real(data[8:12]), real(data[12:16])
    return i.Tspec(rate, bucket, peak, whole(data[16:20]), whole(data[20:24]))


def null_service(data: bytes) -> int:
    """M of the null service, the last one of the object (RFC 2997 section 4)."""
    need(data[0] == 6, "unsupported service")
    need(data[2:4] == b"\0\2" and len(data) == 12, "wrong service length")
    need(data[4] == 128 and data[6:8] == b"\0\1", "wrong parameter")
    reserved(data[1:2] + data[5:6])
    return whole(data[8:])


def sender_tspec(data: bytes, ctype: int) -> i.Tspec:
    message_header(data)
    if data[4] == 6:
        return i.NullTspec(M=null_service(data[4:]))
    need(data[4] == 1, "unsupported service")
    need(data[6:8] == b"\0\6" and len(data) >= 32, "wrong service length")
    reserved(data[5:6])
    null = null_service(data[32:]) if len(data) > 32 else None
    return replace(token_bucket(data[8:32]), null_M=null)


def flowspec(data: bytes, ctype: int) -> i.Flowspec:
    message_header(data)
    if data[4] == 6:
        return i.Flowspec(6, i.NullTspec(M=null_service(data[4:])))
    need(data[4] in (5, 2), "unsupported service")
    words = {5: 6, 2: 9}[data[4]]
    need(whole(data[6:8]) == words and len(data) == 8 + 4 * words, "wrong service length")
    reserved(data[5:6])
    tspec = token_bucket(data[8:32])
    if data[4] == 5:
        return i.Flowspec(5, tspec)
    need(data[32] == 130 and data[34:36] == b"\0\2", "wrong parameter")
    reserved(data[33:34])
    return i.Flowspec(2, tspec, i.Rspec(real(data[36:40]), whole(data[40:44])))


def cut(data: bytes, reason: str) -> tuple[int, int, bytes, bytes]:
    """The first service or parameter: number, flags, contents, what follows it."""
    number, flags, words = struct.unpack("!BBH", data[:4])
    need(4 * words <= len(data) - 4, reason)
    return number, flags, data[4 : 4 + 4 * words], data[4 + 4 * words :]


GENERAL = (4, 6, 8, 10)
TERMS = (133, 134, 135, 136)


def parameters(data: bytes, wanted: tuple[int, ...]) -> tuple[dict[int, bytes], list[Any]]:
    """The wanted parameters' words, and the others as they came."""
    known: dict[int, bytes] = {}
    unknown = []
    while data:
        number, flags, contents, data = cut(data, "wrong parameter")
        if number not in wanted:
            unknown.append((number, flags, contents))
            continue
        need(len(contents) == 4, "wrong parameter")
        need(number not in known, "repeated parameter")
        known[number] = contents
    return known, unknown


def general_values(known: dict[int, bytes]) -> list[Any]:
    """IS hops, bandwidth, latency, MTU; None for what is absent."""
    values: list[Any] = [whole(known[n]) if n in known else None for n in GENERAL]
    if 6 in known:
        values[1] = real(known[6])
    return values


def overrides(known: dict[int, bytes], unknown: list[Any]) -> i.Overrides | None:
    made = i.Overrides(*general_values(known), tuple(unknown))
    return None if made == i.Overrides() else made


def adspec(data: bytes, ctype: int) -> i.Adspec:
    message_header(data)
    need(data[4] == 1, "unsupported service")
    _, flags, contents, data = cut(data[4:], "wrong service length")
    reserved(bytes([flags & 127]))
    known, unknown = parameters(contents, GENERAL)
    need(not unknown, "wrong parameter")
    need(known.keys() == set(GENERAL), "missing parameter")
    general = i.General(*general_values(known), flags >= 128)
    guaranteed = load = None
    others = []
    while data:
        number, flags, contents, data = cut(data, "wrong service length")
        reserved(bytes([flags & 127]))
        broken = flags >= 128
        need(
            number != 1 and not (number == 2 and guaranteed) and not (number == 5 and load),
            "repeated service",
        )
        if number == 2:
            known, unknown = parameters(contents, TERMS + GENERAL)
            need(not contents or known.keys() >= set(TERMS), "missing parameter")
            terms = [whole(known.get(n, b"")) for n in TERMS]
            kept = overrides(known, unknown)
            guaranteed = i.GuaranteedAdvert(*terms, broken, not contents, kept)
        elif number == 5:
            known, unknown = parameters(contents, GENERAL)
            load = i.ControlledLoadAdvert(broken, overrides(known, unknown))
        else:
            others.append(i.OtherAdvert(number, broken, contents))
    return i.Adspec(general, guaranteed, load, tuple(others))


READERS: dict[tuple[int, int], Reader] = {
    (class_num, ctype): reader
    for class_num, ctypes, reader in (
        (1, (1, 2), session),
        (3, (1, 2), hop),
        (4, (1,), integrity),
        (5, (1,), time_values),
        (6, (1, 2), error_spec),
        (7, (1, 2), scope),
        (8, (1,), style),
        (9, (2,), flowspec),
        (10, (1, 2, 3), filter_spec),
        (11, (1, 2, 3), filter_spec),
        (12, (2,), sender_tspec),
        (13, (2,), adspec),
        (15, (1, 2), confirm),
    )
    for ctype in ctypes
}
"""(class number, C-Type) -> its reader."""
