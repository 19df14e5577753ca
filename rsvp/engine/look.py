"""The state of a node as views (RFC 2206 names most of these tables)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..iana import SERVICE_NAMES, ErrorFlag, Service, error_text
from ..messages import base_filters
from ..objects import Session
from .admission import Budget
from .core import Core
from .interfaces import LOCAL, Interface
from .session import SessionState
from .style import flows
from .views import (
    InstalledView,
    InterfaceView,
    PoolView,
    RefusalView,
    RequestView,
    ReservationView,
    SenderView,
    SessionView,
)


def _left(deadline: float, now: float) -> float | None:
    return None if math.isinf(deadline) else max(0.0, deadline - now)


def interfaces(core: Core) -> list[InterfaceView]:
    """Every interface, by number."""
    return [
        InterfaceView(
            one.name,
            one.index,
            one.addresses,
            one.mtu,
            one.bandwidth,
            one.reservable,
            core.budgets[one.index].reserved,
            len(core.budgets[one.index]),
            one.limit,
            one.per_flow,
            one.enabled,
            one.controls_traffic,
            _pools(one, core.budgets[one.index]),
        )
        for _, one in sorted(core.interfaces.items())
    ]


def _pools(interface: Interface, budget: Budget) -> dict[str, PoolView]:
    return {
        SERVICE_NAMES[service]: PoolView(interface.pool(service), budget.pooled(service))
        for service in (Service.GUARANTEED, Service.CONTROLLED_LOAD)
        if interface.pool(service) < interface.limit
    }


def size(core: Core) -> tuple[int, int, int]:
    """How many sessions, PSBs and RSBs there are."""
    states = core.sessions.values()
    return len(states), sum(len(one.psbs) for one in states), sum(one.reservation_count for one in states)


def sessions(core: Core) -> list[SessionView]:
    """Every session with the number of its PSBs and RSBs."""
    return [
        SessionView(state.session, len(state.psbs), sum(1 for _ in state.reservations()), state.style)
        for state in core.sessions.values()
    ]


def _states(core: Core, session: Session | None) -> Iterable[SessionState]:
    """Those of one session, if one was named."""
    if session is None:
        return core.sessions.values()
    state = core.find_session(session)
    return () if state is None else (state,)


def senders(core: Core, now: float, session: Session | None = None) -> list[SenderView]:
    """Every PSB, or those of one session."""
    return [
        SenderView(
            state.session,
            psb.template,
            psb.phop.address,
            psb.iif,
            tuple(oi for oi in psb.outgoing if oi != LOCAL and psb.routes_to(oi)),
            psb.tspec,
            psb.path.sender.adspec,
            _left(psb.expiry.deadline, now),
            psb.handle,
        )
        for state in _states(core, session)
        for psb in state.psbs.values()
    ]


def reservations(core: Core, now: float, session: Session | None = None) -> list[ReservationView]:
    """Every RSB, or those of one session."""
    return [
        ReservationView(
            state.session,
            rsb.style,
            rsb.nhop,
            rsb.oi,
            tuple(rsb.filters),
            rsb.flowspec,
            _left(rsb.deadline, now),
            rsb.handle,
        )
        for state in _states(core, session)
        for rsb in state.reservations()
    ]


def requests(core: Core, session: Session | None = None) -> list[RequestView]:
    """Every flow that a previous hop is asked for, where there is an interface to ask through."""
    return [
        RequestView(
            state.session,
            phop.request.style,
            phop.address,
            phop.iif,
            base_filters(flow.filters),
            flow.flowspec,
        )
        for state in _states(core, session)
        for phop in state.phops.values()
        if phop.request is not None and (phop.handle is not None or core.interface(phop.iif) is not None)
        for flow in flows(phop.request.style, phop.request.want)
        if flow.flowspec is not None
    ]


def installed(core: Core, session: Session | None = None) -> list[InstalledView]:
    """Every TCSB that traffic control was told of."""
    return [
        InstalledView(state.session, tcsb.oi, tcsb.filters, tcsb.installed, tcsb.handle)
        for state in _states(core, session)
        for tcsb in state.tcsbs.values()
        if tcsb.oi != LOCAL
    ]


def refusals(core: Core) -> list[RefusalView]:
    """What was refused lately, the latest last."""
    return [
        RefusalView(
            one.session,
            one.message,
            one.neighbor,
            one.interface,
            one.filters,
            one.flowspec,
            one.code,
            one.value,
            error_text(one.code, one.value),
            bool(one.flags & ErrorFlag.IN_PLACE),
            times,
        )
        for one, times in core.refusals
    ]
