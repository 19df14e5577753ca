"""The application behind `rsvp reserve`."""

from __future__ import annotations

import sys
from contextlib import nullcontext

from .. import jsonform
from ..engine.outputs import PathEvent, ResvConfirmed, Upcall
from ..membership import Membership
from ..messages import Flow, base_filters
from ..objects import Filter, Session, Style
from ..receiver import Receiver, Service
from . import words
from .application import Application, Limits


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
        delay: float | None = None,
        interface: str | None = None,
        bucket: float | None = None,
        outgoing: str | None = None,
    ) -> None:
        """`outgoing` is the interface behind which a host without RSVP is, for which this is."""
        super().__init__(session, limits)
        self.awaited = "the reservation was not confirmed" if confirm else "no sender was heard"
        self._named = named
        self._receiver = Receiver(style, service, named, rate, delay, bucket)
        self._confirm = confirm
        self._found = delay is not None
        self._asked: tuple[Flow, ...] = ()
        self._interface = interface
        self._outgoing = outgoing

    async def run(self, control: str | None) -> None:
        """Do it all, as a member where the destination is a group."""
        group = self.session.destination
        joins = group.is_multicast and self._outgoing is None
        with Membership(group, self._interface) if joins else nullcontext():
            await super().run(control)

    async def begin(self) -> str:
        """Reserve at once where nothing has to be learnt from Path messages first."""
        await self._ask()
        whom = ", ".join(str(one) for one in self._named) or "all senders"
        verb = "reserving" if self._asked else "waiting to reserve"
        style = self._receiver.style.name
        return f"{verb} in {words.session(jsonform.session(self.session))} for {whom}, style {style}"

    async def heard(self, event: Upcall) -> bool:
        """Keep up with the senders."""
        self._receiver.heard(event)
        if isinstance(event, ResvConfirmed if self._confirm else PathEvent):
            self.reach()
        await self._ask()
        return True

    async def _ask(self) -> None:
        flows = self._receiver.flows()
        if flows == self._asked:
            return
        self._asked = flows
        if self._found and not self.limits.json:
            for flow in flows:
                about = words.filters([jsonform.filter_spec(one) for one in base_filters(flow.filters)])
                found = words.flowspec(jsonform.to_json(flow.flowspec))
                print(f"asking for {about}: {found}", file=sys.stderr, flush=True)
        if flows:
            style, confirm = self._receiver.style, self._confirm
            joined, oi = self._interface, self._outgoing
            await self.api.reserve(self.handle, style, flows, confirm=confirm, joined=joined, outgoing=oi)
        else:
            await self.api.release(self.handle)
