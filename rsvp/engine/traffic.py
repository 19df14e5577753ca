"""UPDATE TRAFFIC CONTROL: make what is installed equal to the merge of what is reserved (RFC 2209)."""

from __future__ import annotations

import math
from collections.abc import Container

from ..iana import AdmissionError, ErrorCode, ErrorFlag, Service, TrafficControlCode
from ..intserv import Flowspec, Tspec, at_most, flaw, glb, rate_needed, spend_slack
from ..objects import Filter
from . import resvconf
from .admission import Budget
from .core import Core
from .interfaces import LOCAL, Interface
from .merge import Installation, c_tot, installation, larger
from .outputs import AddFilter, InstallFlow, ModifyFlow, RemoveFilter, RemoveFlow
from .phop import PreviousHops, phops_of
from .reject import Reject
from .rsb import ReservationStateBlock
from .session import GroupKey, SessionState
from .tcsb import TrafficControlStateBlock

SERVICES = frozenset({Service.CONTROLLED_LOAD, Service.GUARANTEED})


def check(
    core: Core,
    state: SessionState,
    oi: int,
    flowspec: Flowspec,
    replaced: Container[ReservationStateBlock | None] = (),
) -> None:
    """Refuse a flowspec that no traffic control could honour. Raises Reject.

    Codes 21/1 (another service stands in this session), 21/2 and 21/3, and 1/3 where the largest
    packet does not fit the link (RFC 2205 appendix B, RFC 2210 section 3.2).
    """
    if flowspec.service not in SERVICES:
        raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_UNSUPPORTED)
    if flaw(flowspec) is not None:
        raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.BAD_FLOWSPEC)
    if not state.agree(flowspec.service, replaced):
        raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_CONFLICT)
    interface = core.interfaces.get(oi)
    if oi != LOCAL and interface is not None and interface.mtu < flowspec.tspec.M:
        raise Reject(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.MTU_TOO_LARGE)


def reasonable(tspec: Tspec) -> bool:
    """Whether a token bucket is one that packets could keep to (RFC 2210 section 3.1)."""
    return math.isfinite(tspec.rate) and math.isfinite(tspec.bucket) and tspec.m <= tspec.M


def update(core: Core, state: SessionState, key: GroupKey) -> PreviousHops:
    """Install, modify or remove the reservation of one group.

    Returns who has to hear where it is another one now: the previous hops of all the senders that it
    is installed for, as each is asked for as much (RFC 2205 section 2.2). Raises Reject where
    admission refuses; what was installed before then stands, and the flag InPlace says so (section
    3.5).
    """
    oi, _ = key
    target = installation(state, key)
    tcsb = state.tcsbs.get(key)
    if target is None:
        if tcsb is not None:
            _remove(core, state, tcsb)
            _police_branches(core, state, key)
            _tell_paths(core, state, oi)
        return {}
    before = None if tcsb is None else (tcsb.flowspec, tcsb.forward)
    if tcsb is None:
        tcsb = _install(core, state, key, target)
        changed = True
    else:
        changed = _modify(core, state, tcsb, target)
    if changed:
        _police_branches(core, state, key)
        _tell_paths(core, state, oi)
    _settle_confirmations(core, state, key, target)
    return {} if before == (tcsb.flowspec, tcsb.forward) else phops_of(target.psbs)


def _police_branches(core: Core, state: SessionState, key: GroupKey) -> None:
    """What changed on one interface may begin or end policing where the flow branches (3.8)."""
    oi, group = key
    for tcsb in state.tcsbs.values():
        if tcsb.oi in (oi, LOCAL) or tcsb.group != group:
            continue
        target = installation(state, (tcsb.oi, group))
        if target is not None and target.police != tcsb.police:
            tcsb.police = target.police
            _tell(core, tcsb, tcsb.installed)
            _tell_paths(core, state, tcsb.oi)


def _tell_paths(core: Core, state: SessionState, oi: int) -> None:
    """Let the next Paths say anew whether this is a reshaping point: C_sum and D_sum depend on it."""
    interface = core.interfaces.get(oi)
    if interface is not None and interface.reshapes:
        for psb in state.senders(oi):
            psb.sent.pop(oi, None)


