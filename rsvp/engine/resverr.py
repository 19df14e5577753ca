"""ResvErr: refusals made here, passed on, or delivered (RFC 2205 section 3.1.8, RFC 2209 RERR)."""

from __future__ import annotations

from dataclasses import replace

from ..iana import ErrorCode, ErrorFlag
from ..iana_errors import PolicyControlError
from ..iana_policy import PreemptionError
from ..intserv import Flowspec, strictly_less
from ..messages import AnyError, AnyFilter, AnySession, Flow, Resv, ResvErr, base_filters, base_session
from ..objects import AnyObject, ErrorSpec, Filter, IPAddress, PolicyData, Scope, Style
from ..policy import PreemptionPriority
from . import upstream
from .bsb import BlockadeStateBlock
from .core import Core, forwarded
from .inputs import Received
from .merge import unblockaded
from .outputs import ResvError
from .phop import PreviousHop
from .refusals import Refusal
from .reject import Drop, Reject
from .rsb import ReservationStateBlock
from .session import SessionState
from .style import compatible, selects


def answer(core: Core, message: Resv, interface: int, flow: Flow | None, refusal: Reject) -> None:
    """Tell the next hop that sent a Resv why one of its flows was refused."""
    send(
        core,
        message.session,
        interface,
        message.hop.address,
        message.style,
        flow,
        refusal,
        message.scope,
        message.policy,
        message.extra,
    )


def report(
    core: Core,
    state: SessionState,
    rsb: ReservationStateBlock,
    refusal: Reject,
    flowspec: Flowspec | None = None,
    policy: tuple[PolicyData, ...] | None = None,
) -> None:
    """Tell a next hop that its reservation cannot be changed, or does not stand any more.

    Or the application that reserved for a host behind this node. Traffic control has no part in what
    applications reserve for themselves. `flowspec` and `policy` where the message has others than the
    reservation.
    """
    flow = Flow(rsb.flowspec if flowspec is None else flowspec, tuple(rsb.filters))
    policy = rsb.policy if policy is None else policy
    if rsb.nhop is None:
        told = (refusal.code, refusal.value, refusal.flags)
        core.note_refusal(Refusal(state.session, "Resv", None, rsb.oi, flow.filters, *told, flow.flowspec))
        node = core.own_address(rsb.oi, state.session.destination.version)
        _deliver(core, state, rsb, ErrorSpec(node, *told), flow.flowspec, tuple(rsb.filters), policy)
        return
    send(core, state.session, rsb.oi, rsb.nhop, rsb.style, flow, refusal, rsb.scope, policy, rsb.extra)


def report_reduction(core: Core, state: SessionState, rsb: ReservationStateBlock, left: Flowspec) -> None:
    """Tell who asks for more than was left to it how much that is (RFC 4495 section 5).

    Again with each refresh that asks too much, as one may be lost; it names the whole of what is left,
    so that hearing it twice reduces nothing twice (requirement 4).
    """
    refusal = Reject(
        ErrorCode.POLICY_CONTROL_FAILURE, PolicyControlError.PARTIALLY_PREEMPTED, ErrorFlag.IN_PLACE
    )
    report(core, state, rsb, refusal, left, (notice(rsb),))


def notice(rsb: ReservationStateBlock) -> PolicyData:
    """A reservation's own priority, marked as preempted (RFC 4495 section 5.1)."""
    mine = priorities(rsb) or [PreemptionPriority(0, 0)]
    return PolicyData(elements=tuple(replace(one, error=PreemptionError.PREEMPTION) for one in mine))


def priorities(rsb: ReservationStateBlock) -> list[PreemptionPriority]:
    """What its policy data says of how important a reservation is (RFC 3181)."""
    return [one for data in rsb.policy for one in data.elements if isinstance(one, PreemptionPriority)]


def send(
    core: Core,
    session: AnySession,
    interface: int,
    address: IPAddress,
    style: Style,
    flow: Flow | None,
    refusal: Reject,
    scope: Scope | None = None,
    policy: tuple[PolicyData, ...] = (),
    extra: tuple[AnyObject, ...] = (),
) -> None:
    """Send a ResvErr to the neighbour at `address`, behind an interface."""
    filters, flowspec = ((), None) if flow is None else (flow.filters, flow.flowspec)
    told = (refusal.code, refusal.value, refusal.flags)
    core.note_refusal(Refusal(session, "Resv", address, interface, filters, *told, flowspec))
    version = address.version
    message = ResvErr(
        session=session,
        hop=core.hop(interface, version),
        error=ErrorSpec(core.own_address(interface, version), *told),
        style=style,
        flow=flow,
        scope=scope,
        policy=policy,
        extra=forwarded(extra),
        send_ttl=core.hop_ttl(interface),
    )
    core.to_neighbor(message, interface, address)


