"""What `dissect` gives: a message taken apart object by object, also where it is broken (RFC 2205 3.1).

For people who look at captures. Everything else decodes whole messages.
"""

from __future__ import annotations

from dataclasses import dataclass

from .errors import WireError


@dataclass(frozen=True, slots=True)
class WireObject:
    """One object as it stands on the wire (RFC 2205 section 3.1.2).

    `length` and `offset` are in bytes and count the object's header; `data` is the contents without
    it. `value` is None where the class or C-Type is not known or the contents are malformed.
    """

    class_num: int
    ctype: int
    length: int
    offset: int
    value: object
    data: bytes


@dataclass(frozen=True, slots=True)
class Dissection:
    """The common header's fields, the objects in wire order, and what is wrong (RFC 2205 3.1.1).

    `checksum` is "ok", "bad" or "absent". `objects` holds whatever could be told apart; `error` is
    the reason why `decode` would refuse the message, if there is one besides a C-Type that is not
    known. A Bundle holds messages instead of objects (RFC 2961 section 3); `messages` is None for all
    others. Offsets, of objects and of the error, count from the start of the message they are in.
    """

    version: int
    flags: int
    type: int
    checksum: str
    send_ttl: int
    length: int
    objects: tuple[WireObject, ...]
    messages: tuple[Dissection, ...] | None
    error: WireError | None
