"""A node that is flooded: what is over a limit is dropped, counted with its reason, and logged seldom."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import IPv4Address, ip_address

import pytest

from rsvp import encode
from rsvp.config import NodeConfig
from rsvp.intserv import Tspec
from rsvp.messages import Path, Sender
from rsvp.neighbors import BURST
from rsvp.node import Node
from rsvp.objects import FilterSpec, Hop, Session, TimeValues
from rsvp.seldom import PERIOD, Seldom
from rsvp.transport import Packet
from tests.nodes import chain, running
from tests.virtual_loop import run

DESTINATION = ip_address("10.0.3.2")
FIRST = IPv4Address("10.0.1.1")


def path(port: int, hop: IPv4Address = FIRST) -> bytes:
    message = Path(
        session=Session(DESTINATION, 17, port),
        hop=Hop(hop, 1),
        time_values=TimeValues(30_000),
        sender=Sender(FilterSpec(FIRST, 4000), Tspec(1000.0, 1000.0)),
        send_ttl=63,
    )
    return encode(message)


def arrive(node: Node, data: bytes) -> None:
    """Bytes come in from h1."""
    interface = next(index for index, link in node._links.items() if link.name == "eth0")
    node._received(Packet(data, DESTINATION, FIRST, interface, 63))


async def errors(node: Node) -> dict[str, int]:
    return {k: n for entry in await node.show("counters") for k, n in entry["errors"].items()}


def test_messages_of_one_neighbour_over_the_rate_are_dropped(caplog: pytest.LogCaptureFixture):
    async def story() -> None:
        async with running(chain(), NodeConfig(max_message_rate=10)) as nodes:
            r1 = nodes["r1"]
            for port in range(1, 101):
                arrive(r1, path(port))
            allowed = 10 * BURST
            assert len(await r1.show("senders")) == allowed
            assert await errors(r1) == {"rate limited": 100 - allowed}
            arrive(r1, path(5000, ip_address("10.0.1.9")))
            assert len(await r1.show("senders")) == allowed + 1, "others are listened to as ever"
            await r1.reconfigure(NodeConfig(max_message_rate=1e6))
            await asyncio.sleep(1)
            for port in range(1, 101):
                arrive(r1, path(port))
            assert len(await r1.show("senders")) == 101, "the new limit holds at once"

    run(story())
    assert caplog.text.count("10.0.1.1 sends more than 10 messages/s: dropped") == 1


def test_what_asks_for_an_answer_but_names_nobody_is_limited_too():
    async def story() -> None:
        async with running(chain(), NodeConfig(max_message_rate=10)) as nodes:
            broken = bytearray(path(1))
            broken[11] = 99  # a C-Type of SESSION that nobody has
            broken[2:4] = bytes(2)
            for _ in range(100):
                arrive(nodes["r1"], bytes(broken))
            found = await errors(nodes["r1"])
            assert found["rate limited"] == 100 - 10 * BURST

    run(story())


def test_state_over_the_limits_is_refused_and_counted(caplog: pytest.LogCaptureFixture):
    async def story() -> None:
        config = NodeConfig(max_state_per_neighbor=3, max_sessions=5)
        async with running(chain(), config) as nodes:
            for port in range(1, 10):
                arrive(nodes["r1"], path(port))
            for port in range(11, 20):
                arrive(nodes["r1"], path(port, ip_address("10.0.1.9")))
            assert len(await nodes["r1"].show("sessions")) == 5
            assert await errors(nodes["r1"]) == {"too much state": 6, "too many sessions": 7}

    run(story())
    assert caplog.text.count("dropped Path: too much state") == 1
    assert caplog.text.count("dropped Path: too many sessions") == 1


def test_invented_neighbours_are_not_all_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("rsvp.neighbors.MOST", 20)

    async def story() -> None:
        async with running(chain(), NodeConfig(max_message_rate=1000)) as nodes:
            for number in range(1, 200):
                arrive(nodes["r1"], path(1, FIRST + 50 + number))
            assert len(await nodes["r1"].show("neighbors")) == 20

    run(story())


def test_seldom_says_how_much_it_left_out(caplog: pytest.LogCaptureFixture):
    seldom = Seldom(logging.getLogger("rsvp.test"))
    for moment in range(5):
        seldom.warning("this", float(moment), "too much of %s", "it")
    seldom.warning("that", 4.0, "something else")
    seldom.warning("this", PERIOD, "too much of %s", "it")
    seldom.warning("this", 3 * PERIOD, "too much of %s", "it")
    assert caplog.messages == [
        "too much of it",
        "something else",
        f"too much of it; 4 more like this in the last {PERIOD:.0f} s",
        "too much of it",
    ]
