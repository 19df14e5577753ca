"""The application's verbs: session, sender, reserve, release (RFC 2205 section 3.11.1).

What an application does wrong raises LocalError to it; what the network refuses comes later, as an
upcall. Reservations of applications are no soft state: they wait for senders to come, and come back.
"""

from __future__ import annotations

from .._table import Table
from .._values import is_host
from ..errors import LocalError, StyleConflict, UnknownSession
from ..iana import ErrorCode, ErrorFlag, Protocol
from ..iana_errors import RECEIVER_PROXY_CODE
from ..intserv import flaw
from ..messages import AnyFilter, Flow, Sender, base_filter, base_filters
from ..objects import Filter, GpiFilter, GpiSession, Session, Style
from . import changes, path, patherr, resv, traffic, upstream
from .core import Application, Core
from .inputs import AddSender, CloseSession, OpenSession, RefuseSender, Release, RemoveSender, Reserve
from .interfaces import LOCAL
from .merge import covers
from .outputs import Change, PathEvent
from .phop import PreviousHops, phops_of
from .reject import Drop, Reject
from .rsb import ReservationStateBlock
from .session import SessionState
from .style import compatible, split
from .timers import NEVER, Timer


def open_session(core: Core, verb: OpenSession, now: float) -> None:
    """Take part in a session; senders that are known already are announced at once."""
    if verb.handle in core.applications:
        raise LocalError(f"session handle {verb.handle} is in use")
    if isinstance(verb.session, GpiSession):
        _check_gpi(verb.session)
    if core.port_conflict(verb.session):
        raise LocalError(
            f"a session to {verb.session.destination} exists with and without a port: "
            "all sessions of one destination and protocol either have one or have none"
        )
    state = core.add_session(verb.session)
    core.applications[verb.handle] = Application(verb.handle, state)
    state.handles += (verb.handle,)
    for sender, policy in dict.fromkeys(psb.announced for psb in state.psbs.values()):
        core.out.append(PathEvent(verb.handle, state.session, sender, policy))


def _check_gpi(session: GpiSession) -> None:
    """What RFC 2207 section 4.1 asks of end stations. Raises LocalError."""
    if session.protocol not in (Protocol.ESP, Protocol.AH):
        raise LocalError(f"protocol {session.protocol} has no SPI: a GPI session is of ESP (50) or AH (51)")
    if not session.port:
        raise LocalError("a GPI session needs a virtual port, 1 to 65535, that both ends agree on")


def check_sender(session: Session, sender: AnyFilter) -> None:
    """Refuse a sender that cannot be of a session: another family, or told apart by something else.

    RFC 2207 section 4.1: a GPI session has GPI senders and no others. Raises LocalError.
    """
    if isinstance(session, GpiSession) != isinstance(sender, GpiFilter):
        raise LocalError("senders and filters with an SPI belong to a GPI session, and others to one without")
    if base_filter(sender).address.version != session.destination.version:
        raise LocalError("senders and filters have an address of the session's family")


def close_session(core: Core, verb: CloseSession, now: float) -> None:
    """Leave a session: PathTear and ResvTear for everything the application made."""
    application = find(core, verb.handle)
    release(core, Release(verb.handle), now)
    for psb in list(application.senders.values()):
        path.remove(core, psb, now, Change.RELEASED)
    del core.applications[verb.handle]
    state = application.state
    state.handles = tuple(handle for handle in state.handles if handle != verb.handle)
    core.forget_if_empty(state)


def find(core: Core, handle: int) -> Application:
    """An application by its handle. Raises UnknownSession."""
    application = core.applications.get(handle)
    if application is None:
        raise UnknownSession(f"no session is open under handle {handle}")
    return application


# --- senders --------------------------------------------------------------------------------------


