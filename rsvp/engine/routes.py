"""What routing is asked for a sender, and where its data leaves then (RFC 2205 sections 3.9, 3.11.4)."""

from __future__ import annotations

from .core import Core, Route, Way
from .inputs import DataFlow
from .interfaces import LOCAL
from .outputs import ForgetRoute, ResolveRoute
from .psb import PathStateBlock


def question(psb: PathStateBlock, *, by_flow: bool) -> ResolveRoute:
    """Routes to a group depend on who sends; unicast routes do only where routing said so."""
    session, sender = psb.state.session, psb.template
    if psb.state.multicast:
        return ResolveRoute(session.destination, sender.address)
    if not by_flow:
        return ResolveRoute(session.destination)
    return ResolveRoute(session.destination, sender.address, DataFlow.of(session, sender, psb.iif))


def follow(core: Core, psb: PathStateBlock, *, by_flow: bool = False) -> None:
    """Ask for a sender's way where nobody has asked yet, and take the answer that there is."""
    asked = question(psb, by_flow=by_flow)
    route = core.routes.get(asked)
    if route is None:
        route = core.routes[asked] = Route(asked)
        core.out.append(asked)
    psb.route = route
    route.psbs[psb] = None
    if route.way is not None:
        psb.outgoing = outgoing(core, psb, route.way)
        psb.local_only = local_only(psb, route.way)


def leave(core: Core, psb: PathStateBlock) -> None:
    """Forget a sender's way, and have routing forget it with the last sender that takes it."""
    route = psb.route
    del route.psbs[psb]
    if not route.psbs:
        asked = route.asked
        del core.routes[asked]
        core.out.append(ForgetRoute(asked.destination, asked.source, asked.flow))


def change(core: Core, psb: PathStateBlock, *, by_flow: bool) -> None:
    """Ask for a sender's flow alone, or no longer; it goes the way it went until routing answers."""
    way = psb.route.way
    leave(core, psb)
    follow(core, psb, by_flow=by_flow)
    if psb.route.way is None:
        psb.route.way = way


def outgoing(core: Core, psb: PathStateBlock, way: Way) -> tuple[int, ...]:
    """OutInterface_list: never back to where the Path came from, never where RSVP is off.

    An application that sends to a group sends from one interface only, whose address it has taken
    for its own (RFC 2205 section 3.9). Other senders' data has to pass multicast routing's thresholds.
    """
    ois = [oi for oi in way.outgoing if oi != psb.iif and core.interface(oi) is not None]
    if way.thresholds and psb.iif != LOCAL:
        ois = [oi for oi in ois if way.passes(oi, psb.ttl)]
    if psb.iif == LOCAL and psb.state.multicast:
        ois = [oi for oi in ois if psb.template.address in core.interfaces[oi].addresses] or ois
    found = tuple(sorted({*ois, LOCAL} if way.local else set(ois)))
    return way.outgoing if way.outgoing == found else found


def local_only(psb: PathStateBlock, way: Way) -> bool:
    """Whether this Path came another way than routing expects the data (RFC 2205 section 3.9)."""
    return psb.state.multicast and psb.iif != LOCAL and way.incoming is not None and way.incoming != psb.iif
