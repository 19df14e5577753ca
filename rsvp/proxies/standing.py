"""Senders and reservations of rsvp.toml: made when they can be, and again after whatever undid them.

An interface, an address or a route may not be there yet, and may go and come back: whatever changes in the
network, each is seen to anew. What is refused is asked for again after a while.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Coroutine

from ..api import Api
from ..engine.outputs import PathError, ResvConfirmed, ResvError, ResvEvent, Upcall
from ..errors import NoRoute, RsvpError
from ..iana import ErrorFlag, error_text
from ..membership import Membership
from ..messages import Flow
from ..objects import Filter, Session
from ..receiver import Receiver
from .tables import ReservationTable, SenderTable

RETRY = 30.0
"""Seconds until what was refused is asked for again."""

log = logging.getLogger("rsvp.proxy")


class Standing(ABC):
    """One application's part in a session, kept up until it is closed."""

    def __init__(self, api: Api, session: Session, name: str) -> None:
        self.api = api
        self.session = session
        self.name = name
        self.handle: int | None = None
        self._trouble: str | None = None
        self._refusal = ""
        self._again = asyncio.Event()
        self._retry: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._begin(self._keep())

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name=f"rsvp {self.name}")
        task.add_done_callback(_report)
        self._tasks.append(task)

    @abstractmethod
    async def make(self, handle: int) -> None:
        """Ask for what is wanted by now. Raises LocalError where it cannot be had."""

    @abstractmethod
    def note(self, event: Upcall) -> None:
        """Keep up with an event of the session."""

    def see_to_it(self) -> None:
        """Ask anew: something changed underneath."""
        self._again.set()

    async def close(self) -> None:
        """Take back what was made."""
        if self._retry is not None:
            self._retry.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.handle is not None:
            await self.api.close_session(self.handle)

    async def _keep(self) -> None:
        while True:
            self._again.clear()
            try:
                if self.handle is None:
                    self.handle = await self.api.open_session(self.session)
                    self._begin(self._listen(self.handle))
                await self.make(self.handle)
            except (RsvpError, OSError) as error:  # routing may not answer for a moment
                self._tell(str(error))
                self.try_later()
            else:
                self._tell(None)
            await self._again.wait()

    async def _listen(self, handle: int) -> None:
        async for event in self.api.events(handle):
            self.note(event)

    def _tell(self, trouble: str | None) -> None:
        """Let the operator know of what is wrong, or is not any more, once."""
        before, self._trouble = self._trouble, trouble
        if trouble is None and before is not None:
            log.info("%s: as it should be again", self.name)
        elif trouble != before:
            log.warning("%s: %s", self.name, trouble)

    def tell_refusal(self, event: PathError | ResvError) -> None:
        """Let the operator know of a refusal, once until there is another."""
        why = f"{event.node} refused: {error_text(event.code, event.value)}"
        if why != self._refusal:
            log.warning("%s: %s", self.name, why)
        self._refusal = why

    def try_later(self) -> None:
        """Ask again in a while, if nothing changes before."""
        if self._retry is not None:
            self._retry.cancel()
        self._retry = asyncio.get_running_loop().call_later(RETRY, self.see_to_it)


def _report(task: asyncio.Task[None]) -> None:
    """A defect of ours is for whoever runs the loop."""
    if not task.cancelled() and (error := task.exception()) is not None:
        task.get_loop().call_exception_handler({"message": f"{task.get_name()} failed", "exception": error})


class StaticSender(Standing):
    """One [[sender]]."""

    def __init__(self, api: Api, table: SenderTable) -> None:
        self._table = table
        self._template: Filter | None = None
        super().__init__(api, table.session, str(table))

    async def make(self, handle: int) -> None:
        """Announce it; what cannot be announced any more is taken back."""
        table, before, self._template = self._table, self._template, None
        try:
            self._template = await self.api.add_sender(
                handle, table.template, table.tspec, port=table.port, ttl=table.ttl, incoming=table.interface
            )
        except NoRoute:
            self._template = before  # what the engine does about that is as good for it
            raise
        finally:
            if before not in (None, self._template):
                await self.api.remove_sender(handle, before)

    def note(self, event: Upcall) -> None:
        """Tell the operator of errors: there is nobody else here."""
        if isinstance(event, PathError):
            self.tell_refusal(event)
        elif isinstance(event, ResvEvent):
            self._refusal = ""


class Reserving(Standing):
    """A reservation for the senders that are named, or for each that is heard."""

    def __init__(self, api: Api, session: Session, name: str, receiver: Receiver, *, confirm: bool) -> None:
        self._receiver = receiver
        self._confirm = self._unconfirmed = confirm
        self._asked: tuple[Flow, ...] = ()
        self._place: str | None = None
        self._current = False
        super().__init__(api, session, name)

    async def place(self, handle: int) -> str | None:
        """The interface that the receiver is behind, None where that is this node."""
        return None

    def see_to_it(self) -> None:
        """Ask anew, also for the same: what stood for it may be gone."""
        self._current = False
        super().see_to_it()

    async def make(self, handle: int) -> None:
        """Reserve what the senders known by now call for."""
        flows = self._receiver.flows()
        if not flows:
            if self._asked:
                await self.api.release(handle)
            self._asked = ()
            return
        place = await self.place(handle)
        if (flows, place, True) == (self._asked, self._place, self._current):
            return
        if flows != self._asked:
            self._unconfirmed = self._confirm
        style, self._current = self._receiver.style, True
        try:
            await self.api.reserve(handle, style, flows, confirm=self._unconfirmed, outgoing=place)
        except RsvpError:
            self._current = False
            raise
        self._asked, self._place = flows, place

    def note(self, event: Upcall) -> None:
        """Follow the senders; what was refused is asked for again after a while."""
        self._receiver.heard(event)
        if isinstance(event, ResvError):
            if not event.flags & ErrorFlag.NOT_GUILTY:
                self.refused(event)
        elif isinstance(event, ResvConfirmed):
            log.info("%s: confirmed by %s", self.name, event.node)
            self._unconfirmed, self._refusal = False, ""
        else:
            self._again.set()

    def refused(self, event: ResvError) -> None:
        """Tell the operator, and try again later."""
        self.tell_refusal(event)
        self.try_later()


class StaticReservation(Reserving):
    """One [[reservation]]; where it is this node's for a group, this is a member."""

    def __init__(self, api: Api, table: ReservationTable) -> None:
        self._table = table
        self._membership: Membership | None = None
        receiver = table.receiver(table.filters)
        super().__init__(api, table.session, str(table), receiver, confirm=table.confirm)

    async def place(self, handle: int) -> str | None:
        """What the table says."""
        return self._table.interface

    async def make(self, handle: int) -> None:
        """Become a member where that is wanted, and reserve."""
        group = self.session.destination
        if group.is_multicast and self._table.interface is None and self._membership is None:
            self._membership = Membership(group, self._table.join)
        await super().make(handle)

    async def close(self) -> None:
        """Take it back and leave the group."""
        await super().close()
        if self._membership is not None:
            self._membership.close()
