"""A network in a dict: hosts, links with delay, loss and duplication, and routers that do as real ones.

For examples, tests and simulation without root. As in RFC 2205 section 3.3, a packet with Router
Alert is taken by the first node on its way that runs RSVP; any other is forwarded to its
destination with its TTL going down. Routes are shortest paths in hops, and so are the branches of a
group's tree, from each sender to the hosts that have joined.

    network = Network(seed=1)
    network.link(("h1", "10.0.1.1"), ("r1", "10.0.1.2"), delay=0.001)
    network.link(("r1", "10.0.2.1"), ("h2", "10.0.2.2"), loss=0.2)
    host = network.hosts["h1"]      # host.transport and host.routing are for a Node
    network.hosts["h2"].join("239.1.1.1")
"""

from __future__ import annotations

import asyncio
import errno
import itertools
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from random import Random

from ..objects import IPAddress
from ..routing import Flow, Link, Route
from . import Encapsulation, Packet

LOOPBACK = 1
"""The number of every host's loopback interface; others count from the next."""

LARGEST_DATAGRAM = 65535 - 24
"""What fits an IPv4 datagram whose header holds Router Alert, bytes."""

DEFAULT_IP_TTL = 64

CallLater = Callable[[float, Callable[[], None]], object]


@dataclass(eq=False)
class Wire:
    """What joins the interfaces of two or more hosts.

    `delay` in seconds; `loss` and `duplication` are probabilities for each packet and crossing;
    `bandwidth` in bytes/s is only told to routing, packets cross in no time but `delay`. Packets
    for which `drops` is true are lost.
    """

    network: Network
    delay: float = 0.0
    loss: float = 0.0
    duplication: float = 0.0
    mtu: int = 1500
    bandwidth: float | None = None
    drops: Callable[[Packet], bool] | None = None
    up: bool = True
    ends: list[Port] = field(default_factory=list)
    flying: deque[tuple[Port, Packet]] = field(default_factory=deque)

    def cut(self) -> None:
        """Break the link: what is on it is lost, routes go another way, and routing is told."""
        self._switch(False)

    def mend(self) -> None:
        """Make a broken link work again, and tell routing."""
        self._switch(True)

    def _switch(self, up: bool) -> None:
        self.up = up
        self.network.changed()


@dataclass(eq=False)
class Port:
    """One interface of a host on a link."""

    host: Host
    wire: Wire
    index: int
    name: str
    addresses: tuple[IPAddress, ...]

    def address(self, version: int) -> IPAddress | None:
        """This interface's first address of an IP version."""
        return next((a for a in self.addresses if a.version == version), None)


@dataclass(eq=False)
class Host:
    """One host or router; `up` False loses everything that it sends, gets or should forward."""

    network: Network
    name: str
    up: bool = True
    ports: dict[int, Port] = field(default_factory=dict)
    transport: MemoryTransport = field(init=False)
    routing: MemoryRouting = field(init=False)

    def __post_init__(self) -> None:
        self.kill()

    def kill(self) -> None:
        """Cut off the node that runs here, as SIGKILL would; the host forwards on.

        `transport` and `routing` are new afterwards, for a node that starts in its place.
        """
        if hasattr(self, "transport"):
            self.transport.close()
            self.routing.stop()
        self.transport = MemoryTransport(self)
        self.routing = MemoryRouting(self)

    def join(self, group: str) -> None:
        """Become a member of a group: its packets come here from now on, and routing is told."""
        self.network.members.setdefault(ip_address(group), {})[self] = None
        self.network.changed()

    def leave(self, group: str) -> None:
        """Be no member any more."""
        self.network.members.get(ip_address(group), {}).pop(self, None)
        self.network.changed()

    @property
    def addresses(self) -> tuple[IPAddress, ...]:
        """The addresses of all interfaces."""
        return tuple(a for port in self.ports.values() for a in port.addresses)


@dataclass(eq=False)
class Tree:
    """The way of one sender's packets to a group: where hosts expect them, and where they send them on."""

    incoming: dict[Host, Port] = field(default_factory=dict)
    outgoing: dict[Host, dict[int, Port]] = field(default_factory=dict)


