"""What can be seen of a running simulation, as frozen values for whoever observes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ..engine.outputs import Dropped, TrafficOrder, Upcall
from ..jsonform import Json
from ..messages import Message
from ..objects import IPAddress
from ..transport import Packet


@dataclass(frozen=True, slots=True)
class Crossing:
    """A packet was put on a link.

    `number` counts all packets from 1; `time` is when it was sent, seconds. `reached` are the
    nodes that it will reach, `lost` those that it will not; `refresh` is whether it only repeats
    what was said before (RFC 2961 section 1.1).
    """

    time: float
    number: int
    node: str
    interface: str
    packet: Packet
    refresh: bool
    reached: tuple[str, ...]
    lost: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A node's engine is about to be given a message; `index` is the interface's number."""

    time: float
    node: str
    interface: str
    index: int
    message: Message
    source: IPAddress


@dataclass(frozen=True, slots=True)
class Upcalled:
    """An application on a node was told something (RFC 2205 section 3.11.1)."""

    time: float
    node: str
    app: str
    upcall: Upcall


@dataclass(frozen=True, slots=True)
class Ordered:
    """Traffic control on a node was told something (RFC 2205 section 3.11.2)."""

    time: float
    node: str
    interface: str
    order: TrafficOrder


@dataclass(frozen=True, slots=True)
class Discarded:
    """A node did not act on a message; `interface` is None where it came from nowhere."""

    time: float
    node: str
    interface: str | None
    dropped: Dropped


@dataclass(frozen=True, slots=True)
class Acted:
    """Something was done to the network or by an application: `text` says what.

    `refused` is why it could not be, None where it could.
    """

    time: float
    node: str | None
    text: str
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """Something that was expected held, or not; `found` is what there was instead."""

    time: float
    text: str
    held: bool
    found: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A node's state was asked for: `entries` are those of `rsvp show WHAT`."""

    time: float
    node: str
    what: str
    entries: list[dict[str, Json]]


Event: TypeAlias = Crossing | Arrived | Upcalled | Ordered | Discarded | Acted | Checked | Shown
