"""Path and PathTear arrive, path state is refreshed, times out and follows routing (RFC 2209)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from .._table import Table
from .._values import is_host
from ..iana import ApiError, ErrorCode, SessionFlag, TrafficControlCode
from ..intserv import Tspec
from ..messages import AnyHop, Path, PathTear, Sender, base_filter, base_session
from ..objects import AnyObject, Filter, FilterSpec, Hop, PolicyData, Session, TimeValues
from . import changes, patherr, resv, routes, traffic, upstream
from .core import Core, Way, forwarded
from .inputs import Received, RouteResolved
from .interfaces import LOCAL, REFRESH, lifetime
from .merge import covers, installation, reshaped
from .outputs import Change, PathEvent, PathGone, ResolveRoute, Send
from .phop import PreviousHop, PreviousHops, phops_of
from .psb import Announced, Heard, PathStateBlock
from .reject import Drop, Reject
from .rsb import ReservationStateBlock
from .session import SessionState
from .timers import NEVER, Timer

# --- Path arrives ---------------------------------------------------------------------------------


def arrived(core: Core, received: Received, message: Path, now: float) -> None:
    """Make, change or refresh a sender's path state (RFC 2209, PATH MESSAGE ARRIVES)."""
    if message.integrity is not None or message.layout is not None:
        message = replace(message, integrity=None, layout=None)
    state = core.find_session(message.session)
    template, iif = base_filter(message.sender.template), received.interface
    psb = state.find_psb(template, iif) if state is not None else None
    ttl = message.send_ttl if received.ttl is None else received.ttl
    if psb is not None and psb.iif == iif and psb.ttl == ttl and psb.path == message:
        watch_expiry(core, psb, message.time_values, now)
        return
    if psb is not None and psb.handle is not None:
        raise Drop("own sender")
    tspec = _check_sender(core, received, message)
    try:
        check_ports(core, base_session(message), template, state)
        if not traffic.reasonable(tspec):
            raise Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.BAD_TSPEC)
    except Reject as refusal:
        patherr.answer(core, message, iif, refusal)
        return
    if psb is None:
        if not changes.has_room(core, (iif, message.hop.address)):
            raise Drop("too much state")
        psb = add(core, _room_for(core, base_session(message), state), message, iif, ttl, None)
        before, moved, far = None, False, False
    else:
        before, moved = psb.announced, (psb.iif, psb.path.hop) != (iif, message.hop)
        far = psb.ttl != ttl
        if (psb.iif, psb.path.hop.address) != (iif, message.hop.address):
            psb.other = Heard(psb.path, psb.iif, psb.ttl, psb.expiry.deadline)
        psb.path, psb.ttl, psb.iif = message, ttl, iif
        _forget(core, psb)
        changes.tell(core, psb, Change.CHANGED)
    watch_expiry(core, psb, message.time_values, now)
    _take(core, psb, before, now, moved, far)
    core.paths_seen.note(received.fingerprint, iif, received.ttl, psb, psb)


def _forget(core: Core, psb: PathStateBlock) -> None:
    """A sender's Paths, and the Resvs of its session, are no repetitions until that is found anew."""
    core.paths_seen.forget(psb)
    core.resvs_seen.forget(psb.state)


def _take(
    core: Core, psb: PathStateBlock, before: Announced | None, now: float, moved: bool, far: bool
) -> None:
    """Do whatever follows from what a sender's PSB says now."""
    psb.non_rsvp = psb.ttl != psb.path.send_ttl
    if moved:
        _move(core, psb, now)
    if far:
        _follow_reach(core, psb, now)
    announce(core, psb, before, now, told=not moved)
    follow(core, psb, now)


def _check_sender(core: Core, received: Received, message: Path) -> Tspec:
    address = base_filter(message.sender.template).address
    if message.sender.tspec is None:
        raise Drop("Path without a Tspec")
    if message.time_values.refresh_ms == 0:
        raise Drop("refresh period of zero")
    if not is_host(address, base_session(message).destination):
        raise Drop("bad sender address")
    if core.owns(address, received.interface):
        raise Drop("own sender")
    return message.sender.tspec


