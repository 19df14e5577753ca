"""What one node knows, and the few things every room does with it. No rules live here."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from random import Random
from typing import Any, Self, TypeVar, TypeVarTuple

from .._table import Seen, Table
from .._values import compiled, number
from ..iana import DEFAULT_TTL, UnknownClass
from ..intserv import Adspec, advertise
from ..messages import AnySession, Message
from ..objects import AnyObject, Filter, GpiSession, Hop, IPAddress, Session, TimeValues
from .admission import Budget
from .holdings import Holdings
from .inputs import Received, RouteResolved
from .interfaces import LOCAL, Config, Interface
from .outputs import Dropped, Output, Refused, ResolveRoute, Send
from .psb import PathStateBlock
from .refusals import Refusal, Refusals
from .rsb import ReservationStateBlock
from .session import SessionState
from .timers import Timer, Timers

T = TypeVar("T")
Key = TypeVarTuple("Key")

HANDLE_BITS, HANDLES = 24, 128
HANDLE_INDEX = (1 << HANDLE_BITS) - 1
"""Of a LIH, the bits that are the interface's number."""

MADE_AT_MOST = 4096
"""Values that `Core.once` keeps: neighbours may send any number of ADSPECs and handles."""


@compiled
@dataclass(frozen=True, slots=True)
class Way:
    """Where data leaves, and where routing expects it to come in, as in `RouteResolved`.

    Destinations behind the same interfaces share one.
    """

    outgoing: tuple[int, ...]
    incoming: int | None
    local: bool
    thresholds: tuple[int, ...]

    def passes(self, oi: int, ttl: int) -> bool:
        """Whether data that came in with this TTL leaves through `oi`, one of `outgoing`."""
        return not self.thresholds or ttl > self.thresholds[self.outgoing.index(oi)]


@compiled
@dataclass(slots=True, eq=False)
class Route:
    """What routing said about a destination, a sender or a flow, and the path state that follows it."""

    asked: ResolveRoute
    way: Way | None = None
    psbs: Table[PathStateBlock, None] = field(default_factory=Table)


@compiled
@dataclass(slots=True, eq=False)
class Growth:
    """An interface's R on its way to a longer one, which takes time (RFC 2205 section 3.7)."""

    index: int
    target: float
    timer: Timer = field(init=False)


@compiled
@dataclass(slots=True, eq=False)
class Application:
    """One application's part in one session."""

    handle: int
    state: SessionState
    senders: dict[Filter, PathStateBlock] = field(default_factory=dict)


