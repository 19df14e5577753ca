"""What to answer to a message that the codec refused (RFC 2205 section 3.10, appendix B)."""

from __future__ import annotations

from typing import TypeVar

from ._wire import Dissection, dissect
from .engine.inputs import Undecodable
from .errors import WireError
from .iana import ClassNum, ErrorCode, TrafficControlCode
from .intserv import Adspec, Flowspec, Tspec
from .messages import Flow, Sender
from .objects import FilterSpec, FlowLabelFilterSpec, Hop, Session, Style

UNKNOWN_CTYPE = "unknown C-Type"
UNSUPPORTED_SERVICE = "unsupported service"

_BAD: dict[int, int] = {
    ClassNum.FLOWSPEC: TrafficControlCode.BAD_FLOWSPEC,
    ClassNum.SENDER_TSPEC: TrafficControlCode.BAD_TSPEC,
    ClassNum.ADSPEC: TrafficControlCode.BAD_ADSPEC,
}
"""Objects whose contents RSVP hands to traffic control, and the error where they are malformed."""


def answer(data: bytes, interface: int, error: WireError) -> Undecodable | None:
    """The engine's input for a message that deserves a PathErr or ResvErr, None for all others.

    Formatting errors are counted and logged where they are found; those that the far end may be able
    to get round are answered, and so are contents that are traffic control's and not RSVP's own.
    """
    if error.reason == UNKNOWN_CTYPE and error.class_num is not None:
        code = int(ErrorCode.UNKNOWN_OBJECT_CTYPE)
        value = error.class_num << 8 | (error.ctype or 0)
    elif error.reason == UNSUPPORTED_SERVICE:
        code = int(ErrorCode.TRAFFIC_CONTROL_ERROR)
        value = int(TrafficControlCode.SERVICE_UNSUPPORTED)
    elif error.class_num in _BAD:
        code = int(ErrorCode.TRAFFIC_CONTROL_ERROR)
        value = int(_BAD[error.class_num])
    else:
        return None
    found = dissect(data)
    if error.class_num in _BAD and all(one.offset != error.offset or one.value for one in found.objects):
        return None  # its contents can be read, it stands where it must not
    return Undecodable(
        interface,
        found.type,
        error.reason,
        code,
        value,
        _first(found, ClassNum.SESSION, Session),
        _first(found, ClassNum.RSVP_HOP, Hop),
        _sender(found),
        _first(found, ClassNum.STYLE, Style),
        _flow(found),
    )


T = TypeVar("T")


def _first(found: Dissection, class_num: int, kind: type[T]) -> T | None:
    for item in found.objects:
        if item.class_num == class_num and isinstance(item.value, kind):
            return item.value
    return None


def _sender(found: Dissection) -> Sender | None:
    template = _first(found, ClassNum.SENDER_TEMPLATE, FilterSpec) or _first(
        found, ClassNum.SENDER_TEMPLATE, FlowLabelFilterSpec
    )
    if template is None:
        return None
    return Sender(
        template,
        _first(found, ClassNum.SENDER_TSPEC, Tspec),
        _first(found, ClassNum.ADSPEC, Adspec),
    )


def _flow(found: Dissection) -> Flow | None:
    flowspec = _first(found, ClassNum.FLOWSPEC, Flowspec)
    filters = tuple(
        item.value
        for item in found.objects
        if item.class_num == ClassNum.FILTER_SPEC and isinstance(item.value, FilterSpec | FlowLabelFilterSpec)
    )
    return Flow(flowspec, filters) if flowspec is not None else None
