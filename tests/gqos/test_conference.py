"""Scenes E3, E4, E5 and E8 on the wire: three senders, two routers with one link between them, a receiver."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

from rsvp import Path, PathTear, Resv, ResvTear
from rsvp.gqos import (
    FilterSpecV4,
    FlowDescriptor,
    FlowSpec,
    Join,
    Qos,
    ReservationStyle,
    ReserveInfo,
    ServiceFlag,
    ServiceType,
    Socket,
    Status,
)
from rsvp.messages import Flow
from rsvp.objects import FF, SE, WF, FilterSpec, Scope
from rsvp.transport.memory import Network
from tests.virtual_loop import run

from .world import World, drained, until, world

GROUP = ("239.1.2.3", 5150)
NAMES = ("a", "b", "c")
A, B, C = (FilterSpec(ip_address(f"10.0.{n}.1"), 4000) for n in (1, 2, 3))
LAST = 4
"""The receiver's link."""
RATE = FlowSpec(2500, 500, service_type=ServiceType.CONTROLLEDLOAD, max_sdu_size=500)
"""20 kbit/s."""
QUIET = FlowSpec(service_type=ServiceType.CONTROLLEDLOAD | ServiceFlag.NO_QOS_SIGNALING)


def conference() -> Network:
    network = Network(seed=7)
    settings = {"delay": 0.001, "bandwidth": 1.25e6}
    for number, name in enumerate(NAMES, 1):
        network.link((name, f"10.0.{number}.1"), ("r1", f"10.0.{number}.2"), **settings)  # type: ignore[arg-type]
    network.link(("r1", "10.0.4.1"), ("r2", "10.0.4.2"), **settings)  # type: ignore[arg-type]
    network.link(("r2", "10.0.5.2"), ("h", "10.0.5.1"), **settings)  # type: ignore[arg-type]
    return network


async def speakers(w: World) -> list[Socket]:
    found = []
    for name in NAMES:
        made = w.socket(name)
        await made.bind(("0.0.0.0", 4000))
        await made.join_leaf(GROUP, Qos(sending=RATE), flags=Join.SENDER_ONLY)
        found.append(made)
    return found


async def listener(w: World) -> Socket:
    """Joined, and told of all three senders."""
    made = w.socket("h")
    await made.bind(("0.0.0.0", 5150))
    await made.join_leaf(GROUP, Qos(receiving=QUIET), flags=Join.RECEIVER_ONLY)
    for _ in NAMES:
        await until(made, Status.SENDERS)
    assert not w.seen(Resv, LAST)
    return made


def filters(*senders: FilterSpec) -> tuple[FilterSpecV4, ...]:
    return tuple(FilterSpecV4(one.address, one.port) for one in senders)  # type: ignore[arg-type]


def asked(flows: tuple[Flow, ...]) -> list[tuple[float, tuple[object, ...]]]:
    return [(flow.flowspec.tspec.rate if flow.flowspec else 0.0, flow.filters) for flow in flows]


async def choose(made: Socket, style: ReservationStyle, spec: FlowSpec, *flows: FlowDescriptor) -> None:
    info = ReserveInfo(style, flow_descriptors=flows)
    await made.set_qos(Qos(receiving=spec, provider_specific=(info,)))


async def reserved(w: World) -> float:
    """Bytes/s that are reserved on the shared link."""
    interfaces = await w.nodes["r1"].show("interfaces")
    return next(float(one["reserved"]) for one in interfaces if "10.0.4.1" in one["addresses"])


