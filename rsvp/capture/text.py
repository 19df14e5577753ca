"""What `rsvp decode` prints for people: a line for each packet, or a tree with -v (RFC 2205 appendix A).

Text comes as parts, each with a style's name, so that the same lines serve a terminal in colour
and a pipe without. Rates are bytes/s in the objects; the line gives bit/s, the tree gives both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypeAlias

from .. import intserv as i
from .. import objects as o
from ..diagnostics import DiagSelect
from ..dissection import Dissection, WireObject
from ..flagnames import writers
from ..iana import (
    CLASS_NAMES,
    MESSAGE_NAMES,
    SERVICE_NAMES,
    ClassNum,
    error_reference,
    error_text,
)
from ..iana_names import MESSAGE_RFCS, ctype_name, object_reference
from ..jsonform import UNKNOWN
from . import Frame
from .report import time_text
from .rows import generic_rows, wanted_rows
from .units import (
    bit_rate,
    byte_rate,
    digest,
    flags,
    hexadecimal,
    microseconds,
    milliseconds,
    named,
    protocol,
    size,
    yes,
)

Line: TypeAlias = list[tuple[str, str]]
"""Parts of one line: (text, style), the style "" for ordinary text."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(text for text, _ in line)


# --- the tree ------------------------------------------------------------------------------------

Row: TypeAlias = tuple[str, str, Callable[[Any], str]]

ROWS: Final[Mapping[type[Any], tuple[Row, ...]]] = {
    o.Session: (
        ("destination", "destination", str),
        ("protocol", "protocol", protocol),
        ("port", "port", str),
        ("e_police", "police at the first hop (E_Police)", yes),
    ),
    o.Hop: (("address", "neighbour", str), ("lih", "logical interface handle", hexadecimal)),
    o.Integrity: (
        ("key_id", "key identifier", lambda value: f"{value:012x}"),
        ("sequence", "sequence number", str),
        ("digest", "digest", digest),
        ("flags", "flags", hexadecimal),
    ),
    o.TimeValues: (("refresh_ms", "refresh period R", milliseconds),),
    o.Style: (("name", "style", str), ("option_vector", "option vector", lambda value: f"{value:#08x}")),
    o.FilterSpec: (("address", "sender", str), ("port", "port", str)),
    o.FlowLabelFilterSpec: (("address", "sender", str), ("flow_label", "flow label", hexadecimal)),
    o.ResvConfirm: (("receiver", "receiver", str),),
    i.Tspec: (
        ("rate", "token rate r", byte_rate),
        ("bucket", "bucket depth b", size),
        ("peak", "peak rate p", byte_rate),
        ("m", "minimum policed unit m", size),
        ("M", "largest packet M", size),
        ("null_M", "largest packet M of the null service", size),
    ),
    i.NullTspec: (("M", "largest packet M", size),),
    i.Rspec: (("rate", "reserved rate R", byte_rate), ("slack", "slack S", microseconds)),
    i.General: (
        ("is_hops", "RSVP hops", str),
        ("bandwidth", "path bandwidth", byte_rate),
        ("latency", "least latency", microseconds),
        ("mtu", "path MTU", size),
        ("broken", "crossed a hop without RSVP", yes),
    ),
    i.Overrides: (
        ("is_hops", "RSVP hops", str),
        ("bandwidth", "path bandwidth", byte_rate),
        ("latency", "least latency", microseconds),
        ("mtu", "path MTU", size),
    ),
    i.OtherAdvert: (
        ("service", "service number", named(SERVICE_NAMES)),
        ("broken", "crossed a hop without the service", yes),
        ("data", "contents", bytes.hex),
    ),
}
"""Class -> the attributes to show: (name, what to call it, how to write it). None is left out."""


def _error_rows(value: o.ErrorSpec) -> Iterator[tuple[int, str]]:
    yield 0, f"reported by: {value.node}"
    known = error_reference(value.code, value.value)
    facts = f"code {value.code}, value {value.value}" + (f"; {known}" if known else "")
    yield 0, f"error: {error_text(value.code, value.value)} ({facts})"
    yield 0, f"flags: {flags(value.flags, writers(o.ErrorSpec)['flags'](value.flags))}"


def _scope_rows(value: o.Scope) -> Iterator[tuple[int, str]]:
    for address in value.addresses:
        yield 0, f"sender: {address}"


def _flowspec_rows(value: i.Flowspec) -> Iterator[tuple[int, str]]:
    yield 0, f"service: {value.service_name}"
    yield from _rows(value.tspec)
    if value.rspec is not None:
        yield from _rows(value.rspec)


