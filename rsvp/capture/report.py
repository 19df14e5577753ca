"""What `rsvp decode --json` prints: one JSON object for each RSVP packet (RFC 2205 section 3.1).

Soft state says the same again every refresh period, so most objects of a capture are repeats:
each distinct one, and each distinct message, is put into JSON once, and the text is kept.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import msgspec

from ..dissection import WireObject
from ..errors import WireError
from ..iana import CLASS_NAMES, MESSAGE_NAMES
from ..jsonform import to_json
from ..objects import IPAddress
from . import Frame
from .dissected import Dissected, dissect_frame

UNKNOWN: Final = "UNKNOWN"
"""The name of message types and object classes that IANA does not list."""

KEPT: Final = 4096
"""Distinct messages and objects whose JSON is kept, and addresses whose text is."""

KEPT_BYTES: Final = 512
"""What is longer than this is not kept: it is rare, and memory has to have a bound."""


class Fault(msgspec.Struct, frozen=True):
    """Why a message cannot be decoded whole; `offset` counts from its first byte."""

    reason: str
    offset: int
    class_num: int | None = msgspec.field(name="class")
    ctype: int | None


class MessageReport(msgspec.Struct, frozen=True):
    """A message: a packet's, behind what its frame says, or one inside a Bundle."""

    version: int
    flags: int
    type: int
    message: str
    send_ttl: int
    length: int
    checksum: str
    objects: list[msgspec.Raw]
    messages: list[MessageReport] | None
    error: Fault | None


class Reporter:
    """Turns frames into lines of JSON."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder().encode
        self._messages: dict[bytes, bytes] = {}
        self._objects: dict[bytes, msgspec.Raw] = {}
        # By identity, which the value keeps alive: addresses hash and compare slowly.
        self._addresses: dict[int, tuple[IPAddress, bytes]] = {}

    def line(self, frame: Frame, found: Dissected | None = None) -> bytes:
        """One frame's JSON object, without a newline; `found` saves taking it apart again."""
        data = frame.data
        # A message that the capture cut has an error that its bytes do not tell.
        text = None if frame.missing else self._messages.get(data)
        if text is None:
            text = self._encode(self._message(found or dissect_frame(frame)))
            if not frame.missing and len(data) <= KEPT_BYTES:
                if len(self._messages) >= KEPT:
                    self._messages.clear()
                self._messages[data] = text
        return b'{"frame":%d,"time":%b,"source":"%b","destination":"%b",%b,%b' % (
            frame.number,
            time_text(frame.time_ns),
            self._address(frame.source),
            self._address(frame.destination),
            _ip_facts(frame.ip_ttl, frame.router_alert, frame.udp_encapsulated),
            text[1:],
        )

    def _message(self, found: Dissected) -> MessageReport:
        header = found.header
        return MessageReport(
            header.version,
            header.flags,
            header.type,
            MESSAGE_NAMES.get(header.type, UNKNOWN),
            header.send_ttl,
            header.length,
            header.checksum,
            self._object_list(found),
            None if found.messages is None else [self._message(inner) for inner in found.messages],
            _fault(found.error),
        )

    def _object_list(self, found: Dissected) -> list[msgspec.Raw]:
        data, known = found.data, self._objects
        texts = []
        for entry in found.objects:
            # An object's header and contents settle what it means, so they serve as its key.
            key = data[entry.offset : entry.offset + entry.length]
            text = known.get(key)
            if text is None:
                text = msgspec.Raw(self._encode(object_form(entry)))
                if len(known) >= KEPT:
                    known.clear()
                if len(key) <= KEPT_BYTES:
                    known[key] = text
            texts.append(text)
        return texts

    def _address(self, address: IPAddress) -> bytes:
        text = self._addresses.get(id(address))
        if text is not None and text[0] is address:
            return text[1]
        if len(self._addresses) >= KEPT:
            self._addresses.clear()
        known = self._addresses[id(address)] = (address, str(address).encode())
        return known[1]


@lru_cache(1024)
def _ip_facts(ttl: int, router_alert: bool, in_udp: bool) -> bytes:
    return b'"ip_ttl":%d,"router_alert":%b,"udp_encapsulated":%b' % (
        ttl,
        b"true" if router_alert else b"false",
        b"true" if in_udp else b"false",
    )


def object_form(entry: WireObject) -> dict[str, object]:
    """{"class", "ctype", "name", "length", "value"}; the contents as hex in "data" if not known."""
    form: dict[str, object] = {
        "class": entry.class_num,
        "ctype": entry.ctype,
        "name": CLASS_NAMES.get(entry.class_num, UNKNOWN),
        "length": entry.length,
        "value": to_json(entry.value),
    }
    if entry.value is None:
        form["data"] = entry.data.hex()
    return form


def time_text(time_ns: int | None) -> bytes:
    """Nanoseconds as a JSON number of seconds: six decimals, nine where the clock had them."""
    if time_ns is None:
        return b"null"
    sign = b"-" if time_ns < 0 else b""
    seconds, rest = divmod(abs(time_ns), 1_000_000_000)
    if rest % 1000:
        return b"%b%d.%09d" % (sign, seconds, rest)
    return b"%b%d.%06d" % (sign, seconds, rest // 1000)


def _fault(error: WireError | None) -> Fault | None:
    if error is None:
        return None
    return Fault(error.reason, error.offset, error.class_num, error.ctype)
