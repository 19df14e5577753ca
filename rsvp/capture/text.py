"""What `rsvp decode` prints for people: a line for each packet, or a tree with -v (RFC 2205 appendix A).

Text comes as parts, each with a style's name, so that the same lines serve a terminal in colour
and a pipe without. Rates are bytes/s in the objects; the line gives bit/s, the tree gives both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final, TypeAlias

from .. import intserv as i
from .. import objects as o
from ..dissection import WireObject
from ..iana import (
    CLASS_NAMES,
    LATENCY_UNKNOWN,
    MESSAGE_NAMES,
    ClassNum,
    ErrorFlag,
    Protocol,
    error_reference,
    error_text,
)
from ..iana_names import MESSAGE_RFCS, ctype_name, object_reference
from . import Frame
from .dissected import Dissected
from .report import UNKNOWN, time_text

Line: TypeAlias = list[tuple[str, str]]
"""Parts of one line: (text, style), the style "" for ordinary text."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def plain(line: Line) -> str:
    """A line without its styles."""
    return "".join(text for text, _ in line)


# --- numbers with their units --------------------------------------------------------------------


def bit_rate(rate: float) -> str:
    """A rate of bytes/s in bit/s: "1.5 Mbit/s", "infinite"."""
    bits = rate * 8.0
    if not math.isfinite(bits):
        return "infinite" if bits > 0 else str(bits)
    for size, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if bits >= size:
            return f"{bits / size:.6g} {unit}"
    return f"{bits:.6g} bit/s"


def _count(value: float) -> str:
    return f"{value:.12g}" if math.isfinite(value) else "infinite"


def _rate(value: float) -> str:
    if not math.isfinite(value):
        return "infinite"
    return f"{_count(value)} bytes/s ({bit_rate(value)})"


def _bytes(value: float) -> str:
    return f"{_count(value)} bytes"


def _microseconds(value: int) -> str:
    return "unknown" if value == LATENCY_UNKNOWN else f"{value} microseconds"


def _protocol(value: int) -> str:
    names = {int(known): known.name for known in Protocol}
    return f"{value} ({names[value]})" if value in names else str(value)


def _hex(value: int) -> str:
    return f"{value:#x}"


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _digest(value: bytes) -> str:
    return f"{value.hex()} ({len(value)} bytes)"


def _error_flags(value: int) -> str:
    names = [flag.name.replace("_", " ").lower() for flag in ErrorFlag if value & flag and flag.name]
    return f"{value:#x}" + (f" ({', '.join(names)})" if names else "")


# --- the tree ------------------------------------------------------------------------------------

Row: TypeAlias = tuple[str, str, Callable[[Any], str]]

ROWS: Final[Mapping[type[Any], tuple[Row, ...]]] = {
    o.Session: (
        ("destination", "destination", str),
        ("protocol", "protocol", _protocol),
        ("port", "port", str),
        ("e_police", "police at the first hop (E_Police)", _yes),
    ),
    o.Hop: (("address", "neighbour", str), ("lih", "logical interface handle", _hex)),
    o.Integrity: (
        ("key_id", "key identifier", lambda value: f"{value:012x}"),
        ("sequence", "sequence number", str),
        ("digest", "digest", _digest),
        ("flags", "flags", _hex),
    ),
    o.TimeValues: (("refresh_ms", "refresh period R", lambda value: f"{value / 1000:g} seconds"),),
    o.Style: (("name", "style", str), ("option_vector", "option vector", lambda value: f"{value:#08x}")),
    o.FilterSpec: (("address", "sender", str), ("port", "port", str)),
    o.FlowLabelFilterSpec: (("address", "sender", str), ("flow_label", "flow label", _hex)),
    o.PolicyData: (("data", "policy elements", bytes.hex),),
    o.ResvConfirm: (("receiver", "receiver", str),),
    i.Tspec: (
        ("rate", "token rate r", _rate),
        ("bucket", "bucket depth b", _bytes),
        ("peak", "peak rate p", _rate),
        ("m", "minimum policed unit m", _bytes),
        ("M", "largest packet M", _bytes),
    ),
    i.Rspec: (("rate", "reserved rate R", _rate), ("slack", "slack S", _microseconds)),
    i.General: (
        ("is_hops", "RSVP hops", str),
        ("bandwidth", "path bandwidth", _rate),
        ("latency", "least latency", _microseconds),
        ("mtu", "path MTU", _bytes),
        ("broken", "crossed a hop without RSVP", _yes),
    ),
    i.Overrides: (
        ("is_hops", "RSVP hops", str),
        ("bandwidth", "path bandwidth", _rate),
        ("latency", "least latency", _microseconds),
        ("mtu", "path MTU", _bytes),
    ),
    i.OtherAdvert: (
        ("service", "service number", str),
        ("broken", "crossed a hop without the service", _yes),
        ("data", "contents", bytes.hex),
    ),
}
"""Class -> the attributes to show: (name, what to call it, how to write it). None is left out."""


