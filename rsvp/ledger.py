"""What traffic control was told, order by order: the flows that stand (RFC 2205 section 3.11.2)."""

from __future__ import annotations

from dataclasses import replace

from .engine.outputs import AddFilter, InstallFlow, ModifyFlow, RemoveFlow, TrafficOrder
from .intserv import Excess
from .tc import Flow


class Ledger:
    """Flows by the engine's handle, each with its interface."""

    def __init__(self) -> None:
        self.flows: dict[int, tuple[int, Flow]] = {}

    def note(self, order: TrafficOrder) -> None:
        """Write one order down."""
        if isinstance(order, InstallFlow):
            flow = Flow(order.handle, order.session, order.filters, order.flowspec, order.tspec)
            self.flows[order.handle] = (order.interface, flow)
            return
        if isinstance(order, RemoveFlow):
            self.flows.pop(order.handle, None)
            return
        interface, flow = self.flows[order.handle]
        if isinstance(order, ModifyFlow):
            flow = replace(flow, flowspec=order.flowspec, tspec=order.tspec)
        elif isinstance(order, AddFilter):
            flow = replace(flow, filters=(*flow.filters, order.filter))
        else:
            flow = replace(flow, filters=tuple(one for one in flow.filters if one != order.filter))
        self.flows[order.handle] = (interface, flow)

    def change(self, handle: int, excess: Excess) -> Flow:
        """Write down what becomes of a flow's excess; the flow as it then is."""
        interface, flow = self.flows[handle]
        flow = replace(flow, excess=excess)
        self.flows[handle] = (interface, flow)
        return flow

    def on(self, interface: int) -> list[Flow]:
        """The flows of one interface."""
        return [flow for index, flow in self.flows.values() if index == interface]
