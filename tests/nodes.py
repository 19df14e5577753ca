"""Whole nodes over the in-memory network, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from random import Random

from rsvp.api import Api
from rsvp.config import NodeConfig
from rsvp.engine.outputs import Upcall
from rsvp.errors import TrafficControlError
from rsvp.intserv import ErrorTerms, Flowspec, Tspec
from rsvp.node import Node
from rsvp.objects import Filter, Session
from rsvp.tc import NO_MARKS, Counters, Flow, Refused
from rsvp.transport.memory import Network


class Ledger:
    """A `tc.TrafficControl` that writes down what it was told; `refuses` makes it fail."""

    def __init__(self) -> None:
        self.interfaces: dict[int, float] = {}
        self.flows: dict[tuple[int, int], Flow] = {}
        self.swept: list[int] = []
        self.refuses = False
        self.terms: ErrorTerms | None = None
        self.closed = False

    def open_interface(
        self,
        index: int,
        name: str,
        bandwidth: float,
        mtu: int,
        *,
        shape: bool = True,
        marks: Mapping[int, int] = NO_MARKS,
    ) -> ErrorTerms | None:
        self.interfaces[index] = bandwidth
        return self.terms

    def sweep(self, interface: int) -> None:
        self.swept.append(interface)

    def close_interface(self, index: int) -> None:
        del self.interfaces[index]
        self.flows = {key: flow for key, flow in self.flows.items() if key[0] != index}

    def add_flow(self, interface: int, flow: Flow) -> None:
        if self.refuses:
            raise TrafficControlError("no")
        self.flows[interface, flow.handle] = flow

    def modify_flow(
        self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None, policed: bool = True
    ) -> None:
        old = self.flows[interface, handle]
        self.flows[interface, handle] = replace(old, flowspec=flowspec, tspec=tspec, policed=policed)

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        old = self.flows[interface, handle]
        self.flows[interface, handle] = replace(old, filters=(*old.filters, filter))

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        old = self.flows[interface, handle]
        rest = tuple(one for one in old.filters if one != filter)
        self.flows[interface, handle] = replace(old, filters=rest)

    def delete_flow(self, interface: int, handle: int) -> None:
        self.flows.pop((interface, handle), None)

    def settle(self) -> list[Refused]:
        return []

    def counters(self, interface: int) -> dict[int, Counters]:
        return {handle: Counters(1, 2, 3) for index, handle in self.flows if index == interface}

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        return f"1:{handle:x}"

    def close(self) -> None:
        self.closed = True
        self.interfaces.clear()
        self.flows.clear()


def chain(middle: dict[str, float] | None = None, **links: float) -> Network:
    """h1 - r1 - r2 - h2, as in `rsvp demo`; `middle` is for the link r1 - r2, the rest for all."""
    settings = {"delay": 0.001, "bandwidth": 12.5e6, **links}
    network = Network(seed=3)
    network.link(("h1", "10.0.1.1"), ("r1", "10.0.1.2"), **settings)  # type: ignore[arg-type]
    network.link(("r1", "10.0.2.1"), ("r2", "10.0.2.2"), **{**settings, **(middle or {})})  # type: ignore[arg-type]
    network.link(("r2", "10.0.3.1"), ("h2", "10.0.3.2"), **settings)  # type: ignore[arg-type]
    return network


@asynccontextmanager
async def running(
    network: Network,
    config: NodeConfig | None = None,
    seed: int = 1,
    **configs: NodeConfig,
) -> AsyncIterator[dict[str, Node]]:
    """A node on every host of a network, by the host's name; their traffic control is a `Ledger`.

    `config` is for all but those whose own is in `configs`.
    """
    async with AsyncExitStack() as stack:
        nodes = {}
        for number, (name, host) in enumerate(network.hosts.items()):
            node = Node(
                configs.get(name, config),
                transport=host.transport,
                routing=host.routing,
                traffic=Ledger(),
                rng=Random(seed * 1000 + number),
            )
            nodes[name] = await stack.enter_async_context(node)
        yield nodes


class Listener:
    """Collects a session's events; `until` waits for the next one of a kind."""

    def __init__(self, api: Api, handle: int) -> None:
        self.events: list[Upcall] = []
        self._news = asyncio.Event()
        self._seen = 0
        self.task = asyncio.create_task(self._collect(api, handle))

    async def _collect(self, api: Api, handle: int) -> None:
        async for event in api.events(handle):
            self.events.append(event)
            self._news.set()

    async def until(self, kind: type[Upcall], timeout: float = 60.0) -> Upcall:
        """The next event of a kind, those before it are passed over. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while True:
                while self._seen < len(self.events):
                    event = self.events[self._seen]
                    self._seen += 1
                    if isinstance(event, kind):
                        return event
                self._news.clear()
                await self._news.wait()
