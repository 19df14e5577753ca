"""One session's state blocks and the ways to find them (RFC 2209 section 1). No rules live here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ..objects import Filter, IPAddress, Session, Style
from .phop import PreviousHop
from .psb import PathStateBlock
from .rsb import ReservationStateBlock
from .style import Group
from .tcsb import TrafficControlStateBlock

GroupKey: TypeAlias = tuple[int, Group]
NextHop: TypeAlias = IPAddress | int
"""A neighbour's address, or the handle of an application on this node."""


@dataclass(slots=True, eq=False)
class SessionState:
    """A session's PSBs, RSBs, TCSBs, previous hops, and the applications that take part."""

    session: Session
    psbs: dict[tuple[Filter, int], PathStateBlock] = field(default_factory=dict)
    rsbs: dict[GroupKey, dict[NextHop, ReservationStateBlock]] = field(default_factory=dict)
    tcsbs: dict[GroupKey, TrafficControlStateBlock] = field(default_factory=dict)
    phops: dict[tuple[int, NextHop, int], PreviousHop] = field(default_factory=dict)
    handles: list[int] = field(default_factory=list)

    @property
    def multicast(self) -> bool:
        """Whether the destination is a group."""
        return self.session.destination.is_multicast

    @property
    def empty(self) -> bool:
        """Whether nothing is left to remember."""
        return not (self.psbs or self.rsbs or self.handles)

    @property
    def style(self) -> Style | None:
        """The style of the reservations in place; they all agree (RFC 2205 section 1.3)."""
        return next((rsb.style for rsb in self.reservations()), None)

    def reservations(self) -> Iterator[ReservationStateBlock]:
        """Every RSB."""
        for group in self.rsbs.values():
            yield from group.values()

    @property
    def reservation_count(self) -> int:
        """How many RSBs there are."""
        return sum(map(len, self.rsbs.values()))

    def psb_key(self, template: Filter, iif: int) -> tuple[Filter, int]:
        """Path state is kept for each incoming interface of a group, once for unicast (3.1.3)."""
        return (template, iif if self.multicast else 0)

    def senders(self, oi: int) -> Iterator[PathStateBlock]:
        """PSBs whose data leaves through `oi`."""
        return (psb for psb in self.psbs.values() if psb.routes_to(oi))
