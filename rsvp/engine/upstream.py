"""RESV REFRESH: what previous hops are asked for, and how they hear of changes (RFC 2209).

`sync` compares what a previous hop has to be asked for with what it was asked last, and sends the
difference, if any. A change that merging hides therefore sends nothing, and a received refresh never
triggers one.
"""

from __future__ import annotations

from collections.abc import Iterable

from .._table import Table
from ..intserv import Flowspec
from ..messages import Resv, ResvTear, base_filters
from ..objects import AnyObject, Filter, ResvConfirm
from . import resvconf
from .core import Core
from .merge import leads, request, sources, wanting
from .outputs import ResvEvent, ResvGone, Send
from .phop import PreviousHop, Request
from .psb import Held, PathStateBlock
from .rsb import ReservationStateBlock
from .session import SessionState
from .style import Group, Wanted, compatible, flows, in_order
from .tcsb import TrafficControlStateBlock
from .timers import NEVER


def sync(
    core: Core,
    state: SessionState,
    phops: Iterable[PreviousHop],
    now: float,
    extra: tuple[AnyObject, ...] = (),
    *,
    confirm: bool = False,
) -> None:
    """Bring previous hops up to date: ResvTear for what is gone, a Resv for what is new.

    Confirmation requests go along with the reservation that is the largest everywhere it is merged
    with others; the other ones are answered from here (RFC 2205 section 3.1.4). `extra` are unknown
    objects of the ResvTear that led here; they go on with it (section 3.10). `confirm` where an
    application asks for a confirmation now; while it waits, what is sent anyway asks again.
    """
    came = _asking(state)
    for phop in phops:
        old, new = phop.request, request(state, phop, now)
        phop.request = new
        if phop.handle is None and core.interface(phop.iif) is None:
            phop.sent = None  # there is no way to ask until `resume`
            continue
        confirms = _confirmations(core, state, phop, new, now, confirm)
        gone = _difference(old, new)
        news = _difference(new, old)
        if phop.handle is not None:
            _upcall(core, state, phop, new, news, old, gone)
            continue
        if old is not None and gone:
            phop.sent = None  # refreshes are for the rest
            _send_tear(core, state, phop, old, gone, extra)
        if new is None:
            _rest(phop)
        elif news or any(confirms.values()) or (old is not None and old.attached != new.attached):
            phop.sent = None
            for one in confirms or (None,):
                _send(core, phop, _build(core, state, phop, new, one), trigger=True)
            schedule(core, phop, now)
    for tcsb, rsb in came:
        tcsb.asking = rsb.confirm = None


def _asking(state: SessionState) -> list[tuple[TrafficControlStateBlock, ReservationStateBlock]]:
    """What is installed with a request for a confirmation that waits, and whose that is."""
    found = []
    for tcsb in state.tcsbs.values():
        if tcsb.asking is not None:
            found.append((tcsb, tcsb.asking))
    return found


def resume(core: Core, iif: int, now: float) -> None:
    """Ask anew through an interface that came back; what was asked there before may be forgotten."""
    for state in core.sessions.values() if core.interface(iif) is not None else ():
        for phop in state.phops.values():
            if phop.iif != iif or phop.handle is not None:
                continue
            phop.request = request(state, phop, now)
            if phop.request is not None:
                _send(core, phop, _build(core, state, phop, phop.request, None), trigger=True)
                schedule(core, phop, now)


def settle(core: Core, state: SessionState, phop: PreviousHop, now: float) -> None:
    """Note what a previous hop is asked for without telling it: it knows (RFC 2205 section 3.1.5).

    But for what it would keep for senders that it still has: then it is told.
    """
    old, new = phop.request, request(state, phop, now)
    kept = {None, *(psb.template for psb in phop.psbs)}
    if old is not None and any(one in kept and (new is None or one not in new.want) for one in old.want):
        sync(core, state, (phop,), now)
        return
    phop.request, phop.sent = new, None
    if new is None:
        _rest(phop)


