"""Groups in the network in memory: members, trees, and whole nodes that reserve along them."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from rsvp.engine.outputs import PathEvent, ResvConfirmed
from rsvp.intserv import Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.objects import FF, WF, FilterSpec, Session
from rsvp.transport import Packet
from rsvp.transport.memory import Network
from tests.nodes import Listener, chain, running
from tests.virtual_loop import run

GROUP = "239.1.1.1"
SESSION = Session(ip_address(GROUP), 17, 5000)
SENDER = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = Tspec(125_000.0, 20_000.0, M=1400)


def fork() -> Network:
    """h1 - r1 - r2, with h2 and h3 behind r2 and h4 beside h1, on one LAN with r1."""
    network = Network(seed=3)
    options = {"delay": 0.001, "bandwidth": 12.5e6}
    network.link(("h1", "10.0.1.1"), ("r1", "10.0.1.2"), ("h4", "10.0.1.4"), **options)
    network.link(("r1", "10.0.2.1"), ("r2", "10.0.2.2"), **options)
    network.link(("r2", "10.0.3.1"), ("h2", "10.0.3.2"), **options)
    network.link(("r2", "10.0.4.1"), ("h3", "10.0.4.2"), **options)
    return network


def test_routes_are_the_tree_of_the_members() -> None:
    async def story() -> None:
        network = fork()
        source, group = ip_address("10.0.1.1"), ip_address(GROUP)

        async def ways(name: str) -> tuple[tuple[int, ...], bool, int | None]:
            route = await network.hosts[name].routing.lookup(group, source)
            return route.outgoing, route.local, route.incoming

        assert await ways("h1") == ((2,), False, None), "a sender sends, whoever listens"
        assert await ways("r1") == ((), False, None)
        network.hosts["h3"].join(GROUP)
        assert await ways("r1") == ((3,), False, 2)
        assert await ways("r2") == ((4,), False, 2)
        assert await ways("h3") == ((), True, 2)
        network.hosts["h2"].join(GROUP)
        assert await ways("r2") == ((3, 4), False, 2)
        network.wires[1].cut()
        assert await ways("r1") == ((), False, None)

    run(story())


def test_routers_without_rsvp_forward_along_the_tree() -> None:
    async def story() -> None:
        network = fork()
        heard: dict[str, list[Packet]] = {name: [] for name in ("h2", "h3", "h4")}
        for name, packets in heard.items():
            network.hosts[name].transport.start(packets.append)
        network.hosts["h2"].join(GROUP)
        packet = Packet(b"data", ip_address(GROUP), ip_address("10.0.1.1"), 2, 9, True)
        network.hosts["h1"].transport.send(packet)
        await asyncio.sleep(1)
        assert {name: [p.ttl for p in packets] for name, packets in heard.items()} == {
            "h2": [7],
            "h3": [],
            "h4": [],
        }
        network.wires[0].cut()
        with pytest.raises(OSError, match="unreachable"):
            network.hosts["h1"].transport.send(packet)

    run(story())


def test_receivers_that_come_and_go() -> None:
    async def story() -> None:
        network = fork()
        async with running(network) as nodes:
            handles = {name: await nodes[name].open_session(SESSION) for name in ("h1", "h2", "h3", "h4")}
            listeners = {name: Listener(nodes[name], handle) for name, handle in handles.items()}
            await nodes["h1"].add_sender(handles["h1"], SENDER, TSPEC, ttl=7)
            await asyncio.sleep(0.1)
            for name in ("h2", "h3", "h4"):
                network.hosts[name].join(GROUP)
                if name == "h4":  # nothing changes for r1, on whose link it is: the next refresh comes
                    await asyncio.sleep(50)
                await listeners[name].until(PathEvent, 0.5)
                flow = Flow(controlled_load(TSPEC), (SENDER,))
                await nodes[name].reserve(handles[name], FF, (flow,), confirm=True)
                await listeners[name].until(ResvConfirmed, 0.5)
            assert [len(await nodes[name].show("installed")) for name in ("h1", "r1", "r2")] == [1, 1, 2]
            network.hosts["h3"].leave(GROUP)
            await asyncio.sleep(0.5)
            assert len(await nodes["r2"].show("installed")) == 1
            network.hosts["h2"].leave(GROUP)
            await asyncio.sleep(0.5)
            assert await nodes["r1"].show("installed") == []
            assert len(await nodes["h1"].show("installed")) == 1, "h4 is on the first link"
            for listener in listeners.values():
                listener.task.cancel()

    run(story())


def test_where_a_group_was_joined_is_kept_with_the_reservation() -> None:
    async def story() -> None:
        async with running(chain()) as nodes:
            h2 = nodes["h2"]
            handle = await h2.open_session(Session(ip_address("239.1.1.1"), 17, 5000))
            for joined in ("eth0", None):
                await h2.reserve(handle, WF, (Flow(controlled_load(1000.0)),), joined=joined)
                (state,) = h2._engine._core.sessions.values()
                found = [rsb.interface for rsb in state.reservations()]
                assert found == [None if joined is None else (await h2.show("interfaces"))[0]["index"]]

    run(story())
