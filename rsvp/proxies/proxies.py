"""All that one node does for others: as rsvp.toml says, and as that changes."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from ..engine.outputs import Change, Send, StateChanged
from ..jsonform import Json, read_filter, read_session
from ..messages import Path, PathTear, base_filter, base_session
from ..objects import Filter, IPAddress, Session
from .host import Host
from .listening import ANSWERS, Answering, Rejecting
from .standing import StaticReservation, StaticSender
from .tables import ListenerTable, ReservationTable, SenderTable, Told

Table: TypeAlias = SenderTable | ReservationTable


class Proxies:
    """The senders, reservations and listeners of a node."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._standing: dict[Table, StaticSender | StaticReservation] = {}
        self._listeners: tuple[ListenerTable, ...] = ()
        self._answers: dict[Session, Answering | Rejecting] = {}
        self.own: frozenset[IPAddress] = frozenset()
        """This node's addresses."""
        self._closing: set[asyncio.Task[None]] = set()

    async def follow(self, told: Told) -> None:
        """Do what these tables say; what they say as before goes on undisturbed."""
        wanted: dict[Table, None] = dict.fromkeys((*told.senders, *told.reservations))
        gone = [self._standing.pop(table) for table in list(self._standing) if table not in wanted]
        self._listeners = ()  # for what comes while the old ones close, see below
        unasked = [key for key, one in self._answers.items() if _first(told.listeners, key) != one.table]
        left = [self._answers.pop(session) for session in unasked]
        await asyncio.gather(*(one.close() for one in (*gone, *left)))
        for table in wanted:
            if table not in self._standing:
                kind = StaticSender if isinstance(table, SenderTable) else StaticReservation
                self._standing[table] = kind(self._host, table)  # type: ignore[arg-type]
        if told.listeners:
            self._look_round(told.listeners, await self._host.show("senders"))

    def _look_round(self, listeners: tuple[ListenerTable, ...], senders: list[dict[str, Json]]) -> None:
        """Answer what stands already."""
        self._listeners, known = listeners, set(self._answers)
        for entry in senders:
            session = read_session(entry["session"])
            if entry["phop"] is not None and session not in known:
                self._appeared(session, read_filter(entry["sender"]))

    def see_to_it(self) -> None:
        """Interfaces, addresses or routes are others now."""
        for one in (*self._standing.values(), *self._answers.values()):
            one.see_to_it()

    def changed(self, change: StateChanged) -> None:
        """Follow the senders elsewhere: the first of a session begins its answer, the last ends it."""
        if change.what != "sender" or change.neighbor is None or change.change is Change.CHANGED:
            return
        (sender,) = change.filters
        if change.change is Change.MADE:
            self._appeared(change.session, sender)
        else:
            self._went(change.session, sender)

    def _appeared(self, session: Session, sender: Filter) -> None:
        answer = self._answers.get(session)
        if answer is None:
            table = _first(self._listeners, session)
            if table is None:
                return
            answer = self._answers[session] = ANSWERS[table.answer](self._host, table, session)
        answer.present[sender] += 1

    def _went(self, session: Session, sender: Filter) -> None:
        answer = self._answers.get(session)
        if answer is None:
            return
        answer.present -= {sender: 1}
        if not answer.present:
            del self._answers[session]
            task = asyncio.create_task(answer.close(), name=f"rsvp end of {answer.name}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def sinks(self, send: Send) -> bool:
        """Whether a message goes no further: a sender's Path to a host that is answered for here."""
        if not self._listeners or not isinstance(send.message, Path | PathTear):
            return False
        session = base_session(send.message)
        if session.destination.is_multicast or base_filter(send.message.sender.template).address in self.own:
            return False
        return _first(self._listeners, session) is not None

    def made_by(self, handle: int | None) -> str | None:
        """Which kind of table an application's state is from, None for one of another's."""
        if handle is None:
            return None
        if any(answer.handle == handle for answer in self._answers.values()):
            return "listener"
        for table, one in self._standing.items():
            if one.handle == handle:
                return "sender" if isinstance(table, SenderTable) else "reservation"
        return None

    async def close(self) -> None:
        """Take everything back."""
        await self.follow(Told())
        await asyncio.gather(*self._closing)


def _first(listeners: tuple[ListenerTable, ...], session: Session) -> ListenerTable | None:
    """The first of the tables that answers for a session."""
    return next((table for table in listeners if table.takes(session)), None)
