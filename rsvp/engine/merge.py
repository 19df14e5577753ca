"""RSBs into what stands here, and what stands here into what is asked upstream (RFC 2205 2.2, 3.4).

Nothing in this room changes state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import TypeAlias

from .._values import compiled
from ..iana import Service
from ..intserv import Flowspec, Tspec, at_most, glb, merge, strictly_less, tspec_sum
from ..objects import AnyObject, Filter, PolicyData, Scope, Style
from .interfaces import LOCAL
from .outputs import Police
from .phop import PreviousHop, Request
from .psb import PathStateBlock
from .rsb import ReservationStateBlock
from .session import GroupKey, SessionState
from .style import in_order, selects, wanted
from .tcsb import TrafficControlStateBlock

_NONE = Police.NONE  # for every reservation; members are looked up slowly

Wanting: TypeAlias = tuple[TrafficControlStateBlock, list[ReservationStateBlock]]
"""What is installed, and the reservations in it that ask for some sender."""


@compiled
@dataclass(frozen=True, slots=True)
class Installation:
    """What traffic control should hold for one group on one interface."""

    flowspec: Flowspec
    filters: tuple[Filter, ...]
    path_te: Tspec
    police: Police
    extra: tuple[AnyObject, ...] = ()
    psbs: tuple[PathStateBlock, ...] = ()
    """The path state behind which its senders are, which for one of a group may be several blocks."""


def installation(state: SessionState, key: GroupKey) -> Installation | None:
    """Merge the RSBs of one group on one interface (RFC 2209, UPDATE TRAFFIC CONTROL).

    None where there is nothing to install: no reservation, or none of its senders' data leaves
    through that interface.
    """
    rsbs, psbs = list(state.rsbs.get(key, {}).values()), _served(state, key)
    if not psbs:
        return None
    senders, style = {psb.template: psb for psb in psbs}, rsbs[0].style
    flowspec = rsbs[0].flowspec
    for rsb in rsbs[1:]:
        flowspec = merge(flowspec, rsb.flowspec)
    path_te = psbs[0].tspec
    if len(senders) > 1:
        path_te = tspec_sum(*[psb.tspec for psb in senders.values()])
    police = _NONE
    for psb in senders.values():
        if psb.e_police:
            police = Police.ENTRY
            break
    if style.shared and len(senders) > 1:
        police |= Police.MERGE
    if len(state.rsbs) > 1 and _branches(state, key, flowspec, senders):
        police |= Police.BRANCH
    filters = in_order(senders) if style.explicit else ()
    return Installation(flowspec, filters, path_te, police, _extra(rsbs), tuple(psbs))


def _branches(state: SessionState, key: GroupKey, flowspec: Flowspec, senders: Iterable[Filter]) -> bool:
    """Whether a flowspec in place on another interface, for one of the senders, is not covered (2205 3.8)."""
    oi, group = key
    return any(
        not at_most(tcsb.flowspec, flowspec)
        and (not tcsb.filters or any(one in tcsb.filters for one in senders))
        for tcsb in state.tcsbs.values()
        if tcsb.oi not in (oi, LOCAL) and tcsb.group == group
    )


def _served(state: SessionState, key: GroupKey) -> list[PathStateBlock]:
    """The path state of the senders that one group on one interface is for."""
    rsbs = state.rsbs.get(key, {}).values()
    found = []
    for psb in state.senders(key[0]):
        for rsb in rsbs:
            if covers(rsb, psb):
                found.append(psb)
                break
    return found


def c_tot(state: SessionState, key: GroupKey) -> int | None:
    """The largest C_tot, in bytes, that the senders' paths have up to here (RFC 2212).

    None where not all of their Paths told it.
    """
    senders = {psb.template: psb for psb in _served(state, key)}
    adspecs = [psb.path.sender.adspec for psb in senders.values()]
    adverts = [adspec.guaranteed if adspec is not None else None for adspec in adspecs]
    known = [advert.c_tot for advert in adverts if advert is not None]
    return max(known) if known and len(known) == len(adverts) else None


def reshaped(psb: PathStateBlock, oi: int) -> bool:
    """Whether a flow is given its shape back where it leaves through `oi` (RFC 2212, "Policing").

    Guaranteed flows are, where they merge with others or branch into a smaller reservation.
    """
    tcsbs = psb.state.tcsbs
    tcsb = tcsbs.get((oi, None)) or tcsbs.get((oi, psb.template))
    return (
        tcsb is not None
        and tcsb.flowspec.service == Service.GUARANTEED
        and (not tcsb.filters or psb.template in tcsb.filters)
        and bool(tcsb.police & (Police.MERGE | Police.BRANCH))
    )


def covers(rsb: ReservationStateBlock, psb: PathStateBlock) -> bool:
    """Whether a reservation is one for that sender's data as it comes in behind this PSB."""
    if not selects(rsb.style, rsb.filters, psb.template):
        return False
    return rsb.handle is None or not psb.state.multicast or _received(psb, rsb.interface)


