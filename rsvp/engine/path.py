"""Path and PathTear arrive, path state is refreshed, times out and follows routing (RFC 2209)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..iana import ApiError, ErrorCode, SessionFlag
from ..intserv import advertise
from ..messages import Path, PathTear, Sender, base_filter, base_session
from ..objects import AnyObject, Filter, FlowLabelFilterSpec, Hop, IPAddress, PolicyData, Session, TimeValues
from . import patherr, resv, upstream
from .core import Core, Route, forwarded
from .inputs import Received, RouteResolved
from .interfaces import LOCAL, REFRESH, ROUTE_DELAY, lifetime
from .merge import covers
from .outputs import ForgetRoute, PathEvent, PathGone, ResolveRoute, Send
from .phop import PreviousHop
from .psb import PathStateBlock
from .reject import Drop, Reject
from .session import NextHop, SessionState
from .timers import NEVER, Timer

# --- Path arrives ---------------------------------------------------------------------------------


def arrived(core: Core, received: Received, message: Path, now: float) -> None:
    """Make, change or refresh a sender's path state (RFC 2209, PATH MESSAGE ARRIVES)."""
    _check_sender(core, message)
    try:
        check_ports(core, base_session(message), base_filter(message.sender.template))
    except Reject as refusal:
        patherr.answer(core, message, received.interface, refusal)
        return
    if message.integrity is not None or message.layout is not None:
        message = replace(message, integrity=None, layout=None)
    state = core.find_session(message.session)
    template, iif = base_filter(message.sender.template), received.interface
    psb = state.psbs.get(state.psb_key(template, iif)) if state is not None else None
    if psb is not None and psb.handle is not None:
        raise Drop("own sender")
    ttl = message.send_ttl if received.ttl is None else received.ttl
    hop = (iif, message.hop.address)
    if psb is None:
        state = _room_for(core, base_session(message))
        psb = add(core, state, message, iif, ttl, message.hop.address, None)
        moved = False
    else:
        state = psb.state
        moved = (psb.iif, psb.phop.address) != hop
        if psb.path == message and psb.ttl == ttl and not moved:
            _watch_expiry(core, psb, now)
            return
        psb.path, psb.ttl, psb.iif = message, ttl, iif
        if moved:
            _move(core, psb, iif, message.hop.address)
    psb.non_rsvp = ttl != message.send_ttl
    _watch_expiry(core, psb, now)
    announce(core, psb, now)
    if moved:
        # The new previous hop knows nothing of the reservations yet (RFC 2205 section 3.6).
        psb.phop.request = None
    follow(core, psb, now)


def _check_sender(core: Core, message: Path) -> None:
    address = base_filter(message.sender.template).address
    if message.sender.tspec is None:
        raise Drop("Path without a Tspec")
    if message.time_values.refresh_ms == 0:
        raise Drop("refresh period of zero")
    if address.is_multicast or address.version != base_session(message).destination.version:
        raise Drop("bad sender address")
    if address in core.own:
        raise Drop("own sender")


def check_ports(core: Core, session: Session, template: Filter) -> None:
    """Hold the three rules on ports (RFC 2205 section 3.2).

    Raises Reject with code 7 or 8, and Drop for a source port in a session without ports.
    """
    if core.port_conflict(session):
        raise Reject(ErrorCode.CONFLICTING_DEST_PORTS)
    if isinstance(template, FlowLabelFilterSpec):
        return
    if template.port and not session.port:
        raise Drop("bad source port")
    state = core.find_session(session)
    for psb in state.psbs.values() if state is not None else ():
        other = psb.template
        if other.address != template.address or isinstance(other, FlowLabelFilterSpec):
            continue
        if bool(other.port) != bool(template.port):
            raise Reject(ErrorCode.CONFLICTING_SENDER_PORTS)


def _room_for(core: Core, session: Session) -> SessionState:
    state = core.find_session(session)
    if state is None:
        if len(core.sessions) >= core.config.max_sessions:
            raise Drop("too many sessions")
        return core.add_session(session)
    if len(state.psbs) >= core.config.max_senders_per_session:
        raise Drop("too many senders")
    return state


def add(
    core: Core,
    state: SessionState,
    message: Path,
    iif: int,
    ttl: int,
    address: IPAddress | None,
    handle: int | None,
) -> PathStateBlock:
    """Make a PSB and ask routing for its way."""
    psb = PathStateBlock(state, message, iif, ttl, _phop(core, state, iif, address, handle), handle=handle)
    psb.phop.psbs.append(psb)
    psb.expiry = Timer(psb, expired)
    psb.refresh = Timer(psb, refresh_due)
    state.psbs[state.psb_key(psb.template, iif)] = psb
    _follow_route(core, psb)
    return psb


def _phop(
    core: Core, state: SessionState, iif: int, address: IPAddress | None, handle: int | None
) -> PreviousHop:
    who: NextHop | None = handle if handle is not None else address
    assert who is not None
    phop = state.phops.get((iif, who))
    if phop is None:
        phop = state.phops[iif, who] = PreviousHop(state, iif, address, handle)
        phop.refresh = Timer(phop, upstream.refresh_due)
    return phop


