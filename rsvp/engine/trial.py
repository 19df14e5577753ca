"""What would become of a reservation: admission asked without making any state (RFC 2205 section 2.5).

A reservation is put into its session, judged by the very rules that a Resv meets, and taken out again
before anything else happens; budgets are copies. As nobody says which next hop it would come from, it
counts as one more beside those that stand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from .._table import Table
from ..iana import AdmissionError, ErrorCode, error_text
from ..iana_errors import RsvpSystemError
from ..intserv import Flowspec, rate_needed
from ..messages import Flow, base_filters
from ..objects import Filter, Session, Style
from . import traffic
from .admission import Budget, Limit
from .core import Core
from .interfaces import LOCAL, Interface
from .merge import Installation, installation
from .outputs import Police
from .refusals import rule
from .reject import Reject
from .rsb import ReservationStateBlock
from .session import GroupKey, SessionState
from .style import Group, compatible, selects, split
from .timers import NEVER
from .views import VerdictView

TOO_MANY = Reject(ErrorCode.RSVP_SYSTEM_ERROR, RsvpSystemError.TOO_MANY_RESERVATIONS)
NOBODY = ip_address("0.0.0.0")
"""The next hop of a reservation that is only thought of."""


def verdicts(
    core: Core, session: Session, style: Style, flows: tuple[Flow, ...], route: tuple[int, ...]
) -> list[VerdictView]:
    """What would become of each flow, one after the other, on each interface where its data leaves.

    `route` are the interfaces to judge by where no Path of the session has come here yet. Nothing for a
    flow whose data ends here: then only previous hops have to admit it.
    """
    state = core.find_session(session)
    if state is None and len(core.sessions) >= core.config.max_sessions:
        return [_no_session(core, flow) for flow in flows]
    state = state or SessionState(session)
    budgets = {oi: budget.copy() for oi, budget in core.budgets.items()}
    made: Counter[int] = Counter()
    return [
        verdict
        for flow in flows
        for group, filters in split(style, base_filters(flow.filters))
        for verdict in _judge(core, state, style, flow, group, filters, route, budgets, made)
    ]


def _no_session(core: Core, flow: Flow) -> VerdictView:
    """There is room for no Path of the session, without which a Resv is refused."""
    assert flow.flowspec is not None, "nothing is asked for"
    refusal, most = Reject(ErrorCode.NO_PATH_INFORMATION), core.config.max_sessions
    about = (Limit.SESSIONS, len(core.sessions) + 1, most)
    return _refused(LOCAL, base_filters(flow.filters), flow.flowspec, refusal, *about)


def _judge(
    core: Core,
    state: SessionState,
    style: Style,
    flow: Flow,
    group: Group,
    filters: tuple[Filter, ...],
    route: tuple[int, ...],
    budgets: dict[int, Budget],
    made: Counter[int],
) -> Iterator[VerdictView]:
    flowspec = flow.flowspec
    assert flowspec is not None, "nothing is asked for"
    try:
        outgoing = _outgoing(core, state, style, filters, route)
    except Reject as refusal:
        yield _refused(LOCAL, filters, flowspec, refusal)
        return
    for oi in outgoing:
        rsb = ReservationStateBlock(
            state,
            oi,
            group,
            NOBODY,
            None,
            style,
            flowspec,
            Table((one, NEVER) for one in filters),
        )
        interface = core.interfaces[oi]
        full = _full(core, state, oi, made)
        if full is not None:
            yield _refused(oi, filters, flowspec, TOO_MANY, *full)
            continue
        try:
            traffic.check(core, state, oi, flowspec)
        except Reject as refusal:
            largest = (Limit.MTU, flowspec.tspec.M, interface.mtu)
            about = largest if refusal.code == ErrorCode.ADMISSION_CONTROL_FAILURE else ()
            yield _refused(oi, filters, flowspec, refusal, *about)
        else:
            with _as_if(state, rsb):
                verdict = _admit(interface, state, rsb, budgets[oi])
            made[oi] += verdict.accepted
            yield verdict


def _full(core: Core, state: SessionState, oi: int, made: Counter[int]) -> tuple[Limit, float, float] | None:
    """The limit that one more state block would exceed, what it would come to, and what may be there.

    `made` is what the same request made before. Of neighbours the one that has most room counts, as any
    of them may be who asks.
    """
    config, more = core.config, made.total() + 1
    of_all = {
        Limit.RESERVATIONS: (state.reservation_count + more, config.max_reservations_per_session),
        Limit.NEIGHBOR: (min(core.held.behind(oi), default=0) + made[oi] + 1, config.max_state_per_neighbor),
        Limit.STATE: (core.held.total + more, config.max_state),
    }
    return next(((limit, *numbers) for limit, numbers in of_all.items() if numbers[0] > numbers[1]), None)


def _outgoing(
    core: Core, state: SessionState, style: Style, filters: tuple[Filter, ...], route: tuple[int, ...]
) -> list[int]:
    """Where data of the senders that are asked for leaves this node. Raises Reject."""
    if state.style is not None and not compatible(state.style, style):
        raise Reject(ErrorCode.CONFLICTING_STYLE)
    if not state.psbs:
        if core.port_conflict(state.session):
            raise Reject(ErrorCode.CONFLICTING_DEST_PORTS)
        return [oi for oi in route if core.interface(oi) is not None]
    psbs = [psb for psb in state.psbs.values() if selects(style, filters, psb.template)]
    if not psbs:
        raise Reject(ErrorCode.NO_SENDER_INFORMATION)
    found = dict.fromkeys(oi for psb in psbs for oi in psb.outgoing if oi != LOCAL and psb.routes_to(oi))
    return [oi for oi in found if core.interface(oi) is not None]


@contextmanager
def _as_if(state: SessionState, rsb: ReservationStateBlock) -> Iterator[None]:
    """The session with one more reservation in it."""
    key = (rsb.oi, rsb.group)
    siblings = state.rsbs.get(key, Table())
    state.rsbs[key] = Table([*siblings.items(), (NOBODY, rsb)])
    try:
        yield
    finally:
        if siblings:
            state.rsbs[key] = siblings
        else:
            del state.rsbs[key]


def _target(state: SessionState, rsb: ReservationStateBlock) -> Installation:
    """What would be installed; where no sender is known yet, just what is asked for."""
    return installation(state, (rsb.oi, rsb.group)) or Installation(
        rsb.flowspec, tuple(rsb.filters), rsb.flowspec.tspec, Police.NONE
    )


def _handle(state: SessionState, key: GroupKey, budget: Budget) -> int:
    """Under what its bandwidth is booked, or would be; no reservation has a handle below zero."""
    tcsb = state.tcsbs.get(key)
    return -len(budget) - 1 if tcsb is None else tcsb.handle


def _admit(
    interface: Interface, state: SessionState, rsb: ReservationStateBlock, budget: Budget
) -> VerdictView:
    key = (rsb.oi, rsb.group)
    handle, target = _handle(state, key, budget), _target(state, rsb)
    held, service = budget.held(handle), target.flowspec.service
    try:
        forward = traffic.admit(budget, interface, state, key, handle, target)
    except Reject as refusal:
        rate = rate_needed(target.flowspec, target.path_te)
        rooms = budget.rooms(interface, handle, service)
        tightest = min(rooms, key=lambda limit: rooms[limit])
        about = (tightest, rate, max(rooms[tightest], 0.0))
        crowds = budget.crowds(interface, handle, rate, service)
        if refusal.value == AdmissionError.DELAY_BOUND and crowds is not None:
            about = (Limit.DELAY, *crowds)
        return _refused(rsb.oi, target.filters, target.flowspec, refusal, *about)
    remains = min(interface.limit - budget.reserved, interface.pool(service) - budget.pooled(service))
    return VerdictView(rsb.oi, target.filters, forward, budget.held(handle), held, max(remains, 0.0))


def _refused(
    oi: int,
    filters: tuple[Filter, ...],
    flowspec: Flowspec,
    refusal: Reject,
    limit: Limit | None = None,
    asked: float | None = None,
    available: float | None = None,
) -> VerdictView:
    code, value = refusal.code, refusal.value
    return VerdictView(
        oi,
        filters,
        flowspec,
        code=code,
        value=value,
        text=error_text(code, value),
        section=rule(code, value)[1],
        limit=None if limit is None else limit.value,
        asked=asked,
        available=available,
    )
