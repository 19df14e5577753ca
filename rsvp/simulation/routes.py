"""Routing of a simulated network: shortest paths to hosts, and trees from senders to their groups.

What is known here is what routing protocols told at the last `update`: links that broke since are
still in use, and packets for them are lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from ..engine.inputs import RouteResolved
from ..objects import IPAddress
from .node import Node
from .parts import Port
from .topology import Kind

Way = tuple[Port, Port]
"""The port out of a node, and the next node's port that it leads to."""


@dataclass(frozen=True, slots=True)
class Tree:
    """How one sender's packets to one group go: each node's port in and its ports out."""

    incoming: dict[Node, Port]
    outgoing: dict[Node, tuple[Port, ...]]


class Routes:
    """Everybody's routes; costs are the links', ties go to the lowest interface number."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.owners: dict[IPAddress, Node] = {
            address: node for node in nodes for port in node.ports.values() for address in port.addresses
        }
        self._broken: set[object] = set()
        self._members: dict[IPAddress, tuple[Node, ...]] = {}
        self._ways: dict[Node, tuple[dict[Node, float], dict[Node, Way]]] = {}
        self._trees: dict[tuple[Node, IPAddress], Tree] = {}

    def update(self, broken: set[object], members: dict[IPAddress, dict[Node, None]]) -> None:
        """Learn which nodes and links do not work, and who is in which group."""
        if broken != self._broken:
            self._broken = broken
            self._ways.clear()
        self._members = {group: tuple(nodes) for group, nodes in members.items()}
        self._trees.clear()

    def next_hop(self, node: Node, destination: IPAddress) -> Way | None:
        """The way to an address, None where there is none."""
        owner = self.owners.get(destination)
        return None if owner is None else self._towards(owner)[1].get(node)

    def next_on(self, port: Port, destination: IPAddress) -> Port | None:
        """Whom to hand a packet for an address to, out of this port."""
        owner = self.owners.get(destination)
        if owner is None:
            return None
        far = self._towards(owner)[0]
        near = [(far[end.node], end.node.number, end) for end in port.others if end.node in far]
        return min(near, key=lambda one: one[:2])[2] if near else None

    def tree(self, source: IPAddress, group: IPAddress) -> Tree | None:
        """The shortest paths from a sender to the members of a group, joined."""
        root = self.owners.get(source)
        if root is None:
            return None
        tree = self._trees.get((root, group))
        if tree is None:
            tree = self._trees[root, group] = self._grow(root, self._members.get(group, ()))
        return tree

    def answer(self, node: Node, destination: IPAddress, source: IPAddress | None) -> RouteResolved:
        """What routing tells the engine of a node (RFC 2205 section 3.11.4)."""
        if source is None:
            if self.owners.get(destination) is node:
                return RouteResolved(destination, None, (), local=True)
            way = self.next_hop(node, destination)
            return RouteResolved(destination, None, () if way is None else (way[0].index,))
        tree = self.tree(source, destination)
        local = node in self._members.get(destination, ())
        if tree is None:
            return RouteResolved(destination, source, (), local=local)
        outgoing = tuple(sorted(port.index for port in tree.outgoing.get(node, ())))
        incoming = tree.incoming.get(node)
        return RouteResolved(destination, source, outgoing, incoming.index if incoming else None, local)

    def _towards(self, root: Node) -> tuple[dict[Node, float], dict[Node, Way]]:
        """Each node's distance from `root` and its way there (Dijkstra)."""
        known = self._ways.get(root)
        if known is not None:
            return known
        distances: dict[Node, float] = {}
        ways: dict[Node, Way] = {}
        best: dict[Node, tuple[float, int, int]] = {root: (0.0, 0, 0)}
        edge: list[tuple[float, int, Node]] = []
        if root not in self._broken:
            edge.append((0.0, root.number, root))
        while edge:
            far, _, node = heappop(edge)
            if node in distances:
                continue
            distances[node] = far
            if node.kind is Kind.HOST and node is not root:
                continue  # nothing goes through a host
            for port in node.ports.values():
                if port.link in self._broken:
                    continue
                for end in port.others:
                    other = end.node
                    if other in distances or other in self._broken:
                        continue
                    offer = (far + port.link.spec.cost, end.index, node.number)
                    if other not in best or offer < best[other]:
                        best[other] = offer
                        ways[other] = (end, port)
                        heappush(edge, (offer[0], other.number, other))
        self._ways[root] = distances, ways
        return distances, ways

    def _grow(self, root: Node, members: tuple[Node, ...]) -> Tree:
        _, ways = self._towards(root)
        outgoing: dict[Node, dict[Port, None]] = {}
        reached = {root}
        for member in members:
            node = member
            while node not in reached and node in ways:
                reached.add(node)
                _, above = ways[node]
                outgoing.setdefault(above.node, {})[above] = None
                node = above.node
        if root not in outgoing:
            # Who sends to a group does not ask whether anybody listens: the first router knows.
            first = next((port for port in root.ports.values() if port.link not in self._broken), None)
            outgoing[root] = {} if first is None else {first: None}
        incoming = {node: port for node, (port, _) in ways.items()}
        return Tree(incoming, {node: tuple(ports) for node, ports in outgoing.items()})
