"""Routes that depend on more than the destination: rules, shared load, sources (RFC 2205 3.11.4).

What the lookup says is held against where the kernel then sends a packet of that flow.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from ipaddress import ip_address

import pytest

from rsvp.lab import Lab, Node
from rsvp.routing import Route
from rsvp.routing.netlink import NetlinkRouting
from rsvp.transport import Packet
from rsvp.transport.ipv4 import IPv4Transport
from tests.patience import settled, until


@dataclass(frozen=True)
class Flow:
    protocol: int = socket.IPPROTO_UDP
    source_port: int = 4000
    port: int = 5000
    flow_label: int = 0
    incoming: int = 0


def look_up(node: Node, destination: object, source: object, flow: Flow | None) -> Route:
    with node:
        routing = NetlinkRouting()

    async def main() -> Route:
        try:
            return await routing.lookup(
                ip_address(str(destination)), ip_address(str(source)) if source else None, flow
            )
        finally:
            await routing.close()

    return asyncio.run(main())


def sh(node: Node, command: str) -> None:
    node.run(command.split(), check=True, capture_output=True)


def share_load(lab: Lab, version: int = 4) -> None:
    """r1 sends to h2's link over r2 and r3 alike, and looks at ports to tell flows apart."""
    r1, cable = lab["r1"], lab.cables[-1]
    ends = [lab[name].toward("r1") for name in ("r2", "r3")]
    hops = [end.address if version == 4 else end.address6 for end in ends]
    to = cable.network if version == 4 else cable.network6
    with contextlib.suppress(Exception):
        sh(r1, f"ip -{version} route del {to}")
    sh(r1, f"ip -{version} route add {to} nexthop via {hops[0]} nexthop via {hops[1]}")
    r1.sysctl({f"ipv{version}/fib_multipath_hash_policy": 1})


class Tap:
    """Hears what comes to a node through one interface."""

    def __init__(self, node: Node, interface: str) -> None:
        with node:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self._socket.bind((interface, 3))
        self._socket.setblocking(False)
        self.heard: list[bytes] = []

    def frames(self, mark: bytes) -> list[bytes]:
        """Every frame so far that has some bytes in it."""
        with contextlib.suppress(BlockingIOError):
            while True:
                frame, (_, _, kind, *_) = self._socket.recvfrom(2048)
                if kind != socket.PACKET_OUTGOING:
                    self.heard.append(frame)
        return [frame for frame in self.heard if mark in frame]

    def close(self) -> None:
        self._socket.close()


def send(node: Node, to: object, port: int, source_port: int, source: object | None = None) -> None:
    family = socket.AF_INET if ip_address(str(to)).version == 4 else socket.AF_INET6
    with node, socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((str(source or ""), source_port))
        sock.sendto(b"data from %d" % source_port, (str(to), port))


@pytest.mark.parametrize("version", [4, 6])
def test_flows_that_share_a_load_are_where_the_kernel_sends_them(diamond: Lab, version: int) -> None:
    """Data in transit, for each of eight source ports; and the same answer when asked again."""
    share_load(diamond, version)
    h1, r1, h2 = diamond["h1"], diamond["r1"], diamond["h2"]
    to = h2.address if version == 4 else h2.address6
    source = h1.address if version == 4 else h1.address6
    # Linux makes up flow labels of its own, which a node cannot know beforehand.
    h1.sysctl({"ipv6/auto_flowlabels": 0})
    h1.run(["ping", "-c1", "-W1", str(to)], capture_output=True)
    assert look_up(r1, to, None, None).by_flow
    taps = {r1.toward(name).index: Tap(diamond[name], "to-r1") for name in ("r2", "r3")}
    said = set()
    for port in range(4000, 4008):
        flow = Flow(source_port=port, incoming=r1.toward("h1").index)
        route = look_up(r1, to, source, flow)
        assert route == look_up(r1, to, source, flow)
        (out,) = route.outgoing
        send(h1, to, 5000, port, source)
        mark = b"data from %d" % port
        until(lambda mark=mark: any(tap.frames(mark) for tap in taps.values()), "the packet came through")
        assert [index for index, tap in taps.items() if tap.frames(mark)] == [out]
        said.add(out)
    assert said == set(taps), "eight flows are not all on one side"
    for tap in taps.values():
        tap.close()