def _move(core: Core, psb: PathStateBlock, iif: int, address: IPAddress) -> None:
    """The sender is now behind another previous hop; the old one's state is left to time out."""
    _leave_phop(psb)
    psb.phop = _phop(core, psb.state, iif, address, None)
    psb.phop.psbs.append(psb)
    route = core.routes.get(_route_key(psb))
    if route is not None and route.answer is not None:
        psb.outgoing = _outgoing(core, psb, route.answer)


def _leave_phop(psb: PathStateBlock) -> None:
    phop = psb.phop
    phop.psbs.remove(psb)
    if not phop.psbs:
        phop.refresh.deadline = NEVER
        who = phop.handle if phop.handle is not None else phop.address
        if who is not None:
            psb.state.phops.pop((phop.iif, who), None)


def _watch_expiry(core: Core, psb: PathStateBlock, now: float) -> None:
    interface = core.interfaces[psb.iif]
    psb.expiry.deadline = now + lifetime(psb.path.time_values.refresh_ms / 1000.0, interface.keep)
    core.timers.watch(psb.expiry)


def announce(core: Core, psb: PathStateBlock, now: float) -> None:
    """Tell applications and the next hops of a new or changed sender, at once (RFC 2205 3.3)."""
    for handle in psb.state.handles:
        if handle != psb.handle:
            core.out.append(PathEvent(handle, psb.state.session, psb.path.sender))
    psb.sent.clear()
    forward(core, psb, now, trigger=True)


def follow(core: Core, psb: PathStateBlock, now: float) -> None:
    """Let reservations follow a new or changed sender, or one that takes another way."""
    state = psb.state
    for rsb in list(state.reservations()):
        if covers(rsb, psb):
            resv.settle_traffic(core, state, rsb)
    upstream.sync(core, state, (psb.phop,), now)


# --- Path refresh ---------------------------------------------------------------------------------


def forward(core: Core, psb: PathStateBlock, now: float, *, trigger: bool) -> None:
    """Send a sender's Path out of every interface on its way (RFC 2209, PATH REFRESH)."""
    refresh = NEVER
    for oi in psb.outgoing:
        interface = core.interface(oi)
        if oi == LOCAL or interface is None or psb.local_only:
            continue
        send = psb.sent.get(oi)
        news = trigger or send is None
        if send is None:
            send = _build(core, psb, oi)
            if send is None:
                continue
            psb.sent[oi] = send
        core.out.append(send if not news else replace(send, trigger=True))
        refresh = min(refresh, interface.refresh)
    if refresh != NEVER:
        psb.refresh.deadline = now + core.jittered(refresh)
        core.timers.watch(psb.refresh)


def refresh_due(core: Core, psb: PathStateBlock, now: float) -> None:
    """Time to repeat a Path."""
    forward(core, psb, now, trigger=False)


def _ttl(psb: PathStateBlock) -> int:
    """A forwarded message lives one hop less; an application's own has the TTL it set."""
    return psb.ttl if psb.iif == LOCAL else psb.ttl - 1


def _build(core: Core, psb: PathStateBlock, oi: int) -> Send | None:
    ttl = _ttl(psb)
    if ttl <= 0:
        return None
    interface = core.interfaces[oi]
    session, sender = psb.state.session, psb.path.sender
    if psb.e_police and not interface.controls_traffic:
        session = replace(session, flags=session.flags | SessionFlag.E_POLICE)
    if sender.adspec is not None:
        adspec = advertise(sender.adspec, interface.character, psb.non_rsvp)
        sender = Sender(sender.template, sender.tspec, adspec)
    message = replace(
        psb.path,
        session=session,
        hop=core.hop(oi, session.destination.version),
        time_values=core.time_values(oi),
        sender=sender,
        extra=forwarded(psb.path.extra),
        send_ttl=ttl,
    )
    source = psb.template.address
    return Send(message, session.destination, ttl, oi, source, router_alert=True, trigger=False)


# --- PathTear arrives, path state times out ---------------------------------------------------------


def tear_arrived(core: Core, received: Received, message: PathTear, now: float) -> None:
    """Remove a sender that its previous hop gave up (RFC 2205 section 3.1.5)."""
    state = core.find_session(message.session)
    key = (base_filter(message.sender.template), received.interface)
    psb = state.psbs.get(state.psb_key(*key)) if state is not None else None
    if psb is None or psb.handle is not None:
        raise Drop("tear without state")
    if psb.phop.address != message.hop.address:
        raise Drop("tear from another previous hop")
    remove(core, psb, now, forwarded(message.extra))


def expired(core: Core, psb: PathStateBlock, now: float) -> None:
    """A sender was not refreshed in time: it is gone, and downstream hears of it (RFC 2205 3.1.5)."""
    remove(core, psb, now)


