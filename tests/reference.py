"""A slow and obvious decoder of RSVP messages, the oracle for the fast one (RFC 2205 section 3.1).

It shares no code with the codec (but for the contents of objects of the extensions, which golden
messages and tshark have to judge) and no cleverness: objects are cut out one after the other with
`struct`, the grammars are written out as the RFC has them, and everything is built by calling the
classes, so that `__post_init__` has its say. Byte-for-byte layout is not its business.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NoReturn

from rsvp import _wire
from rsvp import intserv as i
from rsvp import messages as m
from rsvp import objects as o
from rsvp.errors import WireError


@dataclass
class Piece:
    """An object of the message: class, C-Type, where it starts, its contents."""

    number: int
    ctype: int
    offset: int
    data: bytes

    def fail(self, reason: str) -> NoReturn:
        raise WireError(reason, self.number, self.ctype, self.offset)

    def need(self, *sizes: int) -> None:
        if len(self.data) not in sizes:
            self.fail("wrong object length")

    def address(self, data: bytes) -> o.IPAddress:
        return IPv4Address(data) if self.ctype == 1 else IPv6Address(data)

    def number_at(self, at: int) -> float:
        (value,) = struct.unpack_from("!f", self.data, at)
        if not value >= 0.0:
            self.fail("bad number")
        return float(value)


def word_sum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total


# --- objects: (class, C-Type) -> its reader ----------------------------------------------------------


def split_address(p: Piece, rest: int) -> tuple[o.IPAddress, bytes]:
    size = 4 if p.ctype == 1 else 16
    p.need(size + rest)
    return p.address(p.data[:size]), p.data[size:]


def session(p: Piece) -> o.Session:
    address, rest = split_address(p, 4)
    protocol, flags, port = struct.unpack("!BBH", rest)
    if int(address) == 0:
        p.fail("zero address")
    if protocol == 0:
        p.fail("zero protocol")
    return o.Session(address, protocol, port, flags)


def hop(p: Piece) -> o.Hop:
    address, rest = split_address(p, 4)
    return o.Hop(address, struct.unpack("!I", rest)[0])


def integrity(p: Piece) -> o.Integrity:
    if len(p.data) < 20:
        p.fail("wrong object length")
    flags, _, high, low, sequence = struct.unpack("!BBHIQ", p.data[:16])
    return o.Integrity(high << 32 | low, sequence, p.data[16:], flags)


def time_values(p: Piece) -> o.TimeValues:
    p.need(4)
    return o.TimeValues(struct.unpack("!I", p.data)[0])


def error_spec(p: Piece) -> o.ErrorSpec:
    address, rest = split_address(p, 4)
    flags, code, value = struct.unpack("!BBH", rest)
    return o.ErrorSpec(address, code, value, flags)


def scope(p: Piece) -> o.Scope:
    size = 4 if p.ctype == 1 else 16
    if not p.data or len(p.data) % size:
        p.fail("wrong object length")
    addresses = [p.address(p.data[at : at + size]) for at in range(0, len(p.data), size)]
    if addresses != sorted(addresses, key=int):
        p.fail("unordered scope")
    return o.Scope(tuple(addresses))


def style(p: Piece) -> o.Style:
    p.need(4)
    return o.Style(int.from_bytes(p.data[1:], "big"), p.data[0])


def filter_spec(p: Piece) -> o.Filter:
    address, rest = split_address(p, 4)
    if int(address) == 0:
        p.fail("zero address")
    if p.ctype == 3:
        assert isinstance(address, IPv6Address)
        return o.FlowLabelFilterSpec(address, int.from_bytes(rest[1:], "big"))
    return o.FilterSpec(address, struct.unpack("!xxH", rest)[0])


def policy(p: Piece) -> o.PolicyData:
    found = extension(p)
    assert isinstance(found, o.PolicyData)
    return found


def confirm(p: Piece) -> o.ResvConfirm:
    return o.ResvConfirm(split_address(p, 0)[0])


def message_header(p: Piece) -> None:
    if len(p.data) < 8:
        p.fail("wrong object length")
    if p.data[0] >> 4:
        p.fail("unsupported format")
    if struct.unpack("!xxH", p.data[:4])[0] * 4 != len(p.data) - 4:
        p.fail("wrong service length")


def token_bucket(p: Piece, at: int) -> i.Tspec:
    if p.data[at] != 127 or p.data[at + 2 : at + 4] != b"\0\5":
        p.fail("wrong parameter")
    rate, bucket, peak = (p.number_at(at + n) for n in (4, 8, 12))
    return i.Tspec(rate, bucket, peak, *struct.unpack_from("!II", p.data, at + 16))


def null_service(p: Piece, at: int) -> int:
    """M of the null service, the last one of the object."""
    data = p.data[at:]
    if data[0] != 6:
        p.fail("unsupported service")
    if data[2:4] != b"\0\2" or len(data) != 12:
        p.fail("wrong service length")
    if data[4] != 128 or data[6:8] != b"\0\1":
        p.fail("wrong parameter")
    return int.from_bytes(data[8:], "big")


def sender_tspec(p: Piece) -> i.Tspec:
    message_header(p)
    if p.data[4] == 6:
        return i.NullTspec(M=null_service(p, 4))
    if p.data[4] != 1:
        p.fail("unsupported service")
    if p.data[6:8] != b"\0\6" or len(p.data) < 32:
        p.fail("wrong service length")
    null = null_service(p, 32) if len(p.data) > 32 else None
    return replace(token_bucket(p, 8), null_M=null)


def flowspec(p: Piece) -> i.Flowspec:
    message_header(p)
    if p.data[4] == 6:
        return i.Flowspec(6, i.NullTspec(M=null_service(p, 4)))
    words = {5: 6, 2: 9}.get(p.data[4])
    if words is None:
        p.fail("unsupported service")
    if struct.unpack("!H", p.data[6:8])[0] != words or len(p.data) != 8 + 4 * words:
        p.fail("wrong service length")
    tspec = token_bucket(p, 8)
    if p.data[4] == 5:
        return i.Flowspec(5, tspec)
    if p.data[32] != 130 or p.data[34:36] != b"\0\2":
        p.fail("wrong parameter")
    return i.Flowspec(2, tspec, i.Rspec(p.number_at(36), struct.unpack("!I", p.data[40:44])[0]))


def cut(p: Piece, data: bytes, reason: str) -> tuple[int, int, bytes, bytes]:
    """The first service or parameter: number, flags, contents, what follows it."""
    number, flags, words = struct.unpack("!BBH", data[:4])
    if 4 * words > len(data) - 4:
        p.fail(reason)
    return number, flags, data[4 : 4 + 4 * words], data[4 + 4 * words :]


def parameters(p: Piece, data: bytes, wanted: set[int]) -> tuple[dict[int, bytes], list[Any]]:
    """The wanted parameters' words, and the others as they came."""
    known: dict[int, bytes] = {}
    unknown = []
    while data:
        number, flags, contents, data = cut(p, data, "wrong parameter")
        if number not in wanted:
            unknown.append((number, flags, contents))
        elif len(contents) != 4:
            p.fail("wrong parameter")
        elif number in known:
            p.fail("repeated parameter")
        else:
            known[number] = contents
    return known, unknown


