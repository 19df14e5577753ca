"""News over netlink: what is told, what is too small to tell, and what happens when too much is told."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from pyroute2.netlink.rtnl import RTM_DELNEIGH, RTM_NEWNEIGH

from rsvp.lab import Lab, Node
from rsvp.netlink import Netlink, attribute
from rsvp.routing import Link
from rsvp.routing.forwarding import ForwardingCache
from rsvp.routing.netlink import NetlinkRouting
from rsvp.routing.policy import Policy
from rsvp.routing.watch import SETTLE, Watch
from tests.patience import settled


@dataclass
class Told:
    """A node's routing that is watched, and how often it told of a change."""

    routing: NetlinkRouting
    times: int = 0
    seen: list[str] = field(default_factory=list)

    async def after(self, change: Callable[[], object]) -> None:
        """Make a change and wait until it is told."""
        self.times = 0
        await asyncio.to_thread(change)
        await settled(lambda: self.times)

    async def link(self, name: str) -> Link | None:
        return next((link for link in await self.routing.links() if link.name == name), None)


def watching(node: Node, story: Callable[[Told], object]) -> None:
    """Let a story run while a node's routing is watched."""
    with node:
        told = Told(NetlinkRouting())

    def changed() -> None:
        told.times += 1

    async def main() -> None:
        await told.routing.start(changed)
        try:
            await story(told)  # type: ignore[misc]
        finally:
            await told.routing.close()

    asyncio.run(main())


def sh(node: Node, *commands: str) -> Callable[[], None]:
    def run() -> None:
        for command in commands:
            node.run(command.split(), check=True, capture_output=True)

    return run


def test_interfaces_that_are_renamed_changed_and_made_anew(lab: Lab) -> None:
    r1 = lab["r1"]
    end = r1.toward("r2")

    async def story(told: Told) -> None:
        before = await told.link(end.name)
        assert before is not None
        await told.after(sh(r1, f"ip link set {end.name} down"))
        await told.after(sh(r1, f"ip link set {end.name} name uplink"))
        await told.after(sh(r1, "ip link set uplink up", "ip link set uplink mtu 1400"))
        await settled(lambda: told.times)
        renamed = await told.link("uplink")
        assert renamed is not None
        assert (renamed.index, renamed.born, renamed.mtu) == (end.index, before.born, 1400), "the same one"
        await told.after(sh(r1, "ip link del uplink"))
        assert await told.link("uplink") is None
        # Within the time in which news are gathered it is hardly missed, and the number is the same.
        make = f"ip link add uplink index {end.index} type veth peer name other"
        await told.after(sh(r1, make, "ip link del uplink", make))
        anew = await told.link("uplink")
        assert anew is not None
        assert (anew.index, anew.born) == (end.index, before.born + 2), "another one"

    watching(r1, story)


def test_a_port_that_leaves_a_bridge_is_still_there(lab: Lab) -> None:
    r1 = lab["r1"]
    name = r1.toward("r2").name

    async def story(told: Told) -> None:
        await told.after(sh(r1, "ip link add br0 type bridge", f"ip link set {name} master br0"))
        before = await told.link(name)
        await told.after(sh(r1, f"ip link set {name} nomaster"))
        assert await told.link(name) == before

    watching(r1, story)


def test_next_hops_that_are_objects_of_their_own(lab: Lab) -> None:
    """A route that refers to one changes with it, of which no route news tells."""
    r1 = lab["r1"]
    sh(r1, "ip nexthop add id 7 via 10.0.2.2 dev to-r2", "ip route replace 10.0.3.0/24 nhid 7")()

    async def story(told: Told) -> None:
        await told.after(sh(r1, "ip nexthop replace id 7 via 10.0.1.1 dev to-h1"))

    watching(r1, story)


def test_a_neighbour_that_stops_answering_and_one_that_answers_again(lab: Lab) -> None:
    """The kernel leaves it out where routes share a load (fib_multipath_use_neigh)."""
    r1 = lab["r1"]

    r1.sysctl({"ipv4/neigh/to-r2/retrans_time_ms": 10})

    def ask_for_nobody() -> None:
        r1.run(["ping", "-c1", "-W1", "10.0.2.77"], capture_output=True)

    async def story(told: Told) -> None:
        await told.after(ask_for_nobody)
        await told.after(sh(r1, "ip neigh replace 10.0.2.77 lladdr 02:00:00:00:00:77 dev to-r2 nud stale"))

    watching(r1, story)


def test_states_that_neighbours_go_through_all_day_are_no_news(lab: Lab) -> None:
    reachable, stale, probe, failed = 0x02, 0x04, 0x10, 0x20

    def message(state: int, host: int = 1) -> bytes:
        head = struct.pack("=BBHiHBB", socket.AF_INET, 0, 0, 7, state, 0, 0)
        return head + attribute(1, bytes([10, 0, 2, host]))

    with lab["r1"]:
        netlink = Netlink()
        watch = Watch(Policy(netlink), ForwardingCache(netlink))
    went = [reachable, stale, probe, reachable, failed, failed, probe, reachable, stale]
    told = [watch._note(RTM_NEWNEIGH, message(state)) for state in went]
    assert told == [False, False, False, False, True, False, True, False, False]
    assert watch._note(RTM_NEWNEIGH, message(failed, host=2))
    assert watch._note(RTM_DELNEIGH, message(failed, host=2)), "it may be asked for anew"
    assert not watch._note(RTM_DELNEIGH, message(stale, host=3))
    watch.close()
    netlink.close()


def test_more_news_than_fit_are_news_of_everything(lab: Lab) -> None:
    """The socket overruns (ENOBUFS) while the loop is at something else: all is asked anew."""
    r1 = lab["r1"]
    with r1:
        netlink = Netlink()
        policy = Policy(netlink)
        watch = Watch(policy, ForwardingCache(netlink))
    batch = "".join(f"route add 198.51.{n % 250}.{n // 250 * 4}/30 dev to-r2\n" for n in range(2000))
    told: list[int] = []

    async def main() -> None:
        assert not policy.by_flow(4)
        watch.start(lambda: told.append(1), buffer=4096)
        # The loop stands still meanwhile; the last of the news, the one that matters, does not fit.
        r1.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        sh(r1, "ip rule add from 10.0.1.0/24 lookup 77")()
        await settled(lambda: told)
        assert policy.by_flow(4)
        told.clear()
        await asyncio.to_thread(sh(r1, "ip route add 203.0.113.0/24 dev to-r2"))
        await settled(lambda: told)

    asyncio.run(main())
    watch.close()
    netlink.close()


def test_a_burst_is_told_once_however_long_its_telling_takes(lab: Lab) -> None:
    """Two thousand routes at once, which a routing daemon that starts makes, are one change."""
    r1 = lab["r1"]
    batch = "".join(f"route add 198.51.{n % 250}.{n // 250 * 4}/30 dev to-r2\n" for n in range(2000))

    async def story(told: Told) -> None:
        r1.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
        await settled(lambda: told.times)
        await asyncio.sleep(4 * SETTLE)
        assert told.times <= 2, "the kernel's own queue may have kept some for later"

    watching(r1, story)
