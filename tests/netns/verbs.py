"""HTB whose verbs take effect at once, for tests that look at the kernel after each."""

from __future__ import annotations

from rsvp.errors import TrafficControlError
from rsvp.intserv import Flowspec, Tspec
from rsvp.objects import Filter, Session
from rsvp.tc import Flow, Refused, htb


class HtbTrafficControl(htb.HtbTrafficControl):
    """Settles after each verb, and raises what the kernel refused."""

    def settle(self) -> list[Refused]:
        for refused in super().settle():
            raise TrafficControlError(refused.reason)
        return []

    def add_flow(self, interface: int, flow: Flow) -> None:
        super().add_flow(interface, flow)
        self.settle()

    def modify_flow(
        self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None, policed: bool = True
    ) -> None:
        super().modify_flow(interface, handle, flowspec, tspec, policed)
        self.settle()

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        super().add_filter(interface, handle, session, filter)
        self.settle()

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        super().delete_filter(interface, handle, session, filter)
        self.settle()

    def delete_flow(self, interface: int, handle: int) -> None:
        super().delete_flow(interface, handle)
        self.settle()
