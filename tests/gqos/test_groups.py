"""Scenes E3, E4, E5 and E8: multicast groups; what a socket asks of RSVP, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address

import pytest

from rsvp.engine.outputs import PathEvent, PathGone, ResvEvent, Upcall
from rsvp.errors import LocalError
from rsvp.gqos import (
    FilterSpecV4,
    FlowDescriptor,
    FlowSpec,
    InvalidArgument,
    Join,
    NotSupported,
    Provider,
    Qos,
    ReservationStyle,
    ReserveInfo,
    ServiceType,
    Socket,
    SocketFlag,
    Status,
)
from rsvp.gqos.provider import DEFAULT_FLAGS
from rsvp.intserv import DEFAULT_ADSPEC, Tspec, controlled_load
from rsvp.messages import Sender
from rsvp.objects import FF, SE, WF, FilterSpec, Session
from rsvp.transport.memory import Network
from tests.virtual_loop import run

from .world import LOAD, TCP, UDP, WANT, ListeningApi, MemorySocket, World, drained

GROUP = ("239.1.2.3", 5150)
SESSION = Session(ip_address("239.1.2.3"), UDP, 5150)
A, B, C, D = (FilterSpec(ip_address(f"10.0.0.{n}"), 4000 + n) for n in (11, 12, 13, 14))
RATE = FlowSpec(2500, service_type=ServiceType.CONTROLLEDLOAD)


def path(who: FilterSpec, rate: float = 2500.0, m: int = 200) -> Callable[[int], Upcall]:
    tspec = Tspec(rate, 2 * rate, m=m, M=1000)
    return lambda handle: PathEvent(handle, SESSION, Sender(who, tspec, DEFAULT_ADSPEC))


def gone(who: FilterSpec) -> Callable[[int], Upcall]:
    return lambda handle: PathGone(handle, SESSION, who)


def named(*senders: FilterSpec) -> tuple[FilterSpecV4, ...]:
    return tuple(FilterSpecV4(one.address, one.port) for one in senders)  # type: ignore[arg-type]


class Host:
    """One host on a LAN, its RSVP service, and a socket there."""

    def __init__(self, protocol: int = UDP, flags: SocketFlag = DEFAULT_FLAGS) -> None:
        network = Network()
        network.link(("h", "10.0.0.1"), ("other", "10.0.0.11"))
        self.api = ListeningApi()
        self.kernel = MemorySocket(World(network, {}), "h", protocol)
        self.socket: Socket = Provider(self.api).attach(self.kernel, flags)

    async def receive(self, *objects: ReserveInfo, spec: FlowSpec = WANT) -> None:
        await self.socket.bind(("0.0.0.0", 5150))
        await self.socket.join_leaf(
            GROUP, Qos(receiving=spec, provider_specific=objects), None, Join.RECEIVER_ONLY
        )

    async def hears(self, *events: Callable[[int], Upcall]) -> None:
        for event in events:
            await self.api.happen(event, SESSION)

    @property
    def last(self) -> dict[str, object]:
        return self.api.of("reserve")[-1].what


def test_e3_three_senders_with_a_reservation_each():
    """E3: style FF, three descriptors of one filter; one reserve for all that are there."""

    async def story() -> None:
        host = Host()
        flows = tuple(
            FlowDescriptor(replace(RATE, token_rate=2500 + n), named(one)) for n, one in enumerate((A, B, C))
        )
        await host.receive(ReserveInfo(ReservationStyle.FIXED_FILTER, flow_descriptors=flows), spec=RATE)
        assert host.api.of("reserve") == []
        await host.hears(path(A), path(B), path(C))
        assert host.last["style"] == FF
        assert [(flow.flowspec.tspec.rate, flow.filters) for flow in host.last["flows"]] == [
            (2500.0, (A,)),
            (2501.0, (B,)),
            (2502.0, (C,)),
        ]
        await host.hears(gone(C))
        assert [flow.filters for flow in host.last["flows"]] == [(A,), (B,)]
        assert drained(host.socket) == [Status.SENDERS] * 4
        await host.socket.set_qos(
            Qos(provider_specific=(ReserveInfo(ReservationStyle.FIXED_FILTER, flow_descriptors=flows[:1]),))
        )
        assert [flow.filters for flow in host.last["flows"]] == [(A,)]
        assert host.api.of("release") == [], "the rest is torn by what replaces it"

    run(story())


def test_e4_listed_senders_that_share():
    """E4: SE, one descriptor, three filters; D is added; who is not listed gets nothing."""

    async def story() -> None:
        host = Host()

        def shared(*senders: FilterSpec) -> ReserveInfo:
            return ReserveInfo(
                ReservationStyle.SHARED_EXPLICIT, flow_descriptors=(FlowDescriptor(RATE, named(*senders)),)
            )

        await host.receive(shared(A, B, C), spec=RATE)
        await host.hears(path(A), path(B), path(C), path(D))
        assert host.last["style"] == SE
        [flow] = host.last["flows"]
        assert (flow.flowspec.tspec.rate, flow.filters) == (2500.0, (A, B, C))
        await host.socket.set_qos(Qos(provider_specific=(shared(A, B, C, D),)))
        [flow] = host.last["flows"]
        assert flow.filters == (A, B, C, D)

    run(story())


def test_e5_a_conference_with_room_for_two():
    """E5: WF, no descriptors, twice the rate of a speaker; new speakers share it."""

    async def story() -> None:
        host = Host()
        await host.receive(spec=FlowSpec(5000, service_type=ServiceType.CONTROLLEDLOAD))
        await host.hears(path(A))
        assert host.last["style"] == WF
        [flow] = host.last["flows"]
        assert (flow.flowspec.tspec.rate, flow.filters) == (5000.0, ())
        count = len(host.api.of("reserve"))
        await host.hears(path(B), path(C))
        assert len(host.api.of("reserve")) == count, "the same reservation serves them"

    run(story())


def test_a_shared_reservation_that_says_nothing_is_as_large_as_the_largest_sender():
    """3.3: the largest of r, b and p and the smallest m, where the application gave none."""

    async def story() -> None:
        host = Host()
        await host.receive()
        await host.hears(path(A, 2500.0, 200), path(B, 4000.0, 300), path(C, 1000.0, 100))
        [flow] = host.last["flows"]
        tspec = flow.flowspec.tspec
        assert (tspec.rate, tspec.bucket, tspec.m, tspec.M) == (4000.0, 8000.0, 100, 1000)

    run(story())


def test_a_descriptor_without_a_flowspec_has_the_path_s():
    """2.3: a descriptor that is all NOT_SPECIFIED is treated as if it came from ReceivingFlowspec."""

    async def story() -> None:
        host = Host()
        flows = (FlowDescriptor(filters=named(A)),)
        await host.receive(ReserveInfo(ReservationStyle.FIXED_FILTER, flow_descriptors=flows))
        await host.hears(path(A, 3000.0))
        [flow] = host.last["flows"]
        assert flow.flowspec == controlled_load(Tspec(3000.0, 6000.0, m=200, M=1000))

    run(story())


@pytest.mark.parametrize(
    ("flag", "sends", "receives"),
    [(Join.SENDER_ONLY, 1, 0), (Join.RECEIVER_ONLY, 0, 1), (Join.BOTH, 1, 1)],
)
def test_the_flags_select_directions(flag: Join, sends: int, receives: int):
    """4 WSAJoinLeaf, 2.8: JL_SENDER_ONLY, JL_RECEIVER_ONLY, JL_BOTH."""

    async def story() -> None:
        host = Host()
        await host.socket.bind(("0.0.0.0", 5150))
        assert await host.socket.join_leaf(GROUP, Qos(LOAD, WANT), flags=flag) is host.socket
        await host.hears(path(A))
        assert (len(host.api.of("send")), len(host.api.of("reserve"))) == (sends, receives)
        assert host.kernel.joined == [SESSION.destination] * receives

    run(story())


def test_a_group_that_is_joined_in_one_direction_and_then_the_other():
    async def story() -> None:
        host = Host()
        await host.socket.bind(("0.0.0.0", 5150))
        await host.socket.join_leaf(GROUP, Qos(LOAD, WANT), flags=Join.SENDER_ONLY)
        await host.socket.join_leaf(GROUP, flags=Join.RECEIVER_ONLY)
        await host.hears(path(A))
        assert (len(host.api.of("send")), len(host.api.of("reserve"))) == (1, 1)
        await host.socket.connect(None)
        assert (host.kernel.joined, host.api.sessions) == ([], {})

    run(story())


def test_a_socket_does_not_reserve_for_itself():
    """A Path of its own comes back to it; a reservation is for others."""

    async def story() -> None:
        host = Host()
        await host.socket.bind(("0.0.0.0", 5150))
        await host.socket.join_leaf(GROUP, Qos(LOAD, WANT))
        own = FilterSpec(ip_address("10.0.0.1"), 5150)
        await host.hears(path(own))
        assert (host.api.of("reserve"), drained(host.socket)) == ([], [])
        await host.hears(path(A))
        assert len(host.api.of("reserve")) == 1

    run(story())


def test_nothing_but_joining_starts_qos_for_a_group():
    """4 WSAJoinLeaf: connecting to a group does not; 3.4: a socket that did not join matches nothing."""

    async def story() -> None:
        host = Host()
        await host.socket.bind(("0.0.0.0", 5150))
        host.kernel.source_for = lambda to: ip_address("10.0.0.1")  # type: ignore[method-assign]
        await host.socket.connect(GROUP, Qos(LOAD, WANT))
        await host.hears(path(A))
        assert host.api.asked == []

    run(story())


def test_several_groups_on_one_socket():
    """4 WSAJoinLeaf: each gets its own Resv; SET_QOS applies to all."""

    async def story() -> None:
        host = Host()
        await host.receive()
        second = Session(ip_address("239.9.9.9"), UDP, 5150)
        await host.socket.join_leaf(("239.9.9.9", 5150), flags=Join.RECEIVER_ONLY)
        await host.hears(path(A))
        await host.api.happen(lambda handle: replace(path(B)(handle), session=second), second)
        assert [one.session for one in host.api.of("reserve")] == [SESSION, second]
        await host.socket.set_qos(Qos(receiving=FlowSpec(7000, service_type=ServiceType.CONTROLLEDLOAD)))
        assert [one.session for one in host.api.of("reserve")[2:]] == [SESSION, second]

    run(story())


def test_the_first_group_s_reservation_ends_with_the_socket():
    async def story() -> None:
        host = Host()
        await host.receive()
        await host.hears(path(A))
        await host.socket.close()
        assert [one.session for one in host.api.of("close")] == [SESSION]
        assert host.kernel.closed

    run(story())


# --- E8: TTL --------------------------------------------------------------------------------------------


def ttl(host: Host) -> object:
    return host.api.of("send")[-1].what["ttl"]


def test_e8_the_ttl_of_a_path():
    """E8, 4.3: 63 where never set; 3 set before the join; a later change at the next SET_QOS."""

    async def story() -> None:
        host = Host()
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
        assert ttl(host) == 63
        host = Host()
        host.socket.set_multicast_ttl(3)
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
        assert ttl(host) == 3
        host.socket.set_multicast_ttl(5)
        await host.socket.bind(("10.0.0.1", 4000))
        assert ttl(host) == 3
        await host.socket.set_qos(Qos())
        assert ttl(host) == 5

    run(story())


def test_e8_a_ttl_that_was_set_to_linux_s_default_counts():
    """4.3: getsockopt cannot tell 1 from never set; the library can."""

    async def story() -> None:
        host = Host()
        host.socket.set_multicast_ttl(1)
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
        assert ttl(host) == 1
        host = Host()
        host.kernel.ttl = 7  # by whoever had the socket before
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
        assert ttl(host) == 7

    run(story())


def test_e8_a_resv_of_a_group_has_the_ttl_too():
    async def story() -> None:
        host = Host()
        host.socket.set_multicast_ttl(3)
        await host.receive()
        await host.hears(path(A))
        assert host.last["ttl"] == 3

    run(story())


def test_with_a_ttl_of_0_there_is_no_path():
    async def story() -> None:
        host = Host()
        host.socket.set_multicast_ttl(0)
        with pytest.raises(InvalidArgument) as caught:
            await host.socket.join_leaf(GROUP, Qos(sending=LOAD))
        assert caught.value.code == 10022

    run(story())


def test_the_interface_that_was_chosen_for_groups_is_the_source():
    """3.1: for groups IP_MULTICAST_IF comes first."""

    async def story() -> None:
        host = Host()
        host.kernel.interface = ip_address("10.0.0.99")
        await host.socket.bind(("0.0.0.0", 4000))
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
        assert host.api.of("send")[-1].what["template"] == FilterSpec(ip_address("10.0.0.99"), 4000)

    run(story())


# --- misuse ---------------------------------------------------------------------------------------------


def test_what_cannot_be_joined():
    """4 WSAJoinLeaf: EINVAL without leaf flags, EOPNOTSUPP for streams; gqos is null."""

    async def story() -> None:
        with pytest.raises(InvalidArgument):
            await Host(flags=SocketFlag.OVERLAPPED).socket.join_leaf(GROUP)
        with pytest.raises(NotSupported) as caught:
            await Host(TCP).socket.join_leaf(GROUP)
        assert caught.value.code == 10045
        for name in (("10.0.0.5", 5150), ("239.1.2.3", 0)):
            with pytest.raises(InvalidArgument):
                await Host().socket.join_leaf(name)
        with pytest.raises(InvalidArgument):
            await Host().socket.join_leaf(GROUP, None, Qos())

    run(story())


def test_a_join_that_fails_leaves_no_trace():
    async def story() -> None:
        host = Host()
        await host.socket.bind(("0.0.0.0", 5150))
        host.api.fails = LocalError("no")
        with pytest.raises(NotSupported):
            await host.socket.join_leaf(GROUP, Qos(LOAD, WANT))
        assert (host.kernel.joined, host.socket.place.groups, host.socket.qos) == ([], (), Qos())

    run(story())


def test_reservations_arrive_at_the_sender():
    async def story() -> None:
        host = Host()
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), flags=Join.SENDER_ONLY)
        asked = controlled_load(Tspec(8500.0, 680.0, 17000.0, 340, 340))
        await host.hears(lambda handle: ResvEvent(handle, SESSION, WF, asked, ()))
        assert drained(host.socket) == [Status.RECEIVERS]

    run(story())
