"""Groups in a network with a real multicast routing daemon (RFC 2205 sections 2.3, 3.3, 3.6, 3.9)."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from rsvp.errors import LocalError
from rsvp.lab import Lab
from rsvp.membership import Membership
from rsvp.routing import Route
from rsvp.routing.netlink import NetlinkRouting
from rsvp.transport import Packet
from rsvp.transport.raw import RawTransport
from tests.patience import settled, until

from . import judge, smcroute
from .running import Running, stop
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


def test_a_group_is_joined_where_one_says_or_its_route_leads(lab: Lab) -> None:
    h1, group = lab["h1"], ip_address(GROUP[4])

    def members() -> str:
        return h1.run(["cat", "/proc/net/igmp"], capture_output=True, text=True, check=True).stdout

    written = group.packed[::-1].hex().upper()
    with h1:
        with pytest.raises(LocalError, match="there is no interface eth9"):
            Membership(group, "eth9")
        with pytest.raises(
            LocalError, match=r"239.1.1.1 cannot be joined without a route to it \(No such device\)"
        ):
            Membership(group)
        with Membership(group, h1.ends[0].name):
            assert written in members()
        assert written not in members()
        with h1.iproute() as ipr:
            ipr.route("add", dst="239.0.0.0/8", oif=h1.ends[0].index)
        with Membership(group), Membership(ip_address(GROUP[6])):
            assert written in members()


# --- daemons in every node -------------------------------------------------------------------------


@pytest.fixture
def tree() -> Lab:
    """h1 - r1 - r2, with h2 and h3 behind r2 and h4 behind r1."""
    lab = Lab()
    for host in ("h1", "h2", "h3", "h4"):
        lab.add_host(host)
    for router in ("r1", "r2"):
        lab.add_router(router)
    for one, other in (("h1", "r1"), ("r1", "r2"), ("r2", "h2"), ("r2", "h3"), ("r1", "h4")):
        lab.connect(one, other)
    lab.start()
    return lab


@pytest.fixture
def running(tree: Lab) -> Iterator[Running]:
    with Running(tree) as all_of_it:
        yield all_of_it.start_all()


def text(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def send(running: Running, version: int, *words: str) -> subprocess.Popen[str]:
    """h1 announces 100 kbit/s to the group."""
    source = f"{text(SOURCE[version])}:4000"
    destination = f"{text(GROUP[version])}:5000"
    return running.application("h1", "send", destination, "--source", source, "--rate", "100kbit", *words)


def reserve(running: Running, host: str, version: int, *words: str) -> subprocess.Popen[str]:
    """A host joins the group and reserves for whoever sends."""
    (end,) = running.lab[host].ends
    place = ("reserve", f"{text(GROUP[version])}:5000", "--interface", end.name)
    return running.application(host, *place, "--style", "ff", "--confirm", *words)


def confirmed(process: subprocess.Popen[str]) -> None:
    """Wait until an application's reservation is confirmed."""
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "confirm":
            return
    raise AssertionError(f"no confirmation: {process.stderr and process.stderr.read()}")


def installed(running: Running, name: str) -> set[str]:
    return {one["interface"] for one in running.show(name, "installed")}


@VERSIONS
def test_receivers_that_join_and_leave(running: Running, version: int) -> None:
    """A reservation for each branch, as the branches come and go; a host needs no routing daemon."""
    group, source = GROUP[version], SOURCE[version]
    with Smcroute(running.lab, "r1", "r2") as routers:
        sending = send(running, version)
        routers.route("r1", group, source, "h1", "r2")
        routers.route("r2", group, source, "r1", "h2")
        confirmed(reserve(running, "h2", version))
        assert [installed(running, name) for name in ("h1", "r1", "r2")] == [{"to-r1"}, {"to-r2"}, {"to-h2"}]
        (sender,) = running.show("r2", "senders")
        assert (sender["interface"], sender["outgoing"]) == ("to-r1", ["to-h2"])

        late = reserve(running, "h3", version)
        routers.route("r2", group, source, "r1", "h3")
        confirmed(late)
        assert installed(running, "r2") == {"to-h2", "to-h3"}
        routers.route("r1", group, source, "h1", "h4")
        near = reserve(running, "h4", version)
        confirmed(near)
        assert installed(running, "r1") == {"to-r2", "to-h4"}

        # R = 1 s: what was not cut at once would live on for 5.25 s at least.
        torn = running.received("h3", "PathTear")
        routers.unroute("r2", group, source, "r1", "h3")
        until(lambda: running.received("h3", "PathTear") > torn, "the branch is cut")
        assert installed(running, "r2") == {"to-h2"}
        until(lambda: not running.show("h3", "senders"), "its receiver knows")
        routers.unroute("r2", group, source, "r1")
        until(lambda: installed(running, "r1") == {"to-h4"}, "the whole branch is cut")
        stop(near)
        until(lambda: not running.show("h1", "reservations"), "nobody is left")
        stop(sending)
        until(lambda: not running.show("r1", "sessions"), "nothing is left")


def test_a_threshold_keeps_paths_where_it_keeps_data(lab: Lab) -> None:
    group, source = GROUP[4], SOURCE[4]
    with Running(lab) as running, Smcroute(lab, "r1", "r2", thresholds={"to-h2": 8}) as routers:
        running.start_all()
        routers.route("r1", group, source, "h1", "r2")
        routers.route("r2", group, source, "r1", "h2")
        receiving = reserve(running, "h2", 4)
        sending = send(running, 4, "--ttl", "9")
        until(lambda: running.show("r2", "senders"), "the Path, with a TTL of 8, which does not exceed 8")
        assert running.show("r2", "senders")[0]["outgoing"] == []
        stop(sending)
        until(lambda: not running.show("r2", "senders"), "its end is told")
        send(running, 4, "--ttl", "10")
        confirmed(receiving)
        assert installed(running, "r2") == {"to-h2"}


def test_either_daemon_may_be_restarted(lab: Lab) -> None:
    """While multicast is not routed there is no branch; while there is no RSVP, Paths pass through."""
    group, source = GROUP[6], SOURCE[6]
    r1 = lab["r1"]

    def exempt() -> bool:
        tables = r1.run([str(judge.NFT), "list", "tables"], capture_output=True, text=True, check=True)
        return "inet rsvp-transit" in tables.stdout

    with Running(lab, refresh=2.0) as running, Smcroute(lab, "r1", "r2") as routers:
        running.start_all()
        send(running, 6)
        routers.route("r1", group, source, "h1", "r2")
        routers.route("r2", group, source, "r1", "h2")
        confirmed(reserve(running, "h2", 6))
        assert exempt()
        routers.restart("r1")
        until(lambda: not running.show("r1", "installed"), "the branch is cut")
        routers.route("r1", group, source, "h1", "r2")
        until(lambda: running.show("h1", "installed"), "the reservation is back")
        running.end("r1", signal.SIGKILL)
        until(lambda: not exempt(), "the kernel took it back")
        running.start("r1")
        until(lambda: running.show("r1", "installed"), "the reservation is back from the neighbours")
        until(exempt, "Paths are kept from being forwarded like data")
