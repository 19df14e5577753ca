"""Everything that can happen to the engine, as frozen values.

A packet, a change of the network underneath, an answer of the kernel, or one of the application's
verbs (RFC 2205 section 3.11). `Engine.handle(input, now)` takes them and returns outputs; whatever
the engine was given can be written down and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from .._values import compiled
from ..iana import DEFAULT_TTL
from ..intserv import DEFAULT_ADSPEC, Adspec, Tspec
from ..messages import Flow, Message, Sender
from ..objects import Filter, FilterSpec, FlowLabelFilterSpec, Hop, IPAddress, PolicyData, Session, Style
from .interfaces import LOCAL, Config, Interface


@compiled
@dataclass(frozen=True, slots=True)
class Received:
    """A message came in: through which interface, from and to which address, with which IP TTL.

    `interface` is the interface's number and `ttl` the IP TTL that was left on arrival (None where
    the transport cannot tell). `fingerprint` are 16 bytes that no messages but equal ones have in
    common, None where nobody took them: it makes refreshes cheaper, and never anything else of them.
    """

    message: Message
    interface: int
    source: IPAddress
    destination: IPAddress
    ttl: int | None
    fingerprint: bytes | None = field(default=None, compare=False, repr=False)


@compiled
@dataclass(frozen=True, slots=True)
class Undecodable:
    """A message that the codec refused, where RFC 2205 wants an answer (section 3.10, appendix B).

    The shell fills in what could be read; without `session` and a `hop` there is nobody to tell.
    """

    interface: int
    message_type: int
    reason: str
    code: int
    value: int
    session: Session | None = None
    hop: Hop | None = None
    sender: Sender | None = None
    style: Style | None = None
    flow: Flow | None = None


@compiled
@dataclass(frozen=True, slots=True)
class Configure:
    """The operator's limits, in place of those before; state that is there already stays."""

    config: Config


@compiled
@dataclass(frozen=True, slots=True)
class Clear:
    """The operator removes state that neighbours made, as tears from them would (RFC 2205 3.1.5, 3.1.6).

    Of one session, or of all where that is None. What applications here made stays theirs.
    """

    senders: bool
    reservations: bool
    session: Session | None = None


@compiled
@dataclass(frozen=True, slots=True)
class InterfaceUp:
    """An interface appeared or changed."""

    interface: Interface


@compiled
@dataclass(frozen=True, slots=True)
class InterfaceDown:
    """An interface is gone: its state is, too."""

    index: int


@compiled
@dataclass(frozen=True, slots=True)
class DataFlow:
    """What the way of a sender's data may depend on besides its addresses.

    Ports and the flow label are 0 where there are none; `incoming` is the number of the interface
    where the data comes in, `LOCAL` for an application's own.
    """

    protocol: int
    source_port: int
    port: int
    flow_label: int
    incoming: int

    @classmethod
    def of(cls, session: Session, sender: Filter, incoming: int) -> DataFlow:
        """The flow of a sender of a session. That of IPsec shows no ports (RFC 2207 section 2)."""
        port = sender.port if isinstance(sender, FilterSpec) else 0
        label = sender.flow_label if isinstance(sender, FlowLabelFilterSpec) else 0
        return cls(session.protocol, port, session.data_port, label, incoming)


@compiled
@dataclass(frozen=True, slots=True)
class RouteResolved:
    """The answer to `ResolveRoute`, and unasked for when routing changes (RFC 2205 3.11.4).

    `source` and `flow` are the question's. `outgoing` are interface numbers; empty and not `local`
    means that there is no route. `incoming` is what multicast routing expects data on, else None.
    `by_flow`: the way to this unicast destination depends on the flow, as where routes share a load
    or rules ask for the source. The engine then asks for each sender, until an answer says otherwise.
    `thresholds` are those of multicast routing, in the order of `outgoing`: what comes in with a TTL
    that does not exceed it does not leave there. Empty where there are none.
    """

    destination: IPAddress
    source: IPAddress | None
    outgoing: tuple[int, ...]
    incoming: int | None = None
    local: bool = False
    flow: DataFlow | None = None
    by_flow: bool = False
    thresholds: tuple[int, ...] = ()


