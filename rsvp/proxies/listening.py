"""Answers to Paths on behalf of receivers that know nothing of RSVP (RFC 5945 section 4.1).

The reservation is made as if a Resv had come in where the sender's data leaves, so that the last link
has its say, and the Path goes no further. A sender whose reservation fails hears of it by a PathErr (RFC
5946 section 3.1).
"""

from __future__ import annotations

from collections import Counter

from ..engine.outputs import PathEvent, ResvError, Upcall
from ..errors import LocalError
from ..iana import ErrorCode
from ..messages import base_filter
from ..objects import Filter, Session
from .host import Host
from .standing import Reserving, Standing, log
from .tables import ListenerTable


class Answering(Reserving):
    """What is reserved in one session for its receiver."""

    def __init__(self, host: Host, table: ListenerTable, session: Session) -> None:
        self._host = host
        self.table = table
        self.present: Counter[Filter] = Counter()
        """The senders elsewhere whose Paths stand here."""
        super().__init__(host, session, f"{table}, {session}", table.receiver(), confirm=table.confirm)

    async def place(self, handle: int) -> str | None:
        """Where the data of the senders leaves; for a group as a member on this node would."""
        sender = next(iter(self.present), None)
        if sender is None or self.session.destination.is_multicast:
            return None
        return await self._host.way(handle, sender)

    def refused(self, event: ResvError) -> None:
        """Tell the senders as well: the receiver cannot."""
        super().refused(event)
        for sender in event.filters or tuple(self.present):
            _refuse(self._host, event.handle, sender, event.code, event.value, event.flags)


class Rejecting(Standing):
    """The refusal of all senders of one session."""

    def __init__(self, host: Host, table: ListenerTable, session: Session) -> None:
        self._host = host
        self.table = table
        self.present: Counter[Filter] = Counter()
        super().__init__(host, session, f"{table}, {session}")

    async def make(self, handle: int) -> None:
        """There is nothing to make: each Path is answered by itself."""

    def note(self, event: Upcall) -> None:
        """Refuse whoever announces itself."""
        if isinstance(event, PathEvent):
            sender = base_filter(event.sender.template)
            _refuse(self._host, event.handle, sender, ErrorCode.POLICY_CONTROL_FAILURE, 0, 0)


ANSWERS: dict[str, type[Answering] | type[Rejecting]] = {"reply": Answering, "reject": Rejecting}


def _refuse(host: Host, handle: int, sender: Filter, code: int, value: int, flags: int) -> None:
    try:
        host.refuse_sender(handle, sender, code, value, flags)
    except LocalError as error:  # it went in the meantime
        log.debug("%s was not told: %s", sender, error)
