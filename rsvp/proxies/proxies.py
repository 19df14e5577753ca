"""All that one node does for others: as rsvp.toml says, and as that changes."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TypeAlias

from ..engine.interfaces import LOCAL
from ..engine.outputs import Change, Send, StateChanged
from ..jsonform import Json, read_filter, read_session
from ..messages import Path, PathTear, base_filter, base_session
from ..objects import Filter, IPAddress, Session
from .host import Host
from .listening import ANSWERS, Answering, Rejecting
from .standing import Standing, StaticReservation, StaticSender
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
        self._listeners = told.listeners
        wanted: dict[Table, None] = dict.fromkeys((*told.senders, *told.reservations))
        gone = [self._standing.pop(table) for table in list(self._standing) if table not in wanted]
        unasked = [key for key, answer in self._answers.items() if self._listener(key) != answer.table]
        await _close(*gone, *(self._answers.pop(session) for session in unasked))
        for table in wanted:
            if table not in self._standing:
                kind = StaticSender if isinstance(table, SenderTable) else StaticReservation
                self._standing[table] = kind(self._host, table)  # type: ignore[arg-type]
        if self._listeners:
            self._look_round(await self._host.show("senders"))

    def _look_round(self, senders: list[dict[str, Json]]) -> None:
        """Answer what stands already."""
        present: dict[Session, Counter[Filter]] = {}
        for entry in senders:
            if entry["interface"] is not None:
                present.setdefault(read_session(entry["session"]), Counter())[
                    read_filter(entry["sender"])
                ] += 1
        for session, found in present.items():
            if (answer := self._answer(session)) is not None:
                answer.present = found

    def see_to_it(self) -> None:
        """Interfaces, addresses or routes are others now."""
        for one in (*self._standing.values(), *self._answers.values()):
            one.see_to_it()

    def changed(self, change: StateChanged) -> None:
        """Follow the senders elsewhere: the first of a session begins its answer, the last ends it."""
        if change.what != "sender" or change.interface == LOCAL or change.change is Change.CHANGED:
            return
        (sender,) = change.filters
        if change.change is Change.MADE:
            self._appeared(change.session, sender)
        else:
            self._went(change.session, sender)

    def _appeared(self, session: Session, sender: Filter) -> None:
        answer = self._answer(session)
        if answer is not None:
            answer.present[sender] += 1

    def _went(self, session: Session, sender: Filter) -> None:
        answer = self._answers.get(session)
        if answer is None:
            return
        answer.present -= Counter((sender,))
        if not answer.present:
            del self._answers[session]
            task = asyncio.create_task(answer.close(), name=f"rsvp end of {answer.name}")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _answer(self, session: Session) -> Answering | Rejecting | None:
        """What is answered in a session, from now on; None for nothing."""
        answer, table = self._answers.get(session), self._listener(session)
        if answer is None and table is not None:
            answer = self._answers[session] = ANSWERS[table.answer](self._host, table, session)
        return answer

    def _listener(self, session: Session) -> ListenerTable | None:
        """The first of the tables that is about a session."""
        return next((table for table in self._listeners if table.takes(session)), None)

    def sinks(self, send: Send) -> bool:
        """Whether a message goes no further: a sender's Path to a host that is answered for here."""
        if not self._listeners or not isinstance(send.message, Path | PathTear):
            return False
        session = base_session(send.message)
        if session.destination.is_multicast or base_filter(send.message.sender.template).address in self.own:
            return False
        return self._listener(session) is not None

    @property
    def makers(self) -> dict[int | None, str]:
        """By the handle of an application, the kind of table whose it is."""
        made: dict[int | None, str] = {one.handle: "listener" for one in self._answers.values()}
        for table, one in self._standing.items():
            made[one.handle] = "sender" if isinstance(table, SenderTable) else "reservation"
        made.pop(None, None)  # those that have not begun yet
        return made

    async def close(self) -> None:
        """Take everything back; Paths that ended here go no further until the end."""
        await _close(*self._standing.values(), *self._answers.values())
        await asyncio.gather(*self._closing)
        self._standing.clear()
        self._answers.clear()


async def _close(*ended: Standing) -> None:
    await asyncio.gather(*(one.close() for one in ended))