def _admit(core: Core, state: SessionState, key: GroupKey, handle: int, target: Installation) -> Flowspec:
    """Book what a reservation needs; returns it: Fwd_Flowspec. Raises Reject."""
    oi, _ = key
    interface = core.interfaces.get(oi)
    if oi == LOCAL or interface is None:
        return target.flowspec
    return admit(core.budgets[oi], interface, state, key, handle, target)


def admit(
    budget: Budget,
    interface: Interface,
    state: SessionState,
    key: GroupKey,
    handle: int,
    target: Installation,
) -> Flowspec:
    """Book on one link what a reservation needs there; returns it: Fwd_Flowspec. Raises Reject.

    Where the link has too little left, slack is spent on a lower rate, if there is enough of it
    (RFC 2212, "Guidelines for Implementors"). Code 1/1 where a longer delay would fit, else 1/2.
    """
    service = target.flowspec.service
    try:
        budget.admit(interface, handle, rate_needed(target.flowspec, target.path_te), service)
    except Reject:
        room = budget.room(interface, handle, service)
        less = _spend(state, key, target, interface, room)
        if less is None and target.flowspec.tspec.rate <= room:
            # What does not fit is R, and what is above r in that only makes the delay shorter.
            raise Reject(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.DELAY_BOUND) from None
        if less is None:
            raise
        budget.admit(interface, handle, rate_needed(less, target.path_te), service)
        return less
    return target.flowspec


def _spend(
    state: SessionState, key: GroupKey, target: Installation, interface: Interface, rate: float
) -> Flowspec | None:
    """What was asked for, at no more than `rate`, where its slack allows that."""
    upstream = c_tot(state, key)
    return None if upstream is None else spend_slack(target.flowspec, rate, upstream + interface.character.c)


def _stands(core: Core, state: SessionState, tcsb: TrafficControlStateBlock, target: Installation) -> bool:
    """Whether the slack that was spent still pays for the rate in place.

    While it does, refreshes take the same slack again (RFC 2212, "Guidelines for Implementors").
    """
    interface, rspec = core.interfaces.get(tcsb.oi), tcsb.forward.rspec
    if tcsb.forward is tcsb.flowspec or interface is None or rspec is None:
        return True
    return _spend(state, (tcsb.oi, tcsb.group), target, interface, rspec.rate) == tcsb.forward


def _install(
    core: Core, state: SessionState, key: GroupKey, target: Installation
) -> TrafficControlStateBlock:
    oi, group = key
    handle = core.next_handle()
    forward = _admit(core, state, key, handle, target)
    tcsb = state.tcsbs[key] = TrafficControlStateBlock(
        handle,
        oi,
        group,
        target.filters,
        target.flowspec,
        forward,
        target.path_te,
        target.police,
        target.extra,
    )
    if oi != LOCAL:
        service = (forward, target.path_te, target.police, target.extra)
        core.out.append(InstallFlow(handle, oi, state.session, target.filters, *service))
    return tcsb


def _tell(core: Core, tcsb: TrafficControlStateBlock, before: Flowspec) -> None:
    """Let traffic control know what a reservation has become; `before` stands where it refuses."""
    tcsb.before = before
    service = (tcsb.installed, tcsb.path_te, tcsb.police, tcsb.extra)
    core.out.append(ModifyFlow(tcsb.handle, tcsb.oi, *service))


def _modify(core: Core, state: SessionState, tcsb: TrafficControlStateBlock, target: Installation) -> bool:
    changed, before = False, tcsb.installed
    new = (target.flowspec, target.path_te, target.police)
    if new != (tcsb.flowspec, tcsb.path_te, tcsb.police) or not _stands(core, state, tcsb, target):
        try:
            tcsb.forward, tcsb.granted = _change(core, state, tcsb, target)
        except Reject as refusal:
            # Senders that left are not served any more, whatever admission says to the rest.
            staying = tuple(one for one in tcsb.filters if one in target.filters)
            if staying:
                _set_filters(core, state, tcsb, staying)
            raise Reject(refusal.code, refusal.value, refusal.flags | ErrorFlag.IN_PLACE) from None
        tcsb.flowspec, tcsb.path_te, tcsb.police = new
        changed = True
    carried, tcsb.extra = tcsb.extra, target.extra
    if tcsb.oi != LOCAL and (changed or carried != target.extra):
        _tell(core, tcsb, before)
    return _set_filters(core, state, tcsb, target.filters) or changed


