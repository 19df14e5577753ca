"""What the host where a flow starts does with packets beyond its Tspec, as the application said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from ipaddress import ip_address

import pytest

from rsvp.intserv import Excess, Tspec, controlled_load
from rsvp.messages import Flow
from rsvp.node import Node
from rsvp.objects import FF, SE, FilterSpec, Session
from tests.nodes import Ledger, chain, running
from tests.virtual_loop import run

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
ONE, TWO = (FilterSpec(ip_address("10.0.1.1"), port) for port in (4000, 4001))
TSPEC = Tspec(125_000.0, 20_000.0, M=1400)


def excess(node: Node) -> list[Excess]:
    """Of each flow in a node's traffic control."""
    traffic = node._enforcement._traffic
    assert isinstance(traffic, Ledger)
    return [flow.excess for flow in traffic.flows.values()]


def tell(story: Callable[[dict[str, Node], int, int], Coroutine[object, object, None]]) -> None:
    async def whole() -> None:
        async with running(chain()) as nodes:
            sending = await nodes["h1"].open_session(SESSION)
            receiving = await nodes["h2"].open_session(SESSION)
            await story(nodes, sending, receiving)

    run(whole())


@pytest.mark.parametrize("wanted", [Excess.BORROW, Excess.SHAPE, Excess.DISCARD, Excess.BY_SERVICE])
def test_only_the_sender_s_own_host_does_as_it_says(wanted: Excess):
    async def story(nodes: dict[str, Node], sending: int, receiving: int) -> None:
        await nodes["h1"].add_sender(sending, ONE, TSPEC, excess=wanted)
        await nodes["h2"].reserve(receiving, FF, (Flow(controlled_load(TSPEC), (ONE,)),))
        await asyncio.sleep(1)
        assert excess(nodes["h1"]) == [wanted]
        assert excess(nodes["r1"]) == [Excess.BORROW]

    tell(story)


def test_it_changes_while_the_reservation_stands():
    async def story(nodes: dict[str, Node], sending: int, receiving: int) -> None:
        h1 = nodes["h1"]
        await h1.add_sender(sending, ONE, TSPEC)
        await nodes["h2"].reserve(receiving, FF, (Flow(controlled_load(TSPEC), (ONE,)),))
        await asyncio.sleep(1)
        assert excess(h1) == [Excess.BORROW]
        await h1.add_sender(sending, ONE, TSPEC, excess=Excess.DISCARD)
        assert excess(h1) == [Excess.DISCARD]
        await nodes["h2"].reserve(receiving, FF, (Flow(controlled_load(100_000.0), (ONE,)),))
        await asyncio.sleep(1)
        assert excess(h1) == [Excess.DISCARD], "another flowspec, the same excess"
        await h1.add_sender(sending, ONE, TSPEC)
        assert excess(h1) == [Excess.BORROW]

    tell(story)


def test_a_flow_that_is_not_to_be_controlled():
    """It is signalled, and every other node gives it bandwidth."""

    async def story(nodes: dict[str, Node], sending: int, receiving: int) -> None:
        h1 = nodes["h1"]
        await h1.add_sender(sending, ONE, TSPEC, excess=Excess.UNCONTROLLED)
        await nodes["h2"].reserve(receiving, FF, (Flow(controlled_load(TSPEC), (ONE,)),))
        await asyncio.sleep(1)
        assert (excess(h1), excess(nodes["r1"])) == ([], [Excess.BORROW])
        await nodes["h2"].reserve(receiving, FF, (Flow(controlled_load(100_000.0), (ONE,)),))
        await asyncio.sleep(1)
        assert excess(h1) == []
        await h1.add_sender(sending, ONE, TSPEC)
        assert excess(h1) == [Excess.BORROW]
        await h1.add_sender(sending, ONE, TSPEC, excess=Excess.UNCONTROLLED)
        assert excess(h1) == []
        await nodes["h2"].release(receiving)
        await asyncio.sleep(1)
        assert (excess(h1), excess(nodes["r1"])) == ([], [])

    tell(story)


def test_senders_that_share_and_want_different_things_borrow():
    async def story(nodes: dict[str, Node], sending: int, receiving: int) -> None:
        h1 = nodes["h1"]
        await h1.add_sender(sending, ONE, TSPEC, excess=Excess.DISCARD)
        await h1.add_sender(sending, TWO, TSPEC, excess=Excess.DISCARD)
        await nodes["h2"].reserve(receiving, SE, (Flow(controlled_load(TSPEC), (ONE, TWO)),))
        await asyncio.sleep(1)
        assert excess(h1) == [Excess.DISCARD]
        await h1.add_sender(sending, TWO, TSPEC, excess=Excess.SHAPE)
        assert excess(h1) == [Excess.BORROW]
        await h1.remove_sender(sending, TWO)
        await asyncio.sleep(1)
        assert excess(h1) == [Excess.DISCARD]

    tell(story)


def test_it_is_forgotten_with_the_application():
    async def story(nodes: dict[str, Node], sending: int, receiving: int) -> None:
        h1 = nodes["h1"]
        await h1.add_sender(sending, ONE, TSPEC, excess=Excess.DISCARD)
        await h1.close_session(sending)
        again = await h1.open_session(SESSION)
        await h1.add_sender(again, ONE, TSPEC)
        await nodes["h2"].reserve(receiving, FF, (Flow(controlled_load(TSPEC), (ONE,)),))
        await asyncio.sleep(1)
        assert excess(h1) == [Excess.BORROW]

    tell(story)


def test_packets_are_policed_where_they_enter_merge_or_branch():
    """RFC 2205 section 3.8, by what each node's traffic control is told."""

    def policed(node: Node) -> list[bool]:
        traffic = node._enforcement._traffic
        assert isinstance(traffic, Ledger)
        return [flow.policed for flow in traffic.flows.values()]

    async def story(nodes: dict[str, Node], sending: int, receiving: int) -> None:
        await nodes["h1"].add_sender(sending, ONE, TSPEC)
        await nodes["h2"].reserve(receiving, SE, (Flow(controlled_load(TSPEC), (ONE, TWO)),))
        await asyncio.sleep(1)
        assert [policed(nodes[name]) for name in ("h1", "r1", "r2")] == [[True], [False], [False]]
        await nodes["h1"].add_sender(sending, TWO, TSPEC)
        await asyncio.sleep(1)
        assert [policed(nodes[name]) for name in ("h1", "r1", "r2")] == [[True], [True], [True]], "merge"
        await nodes["h1"].remove_sender(sending, TWO)
        await asyncio.sleep(1)
        assert [policed(nodes[name]) for name in ("h1", "r1", "r2")] == [[True], [False], [False]]

    tell(story)
