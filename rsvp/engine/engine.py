"""The engine: one door in, values out. Dispatch, the error edge and the clock's edge; no rules.

`handle(input, now)` and `handle_timeout(now)` return what is to be done about it; `next_timeout()`
says when the latter is due. `now` is any monotonic clock in seconds. Whatever a peer sends, nothing
is raised; what an application does wrong raises LocalError from its own verb only.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from ..messages import Flow, Path, PathErr, PathTear, Resv, ResvConf, ResvErr, ResvTear
from ..objects import Session, Style
from . import (
    applications,
    explain,
    look,
    network,
    operator,
    path,
    patherr,
    refresh,
    resv,
    resvconf,
    resverr,
    standing,
    trial,
)
from .core import Core
from .inputs import (
    AddSender,
    Clear,
    CloseSession,
    Configure,
    FlowRejected,
    Input,
    InterfaceDown,
    InterfaceUp,
    OpenSession,
    Received,
    RefuseSender,
    Release,
    RemoveSender,
    Reserve,
    RouteResolved,
    Undecodable,
)
from .interfaces import Config
from .outputs import Output
from .reject import Drop
from .screen import passes_through, screen
from .views import (
    Explained,
    Explanation,
    InstalledView,
    InterfaceView,
    RefusalView,
    RequestView,
    ReservationView,
    SenderView,
    SessionView,
    VerdictView,
)

_ARRIVED: dict[type[Any], Callable[[Core, Received, Any, float], None]] = {
    Path: path.arrived,
    Resv: resv.arrived,
    PathErr: patherr.arrived,
    ResvErr: resverr.arrived,
    PathTear: path.tear_arrived,
    ResvTear: resv.tear_arrived,
    ResvConf: resvconf.arrived,
}

_REPEATS: dict[type[Any], Callable[[Core, Received, Any, float], bool]] = {
    Path: refresh.repeats_path,
    Resv: refresh.repeats_resv,
}


class Engine:
    """RSVP on one node, without I/O (RFC 2205, RFC 2209)."""

    def __init__(self, config: Config | None = None, *, rng: Random) -> None:
        """`rng` spreads the refreshes; a seeded one makes a run repeatable."""
        self._core = Core(config or Config(), rng)
        self._inputs: dict[type[Any], Callable[[Core, Any, float], None]] = {
            Received: _received,
            Undecodable: network.undecodable,
            Configure: operator.configure,
            Clear: operator.clear,
            InterfaceUp: network.interface_up,
            InterfaceDown: network.interface_down,
            RouteResolved: path.routed,
            FlowRejected: network.flow_rejected,
            OpenSession: applications.open_session,
            CloseSession: applications.close_session,
            AddSender: applications.add_sender,
            RemoveSender: applications.remove_sender,
            Reserve: applications.reserve,
            Release: applications.release,
            RefuseSender: applications.refuse_sender,
        }

    def handle(self, event: Input, now: float) -> list[Output]:
        """Take one input; returns what to do about it, in order.

        Raises LocalError, and then nothing has changed, for an application's verb that cannot be.
        """
        core = self._core
        core.out = []
        self._inputs[type(event)](core, event, now)
        return core.out

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is to be called next, on the caller's clock; None for never."""
        return self._core.timers.next()

    def handle_timeout(self, now: float) -> list[Output]:
        """Send the refreshes and remove the state whose time has come."""
        self._core.out = []
        for timer in self._core.timers.due(now):
            timer.fire(self._core, timer.owner, now)
        return self._core.out

    def session_of(self, handle: int) -> Session:
        """The session that an application opened under a handle. Raises UnknownSession."""
        return applications.find(self._core, handle).state.session

    def standing(self, now: float) -> list[tuple[float, Input]]:
        """What stands as inputs, each with its time, that make it again in a new engine."""
        return list(standing.standing(self._core, now))

    @property
    def last_handle(self) -> int:
        """The last handle that was given to traffic control, 0 for none."""
        return self._core.last_handle

    def interfaces(self) -> list[InterfaceView]:
        """Every interface, with what is reserved on it."""
        return look.interfaces(self._core)

    def size(self) -> tuple[int, int, int]:
        """How many sessions, senders and reservations there are."""
        return look.size(self._core)

    def sessions(self) -> list[SessionView]:
        """Every session."""
        return look.sessions(self._core)

    def senders(self, now: float, session: Session | None = None) -> list[SenderView]:
        """Path state: every PSB, or those of one session."""
        return look.senders(self._core, now, session)

    def reservations(self, now: float, session: Session | None = None) -> list[ReservationView]:
        """Reservation state: every RSB, or those of one session."""
        return look.reservations(self._core, now, session)

    def requests(self, session: Session | None = None) -> list[RequestView]:
        """What is asked of each previous hop, for all sessions or one."""
        return look.requests(self._core, session)

    def installed(self, session: Session | None = None) -> list[InstalledView]:
        """What traffic control holds: every TCSB but those of applications here, or those of one session."""
        return look.installed(self._core, session)

    def refusals(self) -> list[RefusalView]:
        """What was refused lately, the latest last."""
        return look.refusals(self._core)

    def verdicts(
        self, session: Session, style: Style, flows: tuple[Flow, ...], route: tuple[int, ...] = ()
    ) -> list[VerdictView]:
        """What would become of a reservation, flow by flow, on each interface where its data leaves.

        A pure question: no state is made. `route` are the interfaces to judge by while no Path of the
        session has come here. Nothing for data that ends here: then previous hops decide alone. Raises
        LocalError for what no application may ask for.
        """
        applications.check_request(session, style, flows)
        return trial.verdicts(self._core, session, style, flows, route)

    def explain(self, view: Explained, now: float) -> tuple[Explanation, ...]:
        """Which messages and which rules made what a view of this engine shows."""
        return explain.explain(self._core, view, now)


def _received(core: Core, received: Received, now: float) -> None:
    message, interface = received.message, core.interface(received.interface)
    kind = type(message)
    try:
        if interface is None:
            raise Drop("interface disabled")
        if passes_through(core, received, interface):
            return
        if kind in _REPEATS and _REPEATS[kind](core, received, message, now):
            return
        arrived = _ARRIVED.get(kind)
        if arrived is None:
            raise Drop("unsupported message")
        arrived(core, received, screen(core, received, message), now)
    except Drop as drop:
        core.drop(drop.reason, received.interface, message.type)
