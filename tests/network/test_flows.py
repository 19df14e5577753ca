"""One flow in one line over whole nodes: who turns red, yellow and green, and when (SCRAPI's colours)."""

from __future__ import annotations

import asyncio

import pytest

import rsvp
from rsvp import Status
from rsvp.engine.outputs import ResvEvent
from rsvp.errors import LocalError, Rejected
from rsvp.flows import read_place
from rsvp.iana import Service
from rsvp.intserv import Tspec
from rsvp.node import Node
from tests.nodes import chain, running
from tests.virtual_loop import run

TO = "10.0.3.2:5000"


async def reservations(node: Node) -> list[dict[str, object]]:
    return await node.show("reservations")


def test_red_yellow_green():
    async def story() -> None:
        async with running(chain()) as nodes:
            assert rsvp.status(TO) is Status.RED
            sent = await rsvp.send(TO, 100_000.0, port=4000, via=nodes["h1"])
            assert sent.status is Status.YELLOW
            assert await sent.wait(1.0) is Status.YELLOW
            received = await rsvp.receive(TO, wait=5.0, via=nodes["h2"])
            assert (sent.status, received.status) == (Status.GREEN, Status.GREEN)
            assert rsvp.status(TO) is Status.GREEN
            await received.close()
            await asyncio.sleep(1.0)
            assert (sent.status, received.status) == (Status.YELLOW, Status.RED)
            await sent.close()
            assert sent.status is rsvp.status(TO) is Status.RED
            await asyncio.sleep(1.0)
            assert await nodes["r1"].show("sessions") == []

    run(story())


def test_a_rate_makes_the_tspec_of_scrapi():
    async def story() -> None:
        async with (
            running(chain(mtu=1400)) as nodes,
            await rsvp.send(TO, "8kbit", source=("10.0.1.1", 4000), via=nodes["h1"]),
            await rsvp.receive(TO, service="rate", wait=5.0, via=nodes["h2"]) as flow,
        ):
            (sender,) = await nodes["h2"].show("senders")
            assert sender["tspec"] == {"r": 1000, "b": 2000, "p": "inf", "m": 64, "M": 1400}
            assert flow.status is Status.GREEN
            (one,) = await reservations(nodes["r1"])
            assert one["style"] == "FF"
            assert one["flowspec"]["service"] == "guaranteed"  # type: ignore[index]
            assert one["flowspec"]["rspec"] == {"R": 1000, "S": 0}  # type: ignore[index]

    run(story())


def test_each_sender_has_its_own_or_all_share_one():
    async def story() -> None:
        async with running(chain()) as nodes:
            one = await rsvp.send(TO, 10_000, port=4000, via=nodes["h1"])
            two = await rsvp.send(TO, 20_000, port=4001, via=nodes["h1"])
            flow = await rsvp.receive(TO, wait=5.0, via=nodes["h2"])
            assert [entry["style"] for entry in await reservations(nodes["r1"])] == ["FF", "FF"]
            await one.close()
            await asyncio.sleep(1.0)
            assert len(await reservations(nodes["r1"])) == 1
            await flow.close()
            async with await rsvp.receive(TO, shared=True, wait=5.0, via=nodes["h2"]):
                (shared,) = await reservations(nodes["r1"])
                assert (shared["style"], shared["flowspec"]["tspec"]["r"]) == ("WF", 20_000)  # type: ignore[index]
            await two.close()

    run(story())


@pytest.mark.parametrize(
    ("source", "ports"),
    [(("10.0.1.1", 4001), [4001]), (("10.0.1.1", 0), [4000, 4001]), (("10.0.9.9", 0), [])],
)
def test_only_the_source_that_was_named(source: tuple[str, int], ports: list[int]):
    async def story() -> None:
        async with running(chain()) as nodes:
            sent = [await rsvp.send(TO, 10_000, port=port, via=nodes["h1"]) for port in (4000, 4001)]
            async with await rsvp.receive(TO, source, wait=5.0, via=nodes["h2"]) as flow:
                entries = await reservations(nodes["r1"])
                assert sorted(entry["filters"][0]["port"] for entry in entries) == ports  # type: ignore[index]
                assert flow.status is (Status.GREEN if ports else Status.YELLOW)
                assert rsvp.status(TO, source) is flow.status
                assert rsvp.status(TO, ("10.0.1.1", 7)) is Status.RED
            for one in sent:
                await one.close()

    run(story())


def test_what_the_network_refuses_is_red_and_says_why():
    async def story() -> None:
        async with (
            running(chain(middle={"bandwidth": 100_000.0})) as nodes,
            await rsvp.send(TO, "8mbit", port=4000, via=nodes["h1"]) as sent,
            await rsvp.receive(TO, via=nodes["h2"]) as flow,
        ):
            with pytest.raises(Rejected, match="refused"):
                await flow.ready(5.0)
            assert flow.status is Status.RED
            assert isinstance(flow.error, Rejected)
            assert flow.error.code == 1
            # Smaller now: it is asked for again, and had.
            await sent.change(10_000)
            await asyncio.sleep(5.0)
            assert flow.status is Status.GREEN

    run(story())