def add_sender(core: Core, verb: AddSender, now: float) -> None:
    """Begin to send Paths for a sender, or change what they say."""
    application = find(core, verb.handle)
    state = application.state
    check_sender(state.session, verb.template)
    _check_place(core, verb)
    if not 0 < verb.ttl < 256:
        raise LocalError(f"a TTL is 1 to 255, not {verb.ttl}")
    sender = Sender(verb.template, verb.tspec, verb.adspec)
    message = path.own_path(core, state.session, sender, verb.ttl, verb.policy)
    psb = application.senders.get(verb.template)
    if psb is None:
        try:
            path.check_ports(core, state.session, verb.template, state)
        except (Reject, Drop):
            raise LocalError(
                "source ports do not agree: a session without a port has senders without ports, "
                "and one host's senders all have ports or all have none"
            ) from None
        if (existing := state.find_psb(verb.template, verb.incoming)) is not None:
            whose = "another application" if existing.handle is not None else "another node"
            raise LocalError(f"{whose} already sends from {verb.template} in this session")
        psb = path.add(core, state, message, verb.incoming, verb.ttl, verb.handle)
        application.senders[verb.template] = psb
        before = None
    elif psb.iif != verb.incoming:
        raise LocalError(f"{verb.template} is announced from elsewhere already: take that back first")
    elif psb.path == message and psb.ttl == verb.ttl:
        return
    else:
        before = psb.announced
        psb.path, psb.ttl = message, verb.ttl
        changes.tell(core, psb, Change.CHANGED)
    path.announce(core, psb, before, now)
    path.follow(core, psb, now)


def _check_place(core: Core, verb: AddSender) -> None:
    """A sender is this node itself, or a host behind an interface that its proxy named."""
    address = verb.template.address
    if verb.incoming == LOCAL and address not in core.own:
        raise LocalError(f"{address} is not an address of this node")
    if verb.incoming != LOCAL and (address in core.own or not is_host(address, address)):
        raise LocalError(f"{address} is not the address of a host behind this node")


def remove_sender(core: Core, verb: RemoveSender, now: float) -> None:
    """Stop sending Paths for a sender and tear its path state down."""
    application = find(core, verb.handle)
    psb = application.senders.pop(verb.template, None)
    if psb is None:
        raise LocalError(f"{verb.template} does not send in this session")
    path.remove(core, psb, now, Change.RELEASED)


def refuse_sender(core: Core, verb: RefuseSender, now: float) -> None:
    """Tell a sender elsewhere that a receiver proxy got no reservation for it (RFC 5946 section 3.1)."""
    state = find(core, verb.handle).state
    psbs = [p for p in state.psbs.values() if p.template == verb.template and p.phop.address is not None]
    if not psbs:
        raise LocalError(f"no Path has come from {verb.template} in this session")
    code, value = verb.code, verb.value
    if code not in (ErrorCode.ADMISSION_CONTROL_FAILURE, ErrorCode.POLICY_CONTROL_FAILURE):
        code, value = ErrorCode.RECEIVER_PROXY, RECEIVER_PROXY_CODE | code
    refusal = Reject(code, value, verb.flags & ErrorFlag.IN_PLACE)
    for psb in psbs:
        patherr.send(core, psb.iif, state.session, psb.path.hop, psb.path.sender, refusal, verb.policy)


# --- reservations ---------------------------------------------------------------------------------


def reserve(core: Core, verb: Reserve, now: float) -> None:
    """Make or change an application's reservation; what it reserved before is replaced."""
    application = find(core, verb.handle)
    state = application.state
    _check(state, verb)
    before = _phops(state, verb.handle)
    touched: dict[ReservationStateBlock, None] = {}
    old = _take(state, verb.handle)
    new = _blocks(state, verb)
    unchanged = _same(old, new)
    _tell(core, old, new, unchanged)
    for rsb in new:
        state.add_rsb((rsb.oi, rsb.group), rsb)
    for rsb in (*old, *new):
        touched[rsb] = None
    concerned = {**before, **_phops(state, verb.handle)}
    for rsb in touched:
        concerned |= resv.settle_traffic(core, state, rsb)
    if unchanged and not verb.confirm:
        return
    upstream.rebuild(state)
    upstream.sync(core, state, concerned, now, confirm=verb.confirm)