def rebuild(state: SessionState) -> None:
    """Let refreshes be made anew: applications set the TTL that they have (RFC 2205 section 3.11.1)."""
    for phop in state.phops.values():
        phop.sent = None


def hold(core: Core, psb: PathStateBlock, now: float) -> None:
    """Go on asking for a sender whose way changed, until receivers could reserve anew (section 3.6)."""
    phop = psb.phop
    interface = core.interfaces.get(phop.iif)
    if phop.handle is not None or phop.request is None or interface is None or sources(psb.state, psb):
        return
    asked = phop.request.want.get(psb.template) or phop.request.want.get(None)
    if asked is None:
        return
    psb.held = Held(asked, now + 1.5 * interface.refresh)
    for other in psb.state.psbs.values():
        if other.held is not None and other.held.flowspec.service != asked.service:
            other.held = None  # of an earlier choice; with this one it could not be merged


def _rest(phop: PreviousHop) -> None:
    """Nothing is asked any more: no refreshes, and no memory of what failed."""
    phop.refresh.deadline = NEVER
    phop.sent = phop.blockade = None
    for psb in phop.psbs:
        psb.blockade = None


def _difference(this: Request | None, that: Request | None) -> Wanted:
    """What `this` wants that `that` does not: another sender, flowspec or style.

    The other way round, senders that are still wanted are not gone, whatever their flowspec.
    """
    if this is None:
        return Table()
    if that is None or not compatible(this.style, that.style):
        return this.want
    return Table([(one, spec) for one, spec in this.want.items() if that.want.get(one) != spec])


def _confirmations(
    core: Core, state: SessionState, phop: PreviousHop, new: Request | None, now: float, asked: bool = False
) -> dict[ResvConfirm, bool]:
    """Requests to forward to this previous hop, and whether each is new; others are answered here.

    That of an application goes along until it is answered, and is new where it is `asked` for just now.
    What is blockaded is neither forwarded nor answered (RFC 2205 section 3.1.4).
    """
    if new is None or not (state.handles or _asking(state)):
        return {}
    forward: dict[ResvConfirm, bool] = {}
    answered: dict[tuple[ResvConfirm, int, Group], tuple[Flowspec, list[Filter]]] = {}
    for psb in phop.psbs:
        groups = wanting(state, psb)
        for tcsb, _ in groups:
            asking = tcsb.asking
            confirm = asking.confirm if asking is not None else _own_confirmation(core, state, psb, tcsb)
            if confirm is None:
                continue
            largest = leads(tcsb, groups, psb, now)
            if largest is None:
                continue
            if phop.handle is not None and asking is None and _asked_elsewhere(state, new):
                continue
            if phop.handle is None and largest:
                forward[confirm] = asked or asking is not None or forward.get(confirm, False)
            else:
                flowspec = tcsb.flowspec if asking is None else asking.flowspec
                _, senders = answered.setdefault((confirm, tcsb.oi, tcsb.group), (flowspec, []))
                senders.append(psb.template)
    for (confirm, oi, _), (flowspec, senders) in answered.items():
        filters = in_order(senders) if new.style.explicit else ()
        resvconf.send(core, state, confirm, new.style, flowspec, filters, oi)
    return forward


def _asked_elsewhere(state: SessionState, new: Request) -> bool:
    """Whether others than this node answer an application that shares with all senders (section 2.6).

    What this node itself sends would confirm at once what the network may yet refuse.
    """
    return not new.style.explicit and any(phop.handle is None for phop in state.phops.values())


