"""TCSB, what traffic control holds for one group of senders on one interface (RFC 2209 section 1)."""

from __future__ import annotations

from dataclasses import dataclass

from .._values import compiled
from ..intserv import Flowspec, Tspec
from ..objects import AnyObject, Filter, ResvConfirm
from .outputs import Police
from .style import Group


@compiled
@dataclass(slots=True, eq=False)
class TrafficControlStateBlock:
    """An installed reservation.

    `flowspec` is TC_Flowspec, the merge of the RSBs; `forward` is Fwd_Flowspec, what is installed and
    asked for upstream: the same, or less where slack was spent here (RFC 2212, "Ordering and
    Merging"). `granted` is what is left of it where the link carries less by now (RFC 4495), and
    `before` what the last change replaced. `path_te` is the sum of the senders' Tspecs; `filters` is
    empty for wildcard reservations. `extra` are the objects of extensions that the RSBs brought along.
    `confirm` waits to be forwarded or answered. Reservations of
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
    confirm: ResvConfirm | None = None
    granted: Flowspec | None = None
    before: Flowspec | None = None

    @property
    def installed(self) -> Flowspec:
        """What traffic control was told."""
        return self.forward if self.granted is None else self.granted
