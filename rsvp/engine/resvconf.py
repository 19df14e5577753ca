"""ResvConf: confirmations made here, passed on, or delivered (RFC 2205 sections 2.6, 3.1.9)."""

from __future__ import annotations

from dataclasses import replace

from ..iana import DEFAULT_TTL, ErrorCode
from ..intserv import Flowspec, least_rate
from ..messages import AnyError, Flow, ResvConf, base_filters
from ..objects import ErrorSpec, Filter, IPAddress, ResvConfirm, Style
from .core import Core, forwarded
from .inputs import Received
from .outputs import ResvConfirmed, Send
from .reject import Drop
from .session import SessionState
from .style import Group


def send(
    core: Core,
    state: SessionState,
    confirm: ResvConfirm,
    style: Style,
    flowspec: Flowspec,
    filters: tuple[Filter, ...],
    oi: int,
) -> None:
    """Confirm a reservation to the receiver that asked, which may be on this node."""
    node = core.own_address(oi, confirm.receiver.version)
    flows = (Flow(flowspec, filters),) if style.shared else tuple(Flow(flowspec, (one,)) for one in filters)
    if core.owns(confirm.receiver, oi):
        for flow in flows:
            deliver(core, state, ErrorSpec(node, ErrorCode.CONFIRMATION, 0), style, flow)
        return
    message = ResvConf(
        session=state.session,
        error=ErrorSpec(node, ErrorCode.CONFIRMATION, 0),
        confirm=confirm,
        style=style,
        flows=flows,
        send_ttl=DEFAULT_TTL,
    )
    interface = _way(core, state, confirm.receiver, {oi})
    core.out.append(Send(message, confirm.receiver, DEFAULT_TTL, interface, router_alert=True))


def arrived(core: Core, received: Received, message: ResvConf, now: float) -> None:
    """Deliver a confirmation, or pass it on towards the receiver it is for."""
    receiver = message.confirm.receiver
    in_udp = received.ttl is None  # then it is for the first router to take on (appendix C)
    if received.destination != receiver and not in_udp:
        raise Drop("confirmation for another receiver")
    state = core.find_session(message.session)
    if not core.owns(receiver, received.interface):
        ttl = (message.send_ttl if received.ttl is None else received.ttl) - 1
        if ttl <= 0:
            raise Drop("TTL used up")
        onward = replace(message, send_ttl=ttl, flags=0, integrity=None, extra=forwarded(message.extra))
        way = None
        if state is not None:
            ois = {rsb.oi for rsb in state.reservations()} - {received.interface}
            way = _way(core, state, receiver, ois)
        core.out.append(Send(onward, receiver, ttl, way, router_alert=True))
        return
    if state is None:
        raise Drop("confirmation without a session")
    for flow in message.flows:
        deliver(core, state, message.error, message.style, flow)


def _way(core: Core, state: SessionState, receiver: IPAddress, ois: set[int]) -> int | None:
    """Back to where the reservation came from; routing decides where that is not plain.

    So it does for a group, unless the receiver is itself a next hop: what leads to one further away
    need not be a branch of the tree.
    """
    ois = {oi for oi in ois if core.interface(oi) is not None}
    if state.multicast and not receiver.is_link_local:
        ois &= {rsb.oi for rsb in state.reservations() if rsb.nhop == receiver}
    return ois.pop() if len(ois) == 1 else None


def deliver(core: Core, state: SessionState, error: AnyError, style: Style, flow: Flow) -> None:
    """Tell every application that waits for this confirmation, once for each sender.

    One that is for less than what is reserved by now answers an earlier request.
    """
    senders = base_filters(flow.filters)
    confirmed: set[Group] = set(senders or (None,))
    for rsb in list(state.reservations()):
        news = rsb.unconfirmed & confirmed
        if rsb.handle is None or not news:
            continue
        if flow.flowspec is not None and flow.flowspec.rate < least_rate(rsb.flowspec):
            continue
        rsb.unconfirmed -= news
        filters = tuple(one for one in senders if one in news)
        core.out.append(ResvConfirmed(rsb.handle, state.session, error.node, style, flow.flowspec, filters))
