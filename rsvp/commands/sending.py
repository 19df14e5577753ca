"""The application behind `rsvp send`."""

from __future__ import annotations

from .. import jsonform
from ..engine.outputs import PathEvent, PathGone, ResvEvent, Upcall
from ..intserv import Tspec
from ..objects import Filter, Session, filter_of
from . import words
from .application import Application, Limits
from .arguments import Place


class Sending(Application):
    """Announces one sender and tells who reserves for it."""

    awaited = "nobody reserved"

    def __init__(
        self,
        session: Session,
        limits: Limits,
        source: Place,
        tspec: Tspec,
        ttl: int,
        incoming: str | None = None,
    ) -> None:
        """`incoming` is the interface behind which a host without RSVP is, for which this is."""
        super().__init__(session, limits)
        self._incoming = incoming
        self._source = source
        self._tspec = tspec
        self._ttl = ttl
        self._template: Filter | None = None
        if source.address is not None:
            self._template = filter_of(session, source.address, source.port)

    async def begin(self) -> str:
        """Start the Path messages."""
        self._template = await self.api.add_sender(
            self.handle,
            self._template,
            self._tspec,
            port=int(self._source.port),
            ttl=self._ttl,
            incoming=self._incoming,
        )
        where, what = words.session(jsonform.session(self.session)), words.tspec(jsonform.tspec(self._tspec))
        return f"announcing {self._template} to {where}: {what}"

    async def heard(self, event: Upcall) -> bool:
        """Everything is news but our own announcement."""
        if isinstance(event, ResvEvent):
            self.reach()
        template = event.sender.template if isinstance(event, PathEvent) else None
        if isinstance(event, PathGone):
            template = event.template
        return template is None or template != self._template