def _adspec_rows(value: i.Adspec) -> Iterator[tuple[int, str]]:
    yield 0, "default general parameters"
    yield from _deeper(value.general)
    if value.guaranteed is not None:
        yield 0, "guaranteed service"
        yield from _deeper(value.guaranteed)
    if value.controlled_load is not None:
        yield 0, "controlled-load service"
        yield from _deeper(value.controlled_load)
    for other in value.others:
        yield 0, "another service"
        yield from _deeper(other)


def _guaranteed_rows(value: i.GuaranteedAdvert) -> Iterator[tuple[int, str]]:
    if value.empty:
        yield 0, "no terms: the sender does not implement it"
    else:
        yield 0, f"C: {size(value.c_tot)} in all, {size(value.c_sum)} since the last reshaping"
        d_tot, d_sum = microseconds(value.d_tot), microseconds(value.d_sum)
        yield 0, f"D: {d_tot} in all, {d_sum} since the last reshaping"
    yield from _service_rows(value)


def _service_rows(value: i.GuaranteedAdvert | i.ControlledLoadAdvert) -> Iterator[tuple[int, str]]:
    yield 0, f"crossed a hop without the service: {yes(value.broken)}"
    if value.overrides is not None:
        yield 0, "in place of the general parameters"
        yield from _deeper(value.overrides)


TREES: Final[Mapping[type[Any], Callable[[Any], Iterable[tuple[int, str]]]]] = {
    o.ErrorSpec: _error_rows,
    o.Scope: _scope_rows,
    i.Flowspec: _flowspec_rows,
    i.Adspec: _adspec_rows,
    i.GuaranteedAdvert: _guaranteed_rows,
    i.ControlledLoadAdvert: _service_rows,
    DiagSelect: wanted_rows,
}
"""Classes whose tree is more than their attributes."""


def _rows(value: object) -> Iterator[tuple[int, str]]:
    """A value's fields as (depth, text)."""
    tree = TREES.get(type(value))
    if tree is not None:
        yield from tree(value)
        return
    rows = ROWS.get(type(value))
    if rows is None:
        yield from generic_rows(value, _rows)
        return
    for name, label, write in rows:
        content = getattr(value, name)
        if content is not None:
            yield 0, f"{label}: {write(content)}"


def _deeper(value: object) -> Iterator[tuple[int, str]]:
    for depth, text in _rows(value):
        yield depth + 1, text


def tree(frame: Frame, found: Dissection) -> Iterator[Line]:
    """All that one packet says, a line each, indented."""
    yield [
        (f"Frame {frame.number}", "bold"),
        (f"  {_date(frame.time_ns)}  {frame.source} > {frame.destination}", ""),
        (f"  {', '.join(_ip_facts(frame))}", "dim"),
    ]
    yield from _message_tree(found, "  ", frame)


def _message_tree(found: Dissection, indent: str, frame: Frame | None) -> Iterator[Line]:
    facts = (
        f": version {found.version}, flags {found.flags:#x}, Send_TTL {found.send_ttl}, "
        f"{found.length} bytes, checksum "
    )
    yield [
        (indent, ""),
        (_message_name(found), "bold cyan"),
        (facts, ""),
        (found.checksum, "red" if found.checksum == "bad" else ""),
        (f"; {MESSAGE_RFCS[found.type]}" if found.type in MESSAGE_RFCS else "", "dim"),
    ]
    for entry in found.objects:
        yield from _object_tree(entry, indent + "  ")
    for inner in found.messages or ():
        yield from _message_tree(inner, indent + "  ", None)
    for remark in _remarks(found, frame):
        yield [(indent + "  ", ""), (remark, "red")]


def _object_tree(entry: WireObject, indent: str) -> Iterator[Line]:
    name = CLASS_NAMES.get(entry.class_num, UNKNOWN)
    about = f"class {entry.class_num}, C-Type {entry.ctype}, {entry.length} bytes"
    kind = ctype_name(entry.class_num, entry.ctype)
    if kind is not None:
        about = f"class {entry.class_num}, C-Type {entry.ctype} ({kind}), {entry.length} bytes"
    reference = object_reference(entry.class_num, entry.ctype)
    if reference is not None:
        about += f"; {reference}"
    yield [(indent, ""), (name, "green"), (f" ({about})", "dim")]
    if entry.value is None:
        for at in range(0, len(entry.data), 32):
            yield [(f"{indent}  {entry.data[at : at + 32].hex(' ', 4)}", "")]
        return
    for depth, text in _rows(entry.value):
        yield [(f"{indent}{'  ' * (depth + 1)}{text}", "")]


def _date(time_ns: int | None) -> str:
    """A time as people read it, UTC; the count of seconds where no calendar reaches."""
    if time_ns is None:
        return "no time"
    try:
        moment = EPOCH + timedelta(microseconds=time_ns // 1000)
    except OverflowError:
        return time_text(time_ns).decode()
    digits = f".{time_ns % 1000:03d}"[1:] if time_ns % 1000 else ""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}{digits} UTC"


