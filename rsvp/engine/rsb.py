"""RSB, reservation state: what one next hop asked for (RFC 2209 section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._table import Table
from .._values import compiled
from ..intserv import Flowspec
from ..objects import AnyObject, Filter, IPAddress, PolicyData, ResvConfirm, Scope, Style
from .holdings import Neighbor
from .style import Group
from .timers import NEVER, Timer

if TYPE_CHECKING:
    from .session import SessionState


@compiled
@dataclass(slots=True, eq=False)
class ReservationStateBlock:
    """A reservation of one next hop, or of an application (`nhop` None, `handle` set).

    An application's is on interface LOCAL, but for one that it makes for a host behind another.

    `filters` holds each sender's own deadline, as every filter spec of a shared-explicit
    reservation is refreshed by itself; a wildcard reservation has none and lives until `until`.
    `interface` is where an application has joined the group, if it said so (RFC 2205 section 3.9).
    """

    state: SessionState
    oi: int
    group: Group
    nhop: IPAddress | None
    handle: int | None
    style: Style
    flowspec: Flowspec
    filters: Table[Filter, float]
    expiry: Timer = field(init=False)
    until: float = NEVER
    scope: Scope | None = None
    confirm: ResvConfirm | None = None
    unconfirmed: frozenset[Group] = frozenset()
    """For which senders an application waits for a ResvConf (None: any); refreshes ask until it comes."""
    policy: tuple[PolicyData, ...] = ()
    extra: tuple[AnyObject, ...] = ()
    ttl: int | None = None
    interface: int | None = None

    @property
    def who(self) -> IPAddress | int:
        """Next hop or application: by whom the session finds it."""
        who = self.nhop if self.handle is None else self.handle
        assert who is not None
        return who

    @property
    def neighbor(self) -> Neighbor:
        """Who made this state."""
        return (self.oi, self.nhop)

    @property
    def about(self) -> tuple[Filter, ...]:
        """Which senders this is about."""
        return tuple(self.filters)

    @property
    def deadline(self) -> float:
        """When the first part of this state runs out."""
        return min(self.filters.values()) if self.style.explicit else self.until