def _error_rows(value: o.ErrorSpec) -> Iterator[tuple[int, str]]:
    yield 0, f"reported by: {value.node}"
    known = error_reference(value.code, value.value)
    facts = f"code {value.code}, value {value.value}" + (f"; {known}" if known else "")
    yield 0, f"error: {error_text(value.code, value.value)} ({facts})"
    yield 0, f"flags: {_error_flags(value.flags)}"


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
        yield 0, f"C: {_bytes(value.c_tot)} in all, {_bytes(value.c_sum)} since the last reshaping"
        d_tot, d_sum = _microseconds(value.d_tot), _microseconds(value.d_sum)
        yield 0, f"D: {d_tot} in all, {d_sum} since the last reshaping"
    yield from _service_rows(value)


def _service_rows(value: i.GuaranteedAdvert | i.ControlledLoadAdvert) -> Iterator[tuple[int, str]]:
    yield 0, f"crossed a hop without the service: {_yes(value.broken)}"
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
}
"""Classes whose tree is more than their attributes."""


def _rows(value: object) -> Iterator[tuple[int, str]]:
    """A value's fields as (depth, text)."""
    tree = TREES.get(type(value))
    if tree is not None:
        yield from tree(value)
        return
    rows = ROWS.get(type(value))
    if rows is None and is_dataclass(value):
        rows = tuple((field.name, field.name.replace("_", " "), str) for field in fields(value))
    for name, label, write in rows or ():
        content = getattr(value, name)
        if content is not None:
            yield 0, f"{label}: {write(content)}"


def _deeper(value: object) -> Iterator[tuple[int, str]]:
    for depth, text in _rows(value):
        yield depth + 1, text


def tree(frame: Frame, found: Dissected) -> Iterator[Line]:
    """All that one packet says, a line each, indented."""
    yield [
        (f"Frame {frame.number}", "bold"),
        (f"  {_date(frame.time_ns)}  {frame.source} > {frame.destination}", ""),
        (f"  {', '.join(_ip_facts(frame))}", "dim"),
    ]
    yield from _message_tree(found, "  ", frame)


def _message_tree(found: Dissected, indent: str, frame: Frame | None) -> Iterator[Line]:
    header = found.header
    facts = (
        f": version {header.version}, flags {header.flags:#x}, Send_TTL {header.send_ttl}, "
        f"{header.length} bytes, checksum "
    )
    yield [
        (indent, ""),
        (_message_name(found), "bold cyan"),
        (facts, ""),
        (header.checksum, "red" if header.checksum == "bad" else ""),
        (f"; {MESSAGE_RFCS[header.type]}" if header.type in MESSAGE_RFCS else "", "dim"),
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
    return f"{bit_rate(value.rate)}, bucket {_bytes(value.bucket)}{peak}"


def _flowspec_words(value: i.Flowspec) -> str:
    rate = bit_rate(value.tspec.rate)
    if value.rspec is None:
        return f"{value.service_name} {rate}"
    return f"{value.service_name} {rate}, reserving {bit_rate(value.rspec.rate)}"


WORDS: Final[Mapping[int, Callable[[Any], str]]] = {
    ClassNum.ERROR_SPEC: lambda value: f"{value.node} says: {error_text(value.code, value.value)}",
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


def summary(frame: Frame, found: Dissected, start_ns: int | None) -> Line:
    """One packet on one line; times count from `start_ns`, the first packet of the capture."""
    if frame.time_ns is None or start_ns is None:
        when = "-"
    else:
        when = time_text(frame.time_ns - start_ns).decode()
    line = [
        (f"{frame.number:>5} {when:>12}  ", "dim"),
        (f"{frame.source} > {frame.destination}  ", ""),
        *_gist(found),
    ]
    for remark in _remarks(found, frame):
        line.append((f"; {remark}", "red"))
    return line


def _gist(found: Dissected) -> Line:
    line: Line = [(_message_name(found), "bold cyan")]
    session = [entry.value for entry in found.objects if isinstance(entry.value, o.Session)]
    if session:
        line.append((f" {session[0]}", "bold"))
    words = list(_words(found.objects))
    if words:
        line.append((f" {', '.join(words)}", ""))
    for number, inner in enumerate(found.messages or ()):
        line.append((" | " if number else ": ", ""))
        line.extend(_gist(inner))
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


def _message_name(found: Dissected) -> str:
    return MESSAGE_NAMES.get(found.header.type, f"message type {found.header.type}")


def _remarks(found: Dissected, frame: Frame | None) -> Iterator[str]:
    """What is out of the ordinary with a message."""
    header = found.header
    if frame is not None and header.send_ttl and header.send_ttl != frame.ip_ttl:
        # A hop that does not speak RSVP lowers one of the two only (RFC 2205 section 3.8).
        yield f"IP TTL {frame.ip_ttl} but Send_TTL {header.send_ttl}"
    error = found.error
    if header.checksum == "bad" and error is not None and error.reason == "bad checksum":
        yield "checksum bad"
    if error is not None and error.reason != "bad checksum":
        where = f" ({CLASS_NAMES.get(error.class_num, UNKNOWN)})" if error.class_num is not None else ""
        yield f"broken: {error.reason}{where} at byte {error.offset}"
