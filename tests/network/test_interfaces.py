"""Interfaces and routes that change under running nodes, in virtual time (RFC 2205 sections 3.6, 3.11.4)."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from ipaddress import ip_address

import pytest

from rsvp.engine.interfaces import ROUTE_DELAY
from rsvp.engine.outputs import PathEvent, PathGone, ResvConfirmed
from rsvp.messages import Flow
from rsvp.objects import FF, Session
from rsvp.routing import Link
from rsvp.transport.memory import Network, Port
from tests.nodes import Listener, chain, running
from tests.virtual_loop import run

from .test_nodes import FLOWSPEC, SENDER, TSPEC, Story, count, diamond, ledger, story

REPAIRED = ROUTE_DELAY + 1.0
"""Seconds within which a flow is to be reserved along a new route."""


def port(network: Network, host: str, number: int) -> Port:
    return list(network.hosts[host].ports.values())[number]


async def until(true: Callable[[], bool], at_most: float) -> float:
    """Wait in steps of a millisecond; how long it took, in virtual seconds."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while not true():
        await asyncio.sleep(0.001)
        assert loop.time() - began < at_most, f"not within {at_most} s"
    return loop.time() - began


async def quiet(s: Story) -> None:
    """Establish the flow and let all that follows from it settle, far from any refresh."""
    await s.establish()
    await asyncio.sleep(1.0)


def test_a_pulled_link_is_repaired_after_w_and_nobody_downstream_notices() -> None:
    """The flow is reserved along the new way within 3 s, and the receiver's end stands all the while."""

    async def tell() -> None:
        async with story(diamond()) as s:
            await quiet(s)
            downstream = set(ledger(s.nodes["r2"]).flows)
            s.network.wires[1].cut()
            await until(lambda: not ledger(s.nodes["r1"]).flows, 0.1)
            took = 0.1 + await until(lambda: s.installed("r1", "r3", "r4") == [1, 1, 1], REPAIRED)
            assert took + 0.1 >= ROUTE_DELAY
            assert took <= REPAIRED
            assert set(ledger(s.nodes["r2"]).flows) == downstream
            assert count(s.receiver, PathGone) == 0
            assert all(request["phop"] == "10.0.6.1" for request in await s.nodes["r2"].show("requests"))

    run(tell())


def test_a_link_without_another_way_comes_back() -> None:
    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            s.network.wires[1].cut()
            await asyncio.sleep(10.0)
            assert s.installed("r1", "r2") == [0, 1], "downstream waits for the sender to be heard of again"
            assert await s.nodes["r2"].show("requests") == []
            s.network.wires[1].mend()
            await until(lambda: s.installed() == [1, 1, 1, 0], REPAIRED)

    run(tell())


