"""Groups in a network with a real multicast routing daemon (RFC 2205 sections 2.3, 3.3, 3.6, 3.9)."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import pytest

from rsvp.lab import Lab
from rsvp.routing import Route
from rsvp.routing.netlink import NetlinkRouting
from rsvp.transport import Packet
from rsvp.transport.raw import RawTransport
from tests.patience import settled, until

from . import smcroute
from .smcroute import Smcroute
from .test_routing import look_up

VERSIONS = pytest.mark.parametrize("version", [4, 6])
GROUP = {4: "239.1.1.1", 6: "ff1e::1"}
SOURCE = {4: "10.0.1.1", 6: "fd00:1::1"}


@pytest.fixture(autouse=True)
def daemon() -> None:
    smcroute.require()


@VERSIONS
def test_the_kernels_forwarding_cache_is_the_route(lab: Lab, version: int) -> None:
    group, source = GROUP[version], SOURCE[version]
    r1 = lab["r1"]
    near, far = r1.toward("h1"), r1.toward("r2")
    with Smcroute(lab, "r1", thresholds={"to-r2": 7}) as routers:
        assert look_up(r1, group, source) == Route(local=True), "nobody has said how yet"
        routers.route("r1", group, source, "h1", "r2")
        threshold = 7 if version == 4 else 1  # Linux has none of its own for IPv6
        routed = Route((far.index,), True, near.index, thresholds=(threshold,))
        assert look_up(r1, group, source) == routed
        assert look_up(r1, group, str(ip_address(source) + 7)) == Route(local=True), "another sender"
        routers.unroute("r1", group, source, "h1")
        assert look_up(r1, group, source) == Route(local=True)


def test_a_daemon_that_routes_when_data_comes_is_asked_before(lab: Lab) -> None:
    """Paths come first: the kernel is made to ask for a route that no data has asked for yet."""
    r1 = lab["r1"]
    with Smcroute(lab, "r1") as routers:
        routers.route("r1", "239.2.0.0/16", None, "h1", "r2")
        assert look_up(r1, "239.2.3.4", SOURCE[4]) == Route(local=True)
        routed = Route((r1.toward("r2").index,), True, r1.toward("h1").index, thresholds=(1,))
        until(lambda: look_up(r1, "239.2.3.4", SOURCE[4]) == routed, "the daemon's answer")


@VERSIONS
def test_joins_and_leaves_are_told(lab: Lab, version: int) -> None:
    group, source = GROUP[version], SOURCE[version]
    r1 = lab["r1"]
    with r1:
        routing = NetlinkRouting()

    async def watch(routers: Smcroute) -> None:
        told: list[int] = []
        await routing.start(lambda: told.append(1))

        async def outgoing() -> tuple[int, ...]:
            return (await routing.lookup(ip_address(group), ip_address(source))).outgoing

        try:
            assert await outgoing() == ()
            await asyncio.to_thread(routers.route, "r1", group, source, "h1", "r2")
            await settled(lambda: told)
            assert await outgoing() == (r1.toward("r2").index,)
            told.clear()
            await asyncio.to_thread(routers.unroute, "r1", group, source, "h1")
            await settled(lambda: told)
            assert await outgoing() == ()
        finally:
            await routing.close()

    with Smcroute(lab, "r1") as routers:
        asyncio.run(watch(routers))


@VERSIONS
@pytest.mark.parametrize("joined", [False, True], ids=["not a member", "a member, too"])
def test_a_path_in_transit_is_taken_out_once_and_goes_no_further(
    lab: Lab, version: int, joined: bool
) -> None:
    """Otherwise the next hop would hear of two previous ones: ours, and the one before."""
    group, source = GROUP[version], SOURCE[version]
    nodes = ("h1", "r1", "r2")
    transports = {}
    for name in nodes:
        with lab[name]:
            transports[name] = RawTransport()
    heard: dict[str, list[Packet]] = {name: [] for name in nodes}
    index = lab["h1"].ends[0].index

    async def talk(routers: Smcroute) -> None:
        for name in nodes:
            transports[name].start(heard[name].append)

        def send(data: bytes) -> None:
            packet = Packet(data, ip_address(group), ip_address(source), index, 9, True)
            transports["h1"].send(packet)

        try:
            await asyncio.to_thread(routers.route, "r1", group, source, "h1", "r2")
            await asyncio.to_thread(routers.route, "r2", group, source, "r1", "h2")
            if joined:
                for name, end in (("r1", "to-h1"), ("r2", "to-r1")):
                    assert routers.tell(name, "join", end, group).returncode == 0
            async with asyncio.timeout(20):
                while not heard["r1"]:
                    send(b"first!!!")
                    await asyncio.sleep(0.05)
            heard["r1"].clear()
            heard["r2"].clear()
            send(b"sent one")
            await settled(lambda: [p for p in heard["r1"] if p.data == b"sent one"])
            # What r1 sends on by itself overtakes nothing: r2 would have heard of the other first.
            out = lab["r1"].toward("r2").index
            onward = Packet(b"on again", ip_address(group), ip_address(source), out, 8, True)
            transports["r1"].send(onward)
            await settled(lambda: heard["r2"])
            (packet,) = [p for p in heard["r1"] if p.data == b"sent one"]
            assert (packet.source, packet.ttl, packet.router_alert) == (ip_address(source), 9, True)
            assert packet.interface == lab["r1"].toward("h1").index
            assert [(p.data, p.ttl) for p in heard["r2"]] == [(b"on again", 8)]
        finally:
            for transport in transports.values():
                transport.close()

    with Smcroute(lab, "r1", "r2") as routers:
        asyncio.run(talk(routers))