def test_a_rate_of_nothing_withdraws_and_another_comes_back():
    async def story() -> None:
        async with (
            running(chain()) as nodes,
            await rsvp.send(TO, 10_000, port=4000, via=nodes["h1"]) as flow,
        ):
            await flow.change(0)
            assert flow.status is Status.RED
            await asyncio.sleep(1.0)
            assert await nodes["h2"].show("senders") == []
            await flow.change(Tspec(5_000.0, 3_000.0))
            assert flow.status is Status.YELLOW
            await asyncio.sleep(1.0)
            (sender,) = await nodes["h2"].show("senders")
            assert sender["tspec"]["r"] == 5_000

    run(story())


def test_a_flow_is_iterated_for_its_events():
    async def story() -> None:
        async with running(chain()) as nodes:
            sent = await rsvp.send(TO, 10_000, port=4000, via=nodes["h1"])
            async with await rsvp.receive(TO, delay=0.5, wait=5.0, via=nodes["h2"]):
                event = await anext(sent)
                assert isinstance(event, ResvEvent)
                assert event.flowspec.service == Service.GUARANTEED
            await asyncio.sleep(1.0)
            await sent.close()
            assert [type(event).__name__ async for event in sent] == ["ResvGone"]

    run(story())


def test_mistakes_are_one_sentence():
    async def story() -> None:
        async with running(chain()) as nodes:
            node = nodes["h1"]
            for text in ("10.0.3.2", "10.0.3.2:x", "fe80::1:5", "10.0.3.256:1"):
                with pytest.raises(LocalError):
                    read_place(text)
            assert read_place("[2001:db8::2]:5000")[1] == 5000
            with pytest.raises(LocalError, match="port 70000 is too high: a port is 0 to 65535"):
                read_place(("10.0.3.2", 70000))
            with pytest.raises(LocalError, match="write load"):
                await rsvp.receive(TO, service="best", via=node)
            with pytest.raises(LocalError, match="controlled load promises no delay"):
                await rsvp.receive(TO, service="load", delay=0.5, via=node)
            with pytest.raises(LocalError, match="is no rate"):
                await rsvp.send(TO, "fast", port=4000, via=node)
            with pytest.raises(LocalError, match="all zeroes"):
                await rsvp.receive("0.0.0.0:5000", via=node)
            assert await node.show("sessions") == []

    run(story())


def test_a_delay_that_no_rate_keeps_is_red():
    async def story() -> None:
        async with (
            running(chain(delay=0.2)) as nodes,
            await rsvp.send(TO, 10_000, port=4000, via=nodes["h1"]),
            await rsvp.receive(TO, delay=1e-6, wait=5.0, via=nodes["h2"]) as flow,
        ):
            assert flow.status is Status.RED
            assert "cannot be had" in str(flow.error)

    run(story())


def test_ipsec_flows_have_spis_where_others_have_ports():
    async def story() -> None:
        async with running(chain()) as nodes:
            one = await rsvp.send(TO, 10_000, port=0x1234, protocol="esp", via=nodes["h1"])
            two = await rsvp.send(TO, 20_000, source="10.0.1.1/spi=0x5678", protocol="esp", via=nodes["h1"])
            flow = await rsvp.receive(TO, "10.0.1.1/spi=0x5678", protocol="esp", wait=5.0, via=nodes["h2"])
            assert flow.source == (read_place("10.0.1.1:0")[0], 0x5678)
            (entry,) = await reservations(nodes["r1"])
            assert entry["session"] == {"destination": "10.0.3.2", "protocol": 50, "gpi": 5000}
            assert entry["filters"] == [{"address": "10.0.1.1", "gpi": 0x5678}]
            assert rsvp.status(TO, "10.0.1.1/spi=22136", protocol="esp") is Status.GREEN
            assert rsvp.status(TO) is Status.RED
            async with await nodes["h2"].session("10.0.3.2", 5000, "esp") as session:
                await session.reserve(rsvp.FF, rsvp.controlled_load(10_000), [("10.0.1.1", 0x1234)])
                await asyncio.sleep(1.0)
                assert len(await reservations(nodes["r1"])) == 2
            for other in (one, two, flow):
                await other.close()

    run(story())


@pytest.mark.parametrize(
    ("source", "protocol", "why"),
    [("10.0.1.1:4000", "ah", "write ADDRESS/spi=0x1234"), ("10.0.1.1/spi=1", "udp", "write ADDRESS:PORT")],
)
def test_a_sender_has_a_port_or_an_spi_as_its_session_does(source: str, protocol: str, why: str):
    async def story() -> None:
        async with running(chain()) as nodes:
            with pytest.raises(LocalError, match=why):
                await rsvp.send(TO, 1000, source=source, protocol=protocol, via=nodes["h1"])

    run(story())