def _received(psb: PathStateBlock, joined: int | None) -> bool:
    """Whether an application gets a group's data as this PSB says (RFC 2205 section 3.9).

    Through the interface where it joined, if Paths come in there, else where routing expects the
    data; Local_Only state serves who named no interface only where there is no other.
    """
    psbs = psb.state.psbs
    if joined is not None and (psb.template, joined) in psbs:
        return psb.iif == joined
    return not psb.local_only or all(
        other.local_only for other in psbs.values() if other.template == psb.template
    )


def asks_for(rsb: ReservationStateBlock, psb: PathStateBlock) -> bool:
    """Whether a reservation goes upstream towards a sender: SCOPE limits that (RFC 2205 section 3.1.4).

    Not where the senders are listed: then it goes to all of them.
    """
    if not covers(rsb, psb):
        return False
    return rsb.scope is None or rsb.style.explicit or psb.template.address in rsb.scope.addresses


def request(state: SessionState, phop: PreviousHop, now: float) -> Request | None:
    """What a previous hop has to be asked for; None for nothing (RFC 2209, RESV REFRESH)."""
    style = state.style or (phop.request.style if phop.request is not None else None)
    if style is None:
        return None
    asked: list[tuple[Filter, Flowspec]] = []
    free: list[Flowspec] = []
    rsbs: dict[ReservationStateBlock, None] = {}
    for psb in phop.psbs:
        groups = wanting(state, psb)
        merged = _merge_for(groups, psb, now)
        if merged is None:
            continue
        flowspec, refused = merged
        asked.append((psb.template, flowspec))
        if not refused:
            free.append(flowspec)
        for _, group in groups:
            for rsb in group:
                rsbs[rsb] = None
    if not asked:
        return None
    if style.shared and len(free) < len(asked):
        # What was refused for one sender shall not be in the way of less for another, which shares with it.
        least = reduce(merge, free) if free else reduce(glb, [flowspec for _, flowspec in asked])
        asked = [(sender, least) for sender, _ in asked]
    scope = None
    if phop.address is not None and _needs_scope(state, style, rsbs):
        scope = Scope(tuple(sorted({sender.address for sender, _ in asked}, key=int)))
    return Request(style, wanted(style, asked), scope, _policy(rsbs), _extra(rsbs))


def _needs_scope(state: SessionState, style: Style, rsbs: Iterable[ReservationStateBlock]) -> bool:
    """Whether a Resv lists its senders: where it could go round in a loop (RFC 2205 section 3.4).

    That begins at a node with several previous hops, and a list that is there already goes on.
    """
    return not style.explicit and (len(state.phops) > 1 or any(rsb.scope is not None for rsb in rsbs))


def _merge_for(groups: list[Wanting], psb: PathStateBlock, now: float) -> tuple[Flowspec, bool] | None:
    """The flowspec to ask one sender's previous hop for, and whether it is blockaded (RFC 2205 section 3.5).

    Reservations that are blockaded are left out; where all are, the least of them is tried again.
    Where none is left since the route changed, what was asked before stands for a while, but in the way
    of nothing smaller if it is blockaded by now.
    """
    if not groups:
        held = _held(psb, now)
        return None if held is None else (held, blockaded(held, psb, now))
    free: list[Flowspec] = []
    blocked: list[Flowspec] = []
    for tcsb, rsbs in groups:
        if not blockaded(tcsb.flowspec, psb, now):
            free.append(_forward(tcsb, rsbs))
            continue
        for rsb in rsbs:
            asked = tcsb.forward if rsb.flowspec == tcsb.flowspec else rsb.flowspec
            (blocked if blockaded(rsb.flowspec, psb, now) else free).append(asked)
    return (reduce(merge, free), False) if free else (reduce(glb, blocked), True)


