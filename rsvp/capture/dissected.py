"""A captured message taken apart, a Bundle into its messages (RFC 2205 section 3.1.1, RFC 2961 section 3).

`report` and `text` print the same `Dissected`. Nothing here raises: what is wrong with a message
stands in its `error`.
"""

from __future__ import annotations

from typing import Final

import msgspec

from .._wire import dissect as dissect_objects
from ..dissection import Dissection, WireObject
from ..errors import WireError
from ..iana import BUNDLE
from . import Frame

HEADER: Final = 8
"""Bytes of the common header, a Bundle's too."""

SNAPPED: Final = "cut off by the capture's snap length"
SHORT: Final = "cut off: IP promises more bytes than were captured"


class Dissected(msgspec.Struct, frozen=True):
    """One message: its bytes, its common header, what it holds, and where that ends.

    `messages` is None for everything but a Bundle, which has no objects of its own. Offsets, of
    objects and of the error, count from the start of `data`.
    """

    data: bytes
    header: Dissection
    objects: tuple[WireObject, ...]
    messages: tuple[Dissected, ...] | None
    error: WireError | None


def dissect_frame(frame: Frame) -> Dissected:
    """Take a captured packet apart; an error that the capture is to blame for says so."""
    found = dissect(frame.data)
    if frame.missing and found.header.length != len(frame.data):
        error = WireError(SNAPPED if frame.snapped else SHORT, None, None, len(frame.data))
        return Dissected(found.data, found.header, found.objects, found.messages, error)
    return found


def dissect(data: bytes) -> Dissected:
    """Take one message apart, and the messages inside it if it is a Bundle."""
    header = dissect_objects(data)
    if header.type == BUNDLE:
        return _dissect_bundle(data, header)
    return Dissected(data, header, header.objects, None, header.error)


def _dissect_bundle(data: bytes, header: Dissection) -> Dissected:
    """A Bundle's body is messages end to end, none of them a Bundle (RFC 2961 section 3.2)."""
    error = header.error
    messages: list[Dissected] = []
    end = min(header.length, len(data))
    at = HEADER
    while at < end:
        size = int.from_bytes(data[at + 6 : at + HEADER], "big")
        if size < HEADER or size % 4 or at + size > end:
            error = error or WireError("wrong length of a message in a Bundle", None, None, at)
            break
        messages.append(_dissect_inner(data[at : at + size]))
        at += size
    if not messages and error is None:
        error = WireError("empty Bundle", None, None, HEADER)
    return Dissected(data, header, (), tuple(messages), error)


def _dissect_inner(data: bytes) -> Dissected:
    header = dissect_objects(data)
    if header.type == BUNDLE:
        return Dissected(data, header, (), None, WireError("Bundle inside a Bundle", None, None, 1))
    return Dissected(data, header, header.objects, None, header.error)