@compiled
@dataclass(frozen=True, slots=True)
class FlowRejected:
    """Traffic control could not install what `InstallFlow` or `ModifyFlow` asked for.

    `code` and `value` go into the ResvErr (RFC 2205 appendix B, codes 1, 12, 21 and 22). `in_place`:
    it was a change that was refused, and what stood before still stands.
    """

    handle: int
    code: int
    value: int
    in_place: bool = False


@compiled
@dataclass(frozen=True, slots=True)
class OpenSession:
    """An application takes part in a session (SESSION of RFC 2205 section 3.11.1).

    `handle` is a number that the caller picks; the application's outputs carry it.
    """

    handle: int
    session: Session


@compiled
@dataclass(frozen=True, slots=True)
class CloseSession:
    """The application leaves: what it made is torn down (RELEASE of RFC 2205 section 3.11.1)."""

    handle: int


@compiled
@dataclass(frozen=True, slots=True)
class AddSender:
    """The application sends, or changes what it sends (SENDER of RFC 2205 section 3.11.1).

    `ttl` is the application's multicast TTL; it becomes the IP TTL and the Send_TTL of its Paths.
    `incoming` is the interface behind which the sender's host is, where the application speaks for
    one that does not speak RSVP (a sender proxy: RFC 5945 section 2.2).
    """

    handle: int
    template: Filter
    tspec: Tspec
    ttl: int = DEFAULT_TTL
    adspec: Adspec | None = DEFAULT_ADSPEC
    policy: tuple[PolicyData, ...] = ()
    incoming: int = LOCAL


@compiled
@dataclass(frozen=True, slots=True)
class RemoveSender:
    """The application stops sending from `template`; a PathTear follows."""

    handle: int
    template: Filter


@compiled
@dataclass(frozen=True, slots=True)
class Reserve:
    """The application asks for, or changes, its reservation (RESERVE of RFC 2205 3.11.1).

    The flows replace those that the application reserved before in this session. `confirm` asks
    for a ResvConf. `interface` is the number of the one where the application has joined the group;
    None where it left that to the system (RFC 2205 section 3.9). `outgoing` is the interface behind
    which the receiver's host is, where the application speaks for one that does not speak RSVP: the
    reservation stands there as a next hop's would (a receiver proxy: RFC 5945 section 2.1).
    """

    handle: int
    style: Style
    flows: tuple[Flow, ...]
    confirm: bool = False
    policy: tuple[PolicyData, ...] = ()
    ttl: int | None = None
    interface: int | None = None
    outgoing: int = LOCAL


@compiled
@dataclass(frozen=True, slots=True)
class Release:
    """The application gives its reservation back, all of it or some senders only."""

    handle: int
    filters: tuple[Filter, ...] | None = None


@compiled
@dataclass(frozen=True, slots=True)
class RefuseSender:
    """A receiver proxy could not reserve for a sender; a PathErr tells it so (RFC 5946 section 3.1).

    `code`, `value` and `flags` are those of the ResvErr, or what one of this node's would have said.
    """

    handle: int
    template: Filter
    code: int
    value: int
    flags: int = 0
    policy: tuple[PolicyData, ...] = ()


Input: TypeAlias = (
    Received
    | Undecodable
    | Configure
    | Clear
    | InterfaceUp
    | InterfaceDown
    | RouteResolved
    | FlowRejected
    | OpenSession
    | CloseSession
    | AddSender
    | RemoveSender
    | Reserve
    | Release
    | RefuseSender
)

__all__ = [
    "AddSender",
    "Clear",
    "CloseSession",
    "Configure",
    "DataFlow",
    "FlowRejected",
    "Input",
    "InterfaceDown",
    "InterfaceUp",
    "OpenSession",
    "Received",
    "RefuseSender",
    "Release",
    "RemoveSender",
    "Reserve",
    "RouteResolved",
    "Undecodable",
]
