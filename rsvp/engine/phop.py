"""One previous hop of a session: whom this node asks for reservations (RFC 2209, RESV REFRESH).

An application that sends from this node is a previous hop, too: what would be a Resv to a
neighbour is an upcall to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from .._values import compiled
from ..objects import AnyObject, IPAddress, PolicyData, Scope, Style
from .bsb import BlockadeStateBlock
from .style import Wanted
from .timers import Timer

if TYPE_CHECKING:
    from ..messages import Resv
    from .psb import PathStateBlock
    from .session import SessionState


@compiled
@dataclass(frozen=True, slots=True)
class Request:
    """What one previous hop is asked for, after merging."""

    style: Style
    want: Wanted
    scope: Scope | None = None
    policy: tuple[PolicyData, ...] = ()
    extra: tuple[AnyObject, ...] = ()

    @property
    def attached(self) -> tuple[object, ...]:
        """What goes along with the flows."""
        return (self.scope, self.policy, self.extra)


@compiled
@dataclass(slots=True, eq=False)
class PreviousHop:
    """A neighbour upstream, or an application (`address` None, `handle` set), and its senders.

    `lih` is the handle that the neighbour gave us and gets back as it came (RFC 2205 section 3.3);
    senders behind another handle are behind another previous hop.
    """

    state: SessionState
    key: tuple[int, IPAddress | int, int]
    """Interface, address or handle, LIH: under which the session finds it."""
    iif: int
    address: IPAddress | None
    lih: int
    handle: int | None
    refresh: Timer = field(init=False)
    psbs: list[PathStateBlock] = field(default_factory=list)
    request: Request | None = None
    blockade: BlockadeStateBlock | None = None
    sent: Resv | None = None
    """The Resv last built, reused for refreshes while nothing changes."""


PreviousHops: TypeAlias = dict[PreviousHop, None]
"""Some of them, each once and in order."""


def phops_of(psbs: Iterable[PathStateBlock]) -> PreviousHops:
    """The previous hops of some senders."""
    return {psb.phop: None for psb in psbs}