class Network:
    """Hosts and the links between them.

    `call_later(delay, fn)` schedules deliveries, on the running asyncio loop if left out; `seed`
    makes losses and duplicates the same in each run.
    """

    def __init__(self, seed: int = 0, call_later: CallLater | None = None) -> None:
        self.hosts: dict[str, Host] = {}
        self.wires: list[Wire] = []
        self.delivered = 0
        self.lost = 0
        self._rng = Random(seed)
        self._later = call_later
        self._within = Wire(self)
        self._owners: dict[IPAddress, Host] = {}
        self._distances: dict[str, dict[str, int]] = {}
        self.members: dict[IPAddress, dict[Host, None]] = {}
        self._trees: dict[tuple[IPAddress, IPAddress], Tree] = {}

    def link(
        self,
        *ends: tuple[str, ...],
        delay: float = 0.0,
        loss: float = 0.0,
        duplication: float = 0.0,
        mtu: int = 1500,
        bandwidth: float | None = None,
    ) -> Wire:
        """Join hosts, each end being (host's name, address, ...); hosts are made as they are named.

        Interfaces are called eth0, eth1 ... in the order in which a host's links are made. Raises
        ValueError for an address that is taken.
        """
        wire = Wire(self, delay, loss, duplication, mtu, bandwidth)
        for name, *texts in ends:
            host = self.hosts.setdefault(name, Host(self, name))
            number = len(host.ports)
            addresses = tuple(ip_address(text) for text in texts)
            for address in addresses:
                if address in self._owners:
                    raise ValueError(f"{address} is already an address of {self._owners[address].name}")
                self._owners[address] = host
            port = Port(host, wire, LOOPBACK + 1 + number, f"eth{number}", addresses)
            host.ports[port.index] = port
            wire.ends.append(port)
        self.wires.append(wire)
        self.changed()
        return wire

    def changed(self) -> None:
        """Compute routes afresh and tell every node's routing."""
        self._distances.clear()
        self._trees.clear()
        for host in self.hosts.values():
            host.routing.notify()

    def next_hop(
        self, host: Host, destination: IPAddress, interface: int | None = None
    ) -> tuple[Port, Port] | None:
        """The interface out of `host` and the one that the packet comes to, None without a route.

        `interface` allows only this one way out.
        """
        owner = self._owners.get(destination)
        if owner is None:
            return None
        far = self._distances_to(owner)
        ways = [
            (far[peer.host.name], port.index, port, peer)
            for port in host.ports.values()
            if port.wire.up and interface in (None, port.index)
            for peer in port.wire.ends
            if peer is not port and peer.host.name in far
        ]
        if not ways:
            return None
        _, _, out, into = min(ways, key=lambda way: way[:2])
        return out, into

    def _distances_to(self, owner: Host) -> dict[str, int]:
        """Hops to `owner` from each host that can reach it."""
        known = self._distances.get(owner.name)
        if known is None:
            known = self._distances[owner.name] = {owner.name: 0}
            edge = [owner]
            for hops in itertools.count(1):
                wires = (port.wire for host in edge for port in host.ports.values() if port.wire.up)
                near = {end.host.name: end.host for wire in wires for end in wire.ends}
                edge = [host for name, host in near.items() if name not in known]
                known.update(dict.fromkeys((host.name for host in edge), hops))
                if not edge:
                    break
        return known

    def tree(self, source: IPAddress | None, group: IPAddress) -> Tree:
        """How the packets that a host sends from `source` reach the members of a group."""
        root = self._owners.get(source) if source is not None else None
        if source is None or root is None:
            return Tree()
        tree = self._trees.get((source, group))
        if tree is None:
            tree = self._trees[source, group] = Tree()
            for member in self.members.get(group, ()):
                node = member
                while node is not root and node not in tree.incoming:
                    way = self.next_hop(node, source)
                    if way is None:
                        break
                    here, above = way
                    tree.incoming[node] = here
                    tree.outgoing.setdefault(above.host, {})[above.index] = above
                    node = above.host
        return tree

    def send(self, host: Host, packet: Packet) -> None:
        """Send a packet from `host`, its source filled in where it has none. Raises OSError."""
        if len(packet.data) > LARGEST_DATAGRAM:
            raise OSError(errno.EMSGSIZE, "Message too long")
        packet = replace(packet, ttl=DEFAULT_IP_TTL if packet.ttl is None else packet.ttl)
        if packet.destination.is_multicast:
            self._send_to_group(host, packet)
            return
        if self._owners.get(packet.destination) is host:
            at = next(port for port in host.ports.values() if packet.destination in port.addresses)
            packet = replace(packet, source=packet.source or packet.destination)
            self._fly(self._within, at, packet)
            return
        way = self.next_hop(host, packet.destination, packet.interface)
        if way is None:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        source = packet.source or way[0].address(packet.destination.version)
        self._cross(*way, replace(packet, source=source))

    def _send_to_group(self, host: Host, packet: Packet) -> None:
        ports = [p for p in host.ports.values() if p.wire.up and packet.interface in (None, p.index)]
        if not ports:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")
        source = packet.source or ports[0].address(packet.destination.version)
        self._spread(ports[0], replace(packet, source=source))

    def _spread(self, out: Port, packet: Packet) -> None:
        for into in out.wire.ends:
            if into is not out:
                self._cross(out, into, packet)

    def _cross(self, out: Port, into: Port, packet: Packet) -> None:
        wire = out.wire
        copies = 2 if self._rng.random() < wire.duplication else 1
        for _ in range(copies):
            lost = self._rng.random() < wire.loss or (wire.drops is not None and wire.drops(packet))
            if lost or not out.host.up:
                self.lost += 1
            else:
                self._fly(wire, into, packet)

    def _arrive(self, at: Port, packet: Packet) -> None:
        host = at.host
        if not (host.up and at.wire.up):
            self.lost += 1
            return
        if packet.destination.is_multicast:
            self._arrive_for_group(at, packet)
            return
        mine = self._owners.get(packet.destination) is host
        if host.transport.received is not None and (mine or packet.router_alert):
            self.delivered += 1
            host.transport.received(replace(packet, interface=at.index))
            return
        way = None if mine else self.next_hop(host, packet.destination)
        if way is None or packet.ttl is None or packet.ttl <= 1:
            self.lost += 1
            return
        self._cross(*way, replace(packet, ttl=packet.ttl - 1))

    def _arrive_for_group(self, at: Port, packet: Packet) -> None:
        """Members take it, and routers that run RSVP, as they hear all groups; others forward it."""
        host, tree = at.host, self.tree(packet.source, packet.destination)
        member, router = host in self.members.get(packet.destination, ()), len(host.ports) > 1
        if host.transport.received is not None and (member or (router and packet.router_alert)):
            self.delivered += 1
            host.transport.received(replace(packet, interface=at.index))
            if packet.router_alert:
                return
        if tree.incoming.get(host) is at and packet.ttl is not None and packet.ttl > 1:
            for out in tree.outgoing.get(host, {}).values():
                self._spread(out, replace(packet, ttl=packet.ttl - 1))

    def _fly(self, wire: Wire, into: Port, packet: Packet) -> None:
        # Packets keep their order on a link, which timers of the same moment would not.
        wire.flying.append((into, packet))
        later = self._later or asyncio.get_running_loop().call_later
        later(wire.delay, lambda: self._arrive(*wire.flying.popleft()))


