"""Fragments put together (RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722).

Bounded in memory: the oldest unfinished datagrams make room. A piece that repeats another byte
for byte is passed over; pieces that overlap in any other way drop their datagram, as RFC 5722 asks
for IPv6 and Linux does for both.
"""

from __future__ import annotations

from bisect import bisect
from typing import Final, TypeAlias

from .headers import Datagram

DATAGRAMS: Final = 256
"""Unfinished datagrams kept at a time, each of 65535 bytes at most."""

LARGEST: Final = 65535
TIMEOUT_NS: Final = 60 * 1_000_000_000
"""How long the pieces of a datagram are waited for; identifications come round again."""

Key: TypeAlias = tuple[int, bytes, bytes, int, int]


class _Pieces:
    """What has arrived of one datagram: offset -> bytes, and its length once the end is known."""

    __slots__ = ("began_ns", "first", "held", "length", "offsets", "parts")

    def __init__(self, began_ns: int | None) -> None:
        self.began_ns = began_ns
        self.parts: dict[int, bytes] = {}
        self.offsets: list[int] = []
        self.first: Datagram | None = None
        self.length: int | None = None
        self.held = 0

    def add(self, datagram: Datagram, offset: int, last: bool) -> bool:
        """Take in one piece; False where it contradicts those that are here."""
        payload = datagram.payload
        end = offset + len(payload)
        if self.parts.get(offset) == payload:
            return not last or self.length == end
        if not payload or end > LARGEST or (not last and len(payload) % 8):
            return False
        if self.length is not None and (last or end > self.length):
            return False
        place = bisect(self.offsets, offset)
        if place and self.offsets[place - 1] + len(self.parts[self.offsets[place - 1]]) > offset:
            return False
        if place < len(self.offsets) and (last or self.offsets[place] < end):
            return False
        if last:
            self.length = end
        if not offset:
            self.first = datagram
        self.offsets.insert(place, offset)
        self.parts[offset] = payload
        self.held += len(payload)
        return True

    def join(self) -> bytes | None:
        """All of it, in order, once nothing is missing: no two parts overlap."""
        if self.held != self.length:
            return None
        return b"".join(self.parts[offset] for offset in self.offsets)


class Reassembler:
    """Puts the fragments of a link or a capture together, whatever order they come in."""

    def __init__(self) -> None:
        self._pending: dict[Key, _Pieces] = {}

    def add(self, datagram: Datagram, interface: int, time_ns: int | None) -> Datagram | None:
        """Take in one fragment; the whole datagram where this one was the last that it lacked.

        TTL and options of the whole are those of the piece with offset 0, which a receiver goes
        by. Pieces that the snap length cut cannot be joined: the first, which tells what the
        datagram was, stands for all of it, and the others are passed over.
        """
        fragment = datagram.fragment
        if fragment is None:
            return datagram
        if datagram.missing:
            return None if fragment.offset else datagram
        # The protocol takes part for IPv4 alone: IPv6's pieces go by the first one's.
        protocol = datagram.protocol if len(datagram.source) == 4 else 0
        key = (interface, datagram.source, datagram.destination, protocol, fragment.identification)
        pieces = self._pending.get(key)
        if pieces is None or _too_late(pieces.began_ns, time_ns):
            self._pending.pop(key, None)
            if len(self._pending) >= DATAGRAMS:
                del self._pending[next(iter(self._pending))]
            pieces = self._pending[key] = _Pieces(time_ns)
        if not pieces.add(datagram, fragment.offset, fragment.last):
            del self._pending[key]
            return None
        payload = pieces.join()
        first = pieces.first
        if payload is None or first is None:
            return None
        del self._pending[key]
        return Datagram(
            first.source, first.destination, first.ttl, first.router_alert, first.protocol, payload, 0, None
        )


def _too_late(began_ns: int | None, now_ns: int | None) -> bool:
    return began_ns is not None and now_ns is not None and now_ns - began_ns > TIMEOUT_NS
