"""Resv and ResvTear arrive, reservations time out, and what is asked upstream follows (RFC 2209).

`sync` is RESV REFRESH and the forwarding of ResvTear in one: it compares what a previous hop has to
be asked for with what it was asked last, and sends the difference, if any. A change that merging
hides therefore sends nothing, and a received refresh never triggers one.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..iana import ErrorCode
from ..messages import Flow, Resv, ResvTear
from ..objects import Filter, ResvConfirm
from . import resvconf, resverr, traffic
from .core import Core, forwarded
from .inputs import Received
from .interfaces import LOCAL, lifetime
from .merge import covers, request, sources, strictly_largest
from .outputs import ResvEvent, ResvGone, Send
from .phop import PreviousHop, Request
from .psb import PathStateBlock
from .reject import Drop, Reject
from .rsb import ReservationStateBlock
from .session import NextHop, SessionState
from .style import Wanted, compatible, flows, selects, split
from .timers import NEVER, Timer

_STYLE_VALUE_MASK = 0xFFFF
"""Error code 5 carries the low 16 bits of the option vector in place (RFC 2205 appendix B)."""


# --- Resv arrives ---------------------------------------------------------------------------------


def arrived(core: Core, received: Received, message: Resv, now: float) -> None:
    """Make, change or refresh what a next hop reserves (RFC 2209, RESV MESSAGE ARRIVES)."""
    oi = _outgoing_interface(core, received, message.hop.lih)
    if message.time_values.refresh_ms == 0:
        raise Drop("refresh period of zero")
    if any(flow.flowspec is None for flow in message.flows):
        raise Drop("Resv without a flowspec")
    state = core.find_session(message.session)
    try:
        known = _check_session(core, state, message)
    except Reject as refusal:
        for flow in message.flows or (None,):
            resverr.answer(core, message, oi, flow, refusal)
        return
    touched: dict[PreviousHop, None] = {}
    for flow in message.flows:
        for group, filters in split(message.style, flow.filters):
            try:
                _reserve(core, known, message, oi, group, Flow(flow.flowspec, filters), now, touched)
            except Reject as refusal:
                resverr.answer(core, message, oi, Flow(flow.flowspec, filters), refusal)
    sync(core, known, touched, now)


def _outgoing_interface(core: Core, received: Received, lih: int) -> int:
    """OI from the handle that we once gave out, else from where the message came in (RFC 2209)."""
    oi = lih if core.interface(lih) is not None else received.interface
    if core.interface(oi) is None:
        raise Drop("unknown logical interface handle")
    return oi


def _check_session(core: Core, state: SessionState | None, message: Resv) -> SessionState:
    if state is None or not state.psbs:
        if core.port_conflict(message.session):
            raise Reject(ErrorCode.CONFLICTING_DEST_PORTS)
        raise Reject(ErrorCode.NO_PATH_INFORMATION)
    if not message.style.known:
        raise Reject(ErrorCode.UNKNOWN_STYLE)
    style = state.style
    if style is not None and not compatible(style, message.style):
        raise Reject(ErrorCode.CONFLICTING_STYLE, style.option_vector & _STYLE_VALUE_MASK)
    return state


def _reserve(
    core: Core,
    state: SessionState,
    message: Resv,
    oi: int,
    group: Filter | None,
    flow: Flow,
    now: float,
    touched: dict[PreviousHop, None],
) -> None:
    """One flow descriptor of a Resv. Raises Reject, and then nothing has changed."""
    style, scope = message.style, message.scope
    psbs = [
        psb
        for psb in state.senders(oi)
        if selects(style, flow.filters, psb.template)
        and (scope is None or psb.template.address in scope.addresses)
    ]
    if not psbs:
        raise Reject(ErrorCode.NO_SENDER_INFORMATION)
    assert flow.flowspec is not None
    until = now + lifetime(message.time_values.refresh_ms / 1000.0, core.interfaces[oi].keep)
    senders = {psb.template for psb in psbs}
    filters = {one: until for one in flow.filters if one in senders}
    siblings = state.rsbs.setdefault((oi, group), {})
    nhop = message.hop.address
    old = siblings.get(nhop)
    if old is not None and _refreshes(old, message, flow, filters):
        old.filters.update(filters)
        old.until = until
        _watch_expiry(core, old)
        return
    rsb = ReservationStateBlock(
        oi,
        group,
        nhop,
        None,
        style,
        flow.flowspec,
        {**(old.filters if old is not None else {}), **filters},
        until=until,
        scope=scope,
        confirm=message.confirm,
        policy=message.policy,
        extra=forwarded(message.extra),
    )
    rsb.expiry = Timer((state, rsb), expired)
    try:
        if old is None or old.flowspec != flow.flowspec:
            _check_without(core, state, siblings, nhop, oi, rsb)
        siblings[nhop] = rsb
        traffic.update(core, state, (oi, group))
    except Reject:
        # The old reservation, if any, stands as it was: a failed increase is no loss (section 3.5).
        if old is not None:
            siblings[nhop] = old
        else:
            siblings.pop(nhop, None)
            if not siblings:
                state.rsbs.pop((oi, group), None)
        raise
    if old is not None:
        old.expiry.deadline = NEVER
    _watch_expiry(core, rsb)
    touched.update((psb.phop, None) for psb in psbs)


def _check_without(
    core: Core,
    state: SessionState,
    siblings: dict[NextHop, ReservationStateBlock],
    nhop: NextHop,
    oi: int,
    rsb: ReservationStateBlock,
) -> None:
    """Check a flowspec against all reservations but the one that it replaces."""
    replaced = siblings.pop(nhop, None)
    try:
        traffic.check(core, state, oi, rsb.flowspec)
    finally:
        if replaced is not None:
            siblings[nhop] = replaced


def _refreshes(rsb: ReservationStateBlock, message: Resv, flow: Flow, filters: dict[Filter, float]) -> bool:
    """Whether a Resv says nothing new (RFC 2209, NeworMod)."""
    return (
        message.confirm is None
        and rsb.flowspec == flow.flowspec
        and rsb.style == message.style
        and rsb.scope == message.scope
        and filters.keys() <= rsb.filters.keys()
        and rsb.policy == message.policy
        and (rsb.extra == message.extra or rsb.extra == forwarded(message.extra))
    )


def _watch_expiry(core: Core, rsb: ReservationStateBlock) -> None:
    rsb.expiry.deadline = rsb.deadline
    core.timers.watch(rsb.expiry)


# --- ResvTear arrives, reservations time out ------------------------------------------------------


def tear_arrived(core: Core, received: Received, message: ResvTear, now: float) -> None:
    """Remove what a next hop gives back (RFC 2205 section 3.1.6)."""
    oi = _outgoing_interface(core, received, message.hop.lih)
    state = core.find_session(message.session)
    if state is None:
        raise Drop("tear without state")
    style = state.style
    found = False
    if style is not None and compatible(style, message.style):
        for flow in message.flows or (Flow(None),):
            for group, filters in split(message.style, flow.filters):
                rsb = state.rsbs.get((oi, group), {}).get(message.hop.address)
                if rsb is not None:
                    found |= _give_back(core, state, rsb, filters, now)
    if not found:
        raise Drop("tear without state")


def _give_back(
    core: Core, state: SessionState, rsb: ReservationStateBlock, filters: tuple[Filter, ...], now: float
) -> bool:
    gone = [one for one in filters if one in rsb.filters]
    if rsb.style.explicit and not gone:
        return False
    shrink(core, state, rsb, gone, now)
    return True


def expired(core: Core, owner: tuple[SessionState, ReservationStateBlock], now: float) -> None:
    """A reservation, or some of its filter specs, was not refreshed in time (RFC 2205 section 3.7)."""
    state, rsb = owner
    shrink(core, state, rsb, [one for one, until in rsb.filters.items() if until <= now], now)
    if rsb.filters:
        _watch_expiry(core, rsb)


def shrink(
    core: Core, state: SessionState, rsb: ReservationStateBlock, filters: Iterable[Filter], now: float
) -> None:
    """Take filters out of a reservation, remove it with its last one, and tell upstream."""
    phops = {psb.phop: None for psb in state.psbs.values() if covers(rsb, psb)}
    for one in filters:
        rsb.filters.pop(one, None)
    if not rsb.filters:
        remove(state, rsb)
    settle_traffic(core, state, rsb)
    sync(core, state, phops, now)
    core.forget_if_empty(state)


def remove(state: SessionState, rsb: ReservationStateBlock) -> None:
    """Take an RSB out of its session."""
    rsb.expiry.deadline = NEVER
    key = (rsb.oi, rsb.group)
    siblings = state.rsbs.get(key, {})
    who = rsb.handle if rsb.handle is not None else rsb.nhop
    if who is not None:
        siblings.pop(who, None)
    if not siblings:
        state.rsbs.pop(key, None)


def settle_traffic(core: Core, state: SessionState, rsb: ReservationStateBlock) -> bool:
    """Bring the installed reservation up to date after something shrank or a sender changed.

    Where that fails, which takes a sender's larger Tspec or two merging into more than the link
    has, what was installed stands and everybody who reserved hears of it.
    """
    try:
        return traffic.update(core, state, (rsb.oi, rsb.group))
    except Reject as refusal:
        for one in list(state.rsbs.get((rsb.oi, rsb.group), {}).values()):
            resverr.report(core, state, one, refusal)
        return False


# --- upstream -------------------------------------------------------------------------------------


def sync(core: Core, state: SessionState, phops: Iterable[PreviousHop], now: float) -> None:
    """Bring previous hops up to date: ResvTear for what is gone, a Resv for what is new.

    Confirmation requests go along with the reservation that is the largest everywhere it is merged
    with others; the other ones are answered from here (RFC 2205 section 3.1.4).
    """
    settled = []
    for phop in phops:
        old, new = phop.request, request(state, phop)
        phop.request = new
        confirms = _confirmations(core, state, phop, new)
        settled += [tcsb for psb in phop.psbs for tcsb in sources(state, psb)]
        gone = _difference(old, new)
        news = _difference(new, old)
        if phop.handle is not None:
            _upcall(core, state, phop, new, news, old, gone)
            continue
        if old is not None and gone:
            _send_tear(core, state, phop, old, gone)
        if new is None:
            phop.refresh.deadline = NEVER
            phop.sent = None
        elif news or confirms or (old is not None and old.scope != new.scope):
            phop.sent = None
            for confirm in confirms or (None,):
                core.out.append(_build(core, state, phop, new, confirm))
            schedule(core, phop, now)
    for tcsb in settled:
        tcsb.confirm = None


def settle(state: SessionState, phop: PreviousHop) -> None:
    """Note what a previous hop is asked for without telling it: it knows (RFC 2205 section 3.1.5)."""
    phop.request = request(state, phop)
    phop.sent = None
    if phop.request is None:
        phop.refresh.deadline = NEVER


def _difference(this: Request | None, that: Request | None) -> Wanted:
    """What `this` wants that `that` does not: another sender, flowspec or style.

    The other way round, senders that are still wanted are not gone, whatever their flowspec.
    """
    if this is None:
        return {}
    if that is None or not compatible(this.style, that.style):
        return this.want
    return {one: spec for one, spec in this.want.items() if that.want.get(one) != spec}


def _confirmations(
    core: Core, state: SessionState, phop: PreviousHop, new: Request | None
) -> list[ResvConfirm]:
    """Requests to forward to this previous hop; those that are satisfied here are answered."""
    if new is None:
        return []
    forward: dict[ResvConfirm, None] = {}
    for psb in phop.psbs:
        merged = sources(state, psb)
        for tcsb in merged:
            confirm = tcsb.confirm or _own_confirmation(core, state, phop, tcsb.oi, tcsb.group)
            if confirm is None:
                continue
            if phop.handle is None and strictly_largest(tcsb, merged):
                forward[confirm] = None
            else:
                filters = (psb.template,) if new.style.explicit else ()
                resvconf.send(core, state, confirm, new.style, tcsb.flowspec, filters, tcsb.oi)
    return list(forward)


def _own_confirmation(
    core: Core, state: SessionState, phop: PreviousHop, oi: int, group: Filter | None
) -> ResvConfirm | None:
    """What an application's wish for a confirmation puts into the Resv: this node's own address."""
    if oi != LOCAL or not any(rsb.confirm_wanted for rsb in state.rsbs[oi, group].values()):
        return None
    return ResvConfirm(core.own_address(phop.iif, state.session.destination.version))


def _upcall(
    core: Core,
    state: SessionState,
    phop: PreviousHop,
    new: Request | None,
    news: Wanted,
    old: Request | None,
    gone: Wanted,
) -> None:
    """A Resv, or its end, for an application that sends from here (RFC 2205 section 3.11.1)."""
    assert phop.handle is not None
    still = new.want.keys() if new is not None else ()
    lost = {one: spec for one, spec in gone.items() if one not in still}
    if old is not None:
        for flow in flows(old.style, lost):
            core.out.append(ResvGone(phop.handle, state.session, old.style, flow.filters))
    if new is not None:
        for flow in flows(new.style, news):
            assert flow.flowspec is not None
            core.out.append(ResvEvent(phop.handle, state.session, new.style, flow.flowspec, flow.filters))


def _send_tear(core: Core, state: SessionState, phop: PreviousHop, old: Request, gone: Wanted) -> None:
    still: Wanted = {}
    if phop.request is not None and compatible(phop.request.style, old.style):
        still = phop.request.want
    lost = {one: spec for one, spec in gone.items() if one not in still}
    if not lost or phop.address is None:
        return
    message = ResvTear(
        session=state.session,
        hop=core.hop(phop.iif, state.session.destination.version, phop.lih),
        style=old.style,
        flows=flows(old.style, lost),
        extra=old.extra,
        send_ttl=_ttl(core, state, phop),
    )
    core.to_neighbor(message, phop.iif, phop.address)


def _build(
    core: Core, state: SessionState, phop: PreviousHop, new: Request, confirm: ResvConfirm | None
) -> Send:
    assert phop.address is not None
    hop = core.hop(phop.iif, state.session.destination.version, phop.lih)
    ttl = _ttl(core, state, phop)
    message = Resv(
        session=state.session,
        hop=hop,
        time_values=core.time_values(phop.iif),
        style=new.style,
        flows=flows(new.style, new.want),
        confirm=confirm,
        scope=new.scope,
        policy=new.policy,
        extra=new.extra,
        send_ttl=ttl,
    )
    send = Send(message, phop.address, ttl, phop.iif, hop.address)
    if confirm is None:
        phop.sent = replace(send, trigger=False)
    return send


def _ttl(core: Core, state: SessionState, phop: PreviousHop) -> int:
    """The TTL that a receiver on this node set for its session, else the interface's."""
    set_here = [rsb.ttl for rsb in state.reservations() if rsb.ttl is not None]
    return max(set_here) if set_here else core.hop_ttl(phop.iif)


def schedule(core: Core, phop: PreviousHop, now: float) -> None:
    """Send the next refresh 0.5 R to 1.5 R from now."""
    interface = core.interfaces.get(phop.iif)
    if interface is not None:
        phop.refresh.deadline = now + core.jittered(interface.refresh)
        core.timers.watch(phop.refresh)


def refresh_due(core: Core, phop: PreviousHop, now: float) -> None:
    """Send a previous hop what it was asked for, once more (RFC 2209, RESV REFRESH)."""
    if phop.request is None or not phop.psbs or core.interface(phop.iif) is None:
        return
    confirms = _confirmations(core, phop.state, phop, phop.request)
    if confirms or phop.sent is None:
        for confirm in confirms or (None,):
            send = _build(core, phop.state, phop, phop.request, confirm)
            core.out.append(replace(send, trigger=False))
    else:
        core.out.append(phop.sent)
    schedule(core, phop, now)


def phops_of(psbs: Iterable[PathStateBlock]) -> dict[PreviousHop, None]:
    """The previous hops of some senders, each once and in order."""
    return {psb.phop: None for psb in psbs}