def remove(core: Core, psb: PathStateBlock, now: float, extra: tuple[AnyObject, ...] = ()) -> None:
    """Take a sender out: PathTear downstream, and the reservations for it go quietly.

    The same PathTear takes care of them everywhere else, so nothing is sent upstream (section 3.1.5).
    """
    state = psb.state
    for send in _tears(core, psb):
        tear = send.message
        if extra and isinstance(tear, PathTear):
            core.out.append(replace(send, message=replace(tear, extra=extra)))
        else:
            core.out.append(send)
    for handle in state.handles:
        if handle != psb.handle:
            core.out.append(PathGone(handle, state.session, psb.template))
    psb.expiry.deadline = psb.refresh.deadline = NEVER
    covering = [rsb for rsb in state.reservations() if covers(rsb, psb)]
    del state.psbs[state.psb_key(psb.template, psb.iif)]
    _leave_phop(psb)
    _leave_route(core, psb)
    for rsb in covering:
        if rsb.handle is None:
            remaining = [other for other in state.senders(rsb.oi) if covers(rsb, other)]
            if not remaining:
                resv.remove(state, rsb)
            elif all(other.template != psb.template for other in remaining):
                rsb.filters.pop(psb.template, None)
        resv.settle_traffic(core, state, rsb)
    for phop in list(state.phops.values()):
        upstream.settle(state, phop, now)
    core.forget_if_empty(state)


def _tears(core: Core, psb: PathStateBlock) -> Iterable[Send]:
    ttl = _ttl(psb)
    if ttl <= 0 or psb.local_only:
        return
    for oi in psb.outgoing:
        if oi == LOCAL or core.interface(oi) is None:
            continue
        session = psb.state.session
        message = PathTear(
            session=session,
            hop=core.hop(oi, session.destination.version),
            sender=psb.path.sender,
            send_ttl=ttl,
        )
        yield Send(message, session.destination, ttl, oi, psb.template.address, router_alert=True)


# --- routing ----------------------------------------------------------------------------------------


def _route_key(psb: PathStateBlock) -> tuple[IPAddress, IPAddress | None]:
    """Routes to a group depend on who sends, unicast routes do not."""
    return (psb.state.session.destination, psb.template.address if psb.state.multicast else None)


def _follow_route(core: Core, psb: PathStateBlock) -> None:
    key = _route_key(psb)
    route = core.routes.get(key)
    if route is None:
        route = core.routes[key] = Route()
        core.out.append(ResolveRoute(*key))
    route.psbs[psb] = None
    if route.answer is not None:
        psb.outgoing = _outgoing(core, psb, route.answer)
        psb.local_only = _local_only(psb, route.answer)


def _leave_route(core: Core, psb: PathStateBlock) -> None:
    key = _route_key(psb)
    route = core.routes.get(key)
    if route is not None:
        route.psbs.pop(psb, None)
        if not route.psbs:
            del core.routes[key]
            core.out.append(ForgetRoute(*key))


def _outgoing(core: Core, psb: PathStateBlock, answer: RouteResolved) -> tuple[int, ...]:
    """OutInterface_list: never back to where the Path came from, never where RSVP is off."""
    ois = [oi for oi in answer.outgoing if oi != psb.iif and core.interface(oi) is not None]
    return tuple(sorted({*ois, LOCAL} if answer.local else set(ois)))


def _local_only(psb: PathStateBlock, answer: RouteResolved) -> bool:
    """Whether this Path came another way than routing expects the data (RFC 2205 section 3.9)."""
    return (
        psb.state.multicast
        and psb.iif != LOCAL
        and answer.incoming is not None
        and answer.incoming != psb.iif
    )


def routed(core: Core, answer: RouteResolved, now: float) -> None:
    """Routing answered, or changed its mind (RFC 2205 section 3.6)."""
    route = core.routes.get((answer.destination, answer.source))
    if route is None:
        return
    first = route.answer is None
    route.answer = answer
    for psb in list(route.psbs):
        _reroute(core, psb, answer, now, first)


def _reroute(core: Core, psb: PathStateBlock, answer: RouteResolved, now: float, first: bool) -> None:
    outgoing, local_only = _outgoing(core, psb, answer), _local_only(psb, answer)
    if psb.handle is not None and not outgoing and (first or psb.outgoing):
        psb.outgoing = outgoing
        patherr.report(core, psb, ErrorCode.API, ApiError.NO_ROUTE)
    if (outgoing, local_only) == (psb.outgoing, psb.local_only):
        return
    psb.outgoing, psb.local_only = outgoing, local_only
    psb.sent.clear()
    if first:
        forward(core, psb, now, trigger=True)
    else:
        # Local repair: give routing W seconds to settle, then refresh along the new way.
        psb.refresh.deadline = min(psb.refresh.deadline, now + ROUTE_DELAY)
        core.timers.watch(psb.refresh)
    follow(core, psb, now)


def own_path(core: Core, session: Session, sender: Sender, ttl: int, policy: tuple[PolicyData, ...]) -> Path:
    """The Path of an application on this node, before the first interface rewrites its hop."""
    return Path(
        session=session,
        hop=Hop(core.own_address(LOCAL, session.destination.version)),
        time_values=TimeValues(round(REFRESH * 1000)),
        sender=sender,
        policy=policy,
        send_ttl=ttl,
    )