def check_ports(core: Core, session: Session, template: Filter, state: SessionState | None) -> None:
    """Hold the three rules on ports (RFC 2205 section 3.2); `state` is what there is of the session.

    Raises Reject with code 7 or 8, and Drop for a source port in a session without ports.
    """
    if core.port_conflict(session):
        raise Reject(ErrorCode.CONFLICTING_DEST_PORTS)
    if not isinstance(template, FilterSpec):
        return
    if template.port and not session.port:
        raise Drop("bad source port")
    for psb in state.psbs.values() if state is not None else ():
        other = psb.template
        if other.address != template.address or not isinstance(other, FilterSpec):
            continue
        if bool(other.port) != bool(template.port):
            raise Reject(ErrorCode.CONFLICTING_SENDER_PORTS)


def _room_for(core: Core, session: Session, state: SessionState | None) -> SessionState:
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
    handle: int | None,
) -> PathStateBlock:
    """Make a PSB and ask routing for its way."""
    psb = PathStateBlock(state, message, iif, ttl, _phop(state, iif, message.hop, handle), handle=handle)
    psb.phop.psbs.append(psb)
    psb.expiry = Timer(psb, expired)
    psb.refresh = Timer(psb, refresh_due)
    state.psbs[state.psb_key(psb.template, iif)] = psb
    routes.follow(core, psb)
    changes.made(core, psb)
    return psb


def _phop(state: SessionState, iif: int, hop: AnyHop, handle: int | None) -> PreviousHop:
    key = (iif, hop.address if handle is None else handle, hop.lih)
    phop = state.phops.get(key)
    if phop is None:
        address = hop.address if handle is None else None
        phop = state.phops[key] = PreviousHop(state, key, iif, address, hop.lih, handle)
        phop.refresh = Timer(phop, upstream.refresh_due)
    return phop


def _move(core: Core, psb: PathStateBlock, now: float) -> None:
    """The sender is now behind another previous hop; the old one's state is left to time out.

    The new one knows nothing of the reservations yet and hears of them at once (RFC 2205 3.6). What the
    old one refused it may have room for, and does if the route flapped (section 2.5).
    """
    old, psb.blockade = psb.phop, None
    core.held.remove(psb.neighbor)
    _leave_phop(psb)
    if old.psbs:
        upstream.settle(core, psb.state, old, now)
    psb.phop = _phop(psb.state, psb.iif, psb.path.hop, None)
    psb.phop.psbs.append(psb)
    core.held.add(psb.neighbor)
    way = psb.route.way
    if psb.route.asked != routes.question(psb, by_flow=psb.route.asked.flow is not None):
        routes.change(core, psb, by_flow=True)  # it comes in elsewhere, and so may go elsewhere
    if way is not None and not psb.state.multicast:
        psb.outgoing = routes.outgoing(core, psb, way)


def _leave_phop(psb: PathStateBlock) -> None:
    phop = psb.phop
    phop.psbs.remove(psb)
    if not phop.psbs:
        phop.refresh.end()
        del psb.state.phops[phop.key]


def watch_expiry(core: Core, psb: PathStateBlock, period: TimeValues, now: float) -> None:
    """Let a sender's state live for another lifetime L (RFC 2205 section 3.7); `period` is its Path's."""
    timer, keep = psb.expiry, core.interfaces[psb.iif].keep
    timer.deadline = until = now + lifetime(period.refresh_ms / 1000.0, keep)
    if until < timer.looked_at:
        core.timers.watch(timer)


def announce(
    core: Core, psb: PathStateBlock, before: Announced | None, now: float, *, told: bool = True
) -> None:
    """Tell applications and the next hops of what is new of a sender, at once (RFC 2205 3.3).

    Applications hear of what concerns them only (section 3.11.1), next hops where they would be sent
    something else than the last time, or where not everything was told: `told` False.
    """
    if psb.state.handles and psb.announced != before:
        known = [twin.announced for twin in _twins(core, psb)] if before is None else ()
        if psb.announced not in known:
            _tell_applications(core, psb)
    if not psb.outgoing and not psb.sent:
        return  # nobody to tell, as ever before routing has answered
    sent, psb.sent = psb.sent, Table()
    if dict(_messages(core, psb)) != dict(sent.items()) or not told:
        forward(core, psb, now, trigger=True)


def _tell_applications(core: Core, psb: PathStateBlock) -> None:
    for handle in psb.state.handles:
        if handle != psb.handle:
            core.out.append(PathEvent(handle, psb.state.session, *psb.announced))