def _own_confirmation(
    core: Core, state: SessionState, psb: PathStateBlock, tcsb: TrafficControlStateBlock
) -> ResvConfirm | None:
    """What an application's wish for a confirmation puts into the Resv: this node's own address."""
    waited_for: set[Group] = set()
    for rsb in state.rsbs[tcsb.oi, tcsb.group].values():
        waited_for |= rsb.unconfirmed
    if psb.template not in waited_for and None not in waited_for:
        return None
    return ResvConfirm(core.own_address(psb.phop.iif, state.session.destination.version))


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
    lost = Table((one, spec) for one, spec in gone.items() if one not in still)
    if old is not None:
        for flow in flows(old.style, lost):
            core.out.append(ResvGone(phop.handle, state.session, old.style, base_filters(flow.filters)))
    if new is not None:
        if old is not None and old.policy != new.policy:
            news = new.want
        for flow in flows(new.style, news):
            assert flow.flowspec is not None
            core.out.append(
                ResvEvent(
                    phop.handle,
                    state.session,
                    new.style,
                    flow.flowspec,
                    base_filters(flow.filters),
                    new.policy,
                )
            )


def _send_tear(
    core: Core,
    state: SessionState,
    phop: PreviousHop,
    old: Request,
    gone: Wanted,
    extra: tuple[AnyObject, ...],
) -> None:
    still: Wanted = Table()
    if phop.request is not None and compatible(phop.request.style, old.style):
        still = phop.request.want
    lost = Table((one, spec) for one, spec in gone.items() if one not in still)
    if not lost or phop.address is None:
        return
    message = ResvTear(
        session=state.session,
        hop=core.hop(phop.iif, state.session.destination.version, phop.lih),
        style=old.style,
        flows=flows(old.style, lost),
        extra=extra,
        send_ttl=_ttl(core, state, phop),
    )
    core.to_neighbor(message, phop.iif, phop.address)


def _build(
    core: Core, state: SessionState, phop: PreviousHop, new: Request, confirm: ResvConfirm | None
) -> Resv:
    message = Resv(
        session=state.session,
        hop=core.hop(phop.iif, state.session.destination.version, phop.lih),
        time_values=core.time_values(phop.iif),
        style=new.style,
        flows=flows(new.style, new.want),
        confirm=confirm,
        scope=new.scope,
        policy=new.policy,
        extra=new.extra,
        send_ttl=_ttl(core, state, phop),
    )
    if confirm is None:
        phop.sent = message
    return message


def _send(core: Core, phop: PreviousHop, message: Resv, *, trigger: bool) -> None:
    assert phop.address is not None
    source = message.hop.address
    core.out.append(Send(message, phop.address, message.send_ttl, phop.iif, source, trigger=trigger))


def _ttl(core: Core, state: SessionState, phop: PreviousHop) -> int:
    """The TTL that a receiver on this node set for its session, else the interface's."""
    if not state.handles:
        return core.hop_ttl(phop.iif)
    set_here = [rsb.ttl for rsb in state.reservations() if rsb.ttl is not None]
    return max(set_here) if set_here else core.hop_ttl(phop.iif)


def schedule(core: Core, phop: PreviousHop, now: float) -> None:
    """Send the next refresh 0.5 R to 1.5 R from now."""
    phop.refresh.deadline = now + core.jittered(core.interfaces[phop.iif].refresh)
    core.timers.watch(phop.refresh)


def refresh_due(core: Core, phop: PreviousHop, now: float) -> None:
    """Send a previous hop what it was asked for, once more (RFC 2209, RESV REFRESH)."""
    if core.interface(phop.iif) is None:
        return
    stands = phop.request
    if stands is None or (_waits(phop) and request(phop.state, phop, now) != stands):
        # A blockade ran out: what failed then is tried once more (section 3.5). Or nobody reserved
        # along a new route.
        sync(core, phop.state, (phop,), now)
        return
    confirms = _confirmations(core, phop.state, phop, stands, now)
    if confirms or phop.sent is None:
        for confirm in confirms or (None,):
            _send(core, phop, _build(core, phop.state, phop, stands, confirm), trigger=False)
    else:
        _send(core, phop, phop.sent, trigger=False)
    schedule(core, phop, now)


def _waits(phop: PreviousHop) -> bool:
    """Whether time alone may change what a previous hop is asked for (RFC 2205 sections 3.5, 3.6)."""
    return phop.blockade is not None or any(psb.blockade or psb.held for psb in phop.psbs)
