"""PSB, path state: one sender as seen through one interface (RFC 2209 section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from .._table import Table
from .._values import compiled
from ..messages import Path, Sender, base_filter, base_session
from ..objects import Filter, PolicyData
from .bsb import BlockadeStateBlock
from .holdings import Neighbor
from .interfaces import LOCAL
from .timers import Timer

if TYPE_CHECKING:
    from ..intserv import Flowspec, Tspec
    from .core import Route
    from .phop import PreviousHop
    from .session import SessionState


Announced: TypeAlias = tuple[Sender, tuple[PolicyData, ...]]
"""What applications are told of a sender."""


@compiled
@dataclass(frozen=True, slots=True)
class Held:
    """What upstream was asked for before the route changed, and until when it goes on being asked.

    Receivers need that long to reserve along the new way (RFC 2205 section 3.6).
    """

    flowspec: Flowspec
    until: float


@compiled
@dataclass(frozen=True, slots=True)
class Heard:
    """What another previous hop said of a unicast sender, and until when that would stand by itself."""

    path: Path
    iif: int
    ttl: int
    until: float


@compiled
@dataclass(slots=True, eq=False)
class PathStateBlock:
    """The Path that made this state, where it came from and where it goes.

    `handle` is the application's where one announces the sender, and `iif` LOCAL where that is on this
    node. `ttl` is the IP TTL that was left on arrival, or what the application set. `outgoing` is
    OutInterface_list; LOCAL in it means that the session's destination is this node. `local_only` state
    is never forwarded (RFC 2205 section 3.9). `route` is what routing was asked for it.
    """

    state: SessionState
    path: Path
    iif: int
    ttl: int
    phop: PreviousHop
    route: Route = field(init=False)
    template: Filter = field(init=False)
    """The sender, as the filter spec that selects it."""
    expiry: Timer = field(init=False)
    refresh: Timer = field(init=False)
    handle: int | None = None
    non_rsvp: bool = False
    local_only: bool = False
    outgoing: tuple[int, ...] = ()
    blockade: BlockadeStateBlock | None = None
    held: Held | None = None
    other: Heard | None = None
    """Of two previous hops that both announce the sender, as while its route changes, not the last."""
    sent: Table[int, Path] = field(default_factory=Table)
    """The Path last built for each outgoing interface, reused while nothing changes."""

    def __post_init__(self) -> None:
        self.template = base_filter(self.path.sender.template)

    @property
    def neighbor(self) -> Neighbor:
        """Who made this state."""
        return (self.phop.iif, self.phop.address)

    @property
    def about(self) -> tuple[Filter, ...]:
        """Which senders this is about."""
        return (self.template,)

    @property
    def tspec(self) -> Tspec:
        """SENDER_TSPEC; a Path without one never becomes state."""
        tspec = self.path.sender.tspec
        assert tspec is not None
        return tspec

    @property
    def announced(self) -> Announced:
        """What applications here are told of the sender (RFC 2205 section 3.11.1).

        Its ADSPEC tells of a gap in the last hop, too (RFC 2210 section 3.3.2).
        """
        sender = self.path.sender
        if self.non_rsvp and sender.adspec is not None:
            general = replace(sender.adspec.general, broken=True)
            sender = replace(sender, adspec=replace(sender.adspec, general=general))
        return sender, self.path.policy

    @property
    def e_police(self) -> bool:
        """Whether nobody upstream has policed this flow (RFC 2205 section 3.8)."""
        return self.handle is not None or base_session(self.path).e_police

    def routes_to(self, oi: int) -> bool:
        """Whether data of this sender leaves through `oi`.

        Applications on this node may receive whatever comes in from the network.
        """
        if oi == LOCAL:
            return self.iif != LOCAL or LOCAL in self.outgoing or self.state.multicast
        return oi in self.outgoing and not self.local_only
