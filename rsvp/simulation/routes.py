"""Routing of a simulated network: shortest paths to hosts, and trees from senders to their groups.

What is known here is what routing protocols told last, through `relink` and `regroup`: links that
broke since are still in use, and packets for them are lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush

from ..engine.inputs import RouteResolved
from ..objects import IPAddress
from .node import Node
from .parts import Port
from .topology import Kind

Way = tuple[Port, Port]
"""The port out of a node, and the next node's port that it leads to."""


@dataclass(slots=True)
class Tree:
    """How one sender's packets to one group go: each node's way towards the sender, and its ports out."""

    root: Node
    ways: dict[Node, Way]
    outgoing: dict[Node, dict[Port, None]] = field(default_factory=dict)

    def incoming(self, node: Node) -> Port | None:
        """Where a node expects the packets; None at the sender, and where none can come."""
        way = self.ways.get(node)
        return None if way is None else way[0]

    def reach(self, member: Node) -> Iterator[Node]:
        """Let a branch grow to a member; gives the nodes that have a new port out."""
        node = member
        while node in self.ways:
            _, above = self.ways[node]
            node = above.node
            ports = self.outgoing.setdefault(node, {})
            if above in ports:
                break
            ports[above] = None
            yield node


Members = dict[IPAddress, dict["Node", None]]


class Routes:
    """Everybody's routes; costs are the links', ties go to the lowest interface number."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self.owners: dict[IPAddress, Node] = {
            address: node for node in nodes for port in node.ports.values() for address in port.addresses
        }
        self._broken: set[object] = set()
        self._members: Members = {}
        self._ways: dict[Node, tuple[dict[Node, float], dict[Node, Way]]] = {}
        self._trees: dict[tuple[Node, IPAddress], Tree] = {}

    def relink(self, broken: set[object]) -> None:
        """Learn which nodes and links do not work, or what links cost now: all routes may be others."""
        self._broken = broken
        self._ways.clear()
        self._trees.clear()

    def regroup(self, group: IPAddress, members: dict[Node, None]) -> set[Node]:
        """Learn who is in a group; returns the nodes whose routes to it may be others."""
        before, now = self._members.get(group, {}), dict(members)
        self._members[group] = now
        changed = before.keys() ^ now.keys()
        for root, of in list(self._trees):
            if of != group:
                continue
            tree = self._trees[root, group]
            if before.keys() <= now.keys() and before:
                for member in now.keys() - before.keys():
                    changed.update(tree.reach(member))
            else:
                fresh = self._trees[root, group] = self._grow(root, now)
                changed |= {
                    node
                    for node in tree.outgoing.keys() | fresh.outgoing.keys()
                    if tree.outgoing.get(node) != fresh.outgoing.get(node)
                }
        return changed

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
            tree = self._trees[root, group] = self._grow(root, self._members.get(group, {}))
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
        incoming = tree.incoming(node)
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

    def _grow(self, root: Node, members: Iterable[Node]) -> Tree:
        tree = Tree(root, self._towards(root)[1])
        for member in members:
            deque(tree.reach(member), 0)
        if root not in tree.outgoing:
            # Who sends to a group does not ask whether anybody listens: the first router knows.
            first = next((port for port in root.ports.values() if port.link not in self._broken), None)
            tree.outgoing[root] = {} if first is None else {first: None}
        return tree
