"""Whole nodes over the in-memory network, in virtual time: minutes of protocol, with loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from random import Random
from typing import Any

import pytest

from rsvp import decode
from rsvp._wire import checksum, dissect
from rsvp.config import NodeConfig, read
from rsvp.engine.interfaces import KEEP, REFRESH, lifetime
from rsvp.engine.outputs import PathError, PathEvent, PathGone, ResvConfirmed, ResvError, ResvEvent, ResvGone
from rsvp.iana import ClassNum, ErrorCode, MessageType, TrafficControlCode
from rsvp.intserv import ErrorTerms, Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.node import Node
from rsvp.objects import FF, SE, WF, FilterSpec, Session, Style
from rsvp.transport import Packet
from rsvp.transport.memory import Network
from tests.nodes import Ledger, Listener, chain, running
from tests.virtual_loop import run

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
SENDER = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = Tspec(125_000.0, 20_000.0, M=1400)
FLOWSPEC = controlled_load(TSPEC)
L = lifetime(REFRESH, KEEP)
AWAIT_REFRESH = 1.5 * REFRESH + 1
"""No refresh is later than this, seconds."""


@dataclass
class Story:
    """A session from h1 to h2 with its events at both ends."""

    network: Network
    nodes: dict[str, Node]
    sending: int
    receiving: int
    sender: Listener
    receiver: Listener

    async def announce(self, template: FilterSpec = SENDER) -> None:
        await self.nodes["h1"].add_sender(self.sending, template, TSPEC)

    async def reserve(self, style: Style = FF, filters: tuple[FilterSpec, ...] = (SENDER,)) -> None:
        flows = (Flow(FLOWSPEC, filters if style.explicit else ()),)
        await self.nodes["h2"].reserve(self.receiving, style, flows, confirm=True)

    async def establish(self) -> None:
        await self.announce()
        await self.reserve()
        await self.receiver.until(ResvConfirmed, 2)

    def installed(self, *names: str) -> list[int]:
        """How many flows the traffic control of each node holds."""
        return [len(ledger(self.nodes[name]).flows) for name in names or ("h1", "r1", "r2", "h2")]

    async def senders(self, name: str) -> list[dict[str, Any]]:
        return await self.nodes[name].show("senders")


def ledger(node: Node) -> Ledger:
    traffic = node._enforcement._traffic
    assert isinstance(traffic, Ledger)
    return traffic


@asynccontextmanager
async def story(network: Network, seed: int = 1) -> AsyncIterator[Story]:
    async with running(network, seed=seed) as nodes:
        sending = await nodes["h1"].open_session(SESSION)
        receiving = await nodes["h2"].open_session(SESSION)
        ends = Listener(nodes["h1"], sending), Listener(nodes["h2"], receiving)
        yield Story(network, nodes, sending, receiving, *ends)


def count(listener: Listener, kind: type[object]) -> int:
    return sum(isinstance(event, kind) for event in listener.events)


def test_a_reservation_stands_in_every_hop_within_a_round_trip():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            assert asyncio.get_running_loop().time() < 0.02
            assert s.installed() == [1, 1, 1, 0]
            for name in ("h1", "r1", "r2"):
                [flow] = ledger(s.nodes[name]).flows.values()
                assert (flow.session.key, flow.filters, flow.flowspec) == (SESSION.key, (SENDER,), FLOWSPEC)
                assert flow.tspec == TSPEC
            hops = [(await s.senders(name))[0]["phop"] for name in ("h1", "r1", "r2", "h2")]
            assert hops == [None, "10.0.1.1", "10.0.2.1", "10.0.3.1"]

    run(tell())


@pytest.mark.parametrize(("style", "filters"), [(FF, (SENDER,)), (SE, (SENDER,)), (WF, ())])
def test_every_style_holds_for_ten_minutes_with_a_fifth_lost(style: Style, filters: tuple[FilterSpec, ...]):
    async def tell() -> None:
        async with story(chain({"loss": 0.2})) as s:
            await s.announce()
            await s.reserve(style, filters)
            await asyncio.sleep(AWAIT_REFRESH * 2)
            assert s.installed() == [1, 1, 1, 0]
            for listener in (s.sender, s.receiver):
                listener.events.clear()
            await asyncio.sleep(600)
            assert s.installed() == [1, 1, 1, 0]
            assert s.network.lost > 5
            assert not [e for e in s.sender.events + s.receiver.events if isinstance(e, PathGone | ResvGone)]

    run(tell())


def test_doubled_and_delayed_packets_change_nothing():
    async def tell() -> None:
        async with story(chain({"duplication": 0.5, "delay": 0.4})) as s:
            await s.establish()
            await asyncio.sleep(300)
            assert s.installed() == [1, 1, 1, 0]
            assert [count(s.sender, kind) for kind in (ResvEvent, ResvGone)] == [1, 0]
            assert [count(s.receiver, kind) for kind in (PathEvent, ResvError)] == [1, 0]

    run(tell())


def test_a_release_is_everywhere_at_once():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            await s.nodes["h2"].release(s.receiving)
            await s.sender.until(ResvGone, 1)
            assert s.installed() == [0, 0, 0, 0]
            assert await s.senders("r2")
            await s.nodes["h1"].close_session(s.sending)
            await s.receiver.until(PathGone, 1)
            assert [await s.senders(name) for name in s.nodes] == [[], [], [], []]

    run(tell())


def test_a_node_that_ends_tears_down_what_it_made():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            await s.nodes["h1"].close()
            await s.receiver.until(PathGone, 1)
            assert s.installed("r1", "r2") == [0, 0]
            assert ledger(s.nodes["h1"]).closed

    run(tell())


def test_a_sender_that_vanishes_is_forgotten_after_its_lifetime():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            await asyncio.sleep(100)
            s.network.hosts["h1"].up = False
            # The last refresh may have been up to 1.5 R ago.
            await asyncio.sleep(L - 1.5 * REFRESH - 1)
            assert await s.senders("r1")
            await asyncio.sleep(1.5 * REFRESH + 2)
            assert [await s.senders(name) for name in ("r1", "r2", "h2")] == [[], [], []]
            assert s.installed("r1", "r2") == [0, 0]
            await s.receiver.until(PathGone, 1)

    run(tell())


def test_a_receiver_that_is_killed_is_forgotten_after_its_lifetime():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            await asyncio.sleep(100)
            s.network.hosts["h2"].kill()
            await asyncio.sleep(L - 1.5 * REFRESH - 1)
            assert s.installed("h1", "r1", "r2") == [1, 1, 1]
            await s.sender.until(ResvGone, 1.5 * REFRESH + 2)
            await asyncio.sleep(1)
            assert s.installed("h1", "r1", "r2") == [0, 0, 0]
            assert await s.senders("r2"), "the sender is still there"

    run(tell())


def test_a_router_that_is_killed_and_comes_back_learns_all_again():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            host = s.network.hosts["r1"]
            host.kill()
            await asyncio.sleep(20)
            again = Node(transport=host.transport, routing=host.routing, traffic=Ledger(), rng=Random(5))
            async with again:
                await asyncio.sleep(AWAIT_REFRESH * 2)
                assert len(await again.show("senders")) == 1
                assert len(ledger(again).flows) == 1
                assert s.installed("h1", "r2") == [1, 1]
                assert count(s.sender, ResvGone) == 0

    run(tell())


def test_what_an_earlier_run_left_is_swept_when_everybody_has_had_time_to_come_back():
    async def tell() -> None:
        async with story(chain()) as s:
            await asyncio.sleep(L - 1)
            assert ledger(s.nodes["r1"]).swept == []
            await asyncio.sleep(2)
            assert sorted(ledger(s.nodes["r1"]).swept) == sorted(ledger(s.nodes["r1"]).interfaces)

    run(tell())


def _lose(network: Network, number: int) -> list[str]:
    """Lose the n-th RSVP message of all; the result fills with what was lost."""
    lost: list[str] = []
    seen = 0

    def drops(packet: Packet) -> bool:
        nonlocal seen
        seen += 1
        if seen == number:
            lost.append(decode(packet.data).name)
        return seen == number

    for wire in network.wires:
        wire.drops = drops
    return lost


@pytest.mark.parametrize("number", range(1, 13))
def test_any_message_that_is_lost_once_is_repaired_within_two_refreshes(number: int):
    async def tell() -> None:
        network = chain()
        lost = _lose(network, number)
        async with story(network, seed=number) as s:
            await s.announce()
            await s.reserve()
            # The Path that replaces a lost one, and the Resv that it lets through.
            await asyncio.sleep(2 * AWAIT_REFRESH)
            assert s.installed() == [1, 1, 1, 0], lost
            assert len(lost) == 1

    run(tell())


@pytest.mark.parametrize("number", range(1, 7))
def test_a_lost_tear_is_repaired_by_the_lifetime(number: int):
    async def tell() -> None:
        async with story(chain()) as s:
            await s.establish()
            lost = _lose(s.network, number)
            await s.nodes["h2"].close_session(s.receiving)
            await s.nodes["h1"].close_session(s.sending)
            await asyncio.sleep(L + AWAIT_REFRESH)
            assert s.installed() == [0, 0, 0, 0], lost
            assert [await s.senders(name) for name in s.nodes] == [[], [], [], []]

    run(tell())


def test_a_router_without_rsvp_is_crossed_and_noted():
    async def tell() -> None:
        network = chain()
        nodes = {}
        for number, name in enumerate(("h1", "r2", "h2")):
            host = network.hosts[name]
            node = Node(transport=host.transport, routing=host.routing, traffic=Ledger(), rng=Random(number))
            await node.start()
            nodes[name] = node
        sending, receiving = await nodes["h1"].open_session(SESSION), await nodes["h2"].open_session(SESSION)
        receiver = Listener(nodes["h2"], receiving)
        await nodes["h1"].add_sender(sending, SENDER, TSPEC)
        path = await receiver.until(PathEvent)
        assert path.sender.adspec.general.broken
        assert path.sender.adspec.general.is_hops == 2
        await nodes["h2"].reserve(receiving, FF, (Flow(FLOWSPEC, (SENDER,)),), confirm=True)
        await receiver.until(ResvConfirmed)
        assert [len(ledger(nodes[name]).flows) for name in nodes] == [1, 1, 0]
        for node in nodes.values():
            await node.close()

    run(tell())


def diamond() -> Network:
    """h1 - r1 - r2 - h2, and a longer way r1 - r3 - r4 - r2."""
    network = chain()
    network.link(("r1", "10.0.4.1"), ("r3", "10.0.4.2"), bandwidth=12.5e6)
    network.link(("r3", "10.0.5.1"), ("r4", "10.0.5.2"), bandwidth=12.5e6)
    network.link(("r4", "10.0.6.1"), ("r2", "10.0.6.2"), bandwidth=12.5e6)
    return network


def test_a_reservation_follows_the_route():
    async def tell() -> None:
        async with story(diamond()) as s:
            await s.establish()
            assert s.installed("h1", "r1", "r2", "r3", "r4") == [1, 1, 1, 0, 0]
            s.network.wires[1].cut()
            # Local repair: W = 2 s, then a Path and a Resv (RFC 2205 section 3.6).
            await asyncio.sleep(5)
            assert s.installed("h1", "r1", "r2", "r3", "r4") == [1, 1, 1, 1, 1]
            [(interface, _)] = ledger(s.nodes["r1"]).flows
            assert interface == 4
            s.network.wires[1].mend()
            await asyncio.sleep(L + AWAIT_REFRESH)
            assert s.installed("h1", "r1", "r2", "r3", "r4") == [1, 1, 1, 0, 0]

    run(tell())


def test_a_path_tells_the_error_terms_of_each_schedulers_own():
    async def tell() -> None:
        async with story(chain()) as s:
            ledger(s.nodes["r1"]).terms = ErrorTerms(2000, 7000)
            await s.nodes["r1"].reconfigure(NodeConfig(refresh=20.0))
            await s.announce()
            path = await s.receiver.until(PathEvent, 2)
            assert isinstance(path, PathEvent)
            assert path.sender.adspec is not None
            assert path.sender.adspec.guaranteed is not None
            # The others tell none: one packet, and the 120 us that it takes at 100 Mbit/s.
            assert path.sender.adspec.guaranteed.c_tot == 2000 + 2 * 1500
            assert path.sender.adspec.guaranteed.d_tot == 7000 + 2 * 120

    run(tell())


def test_admission_keeps_to_the_share_of_the_link():
    async def tell() -> None:
        async with story(chain({"bandwidth": 400_000.0})) as s:
            filters = [FilterSpec(SENDER.address, port) for port in (1, 2, 3)]
            for one in filters:
                await s.announce(one)
            flows = tuple(Flow(FLOWSPEC, (one,)) for one in filters)
            await asyncio.sleep(1)
            await s.nodes["h2"].reserve(s.receiving, FF, flows, confirm=True)
            error = await s.receiver.until(ResvError, 2)
            assert (error.code, error.value) == (ErrorCode.ADMISSION_CONTROL_FAILURE, 2)
            assert str(error.node) == "10.0.2.1"
            # 75 % of 400 kB/s hold two flows of 125 kB/s.
            interfaces = {entry["name"]: entry for entry in await s.nodes["r1"].show("interfaces")}
            assert (interfaces["eth1"]["reserved"], interfaces["eth1"]["flows"]) == (250_000, 2)

    run(tell())


def test_a_kernel_that_refuses_is_told_to_the_receiver():
    async def tell() -> None:
        async with story(chain()) as s:
            await s.announce()
            await asyncio.sleep(1)
            ledger(s.nodes["r1"]).refuses = True
            await s.reserve()
            error = await s.receiver.until(ResvError, 2)
            assert error.code == ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR

    run(tell())


def _mangle(change: Callable[[bytes], bytes]) -> Callable[[Packet], bool]:
    def drops(packet: Packet) -> bool:
        object.__setattr__(packet, "data", change(packet.data))
        return False

    return drops


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-4], "length"),
        (lambda data: data[:3] + bytes([data[3] ^ 1]) + data[4:], "checksum"),
        (lambda data: b"", "truncated"),
        (lambda data: b"\x20" + data[1:], "version"),
    ],
)
def test_broken_packets_are_counted_and_harm_nobody(change: Callable[[bytes], bytes], reason: str):
    async def tell() -> None:
        network = chain()
        network.wires[1].drops = _mangle(change)
        async with story(network) as s:
            await s.announce()
            await asyncio.sleep(100)
            assert await s.senders("r2") == []
            [counts] = [entry for entry in await s.nodes["r2"].show("counters") if entry["errors"]]
            assert sum(counts["errors"].values()) >= 2
            assert reason in " ".join(counts["errors"])
            network.wires[1].drops = None
            await asyncio.sleep(AWAIT_REFRESH)
            assert len(await s.senders("h2")) == 1

    run(tell())


def _spoiled(message_type: MessageType, class_num: ClassNum) -> Callable[[bytes], bytes]:
    """Contents of another version of RFC 2210's format; the message around them is as it should be."""

    def change(data: bytes) -> bytes:
        if data[1] != message_type:
            return data
        at = next(one.offset for one in dissect(data).objects if one.class_num == class_num)
        data = data[: at + 4] + bytes([data[at + 4] | 0x10]) + data[at + 5 :]
        return data[:2] + checksum(data).to_bytes(2, "big") + data[4:]

    return change


