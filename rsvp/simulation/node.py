"""One node of a simulation: the engine that real sockets would drive, and its applications."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import engine as e
from ..api import EXPLAINED
from ..engine.inputs import Input
from ..engine.outputs import Upcall
from ..engine.views import (
    Explained,
    Explanation,
    InstalledView,
    InterfaceView,
    RefusalView,
    RequestView,
    ReservationView,
    SenderView,
    SessionView,
)
from ..errors import LocalError, NoRoute, UnknownSession
from ..iana import DEFAULT_TTL
from ..intserv import DEFAULT_ADSPEC, Adspec, Tspec, default_bucket
from ..jsonform import Json
from ..ledger import Ledger
from ..messages import Flow, Sender
from ..objects import Filter, IPAddress, Session, Style, filter_of
from ..receiver import Receiver
from ..show import Names, entries
from ..show import why as reasons
from .parts import Port
from .topology import Kind, NodeSpec

if TYPE_CHECKING:
    from .simulation import Simulation

WHAT = (
    *("interfaces", "sessions", "senders", "reservations", "requests", "installed", "refusals"),
    "counters",
)
"""The words that `Node.show` knows."""


@dataclass(slots=True)
class _Part:
    """One application's part in one session."""

    session: Session
    app: str
    receiver: Receiver | None = None
    confirm: bool = False
    asked: tuple[Flow, ...] = ()


