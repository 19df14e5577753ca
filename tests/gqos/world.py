"""Sockets with QoS over the network in memory, in virtual time, and what crosses its wires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, TypeVar

from rsvp import decode
from rsvp.engine.outputs import Upcall
from rsvp.errors import UnknownSession
from rsvp.gqos import Address, FlowSpec, Provider, Qos, QosEvent, ServiceType, Socket, SocketFlag, Status
from rsvp.gqos.provider import DEFAULT_FLAGS
from rsvp.intserv import Tspec
from rsvp.jsonform import Json
from rsvp.messages import Flow, Message
from rsvp.node import Node
from rsvp.objects import Filter, FilterSpec, IPAddress, Session, Style
from rsvp.transport import Packet
from rsvp.transport.memory import Network
from tests.nodes import chain, running

TCP, UDP = 6, 17
H1, H2 = "10.0.1.1", "10.0.3.2"

M = TypeVar("M")


class MemorySocket:
    """A `gqos.Kernel` whose addresses are those of a host in memory; it carries connections, no data."""

    def __init__(self, world: World, host: str, protocol: int) -> None:
        self.world, self.host = world, host
        self.protocol, self.version = protocol, 4
        self.ttl = 1
        self.interface: IPAddress | None = None
        self.joined: list[IPAddress] = []
        self.marks: list[tuple[int | None, int | None]] = []
        self.paces: list[int | None] = []
        self.ended: list[int] = []
        self.closed = False
        self._local: Address | None = None
        self._peer: Address | None = None
        self._callers: asyncio.Queue[MemorySocket] = asyncio.Queue()

    def bind(self, where: Address) -> None:
        self._local = Address(where.address, where.port or self.world.free_port())
        self.world.bound[self.host, self._local.port] = self

    def local(self) -> Address | None:
        return self._local

    def peer(self) -> Address | None:
        return self._peer

    async def connect(self, to: Address) -> None:
        if self._local is None or self._local.any:
            port = self.world.free_port() if self._local is None else self._local.port
            self._local = Address(self.source_for(to), port)
        self._peer = to
        if self.protocol == TCP:
            listener = self.world.bound[self.world.owner(to.address), to.port]
            answering = MemorySocket(self.world, listener.host, TCP)
            answering._local, answering._peer = to, self._local
            listener._callers.put_nowait(answering)

    def disconnect(self) -> None:
        self._peer = None

    def listen(self, backlog: int) -> None:
        pass

    async def accept(self) -> MemorySocket:
        return await self._callers.get()

    def join(self, group: IPAddress) -> None:
        self.joined.append(group)
        self.world.network.hosts[self.host].join(str(group))

    def leave(self, group: IPAddress) -> None:
        self.joined.remove(group)
        self.world.network.hosts[self.host].leave(str(group))

    def multicast_ttl(self) -> int:
        return self.ttl

    def set_multicast_ttl(self, ttl: int) -> None:
        self.ttl = ttl

    def set_multicast_loop(self, on: bool) -> None:
        self.world.loops.append(on)

    def multicast_source(self) -> IPAddress | None:
        return self.interface

    def source_for(self, to: Address) -> IPAddress:
        way = self.world.network.next_hop(self.world.network.hosts[self.host], to.address)
        assert way is not None
        return ip_address(str(way[0].address(4)))

    def mark(self, dscp: int | None, priority: int | None) -> None:
        self.marks.append((dscp, priority))

    def pace(self, rate: int | None) -> None:
        self.paces.append(rate)

    async def send(self, data: bytes, to: Address | None) -> int:
        return len(data)

    async def receive(self, size: int) -> tuple[bytes, Address | None]:
        return b"", self._peer

    def shutdown(self, how: int) -> None:
        self.ended.append(how)

    def close(self) -> None:
        self.closed = True


@dataclass
class World:
    """A network, a node and a provider on each host, and every message that crossed a wire."""

    network: Network
    nodes: dict[str, Node]
    providers: dict[str, Provider] = field(default_factory=dict)
    bound: dict[tuple[str, int], MemorySocket] = field(default_factory=dict)
    trace: list[tuple[int, Message, Packet]] = field(default_factory=list)
    loops: list[bool] = field(default_factory=list)
    _port: int = 40000

    def free_port(self) -> int:
        self._port += 1
        return self._port

    def owner(self, address: IPAddress) -> str:
        return next(name for name, host in self.network.hosts.items() if address in host.addresses)

    def socket(self, host: str, protocol: int = UDP, flags: SocketFlag = DEFAULT_FLAGS) -> Socket:
        return self.providers[host].attach(MemorySocket(self, host, protocol), flags)

    def seen(self, kind: type[M], link: int = 0) -> list[M]:
        """The messages of one kind that crossed one link, h1's being the first."""
        return [message for at, message, _ in self.trace if at == link and isinstance(message, kind)]

    def order(self, link: int = 0) -> list[str]:
        """The names of all messages that crossed one link."""
        return [message.name for at, message, _ in self.trace if at == link]


