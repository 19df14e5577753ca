"""From the engine's orders to traffic control (RFC 2205 section 3.11.2): where it is in charge, what stands.

Orders for an interface that somebody else manages, or that cannot be managed, are only written down;
when it can be, what stands is installed there.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable

from . import engine as e
from .engine.outputs import TrafficOrder
from .errors import TrafficControlError, Unavailable
from .iana import ErrorCode
from .ledger import Ledger
from .routing import Link
from .tc import Counters, TrafficControl

log = logging.getLogger("rsvp.traffic")


class Enforcement:
    """The reservations of one node, and the interfaces where traffic control gives them their due."""

    def __init__(self, traffic: TrafficControl, rejected: Callable[[e.FlowRejected], None]) -> None:
        """`rejected` is told of each order that the kernel refused."""
        self._traffic = traffic
        self._rejected = rejected
        self._managed: set[int] = set()
        self._refusals: dict[int, str] = {}
        self._ledger = Ledger()

    def manage(self, link: Link, bandwidth: float) -> bool:
        """Take charge of an interface's queues, if nobody else has; whether they obey reservations.

        Where the link's rate is not known the books are kept all the same.
        """
        try:
            self._traffic.open_interface(link.index, link.name, bandwidth, link.mtu)
            if link.index not in self._managed:
                self._managed.add(link.index)
                for flow in self._ledger.on(link.index):
                    self._traffic.add_flow(link.index, flow)
        except (TrafficControlError, Unavailable) as error:
            if self._refusals.get(link.index) != str(error):
                log.warning("%s: reservations are not enforced there: %s", link.name, error)
            self._refusals[link.index] = str(error)
            self._managed.discard(link.index)
            return False
        self._refusals.pop(link.index, None)
        return math.isfinite(bandwidth)

    def leave(self, index: int) -> None:
        """Give an interface's queues back."""
        if index in self._managed:
            self._managed.discard(index)
            try:
                self._traffic.close_interface(index)
            except TrafficControlError as error:
                log.warning("interface %s: %s", index, error)

    def order(self, order: TrafficOrder) -> None:
        """Carry one order out."""
        self._ledger.note(order)
        if order.interface not in self._managed:
            return
        try:
            self._tell(order)
        except TrafficControlError as error:
            log.warning("traffic control: %s", error)
            if not isinstance(order, e.RemoveFlow | e.RemoveFilter):
                changed = isinstance(order, e.ModifyFlow)
                code = ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR
                self._rejected(e.FlowRejected(order.handle, code, 0, changed))

    def _tell(self, order: TrafficOrder) -> None:
        traffic, oi = self._traffic, order.interface
        if isinstance(order, e.InstallFlow):
            traffic.add_flow(oi, self._ledger.flows[order.handle][1])
        elif isinstance(order, e.ModifyFlow):
            traffic.modify_flow(oi, order.handle, order.flowspec, order.tspec)
        elif isinstance(order, e.AddFilter):
            traffic.add_filter(oi, order.handle, order.session, order.filter)
        elif isinstance(order, e.RemoveFilter):
            traffic.delete_filter(oi, order.handle, order.session, order.filter)
        else:
            traffic.delete_flow(oi, order.handle)

    def counters(self) -> dict[int, dict[int, Counters]]:
        """What each managed interface's reservations have carried, by the engine's handles."""
        return {index: self._traffic.counters(index) for index in self._managed}

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """What the kernel calls a reservation, None where it is not in charge."""
        return self._traffic.kernel_handle(interface, handle) if interface in self._managed else None

    def close(self) -> None:
        """Give everything back."""
        self._traffic.close()
