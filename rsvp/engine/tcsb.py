"""TCSB, what traffic control holds for one group of senders on one interface (RFC 2209 section 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .._values import compiled
from ..intserv import Flowspec, Tspec
from ..objects import AnyObject, Filter
from .outputs import Police
from .style import Group

if TYPE_CHECKING:
    from .rsb import ReservationStateBlock


@compiled
@dataclass(slots=True, eq=False)
class TrafficControlStateBlock:
    """An installed reservation.

    `flowspec` is TC_Flowspec, the merge of the RSBs; `forward` is Fwd_Flowspec, what is installed and
    asked for upstream: the same, or less where slack was spent here (RFC 2212, "Ordering and
    Merging"). `granted` is what is left of it where the link carries less by now (RFC 4495), and
    `before` what the last change replaced. `path_te` is the sum of the senders' Tspecs; `filters` is
    empty for wildcard reservations. `extra` are the objects of extensions that the RSBs brought along.
    `asking` is the one of them that asks for a confirmation just now. Reservations of
    applications on this node stand here as well, on interface LOCAL, but traffic control is not told
    of them: the data has arrived.
    """

    handle: int
    oi: int
    group: Group
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    forward: Flowspec
    path_te: Tspec
    police: Police
    extra: tuple[AnyObject, ...] = ()
    asking: ReservationStateBlock | None = None
    granted: Flowspec | None = None
    before: Flowspec | None = None

    @property
    def installed(self) -> Flowspec:
        """What traffic control was told."""
        return self.forward if self.granted is None else self.granted
