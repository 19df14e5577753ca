"""How many state blocks each neighbour has made here; what the limits of `Config` are held against."""

from __future__ import annotations

from typing import TypeAlias

from .._values import number
from ..objects import IPAddress

Neighbor: TypeAlias = tuple[int, IPAddress | None]
"""The interface that a neighbour is behind and its address; None for applications on this node."""


_Key: TypeAlias = tuple[int, type[IPAddress | None], int]


class Holdings:
    """PSBs and RSBs by neighbour. Those of applications here are not counted."""

    __slots__ = ("_of", "total")

    def __init__(self) -> None:
        self._of: dict[_Key, int] = {}
        self.total = 0

    def of(self, neighbor: Neighbor) -> int:
        """How many blocks a neighbour has."""
        return self._of.get(_key(neighbor), 0)

    def behind(self, interface: int) -> list[int]:
        """How many blocks each neighbour behind an interface has, of those that have any."""
        return [count for key, count in self._of.items() if key[0] == interface]

    def add(self, neighbor: Neighbor) -> None:
        """One more."""
        if neighbor[1] is not None:
            key = _key(neighbor)
            self._of[key] = self._of.get(key, 0) + 1
            self.total += 1

    def remove(self, neighbor: Neighbor) -> None:
        """One less."""
        if neighbor[1] is None:
            return
        key = _key(neighbor)
        left = self._of[key] - 1
        if left:
            self._of[key] = left
        else:
            del self._of[key]
        self.total -= 1


def _key(neighbor: Neighbor) -> _Key:
    """Without the address itself: numbers and classes are hashed faster."""
    interface, address = neighbor
    return (interface, type(address), 0 if address is None else number(address))
