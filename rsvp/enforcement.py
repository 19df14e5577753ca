"""From the engine's orders to traffic control (RFC 2205 section 3.11.2): where it is in charge, what stands.

Orders for an interface that somebody else manages, or that cannot be managed, are only written down;
when it can be, what stands is installed there. The orders of one turn of the event loop are carried
out together at its end.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable, Hashable

from . import engine as e
from .config import Heed, InterfaceConfig
from .engine.outputs import TrafficOrder
from .errors import TrafficControlError, Unavailable
from .iana import ErrorCode
from .intserv import ErrorTerms, Excess
from .ledger import Ledger
from .objects import Filter, Session
from .routing import Link
from .tc import Counters, Flow, TrafficControl

log = logging.getLogger("rsvp.traffic")


class Enforcement:
    """The reservations of one node, and the interfaces where traffic control gives them their due."""

    def __init__(self, traffic: TrafficControl, rejected: Callable[[e.FlowRejected], None]) -> None:
        """`rejected` is told of each order that the kernel refused."""
        self._traffic = traffic
        self._rejected = rejected
        self._managed: dict[int, ErrorTerms | None] = {}
        self._refusals: dict[int, str] = {}
        self._ledger = Ledger()
        self._settling: asyncio.Handle | None = None
        self._sweeps: dict[int, asyncio.TimerHandle] = {}
        self._heeds: dict[int, Heed] = {}
        """Where an interface marks packets as a DCLASS asks for."""
        self._excess: dict[Hashable, dict[tuple[int, Filter], Excess]] = {}
        """What applications here want done with the excess of their flows, by session, handle and sender."""

    def manage(self, link: Link, bandwidth: float, grace: float, told: InterfaceConfig) -> bool:
        """Take charge of an interface's queues, if nobody else has; whether they obey reservations.

        Where the link's rate is not known, or where it is not to be shaped, they are only counted. What
        an earlier run left is removed after `grace` seconds, but for what reservations came back to.
        """
        self._heed(link.index, told.heed_dclass)
        try:
            terms = self._traffic.open_interface(
                link.index, link.name, bandwidth, link.mtu, shape=told.shape, marks=told.marks
            )
            known = link.index in self._managed
            self._managed[link.index] = terms
            if not known:
                for flow in self._ledger.on(link.index):
                    self._put(link.index, flow)
                later = asyncio.get_running_loop().call_later
                self._sweeps[link.index] = later(grace, self._sweep, link.index)
            self._soon()
        except (TrafficControlError, Unavailable) as error:
            if self._refusals.get(link.index) != str(error):
                log.warning("%s: reservations are not enforced there: %s", link.name, error)
            self._refusals[link.index] = str(error)
            self._release(link.index)
            return False
        self._refusals.pop(link.index, None)
        return told.shape and math.isfinite(bandwidth)

    def error_terms(self, index: int) -> ErrorTerms | None:
        """C and D of guaranteed service on an interface, None where its scheduler tells none."""
        return self._managed.get(index)

    def leave(self, index: int) -> None:
        """Give an interface's queues back."""
        if index in self._managed:
            self._release(index)
            try:
                self._traffic.close_interface(index)
            except TrafficControlError as error:
                log.warning("interface %s: %s", index, error)

    def _release(self, index: int) -> None:
        self._managed.pop(index, None)
        sweep = self._sweeps.pop(index, None)
        if sweep is not None:
            sweep.cancel()

    def order(self, order: TrafficOrder) -> None:
        """Take one order; it is carried out with the others of this turn."""
        self._ledger.note(order)
        if order.interface not in self._managed:
            if not isinstance(order, e.RemoveFlow):
                self._judge(order.handle)
            return
        try:
            self._carry_out(order)
        except TrafficControlError as error:
            log.warning("traffic control: %s", error)
            if not isinstance(order, e.RemoveFlow | e.RemoveFilter):
                self._reject(order.handle, isinstance(order, e.ModifyFlow))
        self._soon()

    def _carry_out(self, order: TrafficOrder) -> None:
        if not isinstance(order, e.RemoveFlow):
            changed = self._judge(order.handle)
            flow = self._ledger.flows[order.handle][1]
            if changed or flow.excess is Excess.UNCONTROLLED:
                self._put(order.interface, flow)
                return
        self._tell(order)

    def _put(self, interface: int, flow: Flow) -> None:
        """Have a flow as it is written down; one that nobody is to control gets nothing."""
        if flow.excess is Excess.UNCONTROLLED:
            self._traffic.delete_flow(interface, flow.handle)
        else:
            self._traffic.add_flow(interface, flow)

    # --- what becomes of excess, and with what the rest is marked -----------------------------------

    def _heed(self, index: int, heed: Heed) -> None:
        """Mark packets on an interface from now on as a DCLASS asks for, or not."""
        if self._heeds.get(index) != heed:
            self._heeds[index] = heed
            self._judge_again(interface=index)

    def _mark(self, interface: int, handle: int) -> int | None:
        """The DSCP that a DCLASS asks for, where this is the place to mark with it (RFC 2996 section 1.1).

        That is where the flow enters the network, at its sender or at the first node that controls
        traffic, unless the interface's configuration says otherwise.
        """
        dscp, enters = self._ledger.asked.get(handle, (None, False))
        heed = self._heeds.get(interface, "entry")
        return dscp if heed == "always" or (enters and heed == "entry") else None

    def declare(self, handle: int, session: Session, template: Filter, excess: Excess) -> None:
        """An application here wants this done with packets of its flow beyond the Tspec."""
        said = self._excess.get(session.key, {})
        if excess is not said.get((handle, template), Excess.BORROW):
            self._excess[session.key] = {**said, (handle, template): excess}
            self._judge_again(session.key)

    def forget(self, handle: int, template: Filter | None = None) -> None:
        """An application's sender has ended, or all of a handle."""
        for key, said in list(self._excess.items()):
            left = {
                one: excess
                for one, excess in said.items()
                if one[0] != handle or template not in (None, one[1])
            }
            if len(left) < len(said):
                self._excess[key] = left
                self._judge_again(key)
                if not left:
                    del self._excess[key]

    def _judge_again(self, session: Hashable = None, interface: int | None = None) -> None:
        """Something else is wanted of the flows of a session, or of those on an interface."""
        for handle, (index, flow) in list(self._ledger.flows.items()):
            concerned = flow.session.key == session or index == interface
            if concerned and self._judge(handle) and index in self._managed:
                self._put(index, self._ledger.flows[handle][1])
                self._soon()

    def _judge(self, handle: int) -> bool:
        """Write down what is wanted of a flow beside its orders; True where that is news."""
        interface, flow = self._ledger.flows[handle]
        excess, dscp = self._excess_of(flow), self._mark(interface, handle)
        if (excess, dscp) == (flow.excess, flow.dscp):
            return False
        self._ledger.change(handle, excess, dscp)
        return True

    def _excess_of(self, flow: Flow) -> Excess:
        """Where the senders of a shared reservation want different things, their excess borrows."""
        if not self._excess:
            return Excess.BORROW
        about = self._excess.get(flow.session.key, {}).items()
        said = {excess for (_, sender), excess in about if not flow.filters or sender in flow.filters}
        return said.pop() if len(said) == 1 else Excess.BORROW

    def _soon(self) -> None:
        if self._settling is None:
            self._settling = asyncio.get_running_loop().call_soon(self.settle)

    def settle(self) -> None:
        """Have the kernel carry out all orders so far."""
        if self._settling is None:
            return
        self._settling.cancel()
        self._settling = None
        for refused in self._traffic.settle():
            log.warning("traffic control: %s", refused.reason)
            self._reject(refused.handle, refused.standing)

    def _reject(self, handle: int, standing: bool) -> None:
        self._rejected(e.FlowRejected(handle, ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR, 0, standing))

    def _sweep(self, index: int) -> None:
        try:
            self._traffic.sweep(index)
        except TrafficControlError as error:
            log.warning("interface %s: %s", index, error)

    def _tell(self, order: TrafficOrder) -> None:
        traffic, oi = self._traffic, order.interface
        if isinstance(order, e.InstallFlow):
            traffic.add_flow(oi, self._ledger.flows[order.handle][1])
        elif isinstance(order, e.ModifyFlow):
            traffic.modify_flow(oi, order.handle, order.flowspec, order.tspec, bool(order.police))
        elif isinstance(order, e.AddFilter):
            traffic.add_filter(oi, order.handle, order.session, order.filter)
        elif isinstance(order, e.RemoveFilter):
            traffic.delete_filter(oi, order.handle, order.session, order.filter)
        else:
            traffic.delete_flow(oi, order.handle)

    def counters(self) -> dict[int, dict[int, Counters]]:
        """What each managed interface's reservations have carried, by the engine's handles."""
        self.settle()
        return {index: self._traffic.counters(index) for index in self._managed}

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """What the kernel calls a reservation, None where it is not in charge."""
        return self._traffic.kernel_handle(interface, handle) if interface in self._managed else None

    def close(self) -> None:
        """Give everything back."""
        for waiting in (self._settling, *self._sweeps.values()):
            if waiting is not None:
                waiting.cancel()
        self._traffic.close()
