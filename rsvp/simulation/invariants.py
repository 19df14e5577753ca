"""What must hold at every moment on every node, computed slowly and plainly from what can be seen.

1. What traffic control was told is the merge of what is reserved (RFC 2205 section 2.2, RFC 2209);
   where slack was spent, at a lower rate R and with less slack (RFC 2212).
2. What was admitted on a link never exceeds what is reservable there, and its book is right.
3. State that is not refreshed is gone within its lifetime, and none goes earlier without a reason
   (RFC 2205 section 3.7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeAlias

from ..engine import lifetime
from ..engine.interfaces import LOCAL
from ..engine.views import ReservationView, SenderView
from ..iana import MessageType
from ..intserv import Flowspec, at_most, effective, merge
from ..messages import Path, PathTear, Resv, base_filter, base_filters
from ..objects import Filter, IPAddress, Session, SessionKey
from .events import Arrived, Crossing, Event

if TYPE_CHECKING:
    from .node import Node
    from .simulation import Simulation

Group: TypeAlias = tuple[Session, int, Filter | None]
"""A session, an interface, and for a distinct reservation its sender."""

Reservation: TypeAlias = tuple[Flowspec, frozenset[Filter]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What should be installed: a flowspec for the senders that go this way, of those that are named."""

    flowspec: Flowspec
    filters: frozenset[Filter]
    named: frozenset[Filter]


Piece: TypeAlias = tuple[SessionKey, int, IPAddress | None, Filter | None]
"""One piece of soft state: a session, and either a sender, whichever way it comes, or an interface, the
neighbour that reserved there, and for whom, None being all senders."""

GRACE = 1e-6
"""Seconds that rounding may cost."""


