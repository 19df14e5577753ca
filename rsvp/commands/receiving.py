"""The application behind `rsvp reserve`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from .. import jsonform
from ..engine.outputs import PathEvent, PathGone, ResvConfirmed, Upcall
from ..intserv import Flowspec, Tspec, lub
from ..messages import Flow, Sender, base_filter
from ..objects import Filter, Session, Style
from . import words
from .application import Application, Limits

Service = Callable[..., Flowspec]
"""`intserv.controlled_load` or `intserv.guaranteed`."""


class Receiving(Application):
    """Reserves for the senders that were named, or for each that announces itself."""

    def __init__(
        self,
        session: Session,
        limits: Limits,
        style: Style,
        service: Service,
        named: tuple[Filter, ...],
        rate: float | None,
        confirm: bool,
    ) -> None:
        super().__init__(session, limits)
        self.awaited = "the reservation was not confirmed" if confirm else "no sender was heard"
        self._style = style
        self._service = service
        self._named = named
        self._rate = rate
        self._confirm = confirm
        self._known: dict[Filter, Sender] = {}
        self._asked: tuple[Flow, ...] = ()

    async def begin(self) -> str:
        """Reserve at once where nothing has to be learnt from Path messages first."""
        await self._ask()
        whom = ", ".join(str(one) for one in self._named) or "all senders"
        verb = "reserving" if self._asked else "waiting to reserve"
        return (
            f"{verb} in {words.session(jsonform.session(self.session))} for {whom}, style {self._style.name}"
        )

    async def heard(self, event: Upcall) -> bool:
        """Keep up with the senders."""
        if isinstance(event, PathEvent):
            self._known[base_filter(event.sender.template)] = event.sender
        elif isinstance(event, PathGone):
            self._known.pop(event.template, None)
        if isinstance(event, ResvConfirmed if self._confirm else PathEvent):
            self.reach()
        await self._ask()
        return True

    async def _ask(self) -> None:
        flows = self._flows()
        if flows == self._asked:
            return
        self._asked = flows
        if flows:
            await self.api.reserve(self.handle, self._style, flows, confirm=self._confirm)
        else:
            await self.api.release(self.handle)

    def _flows(self) -> tuple[Flow, ...]:
        """What to reserve, by what is known now; empty for nothing yet."""
        senders = self._named or tuple(self._known)
        wanted = {one: asked for one in senders if (asked := self._flowspec(one)) is not None}
        if self._style.explicit and not self._style.shared:
            return tuple(Flow(asked, (one,)) for one, asked in wanted.items())
        if wanted:
            shared = reduce(lub, wanted.values())
        elif self._rate is not None and not self._style.explicit:
            shared = self._service(self._rate)
        else:
            return ()
        return (Flow(shared, tuple(wanted) if self._style.explicit else ()),)

    def _flowspec(self, sender: Filter) -> Flowspec | None:
        """What one sender needs: the rate that was asked for, or what it announced."""
        known = self._known.get(sender)
        if known is None or known.tspec is None:
            return None if self._rate is None else self._service(self._rate)
        tspec = _fit(known.tspec, known)
        if self._rate is None:
            return self._service(tspec)
        return self._service(self._rate, m=tspec.m, M=tspec.M)


def _fit(tspec: Tspec, sender: Sender) -> Tspec:
    """No packet larger than what the path takes whole (RFC 2210 section 3.3.2)."""
    if sender.adspec is None or not sender.adspec.general.mtu:
        return tspec
    largest = min(tspec.M, sender.adspec.general.mtu)
    return replace(tspec, m=min(tspec.m, largest), M=largest)
