"""One session's state blocks and the ways to find them (RFC 2209 section 1). No rules live here."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from .._table import Table
from .._values import compiled, is_group
from ..objects import Filter, IPAddress, Session, Style
from .phop import PreviousHop
from .psb import PathStateBlock
from .rsb import ReservationStateBlock
from .style import Group
from .tcsb import TrafficControlStateBlock

GroupKey: TypeAlias = tuple[int, Group]
NextHop: TypeAlias = IPAddress | int
"""A neighbour's address, or the handle of an application on this node."""


@compiled
@dataclass(slots=True, eq=False)
class SessionState:
    """A session's PSBs, RSBs, TCSBs, previous hops, and the applications that take part."""

    session: Session
    multicast: bool = field(init=False)
    """Whether the destination is a group."""
    psbs: Table[tuple[Filter, int], PathStateBlock] = field(default_factory=Table)
    rsbs: Table[GroupKey, Table[NextHop, ReservationStateBlock]] = field(default_factory=Table)
    reservation_count: int = 0
    """How many RSBs there are."""
    tcsbs: Table[GroupKey, TrafficControlStateBlock] = field(default_factory=Table)
    phops: Table[tuple[int, NextHop, int], PreviousHop] = field(default_factory=Table)
    handles: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.multicast = is_group(self.session.destination)

    @property
    def empty(self) -> bool:
        """Whether nothing is left to remember."""
        return not (self.psbs or self.rsbs or self.handles)

    @property
    def style(self) -> Style | None:
        """The style of the reservations in place; they all agree (RFC 2205 section 1.3)."""
        for group in self.rsbs.values():
            return next(iter(group.values())).style
        return None

    def agree(self, service: int, but: Container[ReservationStateBlock | None] = ()) -> bool:
        """Whether all reservations in place, some left aside, are of one service (RFC 2210 section 2.2)."""
        for group in self.rsbs.values():
            for rsb in group.values():
                if rsb.flowspec.service != service and rsb not in but:
                    return False
        return True

    def reservations(self) -> Iterator[ReservationStateBlock]:
        """Every RSB."""
        for group in self.rsbs.values():
            yield from group.values()

    def psb_key(self, template: Filter, iif: int) -> tuple[Filter, int]:
        """Path state is kept for each incoming interface of a group, once for unicast (3.1.3)."""
        return (template, iif if self.multicast else 0)

    def find_psb(self, template: Filter, iif: int) -> PathStateBlock | None:
        """The path state of a sender, of a group that which came in through `iif`."""
        return self.psbs.get((template, iif if self.multicast else 0))

    def find_rsb(self, oi: int, group: Group, nexthop: NextHop) -> ReservationStateBlock | None:
        """What one next hop has reserved for a group of senders on an interface."""
        siblings = self.rsbs.get((oi, group))
        return siblings.get(nexthop) if siblings is not None else None

    def add_rsb(self, key: GroupKey, rsb: ReservationStateBlock) -> ReservationStateBlock | None:
        """Enter an RSB; returns the one of the same next hop and group that it replaces.

        `key` is its interface and group; the TCSB is entered under the same object, which saves memory.
        """
        siblings, who = self.rsbs.get(key), rsb.who
        if siblings is None:
            siblings = self.rsbs[key] = Table()
        old = siblings.get(who)
        siblings[who] = rsb
        if old is None:
            self.reservation_count += 1
        return old

    def remove_rsb(self, rsb: ReservationStateBlock) -> None:
        """Take an RSB out, and with the last one of a group the group."""
        key = (rsb.oi, rsb.group)
        siblings = self.rsbs.get(key)
        if siblings is None or siblings.pop(rsb.who, None) is None:
            return
        self.reservation_count -= 1
        if not siblings:
            del self.rsbs[key]

    def senders(self, oi: int) -> list[PathStateBlock]:
        """PSBs whose data leaves through `oi`."""
        found = []
        for psb in self.psbs.values():
            if psb.routes_to(oi):
                found.append(psb)
        return found