def general_values(p: Piece, known: dict[int, bytes]) -> list[Any]:
    """IS hops, bandwidth, latency, MTU; None for what is absent."""
    values: list[Any] = [int.from_bytes(known[n], "big") if n in known else None for n in (4, 6, 8, 10)]
    if values[1] is not None:
        (values[1],) = struct.unpack("!f", known[6])
        if not values[1] >= 0.0:
            p.fail("bad number")
    return values


def overrides(p: Piece, known: dict[int, bytes], unknown: list[Any]) -> i.Overrides | None:
    made = i.Overrides(*general_values(p, known), tuple(unknown))
    return None if made == i.Overrides() else made


GENERAL = {4, 6, 8, 10}
TERMS = {133, 134, 135, 136}


def adspec(p: Piece) -> i.Adspec:
    message_header(p)
    if p.data[4] != 1:
        p.fail("unsupported service")
    _, flags, contents, data = cut(p, p.data[4:], "wrong service length")
    known, unknown = parameters(p, contents, GENERAL)
    if unknown:
        p.fail("wrong parameter")
    if known.keys() != GENERAL:
        p.fail("missing parameter")
    general = i.General(*general_values(p, known), bool(flags & 0x80))
    guaranteed = load = None
    others = []
    while data:
        number, flags, contents, data = cut(p, data, "wrong service length")
        broken = bool(flags & 0x80)
        if number == 1 or (number == 2 and guaranteed) or (number == 5 and load):
            p.fail("repeated service")
        elif number == 2:
            known, unknown = parameters(p, contents, GENERAL | TERMS)
            if contents and not known.keys() >= TERMS:
                p.fail("missing parameter")
            terms = [int.from_bytes(known.get(n, b""), "big") for n in sorted(TERMS)]
            kept = overrides(p, known, unknown)
            guaranteed = i.GuaranteedAdvert(*terms, broken, not contents, kept)
        elif number == 5:
            known, unknown = parameters(p, contents, GENERAL)
            load = i.ControlledLoadAdvert(broken, overrides(p, known, unknown))
        else:
            others.append(i.OtherAdvert(number, broken, contents))
    return i.Adspec(general, guaranteed, load, tuple(others))