@pytest.mark.parametrize(
    ("class_num", "value"),
    [
        (ClassNum.SENDER_TSPEC, TrafficControlCode.BAD_TSPEC),
        (ClassNum.ADSPEC, TrafficControlCode.BAD_ADSPEC),
    ],
)
def test_malformed_contents_of_a_path_are_told_to_the_sender(class_num: ClassNum, value: int):
    """Error 21, sub-codes 4 and 5: "malformed or unreasonable request" (RFC 2205 appendix B)."""

    async def tell() -> None:
        network = chain()
        network.wires[1].drops = _mangle(_spoiled(MessageType.PATH, class_num))
        async with story(network) as s:
            await s.announce()
            error = await s.sender.until(PathError, 2)
            assert (error.code, error.value) == (ErrorCode.TRAFFIC_CONTROL_ERROR, value)
            assert str(error.node) == "10.0.2.2"

    run(tell())


def test_a_malformed_flowspec_is_told_to_the_receiver():
    """Error 21, sub-code 3 (RFC 2205 appendix B)."""

    async def tell() -> None:
        network = chain()
        async with story(network) as s:
            await s.announce()
            await asyncio.sleep(1)
            network.wires[1].drops = _mangle(_spoiled(MessageType.RESV, ClassNum.FLOWSPEC))
            await s.reserve()
            error = await s.receiver.until(ResvError, 2)
            assert (error.code, error.value) == (ErrorCode.TRAFFIC_CONTROL_ERROR, 3)
            assert str(error.node) == "10.0.2.1"

    run(tell())


