"""What stands, as the inputs that would make it again (RFC 2205 section 3.7: state is soft).

For a recording that goes on in another file, and for whoever wants to start an engine where another
one is. Senders and reservations live as long as before. What is lost is what only time made: the
waits until the next refreshes, blockades, what is held for routes that changed, what was refused; and
senders behind interfaces that are gone, which are only waited for, and those of applications here whose
address is gone.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..messages import Flow, Resv, base_session
from ..objects import Filter, Hop, TimeValues
from .core import Application, Core
from .inputs import (
    AddSender,
    Input,
    InterfaceUp,
    OpenSession,
    Received,
    Reserve,
    RouteResolved,
)
from .interfaces import LOCAL, Interface, lifetime
from .psb import PathStateBlock
from .rsb import ReservationStateBlock
from .session import SessionState

EARLY = 1e-6
"""Seconds by which state ends before its time, so that rounding never makes it miss its timer."""


def standing(core: Core, now: float) -> Iterator[tuple[float, Input]]:
    """Inputs with the times at which a new engine has to take them, in order.

    The times lie in the past where state has lived for a while, and do not rise.
    """
    for interface in core.interfaces.values():
        yield now, InterfaceUp(interface)
    for application in core.applications.values():
        yield now, OpenSession(application.handle, application.state.session)
    for state in core.sessions.values():
        for psb in state.psbs.values():
            if _can_be(core, psb):
                yield _sender(core, psb, now)
    yield from ((now, answer) for answer in _ways(core))
    for application in core.applications.values():
        yield from ((now, wish) for wish in _wishes(application))
    for state in core.sessions.values():
        for rsb in state.reservations():
            if rsb.handle is None:
                yield from _reservation(core, state, rsb)


def _can_be(core: Core, psb: PathStateBlock) -> bool:
    """Whether a new engine would have this sender."""
    if psb.iif == LOCAL:
        return psb.template.address in core.own
    return psb.handle is not None or psb.iif in core.interfaces


def _ways(core: Core) -> Iterator[RouteResolved]:
    """What routing answered; first of all where it has to be asked for each flow."""
    for destination in dict.fromkeys(asked.destination for asked in core.routes if asked.flow is not None):
        yield RouteResolved(destination, None, (), by_flow=True)
    for asked, route in core.routes.items():
        way = route.way
        if way is not None:
            yield RouteResolved(
                asked.destination,
                asked.source,
                way.outgoing,
                way.incoming,
                way.local,
                asked.flow,
                by_flow=asked.flow is not None,
                thresholds=way.thresholds,
            )


def _sender(core: Core, psb: PathStateBlock, now: float) -> tuple[float, Input]:
    path = psb.path
    template, destination = psb.template, base_session(path).destination
    if psb.handle is not None:
        tspec, adspec = psb.tspec, path.sender.adspec
        return now, AddSender(psb.handle, template, tspec, psb.ttl, adspec, path.policy, psb.iif)
    keep = core.interfaces[psb.iif].keep
    at = psb.expiry.deadline - lifetime(path.time_values.refresh_ms / 1000.0, keep) - EARLY
    return at, Received(path, psb.iif, template.address, destination, psb.ttl)


def _wishes(application: Application) -> Iterator[Reserve]:
    mine = [rsb for rsb in application.state.reservations() if rsb.handle == application.handle]
    if mine:
        first = mine[0]
        flows = tuple(Flow(rsb.flowspec, tuple(rsb.filters)) for rsb in mine)
        confirm = any(rsb.unconfirmed for rsb in mine)
        where = (first.interface, first.oi)
        yield Reserve(application.handle, first.style, flows, confirm, first.policy, first.ttl, *where)


def _reservation(
    core: Core, state: SessionState, rsb: ReservationStateBlock
) -> Iterator[tuple[float, Input]]:
    """A Resv for the filters that end together, so that each ends at its time."""
    interface = core.interfaces[rsb.oi]
    ends: dict[float, list[Filter]] = {}
    for one, until in rsb.filters.items():
        ends.setdefault(until, []).append(one)
    for until, filters in ends.items() if rsb.style.explicit else ((rsb.until, []),):
        assert rsb.nhop is not None
        yield (
            until - lifetime(interface.refresh, interface.keep) - EARLY,
            Received(
                _resv(interface, state, rsb, tuple(filters)),
                rsb.oi,
                rsb.nhop,
                core.own_address(rsb.oi, rsb.nhop.version),
                interface.ttl,
            ),
        )


def _resv(
    interface: Interface, state: SessionState, rsb: ReservationStateBlock, filters: tuple[Filter, ...]
) -> Resv:
    assert rsb.nhop is not None
    return Resv(
        session=state.session,
        hop=Hop(rsb.nhop, rsb.oi),
        time_values=TimeValues(max(1, round(interface.refresh * 1000))),
        style=rsb.style,
        flows=(Flow(rsb.flowspec, filters),),
        scope=rsb.scope,
        policy=rsb.policy,
        extra=rsb.extra,
    )
