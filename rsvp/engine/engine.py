"""The engine: one door in, values out. Dispatch, the error edge and the clock's edge; no rules.

`handle(input, now)` and `handle_timeout(now)` return what is to be done about it; `next_timeout()`
says when the latter is due. `now` is any monotonic clock in seconds. Whatever a peer sends, nothing
is raised; what an application does wrong raises LocalError from its own verb only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from types import NoneType
from typing import Any

from ..iana import ClassNum, ErrorCode, MessageType, Service, TrafficControlCode, UnknownClass
from ..intserv import NullTspec
from ..messages import Flow, Path, Resv
from ..objects import FilterSpec, FlowLabelFilterSpec, Hop, Session, ctype_of
from . import applications, look, network, path, patherr, resv, resvconf, resverr
from .core import Core
from .inputs import (
    AddSender,
    CloseSession,
    FlowRejected,
    Input,
    InterfaceDown,
    InterfaceUp,
    OpenSession,
    Received,
    Release,
    RemoveSender,
    Reserve,
    RouteResolved,
    Undecodable,
)
from .interfaces import Config
from .outputs import Output
from .reject import Drop, Reject
from .views import (
    InstalledView,
    InterfaceView,
    RequestView,
    ReservationView,
    SenderView,
    SessionView,
)

_MESSAGES: dict[MessageType, Callable[[Core, Received, Any, float], None]] = {
    MessageType.PATH: path.arrived,
    MessageType.RESV: resv.arrived,
    MessageType.PATH_ERR: patherr.arrived,
    MessageType.RESV_ERR: resverr.arrived,
    MessageType.PATH_TEAR: path.tear_arrived,
    MessageType.RESV_TEAR: resv.tear_arrived,
    MessageType.RESV_CONF: resvconf.arrived,
}


class Engine:
    """RSVP on one node, without I/O (RFC 2205, RFC 2209)."""

    def __init__(self, config: Config | None = None, *, rng: Random) -> None:
        """`rng` spreads the refreshes; a seeded one makes a run repeatable."""
        self._core = Core(config or Config(), rng)
        self._inputs: dict[type[Any], Callable[[Core, Any, float], None]] = {
            Received: _received,
            Undecodable: network.undecodable,
            InterfaceUp: network.interface_up,
            InterfaceDown: network.interface_down,
            RouteResolved: path.routed,
            FlowRejected: network.flow_rejected,
            OpenSession: applications.open_session,
            CloseSession: applications.close_session,
            AddSender: applications.add_sender,
            RemoveSender: applications.remove_sender,
            Reserve: applications.reserve,
            Release: applications.release,
        }

    def handle(self, event: Input, now: float) -> list[Output]:
        """Take one input; returns what to do about it, in order.

        Raises LocalError, and then nothing has changed, for an application's verb that cannot be.
        """
        self._core.out = []
        self._inputs[type(event)](self._core, event, now)
        return self._core.out

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is to be called next, on the caller's clock; None for never."""
        return self._core.timers.next()

    def handle_timeout(self, now: float) -> list[Output]:
        """Send the refreshes and remove the state whose time has come."""
        self._core.out = []
        for timer in self._core.timers.due(now):
            timer.fire(self._core, timer.owner, now)
        return self._core.out

    def session_of(self, handle: int) -> Session:
        """The session that an application opened under a handle. Raises UnknownSession."""
        return applications.find(self._core, handle).state.session

    def interfaces(self) -> list[InterfaceView]:
        """Every interface, with what is reserved on it."""
        return look.interfaces(self._core)

    def sessions(self) -> list[SessionView]:
        """Every session."""
        return look.sessions(self._core)

    def senders(self, now: float) -> list[SenderView]:
        """Path state: every PSB."""
        return look.senders(self._core, now)

    def reservations(self, now: float) -> list[ReservationView]:
        """Reservation state: every RSB."""
        return look.reservations(self._core, now)

    def requests(self) -> list[RequestView]:
        """What is asked of each previous hop."""
        return look.requests(self._core)

    def installed(self) -> list[InstalledView]:
        """What traffic control holds: every TCSB but those of applications here."""
        return look.installed(self._core)


