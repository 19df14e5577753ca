"""Events of a simulation as JSON, one object a line, with the keys of `rsvp decode` and `rsvp show`."""

from __future__ import annotations

import json
from typing import TypeAlias, assert_never

from ..capture import Frame
from ..capture.report import Reporter
from ..control.schema import filters_to_json, upcall_to_json
from ..engine import outputs as o
from ..iana import MESSAGE_NAMES
from ..jsonform import Json, filter_spec, flowspec, session, tspec
from .events import Acted, Checked, Crossing, Discarded, Ordered, Shown, Upcalled
from .node import WHAT, Node
from .simulation import Simulation

Told: TypeAlias = Crossing | Upcalled | Ordered | Discarded | Acted | Checked | Shown
"""Events that are told; that a packet arrived is told as it leaves."""


def frame_of(crossing: Crossing) -> Frame:
    """A packet as `rsvp decode` would read it from a capture of all links."""
    packet = crossing.packet
    assert packet.source is not None
    return Frame(
        crossing.number,
        round(crossing.time * 1e9),
        packet.source,
        packet.destination,
        packet.ttl or 0,
        packet.router_alert,
        False,
        packet.data,
    )


class Lines:
    """Writes events down, each as the text of one line without its end."""

    def __init__(self) -> None:
        self._reporter = Reporter()

    def line(self, event: Told) -> str:
        """One event's JSON object."""
        if isinstance(event, Crossing):
            head = {
                "event": "message",
                "at": event.node,
                "interface": event.interface,
                "to": event.reached,
                "lost": event.lost,
                "refresh": event.refresh,
            }
            return json.dumps(head)[:-1] + ", " + self._reporter.line(frame_of(event)).decode()[1:]
        return json.dumps({"time": seconds(event.time), **_form(event)})


def seconds(time: float) -> float:
    """A time with as many digits as mean something."""
    return round(time, 9)


def _form(event: Upcalled | Ordered | Discarded | Acted | Checked | Shown) -> dict[str, Json]:
    match event:
        case Upcalled(node=node, app=app, upcall=upcall):
            told = upcall_to_json(upcall)
            return {"event": told.pop("event"), "at": node, "app": app or None, **told}
        case Ordered(node=node, interface=interface, order=order):
            return {"event": "traffic", "at": node, "interface": interface, **_order(order)}
        case Discarded(node=node, interface=interface, dropped=dropped):
            return {
                "event": "dropped",
                "at": node,
                "interface": interface,
                "message": MESSAGE_NAMES.get(dropped.message_type),
                "reason": dropped.reason,
            }
        case Acted(node=node, text=text, refused=refused):
            return {"event": "action", "at": node, "action": text, "refused": refused}
        case Checked(text=text, held=held, found=found):
            return {"event": "check", "what": text, "held": held, "found": found}
        case Shown(node=node, what=what, entries=entries):
            return {"event": "show", "at": node, what: entries}
        case _:
            assert_never(event)


def _order(order: o.TrafficOrder) -> dict[str, Json]:
    match order:
        case o.InstallFlow():
            about: dict[str, Json] = {
                "order": "install",
                "session": session(order.session),
                "filters": filters_to_json(order.filters),
                **_service(order),
            }
        case o.ModifyFlow():
            about = {"order": "modify", **_service(order)}
        case o.AddFilter() | o.RemoveFilter():
            name = "add_filter" if isinstance(order, o.AddFilter) else "remove_filter"
            about = {"order": name, "session": session(order.session), "filter": filter_spec(order.filter)}
        case o.RemoveFlow():
            about = {"order": "remove"}
        case _:
            assert_never(order)
    return {**about, "handle": str(order.handle)}


def _service(order: o.InstallFlow | o.ModifyFlow) -> dict[str, Json]:
    return {
        "flowspec": flowspec(order.flowspec),
        "tspec": None if order.tspec is None else tspec(order.tspec),
        "police": [one.name.lower() for one in o.Police if one in order.police and one.name],
    }


def state(node: Node, *, why: bool = False) -> dict[str, Json]:
    """All that `rsvp show` has to say of one node, under the words' names; with `why` the reasons, too."""
    about = {"event": "state", "at": node.name, "kind": node.kind.value, "up": node.up}
    now = seconds(node.simulation.now)
    return {"time": now, **about, **{what: node.show(what, why=why) for what in WHAT}}


def totals(simulation: Simulation, checks: int, failed: int) -> dict[str, Json]:
    """The last line: how much there was."""
    return {
        "time": seconds(simulation.now),
        "event": "end",
        "messages": simulation.crossings,
        "delivered": simulation.delivered,
        "lost": simulation.lost,
        "checks": checks,
        "failed": failed,
    }
