"""RSBs into what stands here, and what stands here into what is asked upstream (RFC 2205 2.2, 3.4).

Nothing in this room changes state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from ..intserv import Flowspec, Tspec, at_most, glb, lub, strictly_less, tspec_sum
from ..objects import Filter, IPAddress, Scope
from .interfaces import LOCAL
from .outputs import Police
from .phop import PreviousHop, Request
from .psb import PathStateBlock
from .rsb import ReservationStateBlock
from .session import GroupKey, SessionState
from .style import filter_order, selects, wanted
from .tcsb import TrafficControlStateBlock

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Installation:
    """What traffic control should hold for one group on one interface."""

    flowspec: Flowspec
    filters: tuple[Filter, ...]
    path_te: Tspec
    police: Police


def installation(state: SessionState, key: GroupKey) -> Installation | None:
    """Merge the RSBs of one group on one interface (RFC 2209, UPDATE TRAFFIC CONTROL).

    None where there is nothing to install: no reservation, or none of its senders' data leaves
    through that interface.
    """
    rsbs = list(state.rsbs.get(key, {}).values())
    oi, _ = key
    senders = [psb for psb in state.senders(oi) if any(covers(rsb, psb) for rsb in rsbs)]
    if not senders:
        return None
    style = rsbs[0].style
    flowspec = rsbs[0].flowspec
    for rsb in rsbs[1:]:
        flowspec = lub(flowspec, rsb.flowspec)
    path_te = senders[0].tspec
    for psb in senders[1:]:
        path_te = tspec_sum(path_te, psb.tspec)
    templates = sorted({psb.template for psb in senders}, key=filter_order) if style.explicit else ()
    police = Police.NONE
    if any(psb.e_police for psb in senders):
        police |= Police.ENTRY
    if style.shared and len(senders) > 1:
        police |= Police.MERGE
    if _branches(state, key, flowspec):
        police |= Police.BRANCH
    return Installation(flowspec, tuple(templates), path_te, police)


def _branches(state: SessionState, key: GroupKey, flowspec: Flowspec) -> bool:
    """Whether another interface has a reservation that this one does not cover (RFC 2205 3.8)."""
    oi, group = key
    return any(
        not at_most(rsb.flowspec, flowspec)
        for (other, other_group), rsbs in state.rsbs.items()
        if other not in (oi, LOCAL) and other_group == group
        for rsb in rsbs.values()
    )


def covers(rsb: ReservationStateBlock, psb: PathStateBlock) -> bool:
    """Whether a reservation is meant for that sender, by filter and by scope."""
    if not selects(rsb.style, rsb.filters, psb.template):
        return False
    return rsb.scope is None or psb.template.address in rsb.scope.addresses


def request(state: SessionState, phop: PreviousHop, now: float) -> Request | None:
    """What a previous hop has to be asked for; None for nothing (RFC 2209, RESV REFRESH).

    Reservations that are blockaded are left out; where all are, the least of them is tried again
    (RFC 2205 section 3.5).
    """
    style = state.style
    if style is None:
        return None
    asked: list[tuple[Filter, Flowspec]] = []
    for psb in phop.psbs:
        merged = _merge_for(sources(state, psb), psb, now)
        if merged is not None:
            asked.append((psb.template, merged))
    if not asked:
        return None
    scope = None
    if not style.explicit and len(state.phops) > 1 and phop.address is not None:
        scope = _scope(state, phop)
        if scope is None:
            return None
    rsbs = list(state.reservations())
    return Request(
        style,
        wanted(style, asked),
        scope,
        _union(rsb.policy for rsb in rsbs),
        _union(rsb.extra for rsb in rsbs),
    )


def _merge_for(tcsbs: list[TrafficControlStateBlock], psb: PathStateBlock, now: float) -> Flowspec | None:
    free = [tcsb for tcsb in tcsbs if not blockaded(tcsb, psb, now)]
    bound = lub if free else glb
    merged: Flowspec | None = None
    for tcsb in free or tcsbs:
        merged = tcsb.flowspec if merged is None else bound(merged, tcsb.flowspec)
    return merged


def blockaded(tcsb: TrafficControlStateBlock, psb: PathStateBlock, now: float) -> bool:
    """Whether as much was refused upstream a short while ago (RFC 2205 section 3.5)."""
    return any(
        bsb is not None and bsb.blocks(tcsb.flowspec, now) for bsb in (psb.blockade, psb.phop.blockade)
    )


def sources(state: SessionState, psb: PathStateBlock) -> list[TrafficControlStateBlock]:
    """The installed reservations that ask for one sender."""
    if psb.local_only:
        return [t for t in _matching(state, psb) if t.oi == LOCAL]
    return _matching(state, psb)


def _matching(state: SessionState, psb: PathStateBlock) -> list[TrafficControlStateBlock]:
    return [
        tcsb
        for (oi, group), tcsb in state.tcsbs.items()
        if psb.routes_to(oi) and (group is None or group == psb.template)
        if any(covers(rsb, psb) for rsb in state.rsbs.get((oi, group), {}).values())
    ]


def _scope(state: SessionState, phop: PreviousHop) -> Scope | None:
    """The senders behind one of several previous hops that the reservations want (RFC 2205 3.4)."""
    addresses: set[IPAddress] = {
        psb.template.address
        for psb in phop.psbs
        if any(psb.routes_to(rsb.oi) and covers(rsb, psb) for rsb in state.reservations())
    }
    return Scope(tuple(sorted(addresses, key=int))) if addresses else None


def _union(parts: Iterable[tuple[T, ...]]) -> tuple[T, ...]:
    """Every object once, in the order they were met (RFC 2205 section 3.10)."""
    return tuple(dict.fromkeys(item for part in parts for item in part))


def strictly_largest(tcsb: TrafficControlStateBlock, among: list[TrafficControlStateBlock]) -> bool:
    """Whether one reservation is larger than all others merged with it (RFC 2205 section 3.1.4)."""
    return all(other is tcsb or strictly_less(other.flowspec, tcsb.flowspec) for other in among)
