"""UPDATE TRAFFIC CONTROL: make what is installed equal to the merge of what is reserved (RFC 2209)."""

from __future__ import annotations

import math

from ..iana import AdmissionError, ErrorCode, ErrorFlag, Service, TrafficControlCode
from ..intserv import Flowspec, Tspec, effective, strictly_less
from . import resvconf
from .core import Core
from .interfaces import LOCAL
from .merge import Installation, installation
from .outputs import AddFilter, InstallFlow, ModifyFlow, RemoveFilter, RemoveFlow
from .reject import Reject
from .session import GroupKey, SessionState
from .tcsb import TrafficControlStateBlock

SERVICES = frozenset({Service.CONTROLLED_LOAD, Service.GUARANTEED})


def check(core: Core, state: SessionState, oi: int, flowspec: Flowspec) -> None:
    """Refuse a flowspec that no traffic control could honour. Raises Reject.

    Codes 21/1 (another service stands in this session), 21/2 and 21/3, and 1/3 where the largest
    packet does not fit the link (RFC 2205 appendix B, RFC 2210 section 3.2).
    """
    if flowspec.service not in SERVICES:
        raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_UNSUPPORTED)
    tspec = flowspec.tspec
    if not (math.isfinite(flowspec.rate) and reasonable(tspec)):
        raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.BAD_FLOWSPEC)
    if any(rsb.flowspec.service != flowspec.service for rsb in state.reservations()):
        raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_CONFLICT)
    interface = core.interfaces.get(oi)
    if oi != LOCAL and interface is not None and interface.mtu < tspec.M:
        raise Reject(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.MTU_TOO_LARGE)


def reasonable(tspec: Tspec) -> bool:
    """Whether a token bucket is one that packets could keep to (RFC 2210 section 3.1)."""
    return math.isfinite(tspec.rate) and math.isfinite(tspec.bucket) and tspec.m <= tspec.M


def update(core: Core, state: SessionState, key: GroupKey) -> bool:
    """Install, modify or remove the reservation of one group; True where anything changed.

    Raises Reject where admission refuses; what was installed before then stands, and the flag
    InPlace says so (RFC 2205 section 3.5).
    """
    target = installation(state, key)
    tcsb = state.tcsbs.get(key)
    if target is None:
        if tcsb is None:
            return False
        _remove(core, state, tcsb)
        _police_branches(core, state, key)
        return True
    if tcsb is None:
        _install(core, state, key, target)
        changed = True
    else:
        changed = _modify(core, state, tcsb, target)
    if changed:
        _police_branches(core, state, key)
    _settle_confirmations(core, state, key)
    return changed


def _police_branches(core: Core, state: SessionState, key: GroupKey) -> None:
    """What changed on one interface may begin or end policing where the flow branches (3.8)."""
    oi, group = key
    for tcsb in state.tcsbs.values():
        if tcsb.oi in (oi, LOCAL) or tcsb.group != group:
            continue
        target = installation(state, (tcsb.oi, group))
        if target is not None and target.police != tcsb.police:
            tcsb.police = target.police
            core.out.append(ModifyFlow(tcsb.handle, tcsb.oi, tcsb.flowspec, tcsb.path_te, tcsb.police))


def _admit(core: Core, oi: int, handle: int, target: Installation) -> None:
    interface = core.interfaces.get(oi)
    if oi == LOCAL or interface is None:
        return
    core.budgets[oi].admit(interface, handle, effective(target.flowspec, target.path_te).rate)


def _install(core: Core, state: SessionState, key: GroupKey, target: Installation) -> None:
    oi, group = key
    handle = core.next_handle()
    _admit(core, oi, handle, target)
    state.tcsbs[key] = TrafficControlStateBlock(
        handle, oi, group, target.filters, target.flowspec, target.path_te, target.police
    )
    if oi != LOCAL:
        core.out.append(
            InstallFlow(
                handle, oi, state.session, target.filters, target.flowspec, target.path_te, target.police
            )
        )


def _modify(core: Core, state: SessionState, tcsb: TrafficControlStateBlock, target: Installation) -> bool:
    changed = False
    new = (target.flowspec, target.path_te, target.police)
    if new != (tcsb.flowspec, tcsb.path_te, tcsb.police):
        try:
            _admit(core, tcsb.oi, tcsb.handle, target)
        except Reject as refusal:
            raise Reject(refusal.code, refusal.value, refusal.flags | ErrorFlag.IN_PLACE) from None
        tcsb.flowspec, tcsb.path_te, tcsb.police = new
        changed = True
        if tcsb.oi != LOCAL:
            core.out.append(ModifyFlow(tcsb.handle, tcsb.oi, *new))
    if target.filters != tcsb.filters:
        changed = True
        old, tcsb.filters = tcsb.filters, target.filters
        if tcsb.oi != LOCAL:
            session = state.session
            core.out.extend(
                AddFilter(tcsb.handle, tcsb.oi, session, one) for one in target.filters if one not in old
            )
            core.out.extend(
                RemoveFilter(tcsb.handle, tcsb.oi, session, one) for one in old if one not in target.filters
            )
    return changed


def _remove(core: Core, state: SessionState, tcsb: TrafficControlStateBlock) -> None:
    del state.tcsbs[tcsb.oi, tcsb.group]
    if tcsb.oi == LOCAL:
        return
    budget = core.budgets.get(tcsb.oi)
    if budget is not None:
        budget.release(tcsb.handle)
    core.out.append(RemoveFlow(tcsb.handle, tcsb.oi))


def _settle_confirmations(core: Core, state: SessionState, key: GroupKey) -> None:
    """Move a confirmation request on with the largest reservation, answer the others (3.1.4)."""
    rsbs = list(state.rsbs[key].values())
    tcsb = state.tcsbs[key]
    for rsb in rsbs:
        if rsb.confirm is None:
            continue
        others = (other for other in rsbs if other is not rsb)
        if all(strictly_less(o.flowspec, rsb.flowspec) for o in others):
            tcsb.confirm = rsb.confirm
        else:
            resvconf.send(core, state, rsb.confirm, rsb.style, tcsb.flowspec, tcsb.filters, tcsb.oi)
        rsb.confirm = None