class Invariants:
    """Watches a simulation from now on; `check` says what does not hold."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._histories = {name: _History(node) for name, node in simulation.nodes.items()}
        simulation.observe(self._note)

    def _note(self, event: Event) -> None:
        if isinstance(event, Arrived):
            self._histories[event.node].arrived(event)
        elif isinstance(event, Crossing) and event.packet.data[1] == MessageType.RESV_ERR:
            self._histories[event.node].refused()

    def check(self) -> list[str]:
        """What does not hold now, one sentence each; empty where all is well."""
        now = self._simulation.now
        return [
            f"{name}: {sentence}"
            for name, history in self._histories.items()
            if history.node.engine is not None
            for sentence in (*history.installed(now), *_admitted(history.node), *history.check(now))
        ]


# --- what stands ----------------------------------------------------------------------------------


def _installed(node: Node) -> Iterator[tuple[Group, float, str]]:
    """Where what is installed is not what is reserved: a group, a number, and a sentence.

    The number is what is missing, in bytes/s, where that is all that is wrong, else 0.
    """
    reservations = node.reservations()
    shared = {view.session for view in reservations if view.style.shared}
    wanted = _merge(node.senders(), reservations)
    found: dict[Group, Reservation] = {}
    for interface, flow in node.ledger.flows.values():
        group = None if flow.session in shared else next(iter(flow.filters), None)
        found[flow.session, interface, group] = (flow.flowspec, frozenset(flow.filters))
    for key in dict.fromkeys((*wanted, *found)):
        if key in wanted and wanted[key] is None:
            continue  # the way was left, and what stood there may stand until it times out
        here, asked = found.get(key), wanted.get(key)
        if not _stands_for(here, asked):
            yield key, _missing(here, asked), f"installed {here} for {key}, but reserved is {asked}"


def _stands_for(found: Reservation | None, wanted: Wanted | None) -> bool:
    """Whether what is installed is what should be.

    It may have slack spent on it, and senders in it that are reserved for but went another way.
    """
    if found is None or wanted is None:
        return found is None and wanted is None
    here, asked = found[0], wanted.flowspec
    return _right_senders(found, wanted) and (here == asked or _slack_spent(here, asked))


def _right_senders(found: Reservation, wanted: Wanted) -> bool:
    return wanted.filters <= found[1] <= wanted.named


def _missing(found: Reservation | None, wanted: Wanted | None) -> float:
    """How much less is installed than what is reserved, in bytes/s; 0 where it differs otherwise."""
    if found is None or wanted is None or not _right_senders(found, wanted):
        return 0.0
    here, asked = found[0], wanted.flowspec
    return asked.rate - here.rate if at_most(here, asked) else 0.0


def _slack_spent(here: Flowspec, asked: Flowspec) -> bool:
    return (
        here.rspec is not None
        and asked.rspec is not None
        and replace(here, rspec=asked.rspec) == asked
        and here.rspec.rate < asked.rspec.rate
        and here.rspec.slack < asked.rspec.slack
    )


def _merge(senders: list[SenderView], reservations: list[ReservationView]) -> dict[Group, Wanted | None]:
    """What should be installed: for each group of reservations their merge.

    None for a group none of whose senders' data leaves there since a route changed (RFC 2205 section 3.6).
    """
    asked: dict[Group, list[ReservationView]] = {}
    for view in reservations:
        if view.interface == LOCAL:
            continue
        for one in view.filters if not view.style.shared else (None,):
            asked.setdefault((view.session, view.interface, one), []).append(view)
    wanted: dict[Group, Wanted | None] = {}
    for (session, interface, group), views in asked.items():
        explicit = views[0].style.explicit
        named: set[Filter] = {one for view in views for one in view.filters}
        if group is not None:
            named = {group}
        covered = {
            sender.sender
            for sender in senders
            if sender.session == session and interface in sender.outgoing
            if not explicit or sender.sender in named
        }
        flowspec = reduce(merge, (view.flowspec for view in views))
        filters = frozenset(covered if explicit else ())
        wanted[session, interface, group] = Wanted(flowspec, filters, frozenset(named)) if covered else None
    return wanted


def _admitted(node: Node) -> Iterator[str]:
    for view in node.interfaces():
        taken = sum(effective(flow.flowspec, flow.tspec).rate for flow in node.ledger.on(view.index))
        if abs(taken - view.reserved) > 1e-6 * max(1.0, taken):
            yield f"{view.name} says that {view.reserved} bytes/s are reserved, but its flows take {taken}"
        if taken > view.limit * (1 + 1e-9):
            yield f"{view.name} has {taken} bytes/s reserved, above its limit of {view.limit}"


# --- what comes and goes --------------------------------------------------------------------------


class _History:
    """When each piece of a node's state was refreshed last, by the messages that it received."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self._said: dict[Piece, Path | Resv] = {}
        self._deadlines: dict[Piece, float] = {}
        self._stood: dict[Piece, None] = {}
        self._disturbed: set[SessionKey] = set()
        self._torn: set[Piece] = set()
        self._turns = -1
        self._less: dict[Group, float] = {}

    def arrived(self, event: Arrived) -> None:
        """A message is about to be acted on; whatever is no refresh may have state go."""
        message = event.message
        session = getattr(message, "session", None)
        if not isinstance(session, Session):
            return  # no state of this engine's
        if isinstance(message, Path | Resv):
            until = event.time + lifetime(message.time_values.refresh_ms / 1000.0, self.node.keep)
            for piece in _pieces(message, session.key, event.index):
                if self._said.get(piece) != message:
                    self._disturbed.add(piece[0])
                self._said[piece] = message
                self._deadlines[piece] = until
                self._torn.discard(piece)
        else:
            self._disturbed.add(session.key)
            if isinstance(message, PathTear):
                # What is left of this sender came another way, earlier than anything that is noted.
                self._torn.add((session.key, LOCAL, None, base_filter(message.sender.template)))

    def refused(self) -> None:
        """A ResvErr left: what it answers was no refresh, so what is known of those begins anew."""
        self._deadlines = {piece: until for piece, until in self._deadlines.items() if piece[2] is None}

    def installed(self, now: float) -> Iterator[str]:
        """Compare what is installed with what is reserved.

        Where a link shrank it is less (RFC 4495), until there is room again and a refresh asks for it.
        """
        before, self._less = self._less, {}
        room = {view.index: view.limit - view.reserved for view in self.node.interfaces()}
        for key, missing, sentence in _installed(self.node):
            if missing > 0.0:
                self._less[key] = now if missing > room[key[1]] else before.get(key, now)
                if now - self._less[key] <= lifetime(self.node.timing["refresh"], self.node.keep):
                    continue
            yield sentence

    def check(self, now: float) -> Iterator[str]:
        """Compare what is there with what should be; what is there now is what may go next."""
        standing = dict.fromkeys(_standing(self.node))
        for piece in standing:
            if self._deadlines.get(piece, now) < now - GRACE:
                yield f"{_words(piece)} outlived its lifetime"
        # A sender that ended takes its reservations along.
        ended = {piece[0] for piece in self._stood if self._deadlines.get(piece, now) <= now + GRACE}
        if self._turns == self.node.turns:
            excused = self._disturbed | ended
            for piece in self._stood:
                if piece in standing or piece in self._torn or piece[0] in excused:
                    continue
                if self._has_way(piece):
                    yield f"{_words(piece)} is gone before its time"
        self._stood, self._disturbed, self._turns = standing, set(), self.node.turns
        self._deadlines = {piece: self._deadlines[piece] for piece in standing if piece in self._deadlines}
        self._said = {piece: self._said[piece] for piece in self._deadlines}
        self._torn &= standing.keys()

    def _has_way(self, piece: Piece) -> bool:
        """A refresh of a reservation counts only where the data of a sender would leave."""
        session, interface, neighbor, one = piece
        return neighbor is None or any(
            interface in view.outgoing
            for view in self.node.senders()
            if view.session.key == session and one in (None, view.sender)
        )


def _pieces(message: Path | Resv, session: SessionKey, interface: int) -> Iterator[Piece]:
    """What a message refreshes."""
    if isinstance(message, Path):
        yield session, LOCAL, None, base_filter(message.sender.template)
        return
    for flow in message.flows:
        for one in base_filters(flow.filters) or (None,):
            yield session, interface, message.hop.address, one


def _standing(node: Node) -> Iterator[Piece]:
    """The soft state of a node, piece by piece."""
    for sender in node.senders():
        if sender.interface != LOCAL:
            yield sender.session.key, LOCAL, None, sender.sender
    for view in node.reservations():
        if view.nhop is not None:
            for one in view.filters or (None,):
                yield view.session.key, view.interface, view.nhop, one


def _words(piece: Piece) -> str:
    (_, number, _, port), _, neighbor, sender = piece
    session = f"port {port} of {ip_address(number)}"
    if neighbor is None:
        return f"the sender {sender} to {session}"
    return f"the reservation of {neighbor} for {sender or 'all senders'} to {session}"
