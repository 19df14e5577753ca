"""The neighbours of a node: who was heard of when, and how much of each is listened to.

Anybody on a link can name any hop address, so the table has a size. Who finds no place in a full one
shares what one neighbour may say with all others of its interface that found none; who was not heard of
for a lifetime, and so has no state here any more, makes room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .objects import IPAddress

MOST = 4096
"""Neighbours that are remembered."""

BURST = 4.0
"""Seconds' worth of messages that a neighbour may send at once, as where a route has changed."""

SWEEP = 1.0
"""Seconds between two looks through a full table."""


class Bucket:
    """A token bucket of messages."""

    __slots__ = ("_level", "_since")

    def __init__(self, level: float, now: float) -> None:
        self._level = level
        self._since = now

    def take(self, now: float, rate: float) -> bool:
        """Take one message out, where `rate` a second come in; False where none is left."""
        self._level = min(rate * BURST, self._level + (now - self._since) * rate)
        self._since = now
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True


@dataclass(slots=True, eq=False)
class Neighbor:
    """A node that sent us something; `last_heard` is when, on the node's clock."""

    address: IPAddress
    interface: int
    encapsulation: str
    last_heard: float
    bucket: Bucket


class Neighbors:
    """A bounded table of neighbours.

    `rate` is how many messages a second each may send in the long run, `silence` the seconds after
    which one may be forgotten.
    """

    def __init__(self, rate: float, silence: float) -> None:
        self.rate = rate
        self.silence = silence
        self._known: dict[tuple[int, IPAddress], Neighbor] = {}
        self._strangers: dict[int, Bucket] = {}
        self._swept = -SWEEP

    def __iter__(self) -> Iterator[Neighbor]:
        """Every neighbour, in the order in which they were first heard of."""
        return iter(self._known.values())

    def heard(self, address: IPAddress, interface: int, encapsulation: str, now: float) -> bool:
        """Note that a neighbour spoke; whether it has said no more than it may."""
        neighbor = self._known.get((interface, address))
        if neighbor is None:
            if len(self._known) >= MOST and not self._make_room(now):
                return self.heard_stranger(interface, now)
            neighbor = Neighbor(address, interface, encapsulation, now, Bucket(self.rate * BURST, now))
            self._known[interface, address] = neighbor
        neighbor.last_heard = now
        neighbor.encapsulation = encapsulation
        return neighbor.bucket.take(now, self.rate)

    def heard_stranger(self, interface: int, now: float) -> bool:
        """Note that somebody spoke who did not say where they are; whether they may be listened to."""
        bucket = self._strangers.get(interface)
        if bucket is None:
            bucket = self._strangers[interface] = Bucket(self.rate * BURST, now)
        return bucket.take(now, self.rate)

    def _make_room(self, now: float) -> bool:
        """Forget those who are silent; a look through all of them is not for every stranger."""
        if now < self._swept + SWEEP:
            return False
        self._swept = now
        for key in [key for key, one in self._known.items() if one.last_heard < now - self.silence]:
            del self._known[key]
        return len(self._known) < MOST