def _change(
    core: Core, state: SessionState, tcsb: TrafficControlStateBlock, target: Installation
) -> tuple[Flowspec, Flowspec | None]:
    """Admit what a reservation has become: Fwd_Flowspec, and what is granted if less. Raises Reject.

    What is left of one that was reduced goes on standing while nobody asks for more (RFC 4495), as far as
    it is still asked for.
    """
    try:
        return _admit(core, state, (tcsb.oi, tcsb.group), tcsb.handle, target), None
    except Reject:
        if tcsb.granted is None or not at_most(target.flowspec, tcsb.flowspec):
            raise
        granted = glb(tcsb.granted, target.flowspec)
        rate = rate_needed(granted, target.path_te)
        core.budgets[tcsb.oi].admit(core.interfaces[tcsb.oi], tcsb.handle, rate, granted.service)
        return target.flowspec, granted


def grant(core: Core, tcsb: TrafficControlStateBlock, granted: Flowspec | None) -> None:
    """Leave a reservation only a part of what was admitted, or None: all of it (RFC 4495)."""
    before, tcsb.granted = tcsb.installed, granted
    rate = rate_needed(tcsb.installed, tcsb.path_te)
    core.budgets[tcsb.oi].book(tcsb.handle, rate, tcsb.installed.service)
    _tell(core, tcsb, before)


def restore(core: Core, tcsb: TrafficControlStateBlock) -> None:
    """Give a reservation that was reduced all of it back, where the link has room for that again."""
    if tcsb.granted is None:
        return
    budget, interface = core.budgets[tcsb.oi], core.interfaces[tcsb.oi]
    rate = rate_needed(tcsb.forward, tcsb.path_te)
    try:
        budget.admit(interface, tcsb.handle, rate, tcsb.forward.service)
    except Reject:
        return
    grant(core, tcsb, None)


def _set_filters(
    core: Core, state: SessionState, tcsb: TrafficControlStateBlock, filters: tuple[Filter, ...]
) -> bool:
    """Tell traffic control which senders came and went; whether any did."""
    old, tcsb.filters = tcsb.filters, filters
    if old == filters:
        return False
    if tcsb.oi != LOCAL:
        order = (tcsb.handle, tcsb.oi, state.session)
        core.out.extend(AddFilter(*order, one) for one in filters if one not in old)
        core.out.extend(RemoveFilter(*order, one) for one in old if one not in filters)
    return True


def _remove(core: Core, state: SessionState, tcsb: TrafficControlStateBlock) -> None:
    del state.tcsbs[tcsb.oi, tcsb.group]
    if tcsb.oi == LOCAL:
        return
    core.budgets[tcsb.oi].release(tcsb.handle)
    core.out.append(RemoveFlow(tcsb.handle, tcsb.oi))


def _settle_confirmations(core: Core, state: SessionState, key: GroupKey, target: Installation) -> None:
    """Let a confirmation request go on with the largest reservation, answer the others (3.1.4).

    Where something was refused upstream that may be left to `sync`: what is blockaded does not count.
    Nobody answers for more than is left of a reservation that was reduced (RFC 4495).
    """
    rsbs, tcsb = state.rsbs[key].values(), state.tcsbs[key]
    for rsb in rsbs:
        if rsb.confirm is None:
            continue
        if tcsb.granted is not None and rsb.flowspec.rate > tcsb.granted.rate:
            rsb.confirm = None
            continue
        largest = larger(rsb.flowspec, (other.flowspec for other in rsbs if other is not rsb))
        if largest or any(psb.blockade or psb.phop.blockade for psb in target.psbs):
            tcsb.asking = rsb
            continue
        filters = tuple([one for one in tcsb.filters if one in rsb.filters])
        resvconf.send(core, state, rsb.confirm, rsb.style, rsb.flowspec, filters, tcsb.oi)
        rsb.confirm = None