class Node:
    """A host or router. `engine` is None on plain routers, and on all while they are down.

    `send`, `reserve` and the like are the verbs of applications on the node (RFC 2205 section
    3.11.1). A session may be written as text, "239.1.1.1:5000" or "h2:5000/tcp"; `app` tells
    several applications in one session apart. They raise LocalError for what cannot be.
    """

    def __init__(
        self, simulation: Simulation, spec: NodeSpec, number: int, kind: Kind, refresh: float, keep: int
    ) -> None:
        self.simulation = simulation
        self.name = spec.name
        self.number = number
        self.kind = kind
        self.keep = keep if spec.keep is None else spec.keep
        told = {name: getattr(spec, name) for name in ("route_delay", "blockade", "slew")}
        self.timing: dict[str, Any] = {
            "refresh": refresh if spec.refresh is None else spec.refresh,
            "keep": self.keep,
            **{name: value for name, value in told.items() if value is not None},
        }
        """R, K, W, Kb and Slew.Max, as fields of the engine's `Interface`."""
        self.ports: dict[int, Port] = {}
        self.up = True
        self.starts = 0
        self.turns = 0
        """How often anything but a message or a timer told the engine something new."""
        self.wake = float("inf")
        """When the simulation looks at the engine's timers next."""
        self.clear()

    def clear(self) -> None:
        """Forget everything, as a crash does."""
        self.engine: e.Engine | None = None
        self.ledger = Ledger()
        self.routes: dict[tuple[IPAddress, IPAddress | None], e.RouteResolved] = {}
        self.events: list[tuple[float, Upcall]] = []
        self.sent: Counter[tuple[int, str]] = Counter()
        self.received: Counter[tuple[int, str]] = Counter()
        self.errors: Counter[tuple[int, str]] = Counter()
        self._parts: dict[int, _Part] = {}
        self._handles: dict[tuple[Session, str], int] = {}
        self._next_handle = 0

    def start(self, seed: object) -> None:
        """Begin with a new engine; the interfaces that are up are its inputs."""
        self.starts += 1
        self.engine = self.simulation.new_engine(self.name, f"{seed}/{self.name}/{self.starts}")
        for port in self.ports.values():
            if port.link.up:
                self.feed(e.InterfaceUp(port.interface(**self.timing)))

    def __repr__(self) -> str:
        return f"<{self.kind.value} {self.name}>"

    # --- what it knows ----------------------------------------------------------------------------

    @property
    def live(self) -> e.Engine:
        """The engine. Raises LocalError where there is none."""
        if self.engine is None:
            why = "does not know RSVP" if self.kind is Kind.PLAIN else "is down"
            raise LocalError(f"{self.name} {why}")
        return self.engine

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The addresses of all interfaces."""
        return tuple(one for port in self.ports.values() for one in port.addresses)

    def interfaces(self) -> list[InterfaceView]:
        """Every interface, with what is reserved on it."""
        return self.engine.interfaces() if self.engine else []

    def sessions(self) -> list[SessionView]:
        """Every session."""
        return self.engine.sessions() if self.engine else []

    def senders(self) -> list[SenderView]:
        """Path state."""
        return self.engine.senders(self.simulation.now) if self.engine else []

    def reservations(self) -> list[ReservationView]:
        """Reservation state."""
        return self.engine.reservations(self.simulation.now) if self.engine else []

    def requests(self) -> list[RequestView]:
        """What is asked of previous hops."""
        return self.engine.requests() if self.engine else []

    def installed(self) -> list[InstalledView]:
        """What traffic control holds."""
        return self.engine.installed() if self.engine else []

    def refusals(self) -> list[RefusalView]:
        """What was turned down lately."""
        return self.engine.refusals() if self.engine else []

    def explain(self, view: Explained) -> tuple[Explanation, ...]:
        """Why one of these views shows what it does: messages, and rules with their RFC sections."""
        return self.live.explain(view, self.simulation.now)

    def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        """The entries of `rsvp show WHAT`; with `why` those of `rsvp show WHAT --why`.

        Raises LocalError for a word that is none of `WHAT`. What nobody explains has no `why`.
        """
        if what not in WHAT:
            raise LocalError(f"there is nothing called {what!r} to show: one of {', '.join(WHAT)}")
        names = Names({port.index: port.name for port in self.ports.values()})
        if what == "counters":
            return [
                {
                    "interface": port.name,
                    **{name: self._counts(counter, port.index) for name, counter in self._counters()},
                }
                for port in self.ports.values()
            ]
        views: list[Any] = getattr(self, what)()
        shown = entries(views, names)
        if why and what in EXPLAINED:
            for entry, view in zip(shown, views, strict=True):
                entry["why"] = reasons(self.explain(view), names)
        if what == "installed":
            for entry in shown:
                # Nothing but RSVP is simulated: there are no packets to count.
                entry |= {"handle": str(entry["handle"]), "bytes": 0, "packets": 0, "dropped": 0}
        return shown

    def _counters(self) -> tuple[tuple[str, Counter[tuple[int, str]]], ...]:
        return ("sent", self.sent), ("received", self.received), ("errors", self.errors)

    @staticmethod
    def _counts(counter: Counter[tuple[int, str]], index: int) -> dict[str, int]:
        return {name: number for (where, name), number in counter.items() if where == index}

    # --- what applications do ---------------------------------------------------------------------

    def feed(self, event: Input) -> None:
        """Hand the engine one input, and carry out what it wants. Raises LocalError, changing nothing."""
        self.simulation.feed(self, event)

    def open(self, session: Session | str, app: str = "") -> int:
        """Take part in a session, once; returns the handle. A group is joined."""
        session = self.simulation.session(session)
        handle = self._handles.get((session, app))
        if handle is None:
            handle = self._next_handle + 1
            # Events of senders that are known come at once, and go to the part that is there by then.
            self._parts[handle] = _Part(session, app)
            try:
                self.feed(e.OpenSession(handle, session))
            except LocalError:
                del self._parts[handle]
                raise
            self._next_handle = self._handles[session, app] = handle
        return handle

    def handle(self, session: Session | str, app: str = "") -> int:
        """The handle of a session that is open. Raises UnknownSession."""
        session = self.simulation.session(session)
        handle = self._handles.get((session, app))
        if handle is None:
            raise UnknownSession(f"{self.name} takes no part in {session}")
        return handle

    def close(self, session: Session | str, app: str = "") -> None:
        """Leave a session: what was made in it is torn down. The last one out leaves the group."""
        handle = self.handle(session, app)
        left = self._parts[handle].session
        self.feed(e.CloseSession(handle))
        del self._parts[handle], self._handles[left, app]
        group = left.destination
        if group.is_multicast and all(part.session.destination != group for part in self._parts.values()):
            self.leave(group)

    def send(
        self,
        session: Session | str,
        tspec: Tspec | float,
        *,
        port: int = 0,
        source: IPAddress | None = None,
        ttl: int = DEFAULT_TTL,
        adspec: Adspec | None = DEFAULT_ADSPEC,
        app: str = "",
    ) -> Filter:
        """Announce a flow, or change it; a number is the rate in bytes/s. Returns the sender."""
        session = self.simulation.session(session)
        if not isinstance(tspec, Tspec):
            tspec = Tspec(tspec, default_bucket(tspec, 1500))
        template = filter_of(session, self._source(session) if source is None else source, port)
        handle = self.open(session, app)
        self.feed(e.AddSender(handle, template, tspec, ttl, adspec))
        return template

    def _source(self, session: Session) -> IPAddress:
        """The address that the kernel would send from."""
        destination = session.destination
        way = self.simulation.routes.next_hop(self, destination)
        ports = [way[0]] if way is not None else self.ports.values()
        for port in ports:
            address = port.address(destination.version)
            if address is not None:
                return address
        raise NoRoute(f"{self.name} has no IPv{destination.version} address to send to {session} from")

    def stop(
        self, session: Session | str, *, port: int = 0, source: IPAddress | None = None, app: str = ""
    ) -> None:
        """Announce a flow no more: a PathTear follows."""
        session = self.simulation.session(session)
        template = filter_of(session, self._source(session) if source is None else source, port)
        self.feed(e.RemoveSender(self.handle(session, app), template))

    def reserve(
        self,
        session: Session | str,
        style: Style,
        flows: tuple[Flow, ...],
        *,
        confirm: bool = False,
        ttl: int | None = None,
        app: str = "",
    ) -> None:
        """Make or change a reservation; a group is joined."""
        session = self.simulation.session(session)
        if session.destination.is_multicast:
            self.join(session.destination)
        handle = self.open(session, app)
        part = self._parts[handle]
        part.receiver = None
        self.feed(e.Reserve(handle, style, flows, confirm, ttl=ttl))

    def receive(
        self, session: Session | str, receiver: Receiver, *, confirm: bool = False, app: str = ""
    ) -> None:
        """Reserve for the senders that a `Receiver` picks, and go on as they come and go."""
        session = self.simulation.session(session)
        if session.destination.is_multicast:
            self.join(session.destination)
        handle = self.open(session, app)
        part = self._parts[handle]
        part.receiver, part.confirm, part.asked = receiver, confirm, ()
        for view in self.senders():
            if view.session == session:
                known = Sender(view.sender, view.tspec, view.adspec)
                receiver.heard(e.PathEvent(handle, session, known))
        verb = self._wish(part, handle)
        if verb is not None:
            self.feed(verb)

    def app_of(self, handle: int) -> str:
        """The name of the application behind a handle."""
        part = self._parts.get(handle)
        return "" if part is None else part.app

    def heard(self, upcall: Upcall) -> Input | None:
        """An event of an application; returns what the application does about it."""
        self.events.append((self.simulation.now, upcall))
        part = self._parts.get(upcall.handle)
        if part is None or part.receiver is None:
            return None
        part.receiver.heard(upcall)
        return self._wish(part, upcall.handle)

    def _wish(self, part: _Part, handle: int) -> Input | None:
        assert part.receiver is not None
        flows = part.receiver.flows()
        if flows == part.asked:
            return None
        part.asked = flows
        if not flows:
            return e.Release(handle)
        return e.Reserve(handle, part.receiver.style, flows, part.confirm)

    def release(
        self, session: Session | str, filters: tuple[Filter, ...] | None = None, *, app: str = ""
    ) -> None:
        """Give a reservation back, all of it or that for some senders."""
        handle = self.handle(session, app)
        self._parts[handle].receiver = None
        self.feed(e.Release(handle, filters))

    def join(self, group: IPAddress | str) -> None:
        """Become a member of a group, for routing."""
        self.simulation.join(self, group)

    def leave(self, group: IPAddress | str) -> None:
        """Be no member of a group any more."""
        self.simulation.leave(self, group)
