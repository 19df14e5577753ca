"""What happens in a node, as log lines by topic, for whoever looks on: `rsvp log`, or the daemon's own log.

Each topic is the logger `rsvp.TOPIC`. Its lines are of level DEBUG and carry, beside their text, what they
are about as JSON in the record's `fields`. Where nobody looks on a line costs no more than the question.
"""

from __future__ import annotations

import logging
from traceback import format_exception
from typing import Any, Final

from .engine.inputs import Received
from .engine.outputs import Dropped, Refused, Send, StateChanged, TrafficOrder
from .errors import WireError
from .iana import MESSAGE_NAMES, error_text
from .jsonform import Json, filter_spec, flowspec, session, to_json
from .messages import base_filters
from .show import Names
from .transport import Packet
from .vocabulary import TOPICS

_logs: Final = {topic: logging.getLogger(f"rsvp.{topic}") for topic in TOPICS}


def topic_of(record: logging.LogRecord) -> str:
    """The topic of a line; of one that belongs to none, the part of the package that wrote it."""
    return record.name.removeprefix("rsvp.")


def as_json(record: logging.LogRecord) -> dict[str, Json]:
    """A line as a JSON object: time (seconds since 1970), level, topic, text, and what it is about."""
    line: dict[str, Json] = {
        "time": round(record.created, 6),
        "level": record.levelname.lower(),
        "topic": topic_of(record),
        "text": record.getMessage(),
    }
    if record.exc_info and record.exc_info[1] is not None:
        line["error"] = "".join(format_exception(record.exc_info[1]))
    return line | getattr(record, "fields", {})


def watched(topic: str) -> bool:
    """Whether anybody looks on."""
    return _logs[topic].isEnabledFor(logging.DEBUG)


def _tell(topic: str, text: str, fields: dict[str, Json]) -> None:
    _logs[topic].debug("%s", text, extra={"fields": fields})


def _message(message: Any, packet: Packet, names: Names) -> dict[str, Json]:
    about = getattr(message, "session", None)
    return {
        "message": message.name,
        "session": None if about is None else str(about),
        "interface": None if packet.interface is None else names(packet.interface),
        "source": None if packet.source is None else str(packet.source),
        "destination": str(packet.destination),
        "ttl": packet.ttl,
        "data": packet.data.hex(),
    }


def received(event: Received, packet: Packet, names: Names) -> None:
    """A message came in; as in a recording, but for the interface's name."""
    fields = _message(event.message, packet, names)
    text = f"{fields['message']} from {fields['source']} through {fields['interface']}{_for(fields)}"
    _tell("received", text, fields)


def sent(send: Send, packet: Packet, names: Names) -> None:
    """A message went out."""
    fields = {**_message(send.message, packet, names), "trigger": send.trigger}
    through = "" if fields["interface"] is None else f" through {fields['interface']}"
    _tell("sent", f"{fields['message']} to {fields['destination']}{through}{_for(fields)}", fields)


def _for(fields: dict[str, Json]) -> str:
    return "" if fields["session"] is None else f", session {fields['session']}"


def state(change: StateChanged, names: Names) -> None:
    """A piece of state came, changed or went."""
    neighbor = None if change.neighbor is None else str(change.neighbor)
    who = "an application here" if neighbor is None else f"{neighbor} through {names(change.interface)}"
    about = ", ".join(str(one) for one in change.filters) or "all senders"
    kind = "sender" if change.what == "sender" else "reservation for"
    text = f"{kind} {about} in session {change.session}, of {who}: {change.change}"
    fields = {
        "what": change.what,
        "change": str(change.change),
        "session": session(change.session),
        "filters": [filter_spec(one) for one in change.filters],
        "interface": names(change.interface),
        "neighbor": neighbor,
    }
    _tell("state", text, fields)


def refused(output: Refused, names: Names) -> None:
    """A Path or Resv was turned down."""
    refusal = output.refusal
    neighbor = None if refusal.neighbor is None else str(refusal.neighbor)
    text = error_text(refusal.code, refusal.value)
    fields = {
        "result": "refused",
        "message": refusal.message,
        "session": to_json(refusal.session),
        "filters": [filter_spec(one) for one in base_filters(refusal.filters)],
        "interface": names(refusal.interface),
        "neighbor": neighbor,
        "code": refusal.code,
        "value": refusal.value,
        "text": text,
    }
    who = neighbor or "an application here"
    _tell("admission", f"{refusal.message} of {who} refused, session {refusal.session}: {text}", fields)


def admitted(order: TrafficOrder, names: Names) -> None:
    """What admission let through, and what traffic control is told."""
    kind = type(order).__name__
    rate = getattr(order, "flowspec", None)
    fields = {"order": kind, "handle": order.handle, "interface": names(order.interface)}
    if rate is not None:
        fields["flowspec"] = flowspec(rate)
        about = getattr(order, "session", None)
        admission = {**fields, "result": "admitted", "session": None if about is None else session(about)}
        text = f"reservation {order.handle} on {fields['interface']} admitted: {rate.rate:g} bytes/s"
        _tell("admission", text, admission)
    _tell("traffic", f"{kind} {order.handle} on {fields['interface']}", fields)


def dropped(drop: Dropped, names: Names) -> None:
    """A message was not acted on."""
    message = MESSAGE_NAMES.get(drop.message_type)
    fields = {"message": message, "interface": names(drop.interface), "reason": drop.reason}
    _tell("errors", f"dropped {message} from {fields['interface']}: {drop.reason}", fields)


def unreadable(packet: Packet, error: WireError, names: Names) -> None:
    """A packet was no RSVP message."""
    assert packet.interface is not None
    fields = {
        "interface": names(packet.interface),
        "source": str(packet.source),
        "reason": error.reason,
        "data": packet.data.hex(),
    }
    _tell("errors", f"dropped a packet from {packet.source}: {error}", fields)