@pytest.mark.parametrize(("name", "number"), [("r1", 1), ("r2", 0), ("h1", 0), ("h2", 0)])
def test_a_bounce_that_only_one_end_of_a_link_notices(
    name: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its neighbour is told by another handle, or asked again: nobody waits for a refresh."""

    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            routing, gone = s.network.hosts[name].routing, port(s.network, name, number).index
            links = routing.links

            async def without() -> tuple[Link, ...]:
                return tuple(link for link in await links() if link.index != gone)

            monkeypatch.setattr(routing, "links", without)
            s.network.changed()
            await asyncio.sleep(1.0)
            assert gone not in [one["index"] for one in await s.nodes[name].show("interfaces")]
            monkeypatch.undo()
            s.network.changed()
            await until(lambda: s.installed() == [1, 1, 1, 0], 0.5)
            await asyncio.sleep(600.0)
            assert s.installed() == [1, 1, 1, 0]
            assert count(s.receiver, PathGone) == 0

    run(tell())


def test_an_interface_that_is_renamed_keeps_what_is_reserved() -> None:
    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            before = dict(ledger(s.nodes["r1"]).flows)
            port(s.network, "r1", 1).name = "uplink"
            s.network.changed()
            await asyncio.sleep(1.0)
            assert ledger(s.nodes["r1"]).flows == before
            assert [one["interface"] for one in await s.nodes["r1"].show("installed")] == ["uplink"]
            assert count(s.receiver, PathGone) == 0

    run(tell())


def test_an_mtu_that_changes_is_advertised() -> None:
    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            s.network.wires[1].mtu = 1300
            s.network.changed()
            await asyncio.sleep(60.0)
            (sender,) = await s.senders("h2")
            assert sender["adspec"]["general"]["mtu"] == 1300
            assert s.installed() == [1, 1, 1, 0]

    run(tell())


def test_a_neighbour_hears_of_another_address_after_w() -> None:
    """Until then its Resvs go to the old one, where nobody is."""

    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            changed = port(s.network, "r1", 1)
            s.network._owners[ip_address("10.0.2.77")] = s.network._owners.pop(ip_address("10.0.2.1"))
            changed.addresses = (ip_address("10.0.2.77"),)
            s.network.changed()
            await asyncio.sleep(REPAIRED)
            assert [one["phop"] for one in await s.nodes["r2"].show("requests")] == ["10.0.2.77"]
            await asyncio.sleep(600.0)
            assert s.installed() == [1, 1, 1, 0], "and refreshes reach it"

    run(tell())


def test_an_interface_made_anew_has_another_number() -> None:
    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            host, anew = s.network.hosts["r1"], port(s.network, "r1", 1)
            del host.ports[anew.index]
            anew.index = 77
            host.ports[77] = anew
            s.network.changed()
            await until(lambda: [oi for oi, _ in ledger(s.nodes["r1"]).flows] == [77], REPAIRED)
            assert count(s.receiver, PathGone) == 0

    run(tell())


def test_an_interface_made_anew_under_its_old_number_is_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its traffic control went with it, however soon the new one was there; its neighbour reserves anew."""

    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            node, index = s.nodes["r1"], port(s.network, "r1", 1).index
            plain, before = node._routing.links, set(ledger(node).flows)

            async def links() -> tuple[Link, ...]:
                born = {index: 1}
                return tuple(
                    Link(one.index, one.name, one.addresses, one.mtu, one.up, one.loopback, one.rate, n)
                    for one in await plain()
                    for n in (born.get(one.index, 0),)
                )

            monkeypatch.setattr(node._routing, "links", links)
            s.network.changed()
            await until(lambda: not before & ledger(node).flows.keys(), 0.1)
            await until(lambda: [oi for oi, _ in ledger(node).flows] == [index], 0.5)

    run(tell())


def test_a_destination_that_is_a_routers_own_address() -> None:
    async def tell() -> None:
        network = chain()
        async with running(network) as nodes:
            to = Session(ip_address("10.0.3.1"), 17, 5000)
            sending, receiving = await nodes["h1"].open_session(to), await nodes["r2"].open_session(to)
            there = Listener(nodes["r2"], receiving)
            await nodes["h1"].add_sender(sending, SENDER, TSPEC)
            await there.until(PathEvent, 2)
            await nodes["r2"].reserve(receiving, FF, (Flow(FLOWSPEC, (SENDER,)),), confirm=True)
            await there.until(ResvConfirmed, 2)
            assert [len(ledger(nodes[name]).flows) for name in ("h1", "r1", "r2", "h2")] == [1, 1, 0, 0]
            assert await nodes["h2"].show("senders") == []

    run(tell())


def test_changes_that_come_while_one_is_followed_are_followed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tell() -> None:
        async with story(chain()) as s:
            await quiet(s)
            routing = s.nodes["r1"]._routing
            plain, asked = routing.links, []

            async def links() -> tuple[Link, ...]:
                asked.append(1)
                await asyncio.sleep(0.2)  # the kernel is busy
                return await plain()

            monkeypatch.setattr(routing, "links", links)
            for _ in range(100):
                s.network.changed()
                await asyncio.sleep(0.001)
            await asyncio.sleep(1.0)
            assert len(asked) == 2

    run(tell())


def test_routing_that_does_not_answer_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def tell() -> None:
        async with story(diamond()) as s:
            await quiet(s)
            routing = s.nodes["r1"]._routing
            plain, failures = routing.links, [OSError(errno.EBUSY, "busy")]

            async def links() -> tuple[Link, ...]:
                if failures:
                    raise failures.pop()
                return await plain()

            monkeypatch.setattr(routing, "links", links)
            s.network.wires[1].cut()
            await until(lambda: s.installed("r1", "r3", "r4") == [1, 1, 1], REPAIRED + 1.0)

    run(tell())