def _twins(core: Core, psb: PathStateBlock) -> list[PathStateBlock]:
    """The same sender of a group as it is heard through other interfaces (RFC 2205 section 3.9).

    What is asked for there may depend on all of it.
    """
    if not psb.state.multicast:
        return []
    found = (psb.state.psbs.get((psb.template, iif)) for iif in core.interfaces if iif != psb.iif)
    return [one for one in found if one is not None]


def follow(core: Core, psb: PathStateBlock, now: float) -> None:
    """Let reservations follow a new or changed sender, or one that takes another way."""
    state = psb.state
    if not state.rsbs and psb.phop.request is None:
        return  # nobody has reserved anything yet, as ever when a sender is new
    phops = phops_of([psb, *_twins(core, psb)])
    if len(state.phops) == 2:
        phops |= dict.fromkeys(state.phops.values())  # what one alone was asked for had no SCOPE
    for rsb in list(state.reservations()):
        if covers(rsb, psb):
            phops |= resv.settle_traffic(core, state, rsb)
    upstream.sync(core, state, phops, now)


# --- Path refresh ---------------------------------------------------------------------------------


def forward(core: Core, psb: PathStateBlock, now: float, *, trigger: bool) -> None:
    """Send a sender's Path out of every interface on its way (RFC 2209, PATH REFRESH)."""
    refresh = NEVER
    to, source = psb.state.session.destination, psb.template.address
    known = () if trigger else tuple(psb.sent)
    for oi, message in _messages(core, psb):
        news = trigger or oi not in known
        core.out.append(Send(message, to, message.send_ttl, oi, source, router_alert=True, trigger=news))
        refresh = min(refresh, core.interfaces[oi].refresh)
    if refresh != NEVER:
        psb.refresh.deadline = now + core.jittered(refresh)
        core.timers.watch(psb.refresh)


def _messages(core: Core, psb: PathStateBlock) -> Iterator[tuple[int, Path]]:
    """The Path for each interface on a sender's way, built where there is none yet."""
    for oi in _ways(core, psb):
        message = psb.sent.get(oi)
        if message is None:
            message = psb.sent[oi] = _build(core, psb, oi)
        yield oi, message


def _ways(core: Core, psb: PathStateBlock) -> list[int]:
    """Where Paths and PathTears of a sender go: nowhere, if they came the wrong way or have no TTL left."""
    if psb.local_only or onward_ttl(psb) <= 0:
        return []
    return [oi for oi in psb.outgoing if oi != LOCAL and core.interface(oi) is not None]


def refresh_due(core: Core, psb: PathStateBlock, now: float) -> None:
    """Time to repeat a Path."""
    forward(core, psb, now, trigger=False)


def onward_ttl(psb: PathStateBlock) -> int:
    """A forwarded message lives one hop less; an application's own has the TTL it set."""
    return psb.ttl if psb.iif == LOCAL else psb.ttl - 1


def _build(core: Core, psb: PathStateBlock, oi: int) -> Path:
    interface = core.interfaces[oi]
    session, sender = psb.state.session, psb.path.sender
    if not interface.controls_traffic and psb.e_police:
        session = replace(session, flags=session.flags | SessionFlag.E_POLICE)
    if sender.adspec is not None:
        anew = interface.reshapes and reshaped(psb, oi)
        adspec = core.advertised(sender.adspec, oi, psb.non_rsvp, anew)
        sender = Sender(sender.template, sender.tspec, adspec)
    return Path(
        session=session,
        hop=core.hop(oi, session.destination.version),
        time_values=core.time_values(oi),
        sender=sender,
        policy=psb.path.policy,
        extra=forwarded(psb.path.extra),
        send_ttl=onward_ttl(psb),
    )


# --- PathTear arrives, path state times out ---------------------------------------------------------


def tear_arrived(core: Core, received: Received, message: PathTear, now: float) -> None:
    """Remove a sender that its previous hop gave up (RFC 2205 section 3.1.5)."""
    state = core.find_session(message.session)
    key = (base_filter(message.sender.template), received.interface)
    psb = state.find_psb(*key) if state is not None else None
    if psb is None or psb.handle is not None:
        raise Drop("tear without state")
    if psb.phop.address != message.hop.address:
        if psb.other is not None and psb.other.path.hop.address == message.hop.address:
            psb.other = None
        raise Drop("tear from another previous hop")
    if not _fall_back(core, psb, now):
        remove(core, psb, now, Change.TORN, forwarded(message.extra))