@asynccontextmanager
async def world(network: Network | None = None, **options: Any) -> AsyncIterator[World]:
    network = network or chain()
    async with AsyncExitStack() as stack:
        nodes = await stack.enter_async_context(running(network, **options))
        made = World(network, nodes)
        for number, wire in enumerate(network.wires):
            wire.drops = tapped(made, number)
        for name, node in nodes.items():
            made.providers[name] = await stack.enter_async_context(Provider(node))
        yield made


def tapped(world: World, number: int) -> Callable[[Packet], bool]:
    def tap(packet: Packet) -> bool:
        world.trace.append((number, decode(packet.data), packet))
        return False

    return tap


# --- what is said in most stories -----------------------------------------------------------------------

LOAD = FlowSpec(
    8500, 680, 17000, service_type=ServiceType.CONTROLLEDLOAD, max_sdu_size=340, minimum_policed_size=340
)
"""Section 4.4, the book's G711; E0's flowspec."""
TSPEC = Tspec(8500.0, 680.0, 17000.0, 340, 340)
WANT = FlowSpec(service_type=ServiceType.CONTROLLEDLOAD)
SENDER = FilterSpec(ip_address(H1), 4000)
SESSION = Session(ip_address(H2), UDP, 5150)


async def until(socket: Socket, status: Status) -> QosEvent:
    """The next event of one status; those before it are passed over."""
    async with asyncio.timeout(60):
        while True:
            event = await socket.next_event()
            if event.status == status:
                return event


def drained(socket: Socket) -> list[Status]:
    """The statuses that wait."""
    found = []
    while (event := socket.events.first()) is not None:
        found.append(event.status)
        socket.events.get_nowait()
    return found


async def sender(w: World, spec: FlowSpec = LOAD) -> Socket:
    """h1 sends from port 4000 to h2's port 5150, connected."""
    made = w.socket("h1")
    await made.bind((H1, 4000))
    await made.connect((H2, 5150), Qos(sending=spec))
    return made


async def receiver(w: World, address: str = H2, spec: FlowSpec = WANT) -> Socket:
    """h2 receives at port 5150, from whoever sends."""
    made = w.socket("h2")
    await made.bind((address, 5150))
    await made.set_qos(Qos(receiving=spec))
    return made


# --- an Api that writes down what it was asked, for what the network in memory does not carry ------------


@dataclass
class Asked:
    """One call of the Api's."""

    verb: str
    session: Session | None
    what: dict[str, Any]


class ListeningApi:
    """An `Api` for stories about groups: the test says what happens in the network."""

    def __init__(self, addresses: tuple[str, ...] = ("10.0.0.1",)) -> None:
        self.asked: list[Asked] = []
        self.sessions: dict[int, Session] = {}
        self._queues: dict[int, asyncio.Queue[Upcall | None]] = {}
        self._addresses = addresses
        self.fails: Exception | None = None

    def of(self, verb: str) -> list[Asked]:
        return [one for one in self.asked if one.verb == verb]

    def handles(self, session: Session) -> list[int]:
        return [handle for handle, one in self.sessions.items() if one.key == session.key]

    async def happen(self, build: Callable[[int], Upcall], session: Session) -> None:
        """Tell whoever takes part in a session, and let them act on it."""
        for handle in self.handles(session):
            self._queues[handle].put_nowait(build(handle))
        for _ in range(20):
            await asyncio.sleep(0)

    def _session(self, handle: int) -> Session:
        if handle not in self.sessions:
            raise UnknownSession(f"session {handle} is not open")
        return self.sessions[handle]

    async def open_session(self, session: Session) -> int:
        handle = len(self._queues) + 1
        self.sessions[handle] = session
        self._queues[handle] = asyncio.Queue()
        return handle

    async def close_session(self, handle: int) -> None:
        self.asked.append(Asked("close", self.sessions.pop(handle), {}))
        self._queues[handle].put_nowait(None)

    async def add_sender(self, handle: int, template: Filter | None, tspec: Tspec, **what: Any) -> Filter:
        if self.fails is not None:
            raise self.fails
        self.asked.append(
            Asked("send", self.sessions[handle], {"template": template, "tspec": tspec, **what})
        )
        return template or FilterSpec(ip_address(self._addresses[0]), what["port"])

    async def remove_sender(self, handle: int, template: Filter) -> None:
        self.asked.append(Asked("unsend", self._session(handle), {"template": template}))

    async def reserve(self, handle: int, style: Style, flows: tuple[Flow, ...], **what: Any) -> None:
        if self.fails is not None:
            raise self.fails
        self.asked.append(Asked("reserve", self.sessions[handle], {"style": style, "flows": flows, **what}))

    async def release(self, handle: int, filters: tuple[Filter, ...] | None = None) -> None:
        self.asked.append(Asked("release", self._session(handle), {"filters": filters}))

    async def events(self, handle: int) -> AsyncIterator[Upcall]:
        while (event := await self._queues[handle].get()) is not None:
            yield event

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, Json]]:
        if self.fails is not None:
            raise self.fails
        return [{"enabled": True, "addresses": list(self._addresses)}]

    async def close(self) -> None:
        for handle in list(self.sessions):
            await self.close_session(handle)
