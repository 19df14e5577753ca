"""A slow and obvious decoder of RSVP messages, the oracle for the fast one (RFC 2205 section 3.1).

It shares no code with the codec and no cleverness: objects are cut out one after the other with
`struct` and read by the functions of `tests.reference_*`, the grammars are written out as the RFCs
have them, and everything is built by calling the classes, so that `__post_init__` has its say.
Byte-for-byte layout is not its business.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

from rsvp import intserv as i
from rsvp import messages as m
from rsvp import objects as o
from rsvp.errors import WireError
from tests import reference_gmpls, reference_intserv, reference_objects, reference_te
from tests.reference_objects import Bad

READERS = (
    reference_objects.READERS | reference_intserv.READERS | reference_te.READERS | reference_gmpls.READERS
)
DEEP_READERS = reference_intserv.DEEP_READERS
KNOWN = {class_num for class_num, _ in READERS | DEEP_READERS}
BASE = {1, *range(3, 16)}
"""Classes of RFC 2205 itself, of which each C-Type has to be known."""


def read(class_num: int, ctype: int, data: bytes) -> Any:
    """The value of an object's contents, None where nobody has defined them. Raises Bad."""
    if (class_num, ctype) in READERS:
        return READERS[class_num, ctype](data, ctype)
    if (class_num, ctype) in DEEP_READERS:
        return DEEP_READERS[class_num, ctype](data, ctype, read)
    return None


@dataclass
class Piece:
    """An object of the message: class, C-Type, where it starts, its contents."""

    number: int
    ctype: int
    offset: int
    data: bytes

    def fail(self, reason: str) -> NoReturn:
        raise WireError(reason, self.number, self.ctype, self.offset)

    @property
    def known(self) -> bool:
        return (self.number, self.ctype) in READERS or (self.number, self.ctype) in DEEP_READERS

    def value(self) -> Any:
        try:
            found = read(self.number, self.ctype, self.data)
        except Bad as bad:
            number, ctype, at = bad.place or (self.number, self.ctype, -4)
            raise WireError(bad.reason, number, ctype, self.offset + 4 + at) from bad
        return o.Opaque(self.number, self.ctype, self.data) if found is None else found


def word_sum(data: bytes) -> int:
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return total


# --- messages: required and optional objects, in the RFC's order --------------------------------------

NAMES = {
    1: "session", 3: "hop", 4: "integrity", 5: "time_values", 6: "error", 7: "scope", 8: "style",
    15: "confirm", 22: "hello", 30: "diagnostic", 31: "route", 33: "select", 64: "challenge",
}  # fmt: skip
LISTS = {14: "policy", 24: "acks", 25: "lists", 32: "responses"}
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
    # RFC 2745 section 3; RFC 2961 sections 4 and 5; RFC 3209 section 5.2; RFC 2747 section 4.3;
    # RFC 5063 section 4.1
    8: (m.DREQ, [1, 3, 30], [4, 33, 31, 32]),
    9: (m.DREP, [1, 3, 30], [4, 33, 31, 32]),
    10: (m.ResvTearConfirm, [1, 8], [4, 3, 6, 15, 7, 9, 10]),
    13: (m.Ack, [24], [4]),
    15: (m.Srefresh, [25], [4]),
    20: (m.Hello, [22], [4]),
    25: (m.IntegrityChallenge, [64], [4]),
    26: (m.IntegrityResponse, [4, 64], []),
    30: (m.RecoveryPath, [1, 3, 5, 11, 12], [4, 14, 13]),
}
BUNDLE, NOTIFY = 12, 21


class Descriptors:
    """The flow descriptor list, object by object (RFC 2205 section 3.1.4)."""

    def __init__(self, vector: int, cls: type[Any]) -> None:
        self.kind = {0b01010: "FF", 0b10010: "SE", 0b10001: "WF"}.get(vector & 0x1F, "?")
        self.tear = cls in (m.ResvTear, m.ResvTearConfirm)
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
        """To the last of all filters, but not past a flowspec whose filters are only to come."""
        if self.kind != "FF" and self.seen and not self.seen[-1][1]:
            return False
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


def check_header(data: bytes) -> dict[str, int]:
    """The fields of the common header that the message's class has."""
    if len(data) < 8:
        raise WireError("truncated header", offset=len(data))
    first, _, check, ttl, _, length = struct.unpack("!BBHBBH", data[:8])
    if first >> 4 != 1:
        raise WireError("unsupported version")
    if length != len(data) or length % 4:
        raise WireError("wrong length", offset=6)
    if check and word_sum(data) != 0xFFFF:
        raise WireError("bad checksum", offset=2)
    return {"send_ttl": ttl, "flags": first & 15}


def cut(data: bytes) -> Iterator[Piece]:
    """The objects of a message, without those of class NULL (RFC 2205 section 3.1.2)."""
    offset = 8
    while offset < len(data):
        size, number, ctype = struct.unpack_from("!HBB", data, offset)
        piece = Piece(number, ctype, offset, data[offset + 4 : offset + size])
        if size < 4 or size % 4 or offset + size > len(data):
            piece.fail("wrong object length")
        offset += size
        if number:
            yield piece


