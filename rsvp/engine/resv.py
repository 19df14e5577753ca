"""Resv and ResvTear arrive, reservations time out (RFC 2205 sections 3.1.4, 3.1.6, RFC 2209).

What that means for previous hops is `upstream.sync`'s part.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._table import Table
from ..iana import ErrorCode
from ..iana_errors import RsvpSystemError
from ..messages import Flow, Resv, ResvTear, base_filters, base_session
from ..objects import AnyObject, Filter
from . import changes, resverr, traffic
from .core import Core, forwarded
from .inputs import Received
from .interfaces import lifetime
from .merge import covers
from .outputs import Change
from .phop import PreviousHops, phops_of
from .reject import Drop, Reject
from .rsb import ReservationStateBlock
from .session import SessionState
from .style import compatible, selects, split
from .tcsb import TrafficControlStateBlock
from .timers import Timer
from .upstream import sync

_STYLE_VALUE_MASK = 0xFFFF
"""Error code 5 carries the low 16 bits of the option vector in place (RFC 2205 appendix B)."""


# --- Resv arrives ---------------------------------------------------------------------------------


def arrived(core: Core, received: Received, message: Resv, now: float) -> None:
    """Make, change or refresh what a next hop reserves (RFC 2209, RESV MESSAGE ARRIVES)."""
    oi = outgoing_interface(core, received, message.hop.lih)
    if message.time_values.refresh_ms == 0:
        raise Drop("refresh period of zero")
    for asked in message.flows:
        if asked.flowspec is None:
            raise Drop("Resv without a flowspec")
    state = core.find_session(message.session)
    try:
        known = _check_session(core, state, message)
    except Reject as refusal:
        for flow in message.flows or (None,):
            resverr.answer(core, message, oi, flow, refusal)
        return
    touched: PreviousHops = {}
    replaced = _replaced(known, message, oi) if len(message.flows) > 1 else frozenset()
    for flow in message.flows:
        for group, filters in split(message.style, base_filters(flow.filters)):
            try:
                asked = Flow(flow.flowspec, filters)
                rsb = _reserve(core, known, message, oi, group, asked, now, touched, replaced)
                if rsb is not None:
                    note(core, received, message, rsb, filters)
            except Reject as refusal:
                resverr.answer(core, message, oi, Flow(flow.flowspec, filters), refusal)
    sync(core, known, touched, now)


def note(
    core: Core, received: Received, message: Resv, rsb: ReservationStateBlock, filters: tuple[Filter, ...]
) -> None:
    """Let a Resv be known again that asks for all of one reservation and for no other; see `refresh`.

    `filters` are all that it asks for, and some of that reservation's. Until something changes it only
    prolongs that. Not so where a receiver wants a confirmation each time, or one has been reduced and is
    told so.
    """
    if message.confirm is not None or len(message.flows) > 1 or len(message.flows[0].filters) > len(filters):
        return
    if message.hop.lih != rsb.oi and core.interface(core.of_handle(message.hop.lih)) is None:
        return  # where it is for, its bytes do not say
    tcsb = rsb.state.tcsbs.get((rsb.oi, rsb.group))
    if tcsb is None or tcsb.granted is not None or len(rsb.filters) != len(set(filters)):
        return
    core.resvs_seen.note(received.fingerprint, received.interface, received.ttl, rsb.state, rsb)


def outgoing_interface(core: Core, received: Received, lih: int) -> int:
    """OI from the handle that we once gave out, else from the address that the message is for (RFC 2209).

    Where that is none of an interface's, it is where the message came in.
    """
    if lih == received.interface:
        return lih
    index = core.of_handle(lih)
    return index if core.interface(index) is not None else core.addressed(received)


def _check_session(core: Core, state: SessionState | None, message: Resv) -> SessionState:
    if state is None or not state.psbs:
        if core.port_conflict(base_session(message)):
            raise Reject(ErrorCode.CONFLICTING_DEST_PORTS)
        raise Reject(ErrorCode.NO_PATH_INFORMATION)
    if not message.style.known:
        raise Reject(ErrorCode.UNKNOWN_STYLE)
    style = state.style
    if style is not None and not compatible(style, message.style):
        raise Reject(ErrorCode.CONFLICTING_STYLE, style.option_vector & _STYLE_VALUE_MASK)
    return state


def _replaced(state: SessionState, message: Resv, oi: int) -> frozenset[ReservationStateBlock]:
    """What a Resv of several flows, all of one service, may take over to another service, one by one."""
    if len({flow.flowspec.service for flow in message.flows if flow.flowspec is not None}) > 1:
        return frozenset()
    groups = [one for flow in message.flows for one, _ in split(message.style, base_filters(flow.filters))]
    named = [state.find_rsb(oi, group, message.hop.address) for group in groups]
    return frozenset(rsb for rsb in named if rsb is not None)


def _reserve(
    core: Core,
    state: SessionState,
    message: Resv,
    oi: int,
    group: Filter | None,
    flow: Flow,
    now: float,
    touched: PreviousHops,
    replaced: frozenset[ReservationStateBlock],
) -> ReservationStateBlock | None:
    """One flow descriptor of a Resv. Raises Reject, and then nothing has changed.

    Returns what stands for it, None where some of the senders are not known.
    """
    style = message.style
    listed = base_filters(flow.filters)
    senders = {}
    for psb in state.senders(oi):
        if selects(style, listed, psb.template):
            senders[psb.template] = psb.template
    if not senders:
        raise Reject(ErrorCode.NO_SENDER_INFORMATION)
    assert flow.flowspec is not None
    until = good_until(core, message, oi, now)
    filters = [senders[one] for one in listed if one in senders]
    key = (oi, filters[0] if group is not None else None)
    nhop = message.hop.address
    old = state.find_rsb(*key, nhop)
    tcsb = state.tcsbs.get((oi, group))
    if (
        old is not None
        and tcsb is not None
        and repeats(core, old, message, flow)
        and all(one in old.filters for one in filters)
    ):
        prolong(core, old, filters, until)
        if tcsb.granted is not None:
            _grow_back(core, tcsb, old)
        return old if len(filters) == len(listed) else None
    core.resvs_seen.forget(state)
    if old is None and state.reservation_count >= core.config.max_reservations_per_session:
        raise Reject(ErrorCode.RSVP_SYSTEM_ERROR, RsvpSystemError.TOO_MANY_RESERVATIONS)
    if old is None and not changes.has_room(core, (oi, nhop)):
        core.drop("too much state", oi, message.type)
        raise Reject(ErrorCode.RSVP_SYSTEM_ERROR, RsvpSystemError.TOO_MANY_RESERVATIONS)
    rsb = ReservationStateBlock(
        state,
        *key,
        nhop,
        None,
        style,
        flow.flowspec,
        Table(old.filters.items() if old is not None else ()),
        until=until,
        scope=message.scope,
        confirm=message.confirm,
        policy=message.policy,
        extra=_carried(core, oi, flow, message.extra),
    )
    for one in filters:
        rsb.filters[one] = until
    rsb.expiry = Timer(rsb, expired)
    try:
        if old is None or old.flowspec != flow.flowspec:
            traffic.check(core, state, oi, flow.flowspec, replaced or (old,))
        state.add_rsb(key, rsb)
        changed = traffic.update(core, state, key)
    except Reject:
        # The old reservation, if any, stands and lives on: a failed increase is no loss (section 3.5).
        if old is not None:
            state.add_rsb(key, old)
            prolong(core, old, [one for one in filters if one in old.filters], until)
        else:
            state.remove_rsb(rsb)
        rsb.expiry.end()
        raise
    if old is not None:
        old.expiry.end()
        changes.tell(core, rsb, Change.CHANGED)
    else:
        changes.made(core, rsb)
    _watch_expiry(core, rsb)
    if tcsb is not None and tcsb.granted is not None:
        _grow_back(core, tcsb, rsb)
    touched |= changed or phops_of([psb for psb in state.senders(oi) if covers(rsb, psb)])
    return rsb if len(filters) == len(listed) else None


def _grow_back(core: Core, tcsb: TrafficControlStateBlock, rsb: ReservationStateBlock) -> None:
    """Give back what has room by now of what was reduced; who asks for more hears (RFC 4495)."""
    traffic.restore(core, tcsb)
    if tcsb.granted is not None and rsb.flowspec.rate > tcsb.granted.rate:
        resverr.report_reduction(core, rsb.state, rsb, tcsb.granted)


def good_until(core: Core, message: Resv, oi: int, now: float) -> float:
    """When what a Resv reserves runs out, if it is not refreshed."""
    return now + lifetime(message.time_values.refresh_ms / 1000.0, core.interfaces[oi].keep)


def _carried(core: Core, oi: int, flow: Flow, extra: tuple[AnyObject, ...]) -> tuple[AnyObject, ...]:
    """Objects of extensions that go on upstream: a Resv's, or in their place those its interface adds."""
    added = core.interfaces[oi].adds
    if not added or flow.flowspec is None:
        return forwarded(extra)
    adds = [one for service, one in added if service == flow.flowspec.service]
    classes = {one.class_num for one in adds}
    return (*(one for one in forwarded(extra) if one.class_num not in classes), *adds)


