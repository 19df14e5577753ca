"""Networks in virtual time: the engine of real sockets, the codec on every link, one seed (RFC 2205).

- `Topology` nodes and links as values; `Scenario` what happens in them, from a file
- `Simulation` the network while it runs; `Node` one of its hosts or routers
- `events` what an observer sees; `Invariants` what must always hold
"""

from __future__ import annotations

from .drops import Drop
from .events import Acted, Arrived, Checked, Crossing, Discarded, Event, Ordered, Shown, Upcalled
from .invariants import Invariants
from .node import Node
from .parts import Link, Port
from .scenario import Scenario
from .simulation import Simulation
from .topology import End, Kind, LinkSpec, NodeSpec, Topology

__all__ = [
    "Acted",
    "Arrived",
    "Checked",
    "Crossing",
    "Discarded",
    "Drop",
    "End",
    "Event",
    "Invariants",
    "Kind",
    "Link",
    "LinkSpec",
    "Node",
    "NodeSpec",
    "Ordered",
    "Port",
    "Scenario",
    "Shown",
    "Simulation",
    "Topology",
    "Upcalled",
]
