"""Which node marks a flow's packets with what its Resvs ask for (RFC 2996 section 1.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from ipaddress import ip_address

import pytest

from rsvp.config import InterfaceConfig, NodeConfig
from rsvp.intserv import Flowspec, Tspec, controlled_load, guaranteed
from rsvp.messages import Flow
from rsvp.node import Node
from rsvp.objects import FF, FilterSpec, Session
from tests.nodes import Ledger, chain, running
from tests.virtual_loop import run

SESSION = Session(ip_address("10.0.3.2"), 17, 5000)
SENDER = FilterSpec(ip_address("10.0.1.1"), 4000)
TSPEC = Tspec(125_000.0, 20_000.0, M=1400)
EF, AF41 = 46, 34
LOAD = controlled_load(TSPEC)
TO_R2 = "eth1"


def marks(*nodes: Node) -> list[int | None]:
    """What each node, which has one flow, was asked to mark its packets with."""
    found = []
    for node in nodes:
        traffic = node._enforcement._traffic
        assert isinstance(traffic, Ledger)
        ((_, flow),) = traffic.flows.items()
        found.append(flow.dscp)
    return found


def on(name: str, **told: object) -> NodeConfig:
    """A configuration that says something of one interface, and takes the others as they are."""
    others = {f"eth{n}": InterfaceConfig() for n in range(int(name[-1]))}
    return NodeConfig(interfaces={**others, name: InterfaceConfig(**told)})  # type: ignore[arg-type]


def tell(
    story: Callable[[dict[str, Node]], Coroutine[object, object, None]],
    flowspec: Flowspec = LOAD,
) -> None:
    """A flow from h1 to h2, where r1 asks for marks on what goes to r2."""

    async def whole() -> None:
        async with running(chain()) as nodes:
            await nodes["r1"].reconfigure(on(TO_R2, dclass_guaranteed=EF, dclass_controlled_load=AF41))
            await nodes["h1"].add_sender(await nodes["h1"].open_session(SESSION), SENDER, TSPEC)
            receiving = await nodes["h2"].open_session(SESSION)
            await nodes["h2"].reserve(receiving, FF, (Flow(flowspec, (SENDER,)),))
            await asyncio.sleep(1)
            await story(nodes)

    run(whole())


@pytest.mark.parametrize(("flowspec", "dscp"), [(LOAD, AF41), (guaranteed(TSPEC, 200_000.0), EF)])
def test_the_sender_s_host_marks_as_the_service_asks(flowspec: Flowspec, dscp: int) -> None:
    async def story(nodes: dict[str, Node]) -> None:
        assert marks(*(nodes[name] for name in ("h1", "r1", "r2"))) == [dscp, None, None]

    tell(story, flowspec)


def test_the_first_node_with_traffic_control_marks_for_a_host_without() -> None:
    async def story(nodes: dict[str, Node]) -> None:
        assert marks(nodes["r1"]) == [None]
        await nodes["h1"].reconfigure(on("eth0", shape=False))
        await asyncio.sleep(100)
        assert marks(nodes["r1"]) == [AF41]

    tell(story)


def test_a_configuration_says_where_else_or_nowhere() -> None:
    async def story(nodes: dict[str, Node]) -> None:
        h1, r1 = nodes["h1"], nodes["r1"]
        await h1.reconfigure(on("eth0", heed_dclass="never"))
        assert marks(h1, r1) == [None, None]
        await r1.reconfigure(on(TO_R2, dclass_controlled_load=AF41, heed_dclass="always"))
        await h1.reconfigure(on("eth0"))
        assert marks(h1, r1) == [AF41, AF41]

    tell(story)


def test_another_code_point_comes_with_the_next_refreshes_and_none_ends_it() -> None:
    async def story(nodes: dict[str, Node]) -> None:
        h1, r1 = nodes["h1"], nodes["r1"]
        await r1.reconfigure(on(TO_R2, dclass_controlled_load=EF))
        await asyncio.sleep(100)
        assert marks(h1) == [EF]
        await r1.reconfigure(on(TO_R2))
        await asyncio.sleep(100)
        assert marks(h1) == [None]

    tell(story)