def test_e3_each_sender_has_its_own():
    """E3: one Resv with three flow descriptors, 60 kbit/s on the shared link; C is dropped, then leaves."""

    async def story() -> None:
        async with world(conference()) as w:
            senders = await speakers(w)
            made = await listener(w)
            each = [FlowDescriptor(RATE, filters(one)) for one in (A, B, C)]
            await choose(made, ReservationStyle.FIXED_FILTER, RATE, *each)
            for one in senders:
                await until(one, Status.RECEIVERS)
            [resv] = w.seen(Resv, LAST)
            assert resv.style == FF
            assert asked(resv.flows) == [(2500.0, (A,)), (2500.0, (B,)), (2500.0, (C,))]
            assert await reserved(w) == 7500.0
            for link, one in enumerate((A, B, C)):
                assert asked(w.seen(Resv, link)[-1].flows) == [(2500.0, (one,))]

            await choose(made, ReservationStyle.FIXED_FILTER, RATE, *each[:2])
            await until(senders[2], Status.NO_RECEIVERS)
            [tear] = w.seen(ResvTear, LAST)
            assert (tear.style, [flow.filters for flow in tear.flows]) == (FF, [(C,)])
            drained(made)
            await senders[1].close()
            event = await until(made, Status.SENDERS)
            assert set(event.senders) == {A, C}
            await asyncio.sleep(40)
            assert asked(w.seen(Resv, LAST)[-1].flows) == [(2500.0, (A,))]
            assert len(w.seen(PathTear, LAST)) == 1

    run(story())


def test_e4_listed_senders_share():
    """E4: 20 kbit/s in all for A and B, then for C, too; who is not listed gets nothing."""

    async def story() -> None:
        async with world(conference()) as w:
            senders = await speakers(w)
            made = await listener(w)
            await choose(made, ReservationStyle.SHARED_EXPLICIT, RATE, FlowDescriptor(RATE, filters(A, B)))
            for one in senders[:2]:
                await until(one, Status.RECEIVERS)
            [resv] = w.seen(Resv, LAST)
            assert (resv.style, asked(resv.flows)) == (SE, [(2500.0, (A, B))])
            assert drained(senders[2]) == []
            await choose(made, ReservationStyle.SHARED_EXPLICIT, RATE, FlowDescriptor(RATE, filters(A, B, C)))
            await until(senders[2], Status.RECEIVERS)
            assert asked(w.seen(Resv, LAST)[-1].flows) == [(2500.0, (A, B, C))]
            assert await reserved(w) == 2500.0

    run(story())


def test_e5_all_share():
    """E5: no filters, twice a speaker's rate, SCOPE where ways part; one that comes shares it."""

    async def story() -> None:
        async with world(conference()) as w:
            senders = await speakers(w)
            made = await listener(w)
            await made.set_qos(Qos(receiving=FlowSpec(5000, service_type=ServiceType.CONTROLLEDLOAD)))
            for one in senders:
                await until(one, Status.RECEIVERS)
            [resv] = w.seen(Resv, LAST)
            assert (resv.style, asked(resv.flows)) == (WF, [(5000.0, ())])
            assert resv.scope is None, "there is one way upstream: nothing can go round"
            for link, one in enumerate((A, B, C)):
                assert w.seen(Resv, link)[0].scope == Scope((one.address,))
            late = w.socket("a")
            await late.bind(("0.0.0.0", 4001))
            await late.join_leaf(GROUP, Qos(sending=RATE), flags=Join.SENDER_ONLY)
            await until(late, Status.RECEIVERS)
            assert len(w.seen(Resv, LAST)) == 1

    run(story())


def test_e8_the_ttl_on_the_wire():
    """E8: IP TTL and Send_TTL are 63 without a TTL, 3 where that was set before the join."""

    async def story() -> None:
        async with world(conference()) as w:
            for name, ttl in (("a", None), ("b", 3)):
                made = w.socket(name)
                await made.bind(("0.0.0.0", 4000))
                if ttl is not None:
                    made.set_multicast_ttl(ttl)
                await made.join_leaf(GROUP, Qos(sending=RATE), flags=Join.SENDER_ONLY)
            await asyncio.sleep(1)
            for link, ttl in ((0, 63), (1, 3)):
                found = [
                    (m.send_ttl, p.ttl, str(p.destination))
                    for at, m, p in w.trace
                    if at == link and isinstance(m, Path)
                ]
                assert found[0] == (ttl, ttl, GROUP[0])

    run(story())