def _received(core: Core, received: Received, now: float) -> None:
    message = received.message
    arrived = _MESSAGES.get(message.type)
    try:
        if core.interface(received.interface) is None:
            raise Drop("interface disabled")
        if arrived is None:
            raise Drop("unsupported message")
        arrived(core, received, _screen(core, received, message), now)
    except Drop as drop:
        core.drop(drop.reason, received.interface, message.type)


def _screen(core: Core, received: Received, message: Any) -> Any:
    """What holds for every message: nothing of our own, no unknown class, only RFC 2205's C-Types."""
    hop = getattr(message, "hop", None)
    if hop is not None and hop.address in core.own:
        raise Drop("own message")
    foreign = _foreign(message)
    if foreign is not None:
        _refuse(core, received, message, Reject(ErrorCode.UNKNOWN_OBJECT_CTYPE, foreign))
        raise Drop("unknown C-Type")
    if _null_service(message):
        refusal = Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_UNSUPPORTED)
        _refuse(core, received, message, refusal)
        raise Drop("unsupported service")
    message = _together(message)
    for unknown in message.extra:
        if unknown.class_num == ClassNum.NULL:
            continue
        if UnknownClass.of(unknown.class_num) is not UnknownClass.REJECT:
            continue
        refusal = Reject(ErrorCode.UNKNOWN_OBJECT_CLASS, unknown.class_num << 8 | unknown.ctype)
        _refuse(core, received, message, refusal)
        raise Drop("unknown object class")
    return message


def _refuse(core: Core, received: Received, message: Any, refusal: Reject) -> None:
    """Answer a Path or Resv; errors and tears are not answered (RFC 2205 section 3.10)."""
    if isinstance(message, Path):
        patherr.answer(core, message, received.interface, refusal)
    elif isinstance(message, Resv):
        for flow in message.flows or (None,):
            resverr.answer(core, message, received.interface, flow, refusal)


_BASE = {
    ClassNum.SESSION: (Session,),
    ClassNum.RSVP_HOP: (Hop, NoneType),
    ClassNum.SENDER_TEMPLATE: (FilterSpec, FlowLabelFilterSpec),
    ClassNum.FILTER_SPEC: (FilterSpec, FlowLabelFilterSpec),
}
"""What this engine implements of the classes whose C-Types say different things."""


def _foreign(message: Any) -> int | None:
    """Class and C-Type, as in an error value, of the first object that this engine does not implement."""
    for class_num, value in _objects(message):
        if not isinstance(value, _BASE[class_num]):
            return class_num << 8 | ctype_of(class_num, value)
    return None


def _objects(message: Any) -> Iterator[tuple[ClassNum, Any]]:
    yield ClassNum.SESSION, message.session
    yield ClassNum.RSVP_HOP, getattr(message, "hop", None)
    sender = getattr(message, "sender", None)
    if sender is not None:
        yield ClassNum.SENDER_TEMPLATE, sender.template
    for flow in _flows(message):
        for value in flow.filters:
            yield ClassNum.FILTER_SPEC, value


def _null_service(message: Any) -> bool:
    """Whether the message speaks of the null service (RFC 2997), which this engine does not offer."""
    sender = getattr(message, "sender", None)
    if sender is not None and isinstance(sender.tspec, NullTspec):
        return True
    return any(
        flow.flowspec is not None and flow.flowspec.service == Service.NULL for flow in _flows(message)
    )


def _flows(message: Any) -> tuple[Flow, ...]:
    flow = getattr(message, "flow", None)
    flows: tuple[Flow, ...] = getattr(message, "flows", ()) if flow is None else (flow,)
    return flows


def _together(message: Any) -> Any:
    """The message with what is attached to its filters put with the other objects of the extensions."""
    attached = tuple(one for flow in _flows(message) for group in flow.attached for one in group)
    if not attached:
        return message
    bare = tuple(replace(flow, attached=()) for flow in _flows(message))
    changes: dict[str, Any] = {"flows": bare} if hasattr(message, "flows") else {"flow": bare[0]}
    return replace(message, extra=message.extra + attached, layout=None, **changes)