def check_request(session: Session, style: Style, flows: tuple[Flow, ...]) -> None:
    """Refuse what no application may ask for, whatever stands. Raises LocalError."""
    if isinstance(session, GpiSession):
        _check_gpi(session)
    if not style.known:
        raise LocalError("a reservation's style is FF, WF or SE")
    if not flows:
        raise LocalError("a reservation has at least one flow; release gives it back")
    if style.shared and len(flows) > 1:
        raise LocalError("a shared reservation has exactly one flow")
    for flow in flows:
        if flow.flowspec is None:
            raise LocalError("a reservation needs a flowspec")
        if style.explicit != bool(flow.filters):
            raise LocalError(
                "a reservation of style FF or SE lists its senders"
                if style.explicit
                else "a reservation of style WF lists no senders"
            )
        for one in flow.filters:
            check_sender(session, one)
        if flow.flowspec.service not in traffic.SERVICES:
            raise LocalError("a reservation's service is controlled-load or guaranteed")
        if (why := flaw(flow.flowspec)) is not None:
            raise LocalError(f"nobody could honour this reservation: {why}")
    if len({flow.flowspec.service for flow in flows if flow.flowspec}) > 1:
        raise LocalError("the flows of a reservation are all of one service")


def _check(state: SessionState, verb: Reserve) -> None:
    check_request(state.session, verb.style, verb.flows)
    for rsb in state.reservations():
        if rsb.handle == verb.handle:
            continue
        if not compatible(rsb.style, verb.style):
            raise StyleConflict(
                f"this session is reserved in style {rsb.style.name}, "
                f"which does not go together with {verb.style.name}"
            )
        if any(flow.flowspec and flow.flowspec.service != rsb.flowspec.service for flow in verb.flows):
            raise LocalError(f"this session is reserved with {rsb.flowspec.service_name} service")


def _blocks(state: SessionState, verb: Reserve) -> list[ReservationStateBlock]:
    blocks = []
    for flow in verb.flows:
        assert flow.flowspec is not None
        for group, filters in split(verb.style, base_filters(flow.filters)):
            rsb = ReservationStateBlock(
                state,
                verb.outgoing,
                group,
                None,
                verb.handle,
                verb.style,
                flow.flowspec,
                Table((one, NEVER) for one in filters),
                unconfirmed=frozenset(filters or (None,)) if verb.confirm else frozenset(),
                policy=verb.policy,
                ttl=verb.ttl,
                interface=verb.interface,
            )
            rsb.expiry = Timer(rsb, resv.expired)
            blocks.append(rsb)
    return blocks


def _same(old: list[ReservationStateBlock], new: list[ReservationStateBlock]) -> bool:
    def what(rsb: ReservationStateBlock) -> tuple[object, ...]:
        told = (rsb.policy, rsb.ttl, rsb.interface)
        return (rsb.oi, rsb.group, rsb.style, rsb.flowspec, tuple(rsb.filters), *told)

    return [what(rsb) for rsb in old] == [what(rsb) for rsb in new]


def _tell(
    core: Core, old: list[ReservationStateBlock], new: list[ReservationStateBlock], unchanged: bool
) -> None:
    groups = [rsb.group for rsb in old]
    for rsb in old:
        if rsb.group not in [one.group for one in new]:
            changes.tell(core, rsb, Change.RELEASED)
    for rsb in new:
        if rsb.group not in groups:
            changes.tell(core, rsb, Change.MADE)
        elif not unchanged:
            changes.tell(core, rsb, Change.CHANGED)


def _take(state: SessionState, handle: int) -> list[ReservationStateBlock]:
    mine = [rsb for rsb in state.reservations() if rsb.handle == handle]
    for rsb in mine:
        resv.remove(state, rsb)
    return mine


def _phops(state: SessionState, handle: int) -> PreviousHops:
    mine = [rsb for rsb in state.reservations() if rsb.handle == handle]
    return phops_of(psb for psb in state.psbs.values() if any(covers(rsb, psb) for rsb in mine))


def release(core: Core, verb: Release, now: float) -> None:
    """Give a reservation back, all of it or that of some senders (RFC 2205 section 3.1.6)."""
    state = find(core, verb.handle).state
    wanted: set[Filter] | None = None if verb.filters is None else set(verb.filters)
    concerned = _phops(state, verb.handle)
    for rsb in [rsb for rsb in state.reservations() if rsb.handle == verb.handle]:
        gone = [one for one in rsb.filters if wanted is None or one in wanted]
        if wanted is not None and not gone:
            continue
        resv.take_out(core, state, rsb, gone, Change.RELEASED)
        concerned |= resv.settle_traffic(core, state, rsb)
    upstream.rebuild(state)
    upstream.sync(core, state, concerned, now)