def _forward(tcsb: TrafficControlStateBlock, rsbs: list[ReservationStateBlock]) -> Flowspec:
    """Fwd_Flowspec; of the applications here only theirs that get the data this way (RFC 2205 3.9)."""
    return reduce(merge, [rsb.flowspec for rsb in rsbs]) if tcsb.oi == LOCAL else tcsb.forward


def _held(psb: PathStateBlock, now: float) -> Flowspec | None:
    """What was asked for before the route changed, if receivers have not chosen another service since."""
    held = psb.held
    if held is None or held.until <= now or not psb.state.agree(held.flowspec.service):
        return None
    return held.flowspec


def blockaded(flowspec: Flowspec, psb: PathStateBlock, now: float) -> bool:
    """Whether as much was refused upstream a short while ago (RFC 2205 section 3.5).

    What was refused in a style that is not there any more blocks nothing in another one.
    """
    for_sender, for_phop = psb.blockade, psb.phop.blockade
    if for_sender is None and for_phop is None:
        return False
    style = psb.state.style
    block = for_sender if style is not None and style.explicit else for_phop
    return block is not None and block.blocks(flowspec, now)


def sources(state: SessionState, psb: PathStateBlock) -> list[TrafficControlStateBlock]:
    """The installed reservations that ask for one sender."""
    return [tcsb for tcsb, _ in wanting(state, psb)]


def unblockaded(state: SessionState, psb: PathStateBlock, now: float) -> bool:
    """Whether some reservation asks for less of a sender than what was refused (RFC 2205 section 3.5)."""
    return any(not blockaded(rsb.flowspec, psb, now) for _, rsbs in wanting(state, psb) for rsb in rsbs)


def wanting(state: SessionState, psb: PathStateBlock) -> list[Wanting]:
    """What is installed for a sender, each with the reservations in it that ask upstream for it."""
    found = []
    # Only sessions that an application takes part in have anything reserved for LOCAL.
    local = (LOCAL,) if state.handles and LOCAL not in psb.outgoing else ()
    for oi in (*psb.outgoing, *local):
        if not psb.routes_to(oi):
            continue
        for group in (None, psb.template):
            key = (oi, group)
            tcsb = state.tcsbs.get(key)
            if tcsb is None:
                continue
            rsbs = [rsb for rsb in state.rsbs[key].values() if asks_for(rsb, psb)]
            if rsbs:
                found.append((tcsb, rsbs))
    return found


def _extra(rsbs: Iterable[ReservationStateBlock]) -> tuple[AnyObject, ...]:
    """Every object once, in the order they were met (RFC 2205 section 3.10)."""
    found: dict[AnyObject, None] = {}
    for rsb in rsbs:
        if rsb.extra:
            found |= dict.fromkeys(rsb.extra)
    return tuple(found)


def _policy(rsbs: Iterable[ReservationStateBlock]) -> tuple[PolicyData, ...]:
    """As `_extra` (RFC 2750 section 4.2)."""
    found: dict[PolicyData, None] = {}
    for rsb in rsbs:
        if rsb.policy:
            found |= dict.fromkeys(rsb.policy)
    return tuple(found)


def leads(
    tcsb: TrafficControlStateBlock, groups: list[Wanting], psb: PathStateBlock, now: float
) -> bool | None:
    """Whether what is to be confirmed is larger than all that it is merged with for a sender (3.1.4).

    That is one next hop's request, else what applications here have reserved. None where it is blockaded,
    or not for that sender: then it is neither forwarded nor answered.
    """
    asking = tcsb.asking
    if asking is None:
        merged = [one for one, _ in groups if not blockaded(one.flowspec, psb, now)]
        others = [one.forward for one in merged if one is not tcsb]
        return larger(tcsb.forward, others) if tcsb in merged else None
    requests = [rsb for _, rsbs in groups for rsb in rsbs if not blockaded(rsb.flowspec, psb, now)]
    others = [rsb.flowspec for rsb in requests if rsb is not asking]
    return larger(asking.flowspec, others) if asking in requests else None


def larger(flowspec: Flowspec, others: Iterable[Flowspec]) -> bool:
    """Whether a flowspec is strictly larger than all others that it is merged with."""
    return all(strictly_less(other, flowspec) for other in others)
