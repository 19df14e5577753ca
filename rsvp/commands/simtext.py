"""Events of a simulation in words, for `rsvp sim`."""

from __future__ import annotations

from typing import assert_never

from ..capture.dissected import dissect_frame
from ..capture.text import gist, plain
from ..control.schema import upcall_to_json
from ..engine import outputs as o
from ..iana import MESSAGE_NAMES
from ..jsonform import filter_spec, flowspec, session
from ..simulation.events import Acted, Checked, Crossing, Discarded, Ordered, Shown, Upcalled
from ..simulation.report import Told, frame_of
from . import words

NETWORK = "*"
"""In place of a node's name: the network itself."""


def line(event: Told) -> str:
    """One event as a line: when, where, what."""
    where, what = _words(event)
    return f"{event.time:12.6f}  {where:<8}  {what}"


def _words(event: Told) -> tuple[str, str]:
    match event:
        case Crossing():
            return event.node, _crossing(event)
        case Upcalled(node=node, upcall=upcall):
            about = upcall_to_json(upcall)
            return node, f"{words.session(about['session'])}: {words.event(about)}"
        case Ordered(node=node, interface=interface, order=order):
            return node, f"traffic control on {interface}: {_order(order)}"
        case Discarded(node=node, dropped=dropped):
            name = MESSAGE_NAMES.get(dropped.message_type, "message")
            return node, f"{name} not acted on: {dropped.reason}"
        case Acted(node=node, text=text, refused=refused):
            return node or NETWORK, f"cannot {text}: {refused}" if refused else text
        case Checked(text=text, held=held, found=found):
            return NETWORK, f"ok: {text}" if held else f"NOT: {text}: {found}"
        case Shown(node=node, what=what, entries=entries):
            return node, f"{len(entries)} {what}"
        case _:
            assert_never(event)


def _crossing(crossing: Crossing) -> str:
    to = ", ".join(crossing.reached) or "nobody"
    lost = f" (lost to {', '.join(crossing.lost)})" if crossing.lost else ""
    return f"-> {to}{lost}: {plain(gist(dissect_frame(frame_of(crossing))))}"


def _order(order: o.TrafficOrder) -> str:
    match order:
        case o.InstallFlow():
            whom = words.filters([filter_spec(one) for one in order.filters])
            service = words.flowspec(flowspec(order.flowspec))
            about = words.session(session(order.session))
            return f"{about} for {whom} gets {service}{_policed(order.police)}"
        case o.ModifyFlow():
            service = words.flowspec(flowspec(order.flowspec))
            return f"flow {order.handle} gets {service}{_policed(order.police)}"
        case o.AddFilter():
            return f"flow {order.handle} is for {words.place(filter_spec(order.filter))}, too"
        case o.RemoveFilter():
            return f"flow {order.handle} is not for {words.place(filter_spec(order.filter))} any more"
        case o.RemoveFlow():
            return f"flow {order.handle} is gone"
        case _:
            assert_never(order)


def _policed(police: o.Police) -> str:
    """Where traffic is policed (RFC 2205 section 3.8), if it is."""
    where = {
        o.Police.ENTRY: "where it enters",
        o.Police.MERGE: "where senders come together",
        o.Police.BRANCH: "where it branches",
    }
    found = [text for flag, text in where.items() if flag in police]
    return f", policed {' and '.join(found)}" if found else ""