READERS = {
    1: (session, (1, 2)),
    3: (hop, (1, 2)),
    4: (integrity, (1,)),
    5: (time_values, (1,)),
    6: (error_spec, (1, 2)),
    7: (scope, (1, 2)),
    8: (style, (1,)),
    9: (flowspec, (2,)),
    10: (filter_spec, (1, 2, 3)),
    11: (filter_spec, (1, 2, 3)),
    12: (sender_tspec, (2,)),
    13: (adspec, (2,)),
    14: (policy, (1,)),
    15: (confirm, (1, 2)),
}

EXTENDED = {key for key in o.REGISTRY if key[1] not in READERS.get(key[0], (None, ()))[1]}


def extension(p: Piece) -> Any:
    """The contents of an object of the extensions, as the codec reads them."""
    body = (len(p.data) + 4).to_bytes(2, "big") + bytes((p.number, p.ctype)) + p.data
    size = (len(body) + 8).to_bytes(2, "big")
    found = _wire.dissect(b"\x10\xff\0\0\0\0" + size + body)
    if found.error is not None:
        p.fail(found.error.reason)
    return found.objects[0].value


# --- messages: required and optional objects, in the RFC's order --------------------------------------

NAMES = {1: "session", 3: "hop", 4: "integrity", 5: "time_values", 6: "error", 7: "scope", 8: "style",
         15: "confirm"}  # fmt: skip
SENDER = {11: "template", 12: "tspec", 13: "adspec"}
FLOWS = {9, 10}

GRAMMARS: dict[int, tuple[type[Any], list[int], list[int]]] = {
    # message type: class, required objects in the RFC's order, optional ones
    1: (m.Path, [1, 3, 5, 11, 12], [4, 14, 13]),
    2: (m.Resv, [1, 3, 5, 8], [4, 15, 7, 14, 9, 10]),
    3: (m.PathErr, [1, 6], [4, 14, 11, 12, 13]),
    4: (m.ResvErr, [1, 3, 6, 8], [4, 7, 14, 9, 10]),
    5: (m.PathTear, [1, 3, 11], [4, 12, 13]),
    6: (m.ResvTear, [1, 3, 8], [4, 7, 9, 10]),
    7: (m.ResvConf, [1, 6, 15, 8], [4, 9, 10]),
}


class Descriptors:
    """The flow descriptor list, object by object (RFC 2205 section 3.1.4)."""

    def __init__(self, style: o.Style, cls: type[Any]) -> None:
        self.kind = {0b01010: "FF", 0b10010: "SE", 0b10001: "WF"}.get(style.option_vector & 0x1F, "?")
        self.tear = cls is m.ResvTear
        self.single = cls is m.ResvErr
        self.seen: list[tuple[i.Flowspec | None, list[o.Filter]]] = []
        self.attached: dict[int, list[Any]] = {}

    def flowspec(self, p: Piece, value: i.Flowspec) -> None:
        if self.kind == "FF" and self.seen and not self.seen[-1][1]:
            p.fail("flowspec without filter")
        if self.seen and (self.single or self.kind in ("SE", "WF")):
            p.fail("too many flow descriptors")
        self.seen.append((value, []))

    def filter(self, p: Piece, value: o.Filter) -> None:
        if self.kind == "WF":
            p.fail("filter in wildcard style")
        if not self.seen:
            if self.kind != "?" and not self.tear:
                p.fail("filter before flowspec")
            self.seen.append((None, [value]))
        elif self.kind == "FF" and self.seen[-1][1]:
            if self.single:
                p.fail("too many flow descriptors")
            # A FLOWSPEC that is left out is the one before; in a ResvTear it is none at all.
            self.seen.append((None if self.tear else self.seen[-1][0], [value]))
        else:
            self.seen[-1][1].append(value)

    def attach(self, value: Any) -> bool:
        """To the n-th of all filters."""
        n = sum(len(filters) for _, filters in self.seen)
        if n:
            self.attached.setdefault(n - 1, []).append(value)
        return bool(n)

    def made(self) -> tuple[m.Flow, ...]:
        flows = []
        n = 0
        for spec, filters in self.seen:
            groups = [tuple(self.attached.get(n + k, ())) for k in range(len(filters))]
            flows.append(m.Flow(spec, tuple(filters), tuple(groups) if any(groups) else ()))
            n += len(filters)
        return tuple(flows)

    def close(self) -> tuple[tuple[m.Flow, ...], int | None]:
        """The flows, or the class of the object that is missing."""
        missing = None
        if self.kind in ("FF", "SE"):
            if (not self.seen and not self.single) or (self.seen and not self.seen[-1][1]):
                missing = 10
        elif self.kind == "WF" and not self.seen:
            if self.tear:
                self.seen.append((None, []))
            elif not self.single:
                missing = 9
        return self.made(), missing