def expired(core: Core, psb: PathStateBlock, now: float) -> None:
    """A sender was not refreshed in time: it is gone, and downstream hears of it (RFC 2205 3.1.5)."""
    if not _fall_back(core, psb, now):
        remove(core, psb, now, Change.TIMED_OUT)


def _fall_back(core: Core, psb: PathStateBlock, now: float) -> bool:
    """Go on with what the other previous hop said, where the last one gives up.

    After a unicast route changed, nodes on the way that was left refresh on until their state times
    out, and so both announce the sender in turn; the end of the old way is not that of the sender.
    """
    other, psb.other = psb.other, None
    if other is None or other.until <= now or core.interface(other.iif) is None:
        return False
    before, far = psb.announced, psb.ttl != other.ttl
    psb.path, psb.iif, psb.ttl = other.path, other.iif, other.ttl
    _forget(core, psb)
    psb.expiry.deadline = other.until
    core.timers.watch(psb.expiry)
    changes.tell(core, psb, Change.CHANGED)
    _take(core, psb, before, now, moved=True, far=far)
    return True


def remove(
    core: Core, psb: PathStateBlock, now: float, why: Change, extra: tuple[AnyObject, ...] = ()
) -> None:
    """Take a sender out: PathTear downstream, and the reservations for it go quietly.

    The same PathTear takes care of them everywhere else, so nothing is sent upstream (section 3.1.5), but
    where the same sender is heard through another interface. Nothing ends where it still goes from there.
    """
    state, twins = psb.state, _twins(core, psb)
    still = [oi for twin in twins for oi in _ways(core, twin)]
    for send in _tears(core, psb, [oi for oi in _ways(core, psb) if oi not in still]):
        tear = send.message
        if extra and isinstance(tear, PathTear):
            core.out.append(replace(send, message=replace(tear, extra=extra)))
        else:
            core.out.append(send)
    if not twins:
        for handle in state.handles:
            if handle != psb.handle:
                core.out.append(PathGone(handle, state.session, psb.template))
    elif psb.announced not in [twin.announced for twin in twins]:
        _tell_applications(core, twins[0])
    psb.expiry.end()
    psb.refresh.end()
    covering = [rsb for rsb in state.reservations() if covers(rsb, psb)]
    del state.psbs[state.psb_key(psb.template, psb.iif)]
    _forget(core, psb)
    changes.gone(core, psb, why)
    _leave_phop(psb)
    routes.leave(core, psb)
    for rsb in covering:
        if rsb.handle is None:
            _uncover(core, psb, rsb)
        resv.settle_traffic(core, state, rsb)
    others = phops_of(twins)
    for phop in list(state.phops.values()):
        if phop not in others:
            upstream.settle(core, state, phop, now)
    upstream.sync(core, state, others, now)
    core.forget_if_empty(state)


def _uncover(core: Core, psb: PathStateBlock, rsb: ReservationStateBlock) -> None:
    """A neighbour's reservation loses a sender whose data does not leave there any more."""
    remaining = [other for other in psb.state.senders(rsb.oi) if covers(rsb, other)]
    if not remaining:
        resv.take_out(core, psb.state, rsb, list(rsb.filters), Change.SENDERS_GONE)
    elif all(other.template != psb.template for other in remaining):
        rsb.filters.pop(psb.template, None)


def _tears(core: Core, psb: PathStateBlock, ways: Iterable[int]) -> Iterator[Send]:
    ttl = onward_ttl(psb)
    for oi in ways:
        session = psb.state.session
        message = PathTear(
            session=session,
            hop=core.hop(oi, session.destination.version),
            sender=psb.path.sender,
            send_ttl=ttl,
        )
        yield Send(message, session.destination, ttl, oi, psb.template.address, router_alert=True)


# --- routing ----------------------------------------------------------------------------------------


def routed(core: Core, answer: RouteResolved, now: float) -> None:
    """Routing answered, or changed its mind (RFC 2205 section 3.6)."""
    route = core.routes.get(ResolveRoute(answer.destination, answer.source, answer.flow))
    if route is None:
        return
    way, first = core.way(answer), route.way is None
    if answer.by_flow and answer.flow is None and not answer.destination.is_multicast:
        for psb in list(route.psbs):
            routes.change(core, psb, by_flow=True)
        return
    route.way = way
    psbs = list(route.psbs)
    for psb in psbs:
        _reroute(core, psb, way, now, first)
        if answer.flow is not None and not answer.by_flow:
            routes.change(core, psb, by_flow=False)
    for state in dict.fromkeys(psb.state for psb in psbs):
        _serve_the_rest(core, state, now)