def arrived(core: Core, received: Received, message: ResvErr, now: float) -> None:
    """Pass an error on to the next hops whose reservations it concerns (RFC 2209, RERR)."""
    state = core.find_session(message.session)
    if state is None or not state.psbs:
        raise Drop("ResvErr without path state")
    if message.flow is not None:
        filters: tuple[AnyFilter, ...] = message.flow.filters
    else:  # nobody could read which of them it was
        filters = tuple(psb.template for phop in _behind(state, received, message) for psb in phop.psbs)
    if message.error.code == ErrorCode.ADMISSION_CONTROL_FAILURE:
        for phop in _behind(state, received, message):
            _blockade(core, phop, message, now)
    for rsb in list(state.reservations()):
        if rsb.oi == received.interface or not compatible(rsb.style, message.style):
            continue  # of another style: what failed is not there any more
        common = tuple(one for one in rsb.filters if one in filters)
        if rsb.style.explicit and not common:
            continue
        if _spared(message, rsb):
            continue
        if rsb.handle is not None:
            flowspec = message.flow.flowspec if message.flow is not None else None
            _deliver(core, state, rsb, message.error, flowspec, common, message.policy)
        else:
            _pass_on(core, state, message, rsb, common)


def _behind(state: SessionState, received: Received, message: ResvErr) -> list[PreviousHop]:
    """The previous hop that an error came from, under each of its handles."""
    came = (received.interface, message.hop.address)
    return [phop for phop in state.phops.values() if (phop.iif, phop.address) == came]


def _blockade(core: Core, phop: PreviousHop, message: ResvErr, now: float) -> None:
    """Remember what failed, and ask at once for what may still succeed (RFC 2205 section 3.5)."""
    interface = core.interfaces[phop.iif]
    flow = message.flow
    if flow is None or flow.flowspec is None:
        return
    block = BlockadeStateBlock(flow.flowspec, now + interface.blockade * interface.refresh)
    concerned = [psb for psb in phop.psbs if selects(message.style, base_filters(flow.filters), psb.template)]
    if message.style.explicit:
        for psb in concerned:
            psb.blockade = block
    else:
        phop.blockade = block
    if any(unblockaded(phop.state, psb, now) for psb in concerned):
        upstream.sync(core, phop.state, (phop,), now)


def _spared(message: ResvErr, rsb: ReservationStateBlock) -> bool:
    """Whether a failed increase is none of this reservation's doing (RFC 2205 section 3.5, 5)."""
    failed = message.flow.flowspec if message.flow is not None else None
    return (
        message.error.code == ErrorCode.ADMISSION_CONTROL_FAILURE
        and bool(message.error.flags & ErrorFlag.IN_PLACE)
        and failed is not None
        and strictly_less(rsb.flowspec, failed)
    )


def _pass_on(
    core: Core,
    state: SessionState,
    message: ResvErr,
    rsb: ReservationStateBlock,
    common: tuple[Filter, ...],
) -> None:
    scope = message.scope
    if scope is not None and not rsb.style.explicit:
        routed = {psb.template.address for psb in state.senders(rsb.oi)}
        remaining = tuple(a for a in scope.addresses if a in routed)
        if not remaining:
            return  # nothing in scope leaves there: this is how ResvErr loops end (section 3.4)
        scope = Scope(remaining)
    assert rsb.nhop is not None
    onward = replace(
        message,
        hop=core.hop(rsb.oi, base_session(message).destination.version),
        flow=None if message.flow is None else Flow(message.flow.flowspec, common),
        scope=scope,
        extra=forwarded(message.extra),
        integrity=None,
        flags=0,
        send_ttl=core.hop_ttl(rsb.oi),
    )
    core.to_neighbor(onward, rsb.oi, rsb.nhop)


def _deliver(
    core: Core,
    state: SessionState,
    rsb: ReservationStateBlock,
    error: AnyError,
    flowspec: Flowspec | None,
    filters: tuple[Filter, ...],
    policy: tuple[PolicyData, ...],
) -> None:
    """Tell the application; NotGuilty if it had asked for less than what failed, said here only (A.5)."""
    flags = error.flags & ~ErrorFlag.NOT_GUILTY
    if (
        error.code == ErrorCode.ADMISSION_CONTROL_FAILURE
        and flowspec is not None
        and strictly_less(rsb.flowspec, flowspec)
    ):
        flags |= ErrorFlag.NOT_GUILTY
    assert rsb.handle is not None
    core.out.append(
        ResvError(
            rsb.handle,
            state.session,
            error.node,
            error.code,
            error.value,
            int(flags),
            rsb.style,
            flowspec,
            filters,
            policy,
        )
    )