def decode(data: bytes) -> Any:
    """Decode one message; raise WireError with the codec's own reasons."""
    if len(data) < 8:
        raise WireError("truncated header", offset=len(data))
    first, kind, check, ttl, _, length = struct.unpack("!BBHBBH", data[:8])
    if first >> 4 != 1:
        raise WireError("unsupported version")
    if length != len(data) or length % 4:
        raise WireError("wrong length", offset=6)
    if check and word_sum(data) != 0xFFFF:
        raise WireError("bad checksum", offset=2)
    if kind not in GRAMMARS:
        raise WireError("unknown message type", offset=1)
    cls, required, optional = GRAMMARS[kind]
    values: dict[str, Any] = {}
    sender: dict[str, Any] = {}
    extra = []
    policies = []
    flows: Descriptors | None = None
    offset = 8
    while offset < length:
        size, number, ctype = struct.unpack_from("!HBB", data, offset)
        p = Piece(number, ctype, offset, data[offset + 4 : offset + size])
        if size < 4 or size % 4 or offset + size > length:
            p.fail("wrong object length")
        offset += size
        if number == 0:
            continue
        if number not in READERS:
            known = (number, ctype) in EXTENDED
            value = extension(p) if known else o.Opaque(number, ctype, p.data)
            if flows is None or number not in {key[0] for key in EXTENDED} or not flows.attach(value):
                extra.append(value)
            continue
        reader, ctypes = READERS[number]
        if ctype not in ctypes:
            if (number, ctype) not in EXTENDED:
                p.fail("unknown C-Type")
            reader = extension
        if number not in required and number not in optional:
            p.fail("object not allowed")
        if number in FLOWS:
            if flows is None:
                p.fail("flow descriptor before style")
            value = reader(p)
            flows.flowspec(p, value) if number == 9 else flows.filter(p, value)
            continue
        if flows is not None:
            p.fail("repeated object" if number == 8 else "style not last")
        if NAMES.get(number) in values:
            p.fail("repeated object")
        if number == 4 and p.offset != 8:
            p.fail("integrity not first")
        if number == 14:
            policies.append(reader(p))
        elif number in SENDER:
            if SENDER[number] in sender:
                p.fail("repeated object")
            sender[SENDER[number]] = reader(p)
        else:
            values[NAMES[number]] = reader(p)
            if number == 8:
                flows = Descriptors(values["style"], cls)

    return build(cls, required, optional, values, sender, extra, policies, flows, (ttl, first & 15, length))


def build(
    cls: type[Any],
    required: list[int],
    optional: list[int],
    values: dict[str, Any],
    sender: dict[str, Any],
    extra: list[o.Opaque],
    policies: list[o.PolicyData],
    flows: Descriptors | None,
    header: tuple[int, int, int],
) -> Any:
    ttl, flags, length = header
    for number in required:
        there = SENDER[number] in sender if number in SENDER else NAMES[number] in values
        if not there:
            raise WireError("missing object", number, None, length)
    if sender and "template" not in sender:
        raise WireError("missing object", 11, None, length)
    if flows is not None:
        made, missing = flows.close()
        if missing:
            raise WireError("missing object", missing, None, length)
        values |= {"flow": made[0] if made else None} if cls is m.ResvErr else {"flows": made}
    if 14 in optional:
        values["policy"] = tuple(policies)
    if 11 in optional or 11 in required:
        values["sender"] = m.Sender(**sender) if sender else None
    return cls(send_ttl=ttl, flags=flags, extra=tuple(extra), **values)