def test_one_way_is_no_matter_of_flows(diamond: Lab) -> None:
    assert not look_up(diamond["r1"], diamond["h2"].address, None, None).by_flow
    assert not look_up(diamond["r1"], diamond["h2"].address6, None, None).by_flow


def test_a_rule_on_sources_is_obeyed_for_others_data(diamond: Lab) -> None:
    """The source is another node's, which the kernel only hears of with the interface it came in by."""
    h1, r1, h2 = diamond["h1"], diamond["r1"], diamond["h2"]
    sh(r1, f"ip route add {diamond.cables[-1].network} via {diamond['r3'].toward('r1').address} table 77")
    sh(r1, f"ip rule add from {h1.address} lookup 77")
    assert look_up(r1, h2.address, None, None).by_flow
    route = look_up(r1, h2.address, h1.address, Flow(incoming=r1.toward("h1").index))
    assert route.outgoing == (r1.toward("r3").index,)
    assert route.gateway == diamond["r3"].toward("r1").address
    other = look_up(r1, h2.address, "10.0.1.77", Flow(incoming=r1.toward("h1").index))
    assert other.outgoing == (r1.toward("r2").index,)
    own = look_up(r1, h2.address, r1.toward("r2").address, Flow())
    assert own.outgoing == (r1.toward("r2").index,)


@pytest.mark.parametrize(
    ("rule", "way"),
    [("iif to-h1", "r3"), ("dport 5000 ipproto udp", "r3"), ("sport 7 ipproto udp", "r2"), ("to {h2}", "r3")],
)
def test_other_rules(diamond: Lab, rule: str, way: str) -> None:
    h1, r1, h2 = diamond["h1"], diamond["r1"], diamond["h2"]
    sh(r1, f"ip route add {diamond.cables[-1].network} via {diamond['r3'].toward('r1').address} table 77")
    sh(r1, f"ip rule add {rule.format(h2=h2.address)} lookup 77")
    route = look_up(r1, h2.address, h1.address, Flow(incoming=r1.toward("h1").index))
    assert route.outgoing == (r1.toward(way).index,)
    assert route.by_flow == ("{h2}" not in rule), "what a rule says of a destination holds for all flows"


def test_an_ipv6_route_for_some_sources_only(diamond: Lab) -> None:
    h1, r1, h2 = diamond["h1"], diamond["r1"], diamond["h2"]
    aside = diamond["r3"].toward("r1").address6
    sh(r1, f"ip -6 route add {h2.address6}/128 from {h1.address6}/128 via {aside}")
    flow = Flow(incoming=r1.toward("h1").index)
    route = look_up(r1, h2.address6, h1.address6, flow)
    assert (route.outgoing, route.by_flow) == ((r1.toward("r3").index,), True)
    assert look_up(r1, h2.address6, "fd00:1::77", flow).outgoing == (r1.toward("r2").index,)


def test_a_source_that_cannot_come_in_there_is_no_obstacle(diamond: Lab) -> None:
    """The reverse path filter would drop the data; the Path goes on all the same."""
    share_load(diamond)
    r1 = diamond["r1"]
    r1.sysctl({"ipv4/conf/all/rp_filter": 1})
    route = look_up(r1, diamond["h2"].address, diamond["h2"].address, Flow(incoming=r1.toward("h1").index))
    assert route.outgoing
    assert route.by_flow


def test_a_path_takes_the_gateway_of_its_flow(lab: Lab) -> None:
    """Two routers on one link: what is sent out of it goes to the one that is named."""
    h1, r1 = lab["h1"], lab["r1"]
    other = "02:00:00:00:00:99"
    sh(h1, f"ip neigh add 10.0.1.99 lladdr {other} dev to-r1 nud permanent")
    tap = Tap(r1, "to-h1")
    with h1:
        transport = IPv4Transport()

    async def main() -> None:
        transport.start(lambda packet: None)
        for gateway in (None, ip_address("10.0.1.99")):
            transport.send(
                Packet(b"path", ip_address("10.0.3.2"), h1.address, h1.ends[0].index, 9, True, gateway)
            )
        await settled(lambda: len(tap.frames(b"path")) == 2)
        transport.close()

    asyncio.run(main())
    near, far = tap.frames(b"path")
    assert far[:6].hex(":") == other != near[:6].hex(":")
    assert near[30:34] == far[30:34] == ip_address("10.0.3.2").packed, "both are for the receiver"
    tap.close()
