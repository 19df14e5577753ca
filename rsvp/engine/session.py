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
from .table import Table
from .tcsb import TrafficControlStateBlock

GroupKey: TypeAlias = tuple[int, Group]
NextHop: TypeAlias = IPAddress | int
"""A neighbour's address, or the handle of an application on this node."""


@dataclass(slots=True, eq=False)
class SessionState:
    """A session's PSBs, RSBs, TCSBs, previous hops, and the applications that take part."""

    session: Session
    multicast: bool = field(init=False)
    """Whether the destination is a group."""
    psbs: Table[tuple[Filter, int], PathStateBlock] = field(default_factory=Table)
    rsbs: Table[GroupKey, Table[NextHop, ReservationStateBlock]] = field(default_factory=Table)
    tcsbs: Table[GroupKey, TrafficControlStateBlock] = field(default_factory=Table)
    phops: Table[tuple[int, NextHop, int], PreviousHop] = field(default_factory=Table)
    handles: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.multicast = self.session.destination.is_multicast

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

    def find_rsb(self, oi: int, group: Group, nexthop: NextHop) -> ReservationStateBlock | None:
        """What one next hop has reserved for a group of senders on an interface."""
        siblings = self.rsbs.get((oi, group))
        return siblings.get(nexthop) if siblings is not None else None

    def senders(self, oi: int) -> Iterator[PathStateBlock]:
        """PSBs whose data leaves through `oi`."""
        return (psb for psb in self.psbs.values() if psb.routes_to(oi))
