"""What traffic control was told, order by order: the flows that stand (RFC 2205 section 3.11.2)."""

from __future__ import annotations

from dataclasses import replace

from .engine.outputs import AddFilter, InstallFlow, ModifyFlow, Police, RemoveFlow, TrafficOrder
from .intserv import Excess
from .sessions import Dclass
from .tc import Flow


class Ledger:
    """Flows by the engine's handle, each with its interface."""

    def __init__(self) -> None:
        self.flows: dict[int, tuple[int, Flow]] = {}
        self.asked: dict[int, tuple[int, bool]] = {}
        """The DSCP that a DCLASS asks for, and whether the flow enters the network here, by handle."""

    def note(self, order: TrafficOrder) -> None:
        """Write one order down."""
        if isinstance(order, InstallFlow):
            flow = Flow(
                order.handle,
                order.session,
                order.filters,
                order.flowspec,
                order.tspec,
                policed=bool(order.police),
            )
            self.flows[order.handle] = (order.interface, flow)
            self._note_dclass(order)
            return
        if isinstance(order, RemoveFlow):
            self.flows.pop(order.handle, None)
            self.asked.pop(order.handle, None)
            return
        interface, flow = self.flows[order.handle]
        if isinstance(order, ModifyFlow):
            flow = replace(flow, flowspec=order.flowspec, tspec=order.tspec, policed=bool(order.police))
            self._note_dclass(order)
        elif isinstance(order, AddFilter):
            flow = replace(flow, filters=(*flow.filters, order.filter))
        else:
            flow = replace(flow, filters=tuple(one for one in flow.filters if one != order.filter))
        self.flows[order.handle] = (interface, flow)

    def _note_dclass(self, order: InstallFlow | ModifyFlow) -> None:
        """Of several code points the first is taken: their order means nothing (RFC 2996 section 2)."""
        dscps = [dscp for one in order.extra if isinstance(one, Dclass) for dscp in one.dscps]
        if dscps:
            self.asked[order.handle] = (dscps[0], bool(order.police & Police.ENTRY))
        else:
            self.asked.pop(order.handle, None)

    def change(self, handle: int, excess: Excess, dscp: int | None) -> None:
        """Write down what becomes of a flow's excess, and with what its other packets are marked."""
        interface, flow = self.flows[handle]
        self.flows[handle] = (interface, replace(flow, excess=excess, dscp=dscp))

    def on(self, interface: int) -> list[Flow]:
        """The flows of one interface."""
        return [flow for index, flow in self.flows.values() if index == interface]
