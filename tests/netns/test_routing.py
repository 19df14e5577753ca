"""NetlinkRouting against the kernel's own tables (RFC 2205 section 3.11.4)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest

from rsvp.lab import Lab, Node
from rsvp.routing import Route
from rsvp.routing.netlink import NetlinkRouting
from rsvp.routing.watch import SETTLE
from tests.patience import settled


def ask(node: Node, question: Callable[[NetlinkRouting], Awaitable[object]]) -> object:
    """Put one question to a node's routing."""
    with node:
        routing = NetlinkRouting()

    async def main() -> object:
        try:
            return await question(routing)
        finally:
            await routing.close()

    return asyncio.run(main())


def look_up(node: Node, destination: str, source: str | None = None) -> Route:
    where = ip_address(destination), ip_address(source) if source else None
    answer = ask(node, lambda routing: routing.lookup(*where))
    assert isinstance(answer, Route)
    return answer


def test_links_have_addresses_mtu_and_no_made_up_rate(lab: Lab) -> None:
    with lab["r1"].iproute() as ipr:
        ipr.link("set", index=lab["r1"].toward("h1").index, mtu=1400)
        ipr.link("set", index=lab["r1"].toward("r2").index, state="down")
    links = {link.name: link for link in ask(lab["r1"], lambda routing: routing.links())}  # type: ignore[attr-defined]
    assert set(links) == {"lo", "to-h1", "to-r2"}
    left, right = links["to-h1"], links["to-r2"]
    assert ip_address("10.0.1.2") in left.addresses
    assert ip_address("fd00:1::2") in left.addresses
    assert left.index == lab["r1"].toward("h1").index
    assert (left.mtu, left.up, left.loopback) == (1400, True, False)
    assert left.rate is None  # a veth's driver says 10 Gbit/s
    assert not right.up
    assert links["lo"].loopback


def test_an_address_that_may_be_somebody_elses_is_not_there_yet(lab: Lab) -> None:
    end = lab["r1"].toward("r2")
    lab["r1"].sysctl({f"ipv6/conf/{end.name}/accept_dad": 1, f"ipv6/conf/{end.name}/dad_transmits": 1000})
    with lab["r1"].iproute() as ipr:
        ipr.addr("add", index=end.index, address="fd00:9::1", prefixlen=64)
    links = {link.name: link for link in ask(lab["r1"], lambda routing: routing.links())}  # type: ignore[attr-defined]
    assert ip_address("fd00:9::1") not in links[end.name].addresses
    assert ip_address("fd00:2::1") in links[end.name].addresses


def test_the_way_to_a_destination(lab: Lab) -> None:
    right = lab["r1"].toward("r2").index
    gateway, gateway6 = ip_address("10.0.2.2"), ip_address("fd00:2::2")
    assert look_up(lab["r1"], "10.0.3.2") == Route((right,), source=ip_address("10.0.2.1"), gateway=gateway)
    assert look_up(lab["r1"], "fd00:3::2") == Route(
        (right,), source=ip_address("fd00:2::1"), gateway=gateway6
    )
    assert look_up(lab["r1"], "10.0.2.2") == Route((right,), source=ip_address("10.0.2.1")), "on the link"


def test_a_foreign_source_is_no_obstacle(lab: Lab) -> None:
    assert look_up(lab["r1"], "10.0.3.2", "10.0.1.1").outgoing == (lab["r1"].toward("r2").index,)


def test_own_addresses_are_local(lab: Lab) -> None:
    for own in ("10.0.2.1", "10.0.1.2", "fd00:1::2", "127.0.0.1"):
        route = look_up(lab["r1"], own)
        assert (route.local, route.outgoing) == (True, ())


@pytest.mark.parametrize("kind", ["unreachable", "blackhole", "prohibit"])
def test_routes_that_refuse_are_no_routes(lab: Lab, kind: str) -> None:
    with lab["r1"].iproute() as ipr:
        ipr.route("add", dst="198.51.100.0/24", type=kind)
    assert look_up(lab["r1"], "198.51.100.7") == Route()


def test_no_route_is_an_empty_one(lab: Lab) -> None:
    assert look_up(lab["r1"], "203.0.113.1") == Route()
    assert look_up(lab["r1"], "2001:db8::1") == Route()


def test_a_sources_own_route_is_preferred(diamond: Lab) -> None:
    r1 = diamond["r1"]
    chosen, aside = r1.toward("r2"), r1.toward("r3")
    destination = str(diamond["h2"].address)
    with r1.iproute() as ipr:
        gateway = str(diamond["r3"].toward("r1").address)
        ipr.route("add", dst=f"{diamond.cables[-1].network}", gateway=gateway, oif=aside.index, table=77)
        ipr.rule("add", table=77, src=str(aside.address), src_len=32, priority=100)
    assert look_up(r1, destination).outgoing == (chosen.index,)
    assert look_up(r1, destination, str(aside.address)).outgoing == (aside.index,)


def test_a_group_goes_out_where_its_source_lives(lab: Lab) -> None:
    r1 = lab["r1"]
    for end in r1.ends:
        route = look_up(r1, "239.1.2.3", str(end.address))
        assert route == Route((end.index,), source=end.address)
    assert look_up(lab["h2"], "239.1.2.3", "10.0.1.1") == Route(
        local=True
    )  # others' data: we may be a member
    assert look_up(lab["h1"], "239.1.2.3") == Route()
    with lab["h1"].iproute() as ipr:
        ipr.route("add", dst="239.0.0.0/8", oif=lab["h1"].ends[0].index)
    assert look_up(lab["h1"], "239.1.2.3").outgoing == (lab["h1"].ends[0].index,)


def test_changes_are_told_once_for_many(lab: Lab) -> None:
    r1 = lab["r1"]
    destination = ip_address("10.0.3.2")
    told: list[int] = []

    def add_many() -> None:
        with r1.iproute() as ipr:
            for number in range(50):
                ipr.route("add", dst=f"198.51.{number}.0/24", oif=r1.toward("r2").index)

    def withdraw() -> None:
        with r1.iproute() as ipr:
            ipr.route("del", dst="10.0.3.0/24")

    async def watch(routing: NetlinkRouting) -> None:
        await routing.start(lambda: told.append(1))
        await asyncio.sleep(3 * SETTLE)
        assert not told
        began = time.monotonic()
        await asyncio.to_thread(add_many)
        await settled(lambda: told)
        await asyncio.sleep(4 * SETTLE)
        assert len(told) <= 1 + (time.monotonic() - began) / SETTLE
        told.clear()
        await asyncio.to_thread(withdraw)
        await settled(lambda: told)
        assert await routing.lookup(destination) == Route()

    ask(r1, watch)


@pytest.mark.parametrize("change", ["address", "mtu", "down"])
def test_changes_of_interfaces_are_told(lab: Lab, change: str) -> None:
    r1 = lab["r1"]
    index = r1.toward("r2").index
    told = []

    def make() -> None:
        with r1.iproute() as ipr:
            if change == "address":
                ipr.addr("add", index=index, address="10.9.9.1", prefixlen=24)
            elif change == "mtu":
                ipr.link("set", index=index, mtu=1300)
            else:
                ipr.link("set", index=index, state="down")

    async def watch(routing: NetlinkRouting) -> None:
        await routing.start(lambda: told.append(1))
        await asyncio.to_thread(make)
        await settled(lambda: told)

    ask(r1, watch)