def repeats(core: Core, rsb: ReservationStateBlock, message: Resv, flow: Flow) -> bool:
    """Whether a flow of a Resv says nothing new, its filters aside (RFC 2209, NeworMod)."""
    old = (rsb.flowspec, rsb.style, rsb.scope, rsb.policy)
    if old != (flow.flowspec, message.style, message.scope, message.policy):
        return False
    if message.confirm is not None or flow.attached:
        return False
    return rsb.extra == _carried(core, rsb.oi, flow, message.extra)


def prolong(core: Core, rsb: ReservationStateBlock, filters: Iterable[Filter], until: float) -> None:
    """Restart the cleanup timer, for shared explicit styles that of each filter spec (RFC 2209)."""
    rsb.until = until
    if rsb.group is not None:
        rsb.filters[rsb.group] = rsb.expiry.deadline = until
        core.timers.watch(rsb.expiry)
        return
    for one in filters:
        rsb.filters[one] = until
    _watch_expiry(core, rsb)


def prolong_all(rsb: ReservationStateBlock, until: float) -> None:
    """Put off the cleanup timer for all filter specs of a reservation; never to an earlier time."""
    rsb.until = rsb.expiry.deadline = until
    rsb.filters.fill(until)


def _watch_expiry(core: Core, rsb: ReservationStateBlock) -> None:
    rsb.expiry.deadline = rsb.deadline
    core.timers.watch(rsb.expiry)


