"""What every received message has to pass: nothing of our own, addresses that can be, known objects.

A class that this engine does not implement is treated by its top two bits, a C-Type that it does not
implement is answered with error 14 (RFC 2205 section 3.10).
"""

from __future__ import annotations

from dataclasses import replace
from types import NoneType
from typing import Any

from .._values import is_host
from ..iana import ClassNum, ErrorCode, MessageType, Service, TrafficControlCode, UnknownClass
from ..intserv import NullTspec
from ..messages import AnyFilter, Flow, Path, Resv, Sender
from ..objects import FilterSpec, FlowLabelFilterSpec, GpiFilter, GpiSession, Hop, Session, ctype_of
from . import patherr, resverr
from .core import Core
from .inputs import Received
from .interfaces import Interface
from .outputs import Send
from .reject import Drop, Reject


def screen(core: Core, received: Received, message: Any) -> Any:
    """What holds for every message, before its own rules; returns the message as the rooms take it.

    Raises Drop, after the answer that RFC 2205 section 3.10 asks for, where the message is not ours
    to act on.
    """
    hop = getattr(message, "hop", None)
    if hop is not None and core.owns(hop.address, received.interface):
        raise Drop("own message")
    flows, sender = _flows(message), getattr(message, "sender", None)
    filters = _filters(sender, flows)
    foreign = _foreign(message, hop, filters)
    if foreign is not None:
        if type(message.session) is Session and isinstance(message, Resv) and _has_gpi(filters):
            raise Drop("GPI filter in a session with ports")
        _refuse(core, received, message, Reject(ErrorCode.UNKNOWN_OBJECT_CTYPE, foreign))
        raise Drop("unknown C-Type")
    destination = message.session.destination
    if hop is not None and not is_host(hop.address, destination):
        raise Drop("bad hop address")
    confirm = getattr(message, "confirm", None)
    if confirm is not None and not is_host(confirm.receiver, destination):
        raise Drop("bad confirm address")
    if not message.session.port:
        if isinstance(message.session, GpiSession):
            raise Drop("bad destination port")
        if _has_source_port(filters):
            raise Drop("bad source port")
    if _null_service(sender, flows):
        refusal = Reject(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_UNSUPPORTED)
        _refuse(core, received, message, refusal)
        raise Drop("unsupported service")
    message = _together(message, flows)
    for unknown in message.extra:
        if unknown.class_num == ClassNum.NULL:
            continue
        if UnknownClass.of(unknown.class_num) is not UnknownClass.REJECT:
            continue
        refusal = Reject(ErrorCode.UNKNOWN_OBJECT_CLASS, unknown.class_num << 8 | unknown.ctype)
        _refuse(core, received, message, refusal)
        raise Drop("unknown object class")
    return message


def passes_through(core: Core, received: Received, interface: Interface) -> bool:
    """Whether a message is for another node and only came by (RFC 2205 section 2.9, RFC 2209).

    Path, PathTear and ResvConf are for every node on their way.
    """
    to = received.destination
    if received.message.type in _FOR_ALL or to in interface.addresses:
        return False
    if to.is_multicast or core.owns(to, interface.index):
        return False
    ttl = (received.message.send_ttl if received.ttl is None else received.ttl) - 1
    if ttl <= 0:
        raise Drop("TTL used up")
    core.out.append(Send(received.message, to, ttl, source=received.source, trigger=False))
    return True


_FOR_ALL = frozenset({MessageType.PATH, MessageType.PATH_TEAR, MessageType.RESV_CONF})


def _has_source_port(filters: list[tuple[ClassNum, AnyFilter]]) -> bool:
    """Whether a sender has a port though its session has none (RFC 2205 section 3.2, rule 2)."""
    return any(isinstance(one, FilterSpec) and one.port for _, one in filters)


def _has_gpi(filters: list[tuple[ClassNum, AnyFilter]]) -> bool:
    """Whether a sender is one of IPsec; in a Resv for others that is a formatting error (RFC 2207 4.1)."""
    return any(isinstance(one, GpiFilter) for _, one in filters)


def _refuse(core: Core, received: Received, message: Any, refusal: Reject) -> None:
    """Answer a Path or Resv; errors and tears are not answered (RFC 2205 section 3.10)."""
    if isinstance(message, Path):
        patherr.answer(core, message, received.interface, refusal)
    elif isinstance(message, Resv):
        for flow in message.flows or (None,):
            resverr.answer(core, message, received.interface, flow, refusal)


_SENDERS = {Session: frozenset({FilterSpec, FlowLabelFilterSpec}), GpiSession: frozenset({GpiFilter})}
"""The sessions that this engine implements, and the senders that each may have (RFC 2207 section 4.1)."""

_HOPS = frozenset({Hop, NoneType})
_TEMPLATE, _FILTER, _NULL = ClassNum.SENDER_TEMPLATE, ClassNum.FILTER_SPEC, int(Service.NULL)


def _foreign(message: Any, hop: Any, filters: list[tuple[ClassNum, AnyFilter]]) -> int | None:
    """Class and C-Type, as in an error value, of the first object that this engine does not implement.

    Or that it does not implement in such a session.
    """
    senders = _SENDERS.get(type(message.session))
    if senders is None:
        return ClassNum.SESSION << 8 | ctype_of(ClassNum.SESSION, message.session)
    if type(hop) not in _HOPS:
        return ClassNum.RSVP_HOP << 8 | ctype_of(ClassNum.RSVP_HOP, hop)
    for class_num, value in filters:
        if type(value) not in senders:
            return class_num << 8 | ctype_of(class_num, value)
    return None


def _filters(sender: Sender | None, flows: tuple[Flow, ...]) -> list[tuple[ClassNum, AnyFilter]]:
    """Every sender that a message names, with the class of the object that names it."""
    found = [] if sender is None else [(_TEMPLATE, sender.template)]
    for flow in flows:
        for one in flow.filters:
            found.append((_FILTER, one))
    return found


def _null_service(sender: Sender | None, flows: tuple[Flow, ...]) -> bool:
    """Whether the message speaks of the null service (RFC 2997), which this engine does not offer."""
    if sender is not None and isinstance(sender.tspec, NullTspec):
        return True
    for flow in flows:
        flowspec = flow.flowspec
        if flowspec is not None and flowspec.service == _NULL:
            break
    else:
        return False
    return True


def _flows(message: Any) -> tuple[Flow, ...]:
    flow = getattr(message, "flow", None)
    flows: tuple[Flow, ...] = getattr(message, "flows", ()) if flow is None else (flow,)
    return flows


def _together(message: Any, flows: tuple[Flow, ...]) -> Any:
    """The message with what is attached to its filters put with the other objects of the extensions."""
    for flow in flows:
        if flow.attached:
            break
    else:
        return message
    attached = tuple([one for flow in flows for group in flow.attached for one in group])
    bare = tuple(replace(flow, attached=()) for flow in flows)
    changes: dict[str, Any] = {"flows": bare} if hasattr(message, "flows") else {"flow": bare[0]}
    return replace(message, extra=message.extra + attached, layout=None, **changes)
