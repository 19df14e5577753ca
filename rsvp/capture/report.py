"""What `rsvp decode --json` prints: one JSON object for each RSVP packet (RFC 2205 section 3.1).

Soft state says the same again every refresh period, so most objects of a capture are repeats:
each distinct one is put into JSON once, and the text is kept.
"""

from __future__ import annotations

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

KEPT: Final = 8192
"""Distinct objects whose JSON is kept, and addresses whose text is."""

KEPT_BYTES: Final = 512
"""Objects longer than this are not kept: they are rare, and memory has to have a bound."""


class Fault(msgspec.Struct, frozen=True):
    """Why a message cannot be decoded whole; `offset` counts from its first byte."""

    reason: str
    offset: int
    class_num: int | None = msgspec.field(name="class")
    ctype: int | None


class MessageReport(msgspec.Struct, frozen=True):
    """A message inside a Bundle."""

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


class PacketReport(msgspec.Struct, frozen=True):
    """A message with its frame; `time` is seconds since 1970, all its decimals kept."""

    frame: int
    time: msgspec.Raw
    source: str
    destination: str
    ip_ttl: int
    router_alert: bool
    udp_encapsulated: bool
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
        self._objects: dict[bytes, msgspec.Raw] = {}
        self._addresses: dict[IPAddress, str] = {}

    def line(self, frame: Frame, found: Dissected | None = None) -> bytes:
        """One frame's JSON object, without a newline; `found` saves taking it apart again."""
        if found is None:
            found = dissect_frame(frame)
        header = found.header
        return self._encode(
            PacketReport(
                frame.number,
                msgspec.Raw(time_text(frame.time_ns)),
                self._address(frame.source),
                self._address(frame.destination),
                frame.ip_ttl,
                frame.router_alert,
                frame.udp_encapsulated,
                header.version,
                header.flags,
                header.type,
                MESSAGE_NAMES.get(header.type, UNKNOWN),
                header.send_ttl,
                header.length,
                header.checksum,
                self._object_list(found),
                self._messages(found),
                _fault(found.error),
            )
        )

    def _messages(self, found: Dissected) -> list[MessageReport] | None:
        if found.messages is None:
            return None
        return [
            MessageReport(
                inner.header.version,
                inner.header.flags,
                inner.header.type,
                MESSAGE_NAMES.get(inner.header.type, UNKNOWN),
                inner.header.send_ttl,
                inner.header.length,
                inner.header.checksum,
                self._object_list(inner),
                None,
                _fault(inner.error),
            )
            for inner in found.messages
        ]

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

    def _address(self, address: IPAddress) -> str:
        text = self._addresses.get(address)
        if text is None:
            if len(self._addresses) >= KEPT:
                self._addresses.clear()
            text = self._addresses[address] = str(address)
        return text


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