class Core:
    """The whole state of one engine, and the outputs of the input at hand."""

    def __init__(self, config: Config, rng: Random) -> None:
        self.config = config
        self.rng = rng
        self.timers = Timers()
        self.interfaces: dict[int, Interface] = {}
        self.budgets: dict[int, Budget] = {}
        self.growths: dict[int, Growth] = {}
        self.sessions: dict[Session, SessionState] = {}
        """By the session without flags."""
        self.alike: dict[int, int] = {}
        """Destination, protocol, IP version and whether there is a port, as a number -> how many sessions."""
        self.routes: dict[ResolveRoute, Route] = {}
        """By what routing was asked."""
        self.applications: dict[int, Application] = {}
        self.losses = 0
        """How many interfaces have gone so far."""
        self.arrivals: dict[int, tuple[float, int]] = {}
        """When each interface came, and how many had gone by then."""
        self.own: frozenset[IPAddress] = frozenset()
        self.own_numbers: frozenset[int] = frozenset()
        """The same as numbers: they are hashed in a tenth of the time of an address."""
        self.made: dict[Hashable, Any] = {}
        """What many messages have in common, made once until an interface changes: see `once`."""
        self.paths_seen: Seen[PathStateBlock] = Seen()
        """The senders whose state says what a Path said, forgotten by the PSB: see `refresh`."""
        self.resvs_seen: Seen[ReservationStateBlock] = Seen()
        """The reservations that a Resv only prolongs, forgotten by the `SessionState`."""
        self.refusals = Refusals()
        self.held = Holdings()
        self.out: list[Output] = []
        self.last_handle = 0

    def next_handle(self) -> int:
        """A traffic control handle that was never used before."""
        self.last_handle += 1
        return self.last_handle

    def interface(self, index: int) -> Interface | None:
        """An interface that RSVP may use."""
        interface = self.interfaces.get(index)
        return interface if interface is not None and interface.enabled else None

    def owns(self, address: IPAddress, index: int) -> bool:
        """Whether an address is one of this node, as it is understood behind an interface.

        A link-local one is somebody else's on each other link.
        """
        if number(address) not in self.own_numbers or address not in self.own:
            return False
        link = self.interfaces.get(index)
        return link is None or not address.is_link_local or address in link.addresses

    def addressed(self, received: Received) -> int:
        """The interface whose address a message is for, of those that RSVP may use; else where it came in."""
        to, came = received.destination, received.interface
        if to in self.interfaces[came].addresses:
            return came
        found = (one.index for one in self.interfaces.values() if one.enabled and to in one.addresses)
        return next(found, came)

    def own_address(self, index: int, version: int) -> IPAddress:
        """What nodes anywhere know this one by: of an interface's addresses if it can be, else another's.

        Not link-local, unless there is nothing else: it travels further than one link.
        """
        first = self.interfaces.get(index)
        places = [first, *self.interfaces.values()] if first is not None else self.interfaces.values()
        found = [address for one in places if (address := one.address(version)) is not None]
        nobody: IPAddress = IPv4Address(0) if version == 4 else IPv6Address(0)
        return next((one for one in found if not one.is_link_local), found[0] if found else nobody)

    def once(self, make: Callable[[Self, *Key], T], *key: *Key) -> T:
        """What `make` gives for a key, made once until an interface changes.

        Sessions share it then, which saves most of the memory and of the time of their messages.
        """
        made: T | None = self.made.get((make, *key))
        if made is None:
            if len(self.made) >= MADE_AT_MOST:
                self.made.clear()
            made = self.made[make, *key] = make(self, *key)
        return made

    def hop(self, index: int, version: int, lih: int | None = None) -> Hop:
        """RSVP_HOP for messages that leave through an interface; `lih` is a neighbour's own, else ours."""
        return self.once(_hop, index, version, self._handle(index) if lih is None else lih)

    def _handle(self, index: int) -> int:
        """The LIH of an interface: another one each time it comes back.

        Neighbours whose own interface has stayed hear of no change but that, and a previous hop that is
        another one than before hears of reservations at once (RFC 2205 section 3.6).
        """
        _, losses = self.arrivals.get(index, (0.0, 0))
        return index if index > HANDLE_INDEX else index | losses % HANDLES << HANDLE_BITS

    def of_handle(self, lih: int) -> int:
        """The interface that this node has given a LIH to, now or before."""
        return lih if lih in self.interfaces else lih & HANDLE_INDEX

    def way(self, answer: RouteResolved) -> Way:
        """What routing answered, without the destination."""
        return self.once(_way, answer.outgoing, answer.incoming, answer.local, answer.thresholds)

    def time_values(self, index: int) -> TimeValues:
        """TIME_VALUES for messages that leave through an interface."""
        return self.once(_time_values, index)

    def advertised(self, adspec: Adspec, index: int, non_rsvp: bool, reshaped: bool) -> Adspec:
        """An ADSPEC as it leaves through an interface (TC_Advertise of RFC 2205 section 3.11.2)."""
        return self.once(_advertised, adspec, index, non_rsvp, reshaped)

    def jittered(self, refresh: float) -> float:
        """A wait of 0.5 R to 1.5 R, so that nodes do not fall into step (RFC 2205 section 3.7)."""
        return refresh * (0.5 + self.rng.random())

    def hop_ttl(self, index: int) -> int:
        """The TTL of messages to a neighbour on an interface."""
        interface = self.interfaces.get(index)
        return DEFAULT_TTL if interface is None else interface.ttl

    def to_neighbor(self, message: Message, index: int, address: IPAddress) -> None:
        """Send to the neighbour at `address`, behind an interface; nothing where RSVP is off."""
        if self.interface(index) is None:
            return
        self.out.append(Send(message, address, message.send_ttl, index, self._source(index, address)))

    def _source(self, index: int, address: IPAddress) -> IPAddress | None:
        interface = self.interfaces.get(index)
        return None if interface is None else interface.address(address.version)

    def drop(self, reason: str, interface: int = LOCAL, message_type: int = 0) -> None:
        """Count a message that is not acted on."""
        self.out.append(Dropped(reason, interface, message_type))

    def note_refusal(self, refusal: Refusal) -> None:
        """Remember that something was refused, and let it be known."""
        self.refusals.add(refusal)
        if self.config.tells:
            self.out.append(Refused(refusal))

    def find_session(self, session: AnySession) -> SessionState | None:
        """The state of a session, if there is any."""
        if not isinstance(session, Session):
            return None
        return self.sessions.get(session.bare if session.flags else session)

    def add_session(self, session: Session) -> SessionState:
        """The state of a session, made where there is none; flags are not kept."""
        state = self.sessions.get(session.bare)
        if state is None:
            state = self.sessions[session.bare] = SessionState(session.bare)
            if not isinstance(session, GpiSession):
                alike = _alike(session, bool(session.port))
                self.alike[alike] = self.alike.get(alike, 0) + 1
        return state

    def port_conflict(self, session: Session) -> bool:
        """Whether sessions with and without a port would stand side by side (RFC 2205 section 3.2).

        The port of an encrypted flow is virtual, and none of them (RFC 2207 section 4.1).
        """
        return not isinstance(session, GpiSession) and _alike(session, not session.port) in self.alike

    def forget_if_empty(self, state: SessionState) -> None:
        """Drop a session that nothing refers to any more."""
        if not state.empty or self.sessions.pop(state.session, None) is None:
            return
        if not isinstance(state.session, GpiSession):
            alike = _alike(state.session, bool(state.session.port))
            self.alike[alike] -= 1
            if not self.alike[alike]:
                del self.alike[alike]


def _alike(session: Session, with_port: bool) -> int:
    destination = session.destination
    kind = session.protocol << 2 | with_port << 1 | (type(destination) is IPv6Address)
    return number(destination) << 10 | kind


def _hop(core: Core, index: int, version: int, lih: int) -> Hop:
    interface = core.interfaces.get(index)
    address = interface.address(version) if interface is not None else None
    return Hop(address or core.own_address(index, version), lih)


def _way(
    core: Core, outgoing: tuple[int, ...], incoming: int | None, local: bool, thresholds: tuple[int, ...]
) -> Way:
    return Way(outgoing, incoming, local, thresholds)


def _time_values(core: Core, index: int) -> TimeValues:
    return TimeValues(max(1, round(core.interfaces[index].refresh * 1000)))


def _advertised(core: Core, adspec: Adspec, index: int, non_rsvp: bool, reshaped: bool) -> Adspec:
    return advertise(adspec, core.interfaces[index].character, non_rsvp, reshaped)


def forwarded(extra: tuple[AnyObject, ...]) -> tuple[AnyObject, ...]:
    """The unknown objects that travel on; the others stop here (RFC 2205 section 3.10)."""
    if not extra:
        return ()
    return tuple(o for o in extra if UnknownClass.of(o.class_num) is UnknownClass.FORWARD)