# --- ResvTear arrives, reservations time out ------------------------------------------------------


def tear_arrived(core: Core, received: Received, message: ResvTear, now: float) -> None:
    """Remove what a next hop gives back (RFC 2205 section 3.1.6)."""
    oi = outgoing_interface(core, received, message.hop.lih)
    state = core.find_session(message.session)
    if state is None:
        raise Drop("tear without state")
    style = state.style
    found = False
    if style is not None and compatible(style, message.style):
        for flow in message.flows or (Flow(None),):
            for group, filters in split(message.style, base_filters(flow.filters)):
                rsb = state.find_rsb(oi, group, message.hop.address)
                if rsb is not None:
                    extra = forwarded(message.extra)
                    found |= give_back(core, state, rsb, filters, now, Change.TORN, extra)
    if not found:
        raise Drop("tear without state")


def give_back(
    core: Core,
    state: SessionState,
    rsb: ReservationStateBlock,
    filters: tuple[Filter, ...],
    now: float,
    why: Change,
    extra: tuple[AnyObject, ...] = (),
) -> bool:
    """Remove what a next hop wants no more of a reservation; whether there was any of it."""
    gone = [one for one in filters if one in rsb.filters]
    if rsb.style.explicit and not gone:
        return False
    for psb in state.psbs.values():
        if selects(rsb.style, gone, psb.template):
            psb.held = None  # the receiver itself wants no more
    shrink(core, state, rsb, gone, now, why, extra)
    return True


def expired(core: Core, rsb: ReservationStateBlock, now: float) -> None:
    """A reservation, or some of its filter specs, was not refreshed in time (RFC 2205 section 3.7)."""
    late = [one for one, until in rsb.filters.items() if until <= now]
    if late or not rsb.filters:
        shrink(core, rsb.state, rsb, late, now, Change.TIMED_OUT)
    if rsb.filters:
        _watch_expiry(core, rsb)


def shrink(
    core: Core,
    state: SessionState,
    rsb: ReservationStateBlock,
    filters: Iterable[Filter],
    now: float,
    why: Change,
    extra: tuple[AnyObject, ...] = (),
) -> None:
    """Take filters out of a reservation, remove it with its last one, and tell upstream."""
    phops = phops_of(psb for psb in state.psbs.values() if covers(rsb, psb))
    take_out(core, state, rsb, filters, why)
    phops |= settle_traffic(core, state, rsb)
    sync(core, state, phops, now, extra)
    core.forget_if_empty(state)


def settle(core: Core, state: SessionState, rsb: ReservationStateBlock, now: float) -> None:
    """Let a reservation that stays wait, where its senders' data does not come any more."""
    phops = phops_of(psb for psb in state.psbs.values() if covers(rsb, psb))
    settle_traffic(core, state, rsb)
    sync(core, state, phops, now)


def take_out(
    core: Core, state: SessionState, rsb: ReservationStateBlock, filters: Iterable[Filter], why: Change
) -> None:
    """Take filters out of a reservation, and the reservation out of its session with its last one."""
    going = [one for one in filters if one in rsb.filters]
    if len(going) == len(rsb.filters):
        changes.gone(core, rsb, why)
        remove(state, rsb)
    else:
        changes.tell(core, rsb, Change.CHANGED)
    for one in going:
        del rsb.filters[one]
    core.resvs_seen.forget(state)


def remove(state: SessionState, rsb: ReservationStateBlock) -> None:
    """Take an RSB out of its session, for another to take its place or for good."""
    rsb.expiry.end()
    state.remove_rsb(rsb)


def settle_traffic(core: Core, state: SessionState, rsb: ReservationStateBlock) -> PreviousHops:
    """Bring the installed reservation up to date after something shrank or a sender changed.

    Returns the previous hops that have to hear of it.

    Where that fails, which takes a sender's larger Tspec or two merging into more than the link
    has, what was installed stands and everybody who reserved hears of it.
    """
    try:
        return traffic.update(core, state, (rsb.oi, rsb.group))
    except Reject as refusal:
        for one in list(state.rsbs.get((rsb.oi, rsb.group), Table()).values()):
            resverr.report(core, state, one, refusal)
        return {}
