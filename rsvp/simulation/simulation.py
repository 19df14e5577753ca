"""A network in virtual time: the engines of all nodes, the codec on every link, one heap of events.

Nothing here reads a clock, and all randomness comes from one seed: the run of a seed is the same
every time. As in RFC 2205 section 3.3, a packet with Router Alert is taken by the first node on its
way that runs RSVP; any other goes to its destination with its TTL going down.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property, lru_cache
from heapq import heappop, heappush
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from .. import engine as e
from .. import unreadable
from .._wire import decode, encode, fingerprint
from ..engine.inputs import Input
from ..engine.interfaces import KEEP, REFRESH
from ..engine.outputs import Output, TrafficOrder, Upcall
from ..errors import LocalError, ScenarioError, WireError
from ..objects import IPAddress, Session
from ..recorder import Recorder
from ..transport import Packet
from .drops import Drop
from .events import Acted, Arrived, Crossing, Discarded, Event, Ordered, Upcalled
from .invariants import Invariants
from .node import Node
from .parts import Link, Port
from .routes import Routes
from .sessions import read_session
from .topology import Kind, Topology, subnet_addresses

NEVER = float("inf")


class Simulation:
    """A network of nodes. `now` is virtual seconds from 0.

    `refresh` is R in seconds and `keep` K (RFC 2205 section 3.7) of nodes that were not told
    otherwise; `convergence` is how long after a change of links, nodes or groups routing follows,
    in seconds; `versions` are the IP versions of which interfaces get addresses; `record` is a
    directory where each node's inputs are written down, as NODE.jsonl.

        simulation = Simulation(Topology.parse("link h1 r1 10mbit 1ms"), seed=1)
        simulation.run(60)

    Raises ScenarioError for a topology that contradicts itself.
    """

    def __init__(
        self,
        topology: Topology,
        *,
        seed: int = 0,
        refresh: float = REFRESH,
        keep: int = KEEP,
        convergence: float = 0.0,
        versions: tuple[int, ...] = (4,),
        record: Path | None = None,
    ) -> None:
        self.now = 0.0
        self.record = record
        self._recorders: dict[str, Recorder] = {}
        self.seed = seed
        self.convergence = convergence
        self.nodes: dict[str, Node] = {
            spec.name: Node(self, spec, number, topology.kind(spec.name), refresh, keep)
            for number, spec in enumerate(topology.nodes.values())
        }
        self.links: list[Link] = []
        self.delivered = self.lost = self.crossings = 0
        self.drops: list[Drop] = []
        self._observers: list[Callable[[Event], None]] = []
        self._heap: list[tuple[float, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = count()
        self._members: dict[IPAddress, dict[Node, None]] = {}
        self._converging: set[tuple[float, IPAddress | None]] = set()
        self._actions: dict[type[Any], Callable[[Node, Any, deque[Input]], None]] = {
            e.Send: self._send,
            e.ResolveRoute: self._resolve,
            e.ForgetRoute: self._forget,
            e.Dropped: self._discard,
            **dict.fromkeys((e.InstallFlow, e.ModifyFlow, e.RemoveFlow), self._note_order),
            **dict.fromkeys((e.AddFilter, e.RemoveFilter), self._note_order),
            **dict.fromkeys((e.PathEvent, e.PathGone, e.PathError), self._upcall),
            **dict.fromkeys((e.ResvEvent, e.ResvGone), self._upcall),
            **dict.fromkeys((e.ResvError, e.ResvConfirmed), self._upcall),
        }
        self._lay_links(topology, versions)
        self.routes = Routes(self.nodes.values())
        for node in self.nodes.values():
            if node.kind is not Kind.PLAIN:
                node.start(seed)

    def _lay_links(self, topology: Topology, versions: tuple[int, ...]) -> None:
        owners: dict[IPAddress, str] = {}
        named = {one for spec in topology.links for end in spec.ends for one in end.addresses}
        for number, spec in enumerate(topology.links, start=1):
            link = Link(replace(spec), Random(f"{self.seed}/link {number}"))
            subnet = subnet_addresses(number, versions)
            for end in spec.ends:
                node = self.nodes[end.node]
                index = len(node.ports) + 1
                addresses = end.addresses or _free(subnet, named, str(link))
                for address in addresses:
                    if address in owners:
                        raise ScenarioError(
                            f"{address} is an address of both {owners[address]} and {node.name}"
                        )
                    owners[address] = node.name
                name = end.interface or f"eth{index}"
                if any(port.name == name for port in node.ports.values()):
                    raise ScenarioError(f"{node.name} has two interfaces called {name}")
                port = Port(node, link, index, name, addresses)
                node.ports[index] = port
                link.ends.append(port)
            for port in link.ends:
                port.others = tuple(other for other in link.ends if other is not port)
            self.links.append(link)

    # --- time -------------------------------------------------------------------------------------

    def at(self, time: float, action: Callable[[], object]) -> None:
        """Have something done at a time that has not passed. Raises ValueError."""
        if time < self.now:
            raise ValueError(f"it is {self.now:g} s already, too late for {time:g} s")
        self._push(time, action)

    def run(self, until: float) -> None:
        """Let time pass; afterwards `now` is `until`."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.step()
        self.now = max(self.now, until)

    def step(self) -> bool:
        """Let only the next thing happen, and time pass up to it; False where nothing is to come."""
        if not self._heap:
            return False
        self.now, _, action, arguments = heappop(self._heap)
        action(*arguments)
        return True

    def _push(self, when: float, action: Callable[..., object], *arguments: Any) -> None:
        heappush(self._heap, (when, next(self._order), action, arguments))

    # --- looking ----------------------------------------------------------------------------------

    def node(self, name: str) -> Node:
        """A node by its name. Raises LocalError."""
        found = self.nodes.get(name)
        if found is None:
            raise LocalError(f"there is no node {name!r}")
        return found

    def link(self, *names: str) -> Link:
        """The first link that joins these nodes. Raises LocalError."""
        for link in self.links:
            if set(names) <= set(link.names):
                return link
        raise LocalError(f"no link joins {' and '.join(names)}")

    def session(self, session: Session | str) -> Session:
        """A session from "239.1.1.1:5000", "h2:5000" or "h2:5000/tcp". Raises LocalError."""
        if isinstance(session, Session):
            return session
        try:
            return read_session(session, self.address_of)
        except ValueError as error:
            raise LocalError(str(error)) from None

    def address_of(self, name: str, version: int | None = None) -> IPAddress | None:
        """A node's first address, of one IP version if that is given; None where there is none."""
        node = self.nodes.get(name)
        addresses = node.addresses if node is not None else ()
        return next((one for one in addresses if version in (None, one.version)), None)

    def observe(self, observer: Callable[[Event], None]) -> None:
        """Have a function called with every event from now on."""
        self._observers.append(observer)

    def tell(self, event: Event) -> None:
        """Tell the observers of an event."""
        for observer in self._observers:
            observer(event)

    @cached_property
    def invariants(self) -> Invariants:
        """What must always hold, watched from when this is first asked for."""
        return Invariants(self)

    @property
    def empty(self) -> bool:
        """Whether no node remembers any session or holds any flow."""
        return not any(node.sessions() or node.ledger.flows for node in self.nodes.values())

    # --- the engines ------------------------------------------------------------------------------

    def new_engine(self, name: str, seed: str) -> e.Engine:
        """An engine for a node that starts; what it had recorded before goes to NODE.jsonl.1."""
        if self.record is None:
            return e.Engine(rng=Random(seed))
        if name in self._recorders:
            self._recorders.pop(name).close()
        recorder = self._recorders[name] = Recorder(self.record / f"{name}.jsonl", clock=None)
        return recorder.engine(None, seed)

    def close(self) -> None:
        """Close what is recorded; nothing has to be done where nothing is."""
        for recorder in self._recorders.values():
            recorder.close()

    def feed(self, node: Node, event: Input) -> None:
        """Hand one input to a node's engine, and carry out what it wants. Raises LocalError."""
        node.turns += 1
        self._handle(node, node.live, event)

    def _handle(self, node: Node, engine: e.Engine, event: Input) -> None:
        self._carry_out(node, engine, engine.handle(event, self.now))

    def _carry_out(self, node: Node, engine: e.Engine, outputs: list[Output]) -> None:
        actions = self._actions
        todo: deque[Input] = deque()
        while True:
            for output in outputs:
                actions[type(output)](node, output, todo)
            if not todo:
                break
            try:
                outputs = engine.handle(todo.popleft(), self.now)
            except LocalError as error:
                # An application that follows its senders asked for what cannot be.
                self.tell(Acted(self.now, node.name, "reserve", str(error)))
                outputs = []
        due = engine.next_timeout()
        if due is not None and due < node.wake:
            node.wake = due
            self._push(due, self._timeout, node, due)

    def _timeout(self, node: Node, due: float) -> None:
        if node.wake != due or node.engine is None:
            return  # an earlier deadline came up, or the node went down
        node.wake = NEVER
        self._carry_out(node, node.engine, node.engine.handle_timeout(self.now))

    def _resolve(self, node: Node, ask: e.ResolveRoute, todo: deque[Input]) -> None:
        answer = self.routes.answer(node, ask.destination, ask.source)
        node.routes[ask.destination, ask.source] = answer
        todo.append(answer)

    def _forget(self, node: Node, forget: e.ForgetRoute, todo: deque[Input]) -> None:
        node.routes.pop((forget.destination, forget.source), None)

    def _note_order(self, node: Node, order: TrafficOrder, todo: deque[Input]) -> None:
        node.ledger.note(order)
        if self._observers:
            self.tell(Ordered(self.now, node.name, node.ports[order.interface].name, order))

    def _upcall(self, node: Node, upcall: Upcall, todo: deque[Input]) -> None:
        if self._observers:
            self.tell(Upcalled(self.now, node.name, node.app_of(upcall.handle), upcall))
        wish = node.heard(upcall)
        if wish is not None:
            todo.append(wish)

    def _discard(self, node: Node, dropped: e.Dropped, todo: deque[Input]) -> None:
        node.errors[dropped.interface, dropped.reason] += 1
        if self._observers:
            port = node.ports.get(dropped.interface)
            self.tell(Discarded(self.now, node.name, port.name if port else None, dropped))

    # --- packets ----------------------------------------------------------------------------------

    def _send(self, node: Node, send: e.Send, todo: deque[Input]) -> None:
        message, destination = send.message, send.destination
        port = node.ports.get(send.interface) if send.interface is not None else None
        if port is None:
            way = self.routes.next_hop(node, destination)
            if way is None:
                node.errors[e.LOCAL, "transmit failure"] += 1
                return
            port = way[0]
        node.sent[port.index, message.name] += 1
        source = send.source or port.address(destination.version)
        packet = Packet(encode(message), destination, source, None, send.ttl, send.router_alert)
        self._cross(port, packet, not send.trigger)

    def _cross(self, port: Port, packet: Packet, refresh: bool) -> None:
        """Put a packet on a link."""
        link, spec = port.link, port.link.spec
        self.crossings += 1
        ends = self._receivers(port, packet.destination)
        doomed = not link.up or (bool(self.drops) and self._is_dropped(port, packet))
        reached, lost = [], []
        for end in ends:
            if doomed or (spec.loss and link.rng.random() < spec.loss):
                self.lost += 1
                lost.append(end.node.name)
                continue
            reached.append(end.node.name)
            copies = 2 if spec.duplication and link.rng.random() < spec.duplication else 1
            for _ in range(copies):
                self._push(self._arrival(port), self._arrive, end, packet, refresh)
        if self._observers:
            self.tell(
                Crossing(
                    self.now,
                    self.crossings,
                    port.node.name,
                    port.name,
                    packet,
                    refresh,
                    tuple(reached),
                    tuple(lost),
                )
            )

    def _arrival(self, port: Port) -> float:
        spec, rng = port.link.spec, port.link.rng
        when = self.now + spec.delay
        if spec.jitter:
            when += rng.uniform(0.0, spec.jitter)
        if spec.reordering and rng.random() < spec.reordering:
            return when + rng.uniform(0.0, spec.held)  # others may pass it
        port.latest = max(port.latest, when)
        return port.latest

    def _receivers(self, port: Port, destination: IPAddress) -> tuple[Port, ...]:
        """Who on the link takes the packet up."""
        others = port.others
        if is_multicast(destination):
            members = self._members.get(destination, {})
            if all(end.node.kind is not Kind.HOST or end.node in members for end in others):
                return others
            return tuple(end for end in others if end.node.kind is not Kind.HOST or end.node in members)
        if len(others) == 1:
            return others
        for end in others:
            if destination in end.addresses:
                return (end,)
        towards = self.routes.next_on(port, destination)
        return () if towards is None else (towards,)

    def _is_dropped(self, port: Port, packet: Packet) -> bool:
        hit = False
        for drop in self.drops:
            hit = drop.hits(port, packet) or hit
        self.drops = [drop for drop in self.drops if not drop.spent]
        return hit

    def _arrive(self, end: Port, packet: Packet, refresh: bool) -> None:
        node = end.node
        if not node.up or not end.link.up:
            self.lost += 1
            return
        taken = packet.router_alert and node.engine is not None
        if not taken and packet.destination not in end.addresses:
            multicast = is_multicast(packet.destination)
            if multicast or self.routes.owners.get(packet.destination) is not node:
                self._forward(end, packet, refresh, multicast)
                return
        self.delivered += 1
        self.receive(end, packet)

    def receive(self, end: Port, packet: Packet) -> None:
        """Let a packet arrive at a port, from wherever it came."""
        node, index, engine = end.node, end.index, end.node.engine
        if engine is None:
            return
        try:
            message = decode(packet.data)
        except WireError as error:
            node.errors[index, error.reason] += 1
            answer = unreadable.answer(packet.data, index, error)
            if answer is not None:
                self._handle(node, engine, answer)
            return
        node.received[index, message.name] += 1
        assert packet.source is not None
        if self._observers:
            self.tell(Arrived(self.now, node.name, end.name, index, message, packet.source))
        received = e.Received(
            message, index, packet.source, packet.destination, packet.ttl, fingerprint(packet.data)
        )
        self._handle(node, engine, received)

    def _forward(self, end: Port, packet: Packet, refresh: bool, multicast: bool) -> None:
        """Pass a packet on as any IP router does, one TTL less."""
        node = end.node
        if node.kind is Kind.HOST or packet.ttl is None or packet.ttl <= 1:
            self.lost += 1
            return
        onward = replace(packet, ttl=packet.ttl - 1)
        if multicast:
            assert packet.source is not None
            tree = self.routes.tree(packet.source, packet.destination)
            if tree is None or tree.incoming(node) is not end:
                self.lost += 1
                return
            for port in tree.outgoing.get(node, ()):
                self._cross(port, onward, refresh)
            return
        way = self.routes.next_hop(node, packet.destination)
        if way is None:
            self.lost += 1
            return
        self._cross(way[0], onward, refresh)

    # --- what happens to the network --------------------------------------------------------------

    def join(self, node: Node, group: IPAddress | str) -> None:
        """Make a node a member of a group; routing follows after `convergence`."""
        group = ip_address(group)
        members = self._members.setdefault(group, {})
        if node not in members:
            members[node] = None
            self._changed(group)

    def leave(self, node: Node, group: IPAddress | str) -> None:
        """End a node's membership of a group."""
        group = ip_address(group)
        members = self._members.get(group, {})
        if node in members:
            del members[node]
            self._changed(group)

    def cut(self, link: Link) -> None:
        """Break a link: what is on it is lost, and the interfaces at its ends are down."""
        self._switch(link, False)

    def mend(self, link: Link) -> None:
        """Make a broken link work again."""
        self._switch(link, True)

    def _switch(self, link: Link, up: bool) -> None:
        if link.up is up:
            return
        link.up = up
        for port in link.ends:
            if port.node.engine is not None:
                self.feed(port.node, self._state(port))
        self._changed()

    def _state(self, port: Port) -> Input:
        node = port.node
        up = e.InterfaceUp(port.interface(**node.timing))
        return up if port.link.up else e.InterfaceDown(port.index)

    def change(self, link: Link, **fields: float) -> None:
        """Change fields of a link's `LinkSpec`; what the engines know of is told to them."""
        link.spec = replace(link.spec, **fields)  # type: ignore[arg-type]
        for port in link.ends:
            if link.up and port.node.engine is not None:
                self.feed(port.node, self._state(port))
        if "cost" in fields:
            self._changed()

    def crash(self, node: Node) -> None:
        """Stop a node: it loses its state and whatever is sent to it, and nobody is told but routing."""
        if node.up:
            node.up = False
            node.wake = NEVER
            node.clear()
            for group in self._members:
                self.leave(node, group)
            self._changed()

    def restart(self, node: Node) -> None:
        """Start a node that is down, or one that runs anew: with no state, and without applications."""
        self.crash(node)
        node.up = True
        if node.kind is not Kind.PLAIN:
            node.start(self.seed)
        self._changed()

    def drop(self, drop: Drop) -> None:
        """Lose packets that match, from now on."""
        self.drops.append(drop)

    def _changed(self, group: IPAddress | None = None) -> None:
        """Have routing learn of other members of a group, or of other links and nodes, in its time."""
        when = self.now + self.convergence
        if not self.convergence:
            self._converge(when, group)
        elif (when, group) not in self._converging:
            self._converging.add((when, group))
            self._push(when, self._converge, when, group)

    def _converge(self, when: float, group: IPAddress | None) -> None:
        """Let routing learn what changed, and tell the engines whose routes are others now."""
        self._converging.discard((when, group))
        if group is not None:
            for node in sorted(self.routes.regroup(group, self._members[group]), key=by_number):
                self._reroute(node, group)
            return
        broken: set[object] = {link for link in self.links if not link.up}
        broken |= {node for node in self.nodes.values() if not node.up}
        self.routes.relink(broken)
        for node in self.nodes.values():
            self._reroute(node)

    def _reroute(self, node: Node, group: IPAddress | None = None) -> None:
        """Tell an engine of its routes that are others now, of one group only if that is given."""
        for (destination, source), known in list(node.routes.items()):
            if group not in (None, destination):
                continue
            answer = self.routes.answer(node, destination, source)
            if answer != known and (destination, source) in node.routes:
                node.routes[destination, source] = answer
                self.feed(node, answer)


def by_number(node: Node) -> int:
    """The order of nodes."""
    return node.number


@lru_cache(4096)
def is_multicast(address: IPAddress) -> bool:
    """Whether an address is a group's; the address itself is slow to say."""
    return address.is_multicast


def _free(subnet: Iterator[tuple[IPAddress, ...]], taken: set[IPAddress], link: str) -> tuple[IPAddress, ...]:
    for addresses in subnet:
        if not taken.intersection(addresses):
            return addresses
    raise ScenarioError(f"the link {link} has more ends than a subnet has addresses")