def decode(data: bytes) -> Any:
    """Decode one message; raise WireError with the codec's own reasons."""
    header = check_header(data)
    kind = data[1]
    if kind == BUNDLE:
        return decode_bundle(data, header)
    if kind == NOTIFY:
        return decode_notify(data, header)
    if kind not in GRAMMARS:
        raise WireError("unknown message type", offset=1)
    cls, required, optional = GRAMMARS[kind]
    values: dict[str, Any] = {}
    sender: dict[str, Any] = {}
    lists: dict[int, list[Any]] = {number: [] for number in LISTS if number in required + optional}
    extra = []
    flows: Descriptors | None = None
    for p in cut(data):
        number = p.number
        if number not in BASE and number not in required + optional:
            value = p.value()
            if flows is None or number not in KNOWN or not flows.attach(value):
                extra.append(value)
            continue
        if not p.known:
            p.fail("unknown C-Type")
        if number not in required + optional:
            p.fail("object not allowed")
        if number in FLOWS:
            if flows is None:
                p.fail("flow descriptor before style")
            value = p.value()
            flows.flowspec(p, value) if number == 9 else flows.filter(p, value)
            continue
        if flows is not None:
            p.fail("repeated object" if number == 8 else "style not last")
        if NAMES.get(number) in values or SENDER.get(number) in sender:
            p.fail("repeated object")
        if number == 4 and p.offset != 8:
            p.fail("integrity not first")
        if number in LISTS:
            lists[number].append(p.value())
        elif number in SENDER:
            sender[SENDER[number]] = p.value()
        else:
            values[NAMES[number]] = p.value()
            if number == 8:
                flows = Descriptors(values["style"].option_vector, cls)

    for number in required:
        there = lists[number] if number in LISTS else SENDER.get(number, NAMES.get(number)) in sender | values
        if not there:
            raise WireError("missing object", number, None, len(data))
    if sender and "template" not in sender:
        raise WireError("missing object", 11, None, len(data))
    if flows is not None:
        made, missing = flows.close()
        if missing:
            raise WireError("missing object", missing, None, len(data))
        values |= {"flow": made[0] if made else None} if cls is m.ResvErr else {"flows": made}
    if 11 in required + optional:
        values["sender"] = m.Sender(**sender) if sender else None
    values |= {LISTS[number]: tuple(found) for number, found in lists.items()}
    return cls(**header, extra=tuple(extra), **values)


def decode_notify(data: bytes, header: dict[str, int]) -> m.Notify:
    """RFC 3473 section 4.3.1: an error, then sessions, each with its sender or flows."""
    found: list[m.Notified] = []
    extra: list[Any] = []
    integrity = error = None
    entry: NotifiedParts | None = None
    for p in cut(data):
        if p.number in BASE and not p.known:
            p.fail("unknown C-Type")
        value = p.value()
        if p.number == 1:
            if entry is not None:
                found.append(entry.made(p.offset))
            entry = NotifiedParts(value)
        elif p.number == 4:
            if p.offset != 8:
                p.fail("integrity not first")
            integrity = value
        elif p.number == 6:
            if error is not None:
                p.fail("repeated object")
            error = value
        elif entry is not None:
            entry.add(p, value)
        elif p.number in BASE:
            raise WireError("missing object", 1, None, p.offset)
        else:
            extra.append(value)
    if entry is not None:
        found.append(entry.made(len(data)))
    for number, there in ((6, error), (1, found)):
        if not there:
            raise WireError("missing object", number, None, len(data))
    return m.Notify(**header, integrity=integrity, extra=tuple(extra), error=error, sessions=tuple(found))


class NotifiedParts:
    """What stands behind one SESSION of a Notify."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self.extra: list[Any] = []
        self.policy: list[o.PolicyData] = []
        self.sender: dict[str, Any] = {}
        self.flows = Descriptors(0, m.Notify)

    def add(self, p: Piece, value: Any) -> None:
        if p.number == 9:
            self.flows.flowspec(p, value)
        elif p.number == 10:
            self.flows.filter(p, value)
        elif p.number == 14:
            self.policy.append(value)
        elif p.number in SENDER:
            if SENDER[p.number] in self.sender:
                p.fail("repeated object")
            self.sender[SENDER[p.number]] = value
        elif p.number in BASE:
            p.fail("object not allowed")
        elif p.number not in KNOWN or not self.flows.attach(value):
            self.extra.append(value)

    def made(self, end: int) -> m.Notified:
        if self.sender and "template" not in self.sender:
            raise WireError("missing object", 11, None, end)
        return m.Notified(
            session=self.session,
            extra=tuple(self.extra),
            policy=tuple(self.policy),
            sender=m.Sender(**self.sender) if self.sender else None,
            flows=self.flows.made(),
        )


def decode_bundle(data: bytes, header: dict[str, int]) -> m.Bundle:
    """RFC 2961 section 3.2: each message by itself, none of them a Bundle."""
    found: list[Any] = []
    at = 8
    while at < len(data):
        size = int.from_bytes(data[at + 6 : at + 8], "big") if len(data) - at >= 8 else 0
        if size < 8 or size % 4 or at + size > len(data):
            raise WireError("wrong length of a message in a Bundle", offset=at)
        one = data[at : at + size]
        try:
            if one[1] == BUNDLE:
                raise WireError("Bundle inside a Bundle", offset=1)
            found.append(decode(one))
        except WireError as error:
            found.append(m.BrokenMessage(one, error.reason, error.class_num, error.ctype, error.offset))
        at += size
    if not found:
        raise WireError("empty Bundle", offset=8)
    return m.Bundle(messages=tuple(found), **header)
