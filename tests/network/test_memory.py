"""The in-memory network does with packets what hosts and routers do."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from rsvp.transport import Packet
from rsvp.transport.memory import LARGEST_DATAGRAM, Network
from tests import virtual_loop
from tests.virtual_loop import run


def chain(**last: float) -> Network:
    """h1 - r1 - r2 - h2; the keywords are for the middle link."""
    network = Network(seed=7)
    network.link(("h1", "10.0.1.1"), ("r1", "10.0.1.2"), delay=0.001, mtu=9000)
    network.link(("r1", "10.0.2.1"), ("r2", "10.0.2.2"), **last)  # type: ignore[arg-type]
    network.link(("r2", "10.0.3.1"), ("h2", "10.0.3.2"), bandwidth=1e6)
    return network


class Inbox(list[Packet]):
    """The packets that one host's node took."""

    def __init__(self, network: Network, name: str) -> None:
        network.hosts[name].transport.start(self.append)


def packet(to: str, alert: bool = False, ttl: int | None = 63, **fields: object) -> Packet:
    values = {"source": None, "interface": None, **fields}
    return Packet(b"x", ip_address(to), ttl=ttl, router_alert=alert, **values)  # type: ignore[arg-type]


async def settle(seconds: float = 1.0) -> None:
    await asyncio.sleep(seconds)


def test_router_alert_is_taken_by_the_first_node_and_goes_no_further():
    async def story() -> None:
        network = chain()
        r1, h2 = Inbox(network, "r1"), Inbox(network, "h2")
        network.hosts["h1"].transport.send(packet("10.0.3.2", alert=True, source=ip_address("10.0.1.1")))
        await settle()
        [got] = r1
        assert (got.ttl, got.interface, str(got.source), str(got.destination)) == (
            63,
            2,
            "10.0.1.1",
            "10.0.3.2",
        )
        assert not h2

    run(story())


def test_router_alert_crosses_routers_without_rsvp():
    async def story() -> None:
        network = chain()
        h2 = Inbox(network, "h2")
        network.hosts["h1"].transport.send(packet("10.0.3.2", alert=True))
        await settle()
        assert [(p.ttl, p.router_alert) for p in h2] == [(61, True)]

    run(story())


def test_without_router_alert_packets_pass_nodes_by():
    async def story() -> None:
        network = chain()
        r1, r2, h2 = (Inbox(network, name) for name in ("r1", "r2", "h2"))
        network.hosts["h1"].transport.send(packet("10.0.3.2"))
        await settle()
        assert (r1, r2) == ([], [])
        assert [(p.ttl, str(p.source)) for p in h2] == [(61, "10.0.1.1")]

    run(story())


@pytest.mark.parametrize(("ttl", "arrives"), [(2, False), (3, True), (None, True)])
def test_ttl_ends_a_packet(ttl, arrives):
    async def story() -> None:
        network = chain()
        h2 = Inbox(network, "h2")
        network.hosts["h1"].transport.send(packet("10.0.3.2", ttl=ttl))
        await settle()
        assert bool(h2) is arrives
        assert network.lost == (not arrives)

    run(story())


def test_an_address_of_another_interface_is_the_host_s_own():
    async def story() -> None:
        network = chain()
        r2 = Inbox(network, "r2")
        network.hosts["r1"].transport.send(packet("10.0.3.1"))
        network.hosts["r2"].transport.send(packet("10.0.2.2"))
        await settle()
        assert sorted((str(p.source), p.interface) for p in r2) == [("10.0.2.1", 2), ("10.0.2.2", 2)]

    run(story())


def test_packets_keep_their_order_on_a_link():
    async def story() -> None:
        network = chain(delay=0.3)
        h2 = Inbox(network, "h2")
        sent = [Packet(bytes([n]), ip_address("10.0.3.2"), None, None, 63) for n in range(50)]
        for one in sent:
            network.hosts["h1"].transport.send(one)
        await settle()
        assert [p.data for p in h2] == [p.data for p in sent]

    run(story())


def test_loss_and_duplication_keep_to_their_shares():
    async def story() -> None:
        network = chain(loss=0.2, duplication=0.1)
        h2 = Inbox(network, "h2")
        for _ in range(2000):
            network.hosts["h1"].transport.send(packet("10.0.3.2"))
        await settle()
        assert len(h2) == pytest.approx(2000 * 1.1 * 0.8, rel=0.05)

    run(story())