class MemoryTransport:
    """`transport.Transport` of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._closed = False
        self.received: Callable[[Packet], None] | None = None

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive."""
        self._closed = False
        self.received = received

    def send(self, packet: Packet) -> None:
        """Send one packet; nothing leaves a node that was killed. Raises OSError as a socket does."""
        if not self._closed:
            self._host.network.send(self._host, packet)

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        """There is one way only to go here."""

    def close(self) -> None:
        """Stop receiving."""
        self._closed = True
        self.received = None


class MemoryRouting:
    """`routing.Routing` of one host."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._changed: Callable[[], None] | None = None

    async def start(self, changed: Callable[[], None]) -> None:
        """Begin to watch."""
        self._changed = changed

    def notify(self) -> None:
        """Tell the node that something changed."""
        if self._changed is not None:
            self._changed()

    async def links(self) -> tuple[Link, ...]:
        """The host's interfaces, loopback first."""
        loopback = Link(LOOPBACK, "lo", (ip_address("127.0.0.1"), ip_address("::1")), 65536, True, True)
        ports = (
            Link(p.index, p.name, p.addresses, p.wire.mtu, p.wire.up, False, p.wire.bandwidth)
            for p in self._host.ports.values()
        )
        return loopback, *ports

    async def lookup(
        self, destination: IPAddress, source: IPAddress | None = None, flow: Flow | None = None
    ) -> Route:
        """The way to `destination`; an empty `Route` where there is none."""
        if destination in self._host.addresses or destination.is_loopback:
            return Route(local=True, source=destination)
        if destination.is_multicast:
            return self._look_up_group(destination, source)
        way = self._host.network.next_hop(self._host, destination)
        if way is None:
            return Route()
        return Route((way[0].index,), source=way[0].address(destination.version))

    def _look_up_group(self, group: IPAddress, source: IPAddress | None) -> Route:
        for port in self._host.ports.values():
            address = port.address(group.version)
            if address is not None and (source is None or source in port.addresses):
                return Route((port.index,), source=source or address)
        tree = self._host.network.tree(source, group)
        incoming = tree.incoming.get(self._host)
        return Route(
            tuple(sorted(tree.outgoing.get(self._host, ()))),
            self._host in self._host.network.members.get(group, ()),
            incoming.index if incoming is not None else None,
        )

    def stop(self) -> None:
        """Stop watching, at once."""
        self._changed = None

    async def close(self) -> None:
        """Stop watching."""
        self.stop()