def _reroute(core: Core, psb: PathStateBlock, way: Way, now: float, first: bool) -> None:
    outgoing, local_only = routes.outgoing(core, psb, way), routes.local_only(psb, way)
    if psb.handle is not None and not outgoing and (first or psb.outgoing):
        patherr.report(core, psb, ErrorCode.API, ApiError.NO_ROUTE)
    if (outgoing, local_only) == (psb.outgoing, psb.local_only):
        return
    before = [] if first else _ways(core, psb)
    psb.outgoing, psb.local_only = outgoing, local_only
    core.resvs_seen.forget(psb.state)
    psb.sent.clear()
    if first:
        forward(core, psb, now, trigger=True)
        follow(core, psb, now)
    else:
        _repair(core, psb, before, now)


def _repair(core: Core, psb: PathStateBlock, before: list[int], now: float) -> None:
    """Local repair (RFC 2205 section 3.6): a Path along the new way, after W for routing to settle.

    What stands on a unicast way that is left stays until it times out or is torn, and upstream until
    receivers have had the time to reserve anew along the new one. Where there is no way to leave, and
    the interface of the new one has just come back, there is nothing to wait for. Multicast routing
    tells what it has done, and not what it is about to: a branch that grows gets its Path at once, and
    one that is cut has nobody left to reserve for.
    """
    state = psb.state
    gained = [oi for oi in _ways(core, psb) if oi not in before]
    delay = 0.0
    if not state.multicast:
        delay = max((_settling(core, oi, now, anew=not before) for oi in gained), default=0.0)
    if gained:
        psb.refresh.deadline = min(psb.refresh.deadline, now + delay)
        core.timers.watch(psb.refresh)
    left = [oi for oi in before if oi not in psb.outgoing] if state.multicast else []
    phops = phops_of([psb, *_twins(core, psb)]) | _cut(core, psb, left)
    for rsb in list(state.reservations()):
        if psb.routes_to(rsb.oi) and covers(rsb, psb):
            phops |= resv.settle_traffic(core, state, rsb)
    if gained or psb.local_only or not left:
        upstream.hold(core, psb, now + delay)
    upstream.sync(core, state, phops, now)


def _serve_the_rest(core: Core, state: SessionState, now: float) -> None:
    """Let wildcard reservations be for the senders that still leave there: no filter of who went times out.

    Where none does, what stands there waits to time out as a whole. A group's sender that is expected
    through another interface is likely to be heard there next.
    """
    if state.multicast or state.style is None or state.style.explicit:
        return
    phops: PreviousHops = {}
    for key, rsbs in list(state.rsbs.items()):
        if installation(state, key) is not None:
            phops |= resv.settle_traffic(core, state, next(iter(rsbs.values())))
    upstream.sync(core, state, phops, now)


def _settling(core: Core, oi: int, now: float, *, anew: bool) -> float:
    """How long to wait before a Path goes along a way that a sender gained."""
    wait = core.interfaces[oi].route_delay
    came, losses = core.arrivals[oi]
    back = 0 < losses == core.losses and now - came < wait
    return 0.0 if anew and back else wait


def _cut(core: Core, psb: PathStateBlock, left: list[int]) -> PreviousHops:
    """A group's data takes these branches no more; the previous hops whose reservations may be others."""
    phops: PreviousHops = {}
    still = [oi for twin in _twins(core, psb) for oi in _ways(core, twin)]
    gone = [oi for oi in left if oi not in still and core.interface(oi) is not None]
    core.out.extend(_tears(core, psb, gone))
    for rsb in [rsb for rsb in psb.state.reservations() if rsb.oi in left and covers(rsb, psb)]:
        if rsb.handle is None:
            _uncover(core, psb, rsb)
        phops |= resv.settle_traffic(core, psb.state, rsb)
    return phops


def _follow_reach(core: Core, psb: PathStateBlock, now: float) -> None:
    """The sender's TTL is another one: it may pass other thresholds."""
    way = psb.route.way
    if way is not None and way.thresholds:
        _reroute(core, psb, way, now, first=False)


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