def test_each_interface_has_the_timing_that_the_file_gives_it():
    """R, K, Slew.Max, Kb and W of RFC 2205 sections 3.5 to 3.7, of an interface or else of the node."""
    general = "keep_multiplier = 2\nslew_max = 0.5\nblockade_multiplier = 2\nrepair_wait = 1\n"
    own = "[interfaces.eth0]\nrefresh = 7\nkeep_multiplier = 4\nslew_max = 0.1\n"
    own += "blockade_multiplier = 3\nrepair_wait = 0\n[interfaces.eth1]\n"

    async def story() -> None:
        async with running(chain()) as nodes:
            await nodes["r1"].reconfigure(read("refresh = 7\n" + general + own))
            one, other = nodes["r1"]._engine._core.interfaces.values()
            assert (one.refresh, one.keep, one.slew, one.blockade, one.route_delay) == (7.0, 4, 0.1, 3, 0.0)
            assert (other.refresh, other.keep, other.slew) == (7.0, 2, 0.5)
            assert (other.blockade, other.route_delay) == (2, 1.0)
            await nodes["r1"].reconfigure(read("refresh = 5\n" + general))
            one, _ = nodes["r1"]._engine._core.interfaces.values()
            assert (one.refresh, one.keep, one.slew, one.blockade, one.route_delay) == (5.0, 2, 0.5, 2, 1.0)

    run(story())
