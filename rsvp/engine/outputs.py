"""Everything the engine wants done or known, as frozen values.

Messages to send, questions to routing, orders to traffic control (RFC 2205 section 3.11.2), upcalls
to applications (section 3.11.1), and drops to be counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum
from typing import TypeAlias

from .._values import compiled
from ..intserv import Flowspec, Tspec
from ..messages import Message, Sender
from ..objects import AnyObject, Filter, IPAddress, PolicyData, Session, Style
from .inputs import DataFlow
from .refusals import Refusal


@compiled
@dataclass(frozen=True, slots=True)
class Send:
    """Send `message` in an IP datagram.

    `interface` is the outgoing interface's number; None leaves the choice to routing. `source` is
    the IP source address, the sender's own for Path and PathTear (RFC 2205 3.1.3); None leaves it
    to the kernel. `ttl` is the IP TTL and equals the message's Send_TTL, unless the message is another
    node's and only passes through. `trigger` tells messages
    that carry news from refreshes (RFC 2961 section 1.1).
    """

    message: Message
    destination: IPAddress
    ttl: int
    interface: int | None = None
    source: IPAddress | None = None
    router_alert: bool = False
    trigger: bool = True


@compiled
@dataclass(frozen=True, slots=True)
class ResolveRoute:
    """Ask routing for the way to `destination`, and to be told when it changes (RFC 2205 3.11.4).

    `source` is None for unicast, until routing says that the way there depends on the flow.
    """

    destination: IPAddress
    source: IPAddress | None = None
    flow: DataFlow | None = None


@compiled
@dataclass(frozen=True, slots=True)
class ForgetRoute:
    """Nobody needs this route any more: changes of it need not be told."""

    destination: IPAddress
    source: IPAddress | None = None
    flow: DataFlow | None = None


class Police(IntFlag):
    """Where traffic has to be policed (RFC 2205 section 3.8)."""

    NONE = 0
    ENTRY = 1
    MERGE = 2
    BRANCH = 4


@compiled
@dataclass(frozen=True, slots=True)
class InstallFlow:
    """TC_AddFlowspec with its filters: give these packets this service on `interface`.

    `handle` names the reservation in later orders. An empty `filters` is every sender of the
    session. `tspec` is Path_Te, the sum of the senders' Tspecs. `extra` are objects of extensions that
    came with its Resvs, such as a DCLASS (RFC 2996).
    """

    handle: int
    interface: int
    session: Session
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    tspec: Tspec | None
    police: Police = Police.NONE
    extra: tuple[AnyObject, ...] = ()


@compiled
@dataclass(frozen=True, slots=True)
class ModifyFlow:
    """TC_ModFlowspec: the same packets, another service."""

    handle: int
    interface: int
    flowspec: Flowspec
    tspec: Tspec | None
    police: Police = Police.NONE
    extra: tuple[AnyObject, ...] = ()


@compiled
@dataclass(frozen=True, slots=True)
class AddFilter:
    """TC_AddFilter: one more sender shares the reservation."""

    handle: int
    interface: int
    session: Session
    filter: Filter


@compiled
@dataclass(frozen=True, slots=True)
class RemoveFilter:
    """TC_DelFilter: one sender less."""

    handle: int
    interface: int
    session: Session
    filter: Filter


@compiled
@dataclass(frozen=True, slots=True)
class RemoveFlow:
    """TC_DelFlowspec: the reservation and its filters go."""

    handle: int
    interface: int


@compiled
@dataclass(frozen=True, slots=True)
class PathEvent:
    """PATH_EVENT: a sender appeared or changed."""

    handle: int
    session: Session
    sender: Sender
    policy: tuple[PolicyData, ...] = ()


@compiled
@dataclass(frozen=True, slots=True)
class PathGone:
    """A sender's path state was torn down or timed out."""

    handle: int
    session: Session
    template: Filter


@compiled
@dataclass(frozen=True, slots=True)
class ResvEvent:
    """RESV_EVENT: a reservation for this node's sender arrived or changed."""

    handle: int
    session: Session
    style: Style
    flowspec: Flowspec
    filters: tuple[Filter, ...]
    policy: tuple[PolicyData, ...] = ()


@compiled
@dataclass(frozen=True, slots=True)
class ResvGone:
    """The reservation for this node's sender was torn down or timed out."""

    handle: int
    session: Session
    style: Style
    filters: tuple[Filter, ...]


@compiled
@dataclass(frozen=True, slots=True)
class PathError:
    """PATH_ERROR: a node refused this sender's Path, or what a receiver proxy reserved for it.

    `flags` are those of ERROR_SPEC; only a receiver proxy sets one (RFC 5946 section 3.1.2).
    """

    handle: int
    session: Session
    node: IPAddress
    code: int
    value: int
    sender: Sender | None
    policy: tuple[PolicyData, ...] = ()
    flags: int = 0


@compiled
@dataclass(frozen=True, slots=True)
class ResvError:
    """RESV_ERROR: a node refused this receiver's reservation, or took it away."""

    handle: int
    session: Session
    node: IPAddress
    code: int
    value: int
    flags: int
    style: Style
    flowspec: Flowspec | None
    filters: tuple[Filter, ...]
    policy: tuple[PolicyData, ...] = ()


@compiled
@dataclass(frozen=True, slots=True)
class ResvConfirmed:
    """RESV_CONFIRM: the reservation stands, up to the node that confirmed it (RFC 2205 2.6)."""

    handle: int
    session: Session
    node: IPAddress
    style: Style
    flowspec: Flowspec | None
    filters: tuple[Filter, ...]


@compiled
@dataclass(frozen=True, slots=True)
class Dropped:
    """A message was not acted on; `reason` is a short phrase to count by."""

    reason: str
    interface: int
    message_type: int


class Change(StrEnum):
    """What became of a piece of state, and why."""

    MADE = "made"
    CHANGED = "changed"
    TORN = "torn down"
    TIMED_OUT = "timed out"
    RELEASED = "released by its application"
    SENDERS_GONE = "gone with its senders"
    INTERFACE_GONE = "gone with its interface"
    TAKEN_AWAY = "taken away for want of bandwidth"
    REFUSED_BY_KERNEL = "refused by the kernel"
    CLEARED = "cleared by the operator"


@compiled
@dataclass(frozen=True, slots=True)
class StateChanged:
    """A sender's path state or a reservation came, changed or went; only where `Config.tells` asks for it.

    `what` is "sender" or "reservation", `interface` where it came from, and `neighbor` who made it, None
    for an application here.
    """

    change: Change
    what: str
    session: Session
    filters: tuple[Filter, ...]
    interface: int
    neighbor: IPAddress | None


@compiled
@dataclass(frozen=True, slots=True)
class Refused:
    """Something was refused; only where `Config.tells` asks for it."""

    refusal: Refusal


Upcall: TypeAlias = PathEvent | PathGone | ResvEvent | ResvGone | PathError | ResvError | ResvConfirmed
TrafficOrder: TypeAlias = InstallFlow | ModifyFlow | AddFilter | RemoveFilter | RemoveFlow
Output: TypeAlias = (
    Send | ResolveRoute | ForgetRoute | TrafficOrder | Upcall | Dropped | StateChanged | Refused
)