def _ip_facts(frame: Frame) -> Iterator[str]:
    yield f"IP TTL {frame.ip_ttl}"
    if frame.router_alert:
        yield "Router Alert"
    if frame.udp_encapsulated:
        yield "in UDP"


# --- the line ------------------------------------------------------------------------------------


def _tspec_words(value: i.Tspec) -> str:
    peak = f", peak {bit_rate(value.peak)}" if math.isfinite(value.peak) else ""
    return f"{bit_rate(value.rate)}, bucket {size(value.bucket)}{peak}"


def _flowspec_words(value: i.Flowspec) -> str:
    rate = bit_rate(value.tspec.rate)
    if value.rspec is None:
        return f"{value.service_name} {rate}"
    return f"{value.service_name} {rate}, reserving {bit_rate(value.rspec.rate)}"


def _scope_words(value: o.Scope) -> str:
    shown = ", ".join(map(str, value.addresses[:FILTERS_SHOWN]))
    return f"scope {shown}" + (" ..." if len(value.addresses) > FILTERS_SHOWN else "")


WORDS: Final[Mapping[int, Callable[[Any], str]]] = {
    ClassNum.ERROR_SPEC: lambda value: f"{value.node} says: {error_text(value.code, value.value)}",
    ClassNum.SCOPE: _scope_words,
    ClassNum.STYLE: lambda value: value.name,
    ClassNum.FLOWSPEC: _flowspec_words,
    ClassNum.FILTER_SPEC: str,
    ClassNum.SENDER_TEMPLATE: lambda value: f"from {value}",
    ClassNum.SENDER_TSPEC: _tspec_words,
    ClassNum.RESV_CONFIRM: lambda value: f"confirm to {value.receiver}",
}
"""The gist: what the line says of an object, where it says something."""

FILTERS_SHOWN: Final = 4
"""A line names no more senders of one flow descriptor; the tree names all."""


def summary(frame: Frame, found: Dissection, start_ns: int | None) -> Line:
    """One packet on one line; times count from `start_ns`, the first packet of the capture."""
    if frame.time_ns is None or start_ns is None:
        when = "-"
    else:
        when = time_text(frame.time_ns - start_ns).decode()
    line = [
        (f"{frame.number:>5} {when:>12}  ", "dim"),
        (f"{frame.source} > {frame.destination}  ", ""),
        *gist(found),
    ]
    for remark in _remarks(found, frame):
        line.append((f"; {remark}", "red"))
    return line


def gist(found: Dissection) -> Line:
    """What a message is about: its name, its session, and a word on each object that matters."""
    line: Line = [(_message_name(found), "bold cyan")]
    session = [entry.value for entry in found.objects if entry.class_num == ClassNum.SESSION and entry.value]
    if session:
        line.append((f" {session[0]}", "bold"))
    words = list(_words(found.objects))
    if words:
        line.append((f" {', '.join(words)}", ""))
    for number, inner in enumerate(found.messages or ()):
        line.append((" | " if number else ": ", ""))
        line.extend(gist(inner))
        line.extend((f"; {remark}", "red") for remark in _remarks(inner, None))
    return line


def _words(objects: Iterable[WireObject]) -> Iterator[str]:
    """The gist of each object, a run of filters as one list."""
    told = (entry for entry in objects if entry.value is not None and entry.class_num in WORDS)
    for class_num, run in groupby(told, lambda entry: entry.class_num):
        texts = [WORDS[class_num](entry.value) for entry in run]
        if class_num != ClassNum.FILTER_SPEC:
            yield from texts
        elif len(texts) > FILTERS_SHOWN:
            yield f"for {', '.join(texts[: FILTERS_SHOWN - 1])} and {len(texts) - FILTERS_SHOWN + 1} more"
        else:
            yield f"for {', '.join(texts)}"


def _message_name(found: Dissection) -> str:
    return MESSAGE_NAMES.get(found.type, f"message type {found.type}")


def _remarks(found: Dissection, frame: Frame | None) -> Iterator[str]:
    """What is out of the ordinary with a message."""
    if frame is not None and found.send_ttl and found.send_ttl != frame.ip_ttl:
        # A hop that does not speak RSVP lowers one of the two only (RFC 2205 section 3.8).
        yield f"IP TTL {frame.ip_ttl} but Send_TTL {found.send_ttl}"
    error = found.error
    if found.checksum == "bad" and error is not None and error.reason == "bad checksum":
        yield "checksum bad"
    if error is not None and error.reason != "bad checksum":
        where = f" ({CLASS_NAMES.get(error.class_num, UNKNOWN)})" if error.class_num is not None else ""
        yield f"broken: {error.reason}{where} at byte {error.offset}"