def test_delay_is_the_sum_of_the_links():
    async def story() -> None:
        network = chain(delay=0.5)
        loop, times = asyncio.get_running_loop(), []
        network.hosts["h2"].transport.start(lambda _: times.append(loop.time()))
        network.hosts["h1"].transport.send(packet("10.0.3.2"))
        await settle()
        assert times == [pytest.approx(0.501)]

    run(story())


def test_an_injected_scheduler_owns_time():
    todo = []
    network = Network(call_later=lambda delay, fn: todo.append((delay, fn)))
    network.link(("a", "10.0.0.1"), ("b", "10.0.0.2"), delay=0.25)
    b = Inbox(network, "b")
    network.hosts["a"].transport.send(packet("10.0.0.2"))
    [(delay, deliver)] = todo
    assert (delay, b) == (0.25, [])
    deliver()
    assert len(b) == 1


def test_routes_are_shortest_and_follow_a_cut():
    async def story() -> None:
        network = Network()
        short = network.link(("a", "10.0.1.1"), ("d", "10.0.1.2"))
        network.link(("a", "10.0.2.1"), ("b", "10.0.2.2"))
        network.link(("b", "10.0.3.1"), ("d", "10.0.3.2"))
        routing, told = network.hosts["a"].routing, []
        await routing.start(lambda: told.append(True))
        there = ip_address("10.0.3.2")
        assert (await routing.lookup(there)).outgoing == (2,)
        short.cut()
        route = await routing.lookup(there)
        assert (route.outgoing, str(route.source), len(told)) == ((3,), "10.0.2.1", 1)
        assert [link.up for link in await routing.links()] == [True, False, True]
        short.mend()
        assert (await routing.lookup(there)).outgoing == (2,)
        await routing.close()
        short.cut()
        assert len(told) == 2

    run(story())


def test_no_route_and_too_long_are_refused_as_by_a_kernel():
    async def story() -> None:
        network = chain()
        h1 = network.hosts["h1"]
        assert not (await h1.routing.lookup(ip_address("192.0.2.1"))).outgoing
        assert (await h1.routing.lookup(ip_address("10.0.1.1"))).local
        with pytest.raises(OSError, match="unreachable"):
            h1.transport.send(packet("192.0.2.1"))
        with pytest.raises(OSError, match="too long"):
            h1.transport.send(Packet(bytes(LARGEST_DATAGRAM + 1), ip_address("10.0.3.2"), None, None, 63))

    run(story())


def test_three_hosts_on_one_link_reach_the_right_one():
    async def story() -> None:
        network = Network()
        network.link(("a", "10.0.0.1", "fe80::1"), ("b", "10.0.0.2", "fe80::2"), ("c", "10.0.0.3", "fe80::3"))
        b, c = Inbox(network, "b"), Inbox(network, "c")
        network.hosts["a"].transport.send(packet("fe80::3"))
        await settle()
        assert (b, [str(p.source) for p in c]) == ([], ["fe80::1"])

    run(story())


def test_a_killed_node_is_silent_but_its_host_forwards():
    async def story() -> None:
        network = chain()
        r1, h2 = Inbox(network, "r1"), Inbox(network, "h2")
        dead = network.hosts["r1"].transport
        network.hosts["r1"].kill()
        dead.send(packet("10.0.3.2"))
        network.hosts["h1"].transport.send(packet("10.0.3.2", alert=True))
        await settle()
        assert (r1, [p.ttl for p in h2]) == ([], [61])
        network.hosts["r1"].up = False
        network.hosts["h1"].transport.send(packet("10.0.3.2"))
        await settle()
        assert len(h2) == 1

    run(story())


def test_one_address_belongs_to_one_host():
    network = chain()
    with pytest.raises(ValueError, match=r"10\.0\.3\.2 is already an address of h2"):
        network.link(("h1", "10.0.9.1"), ("h3", "10.0.3.2"))


def test_a_deadlock_in_virtual_time_is_told(monkeypatch):
    monkeypatch.setattr(virtual_loop, "QUIET", 0.0)

    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="deadlock"):
        run(forever())
