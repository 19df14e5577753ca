"""CHK_QOS, WSAIoctl byte for byte, errors of the network as events, and misuse of every call."""

from __future__ import annotations

import asyncio
import pickle
import struct
from ipaddress import ip_address

import pytest

from rsvp import Resv
from rsvp.engine.outputs import PathError, PathEvent
from rsvp.errors import ControlError, LocalError, NoRoute, StyleConflict
from rsvp.gqos import (
    Aborted,
    BadAddress,
    Check,
    DestAddr,
    Direction,
    DsClass,
    FilterStyleError,
    FlowSpec,
    GqosError,
    InvalidArgument,
    NetworkDown,
    NoBuffers,
    NotASocket,
    NotSupported,
    PolicyElement,
    PolicyInfo,
    Provider,
    ProviderBufferError,
    Qos,
    ReservationStyle,
    ReserveInfo,
    SdMode,
    ServiceFlag,
    ServiceType,
    ShapingRate,
    Shutdown,
    Sio,
    Socket,
    SocketFlag,
    Status,
    TrafficClass,
    WouldBlock,
    pack,
    unpack,
)
from rsvp.gqos.packing import pack_sockaddr, unpack_sockaddr
from rsvp.intserv import DEFAULT_ADSPEC, Adspec, General
from rsvp.messages import Sender
from rsvp.objects import WF, Session
from tests.nodes import chain
from tests.virtual_loop import run

from .world import (
    H1,
    H2,
    LOAD,
    SENDER,
    SESSION,
    TSPEC,
    UDP,
    WANT,
    ListeningApi,
    MemorySocket,
    World,
    drained,
    receiver,
    sender,
    until,
    world,
)

UNKNOWN = 0xFFFFFFFF


# --- CHK_QOS (2.4) -------------------------------------------------------------------------------------


def test_the_six_questions():
    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            assert await sending.check_qos(Check.ALLOWED_TO_SEND_DATA) == 1, "before any reservation"
            assert await sending.check_qos(Check.ABLE_TO_RECV_RSVP) == 1
            assert await sending.check_qos(Check.LINE_RATE) == 12_500_000
            assert await sending.check_qos(Check.LOCAL_TRAFFIC_CONTROL) == 1
            assert await sending.check_qos(Check.LOCAL_QOSABILITY) == 1
            receiving = await receiver(w)
            assert await receiving.check_qos(Check.END_TO_END_QOSABILITY) == UNKNOWN, "no Path yet"
            await until(receiving, Status.SENDERS)
            assert await receiving.check_qos(Check.END_TO_END_QOSABILITY) == 1

    run(story())


def test_questions_that_have_no_answer():
    """2.4: INFO_NOT_AVAILABLE for the last four only."""

    async def story() -> None:
        async with world() as w:
            router = w.socket("r1")
            await router.bind(("0.0.0.0", 5150))
            for question in (Check.LINE_RATE, Check.LOCAL_TRAFFIC_CONTROL, Check.LOCAL_QOSABILITY):
                assert await router.check_qos(question) == UNKNOWN, "which of two interfaces?"
            elsewhere = w.socket("h1")
            await elsewhere.bind(("127.0.0.1", 5150))
            assert await elsewhere.check_qos(Check.ABLE_TO_RECV_RSVP) == 0
            with pytest.raises(InvalidArgument) as caught:
                await router.check_qos(50007)  # type: ignore[arg-type]
            assert (caught.value.code, caught.value.extended) == (10022, 56855)

    run(story())


def test_a_path_with_a_hop_that_does_not_know_rsvp():
    """2.4: END_TO_END_QOSABILITY follows the break bit."""

    async def story() -> None:
        api, made = alone()
        await made.bind(("10.0.0.1", 5150))
        await made.set_qos(Qos(receiving=WANT))
        session = Session(ip_address("10.0.0.1"), UDP, 5150)
        broken = Adspec(General(broken=True))
        await api.happen(lambda handle: PathEvent(handle, session, Sender(SENDER, TSPEC, broken)), session)
        assert await made.check_qos(Check.END_TO_END_QOSABILITY) == 0
        whole = Sender(SENDER, TSPEC, DEFAULT_ADSPEC)
        await api.happen(lambda handle: PathEvent(handle, session, whole), session)
        assert await made.check_qos(Check.END_TO_END_QOSABILITY) == 1

    run(story())


def test_a_policy_server_may_forbid_to_send():
    """2.4, 2.7: GQOS_POLICY_DO_NOT_SEND."""

    async def story() -> None:
        api, made = alone()
        await made.bind(("10.0.0.1", 4000))
        await made.set_qos(Qos(LOAD, provider_specific=(DestAddr(SESSION.destination, 5150),)))
        no = ip_address("10.0.0.2")
        await api.happen(lambda handle: PathError(handle, SESSION, no, 2, 64, None), SESSION)
        event = made.events.first()
        assert event is not None
        assert (event.status, event.extended) == (Status.POLICY_FAILURE, (56200, 56264))
        assert await made.check_qos(Check.ALLOWED_TO_SEND_DATA) == 0

    run(story())


# --- WSAIoctl (2.4, 4) ---------------------------------------------------------------------------------


def test_ioctls():
    async def story() -> None:
        async with world() as w:
            sending, receiving = await sender(w), w.socket("h2")
            await receiving.bind((H2, 5150))
            assert await receiving.ioctl(Sio.SET_QOS, pack(Qos(receiving=WANT))) == b""
            assert receiving.qos.receiving == WANT
            await until(sending, Status.RECEIVERS)
            word = struct.pack("=I", 50001)
            assert await receiving.ioctl(Sio.CHK_QOS, word, 4) == struct.pack("=I", 1)
            with pytest.raises(NoBuffers) as caught:
                await receiving.ioctl(Sio.GET_QOS, room=0)
            assert caught.value.code == 10055
            assert await receiving.ioctl(Sio.GET_QOS, room=caught.value.needed) != b""
            with pytest.raises(WouldBlock):
                await receiving.ioctl(Sio.GET_QOS)
            await receiving.ioctl(Sio.MULTICAST_SCOPE, struct.pack("=I", 7))
            assert receiving.kernel.multicast_ttl() == 7
            await receiving.ioctl(Sio.MULTIPOINT_LOOPBACK, struct.pack("=I", 0))
            assert w.loops == [False]
            to = pack_sockaddr(DestAddr(ip_address(H1), 0))
            answer = await receiving.ioctl(Sio.ROUTING_INTERFACE_QUERY, to)
            assert unpack_sockaddr(answer) == DestAddr(ip_address(H2), 0)

    run(story())


def test_what_is_read_is_what_happened():
    """4, GET_QOS: packed and unpacked it is the same indication."""

    async def story() -> None:
        async with world() as w:
            await sender(w)
            receiving = await receiver(w)
            event = None
            while event is None:
                await asyncio.sleep(1)
                event = receiving.events.first()
            assert unpack(await receiving.ioctl(Sio.GET_QOS)) == event.qos

    run(story())


def test_ioctls_that_cannot_be():
    async def story() -> None:
        _, made = alone()
        for code, data in ((0x48000007, b""), (Sio.CHK_QOS, b"\0"), (Sio.MULTICAST_SCOPE, b"")):
            with pytest.raises(InvalidArgument):
                await made.ioctl(code, data)
        for code in (Sio.GET_GROUP_QOS, Sio.SET_GROUP_QOS):
            with pytest.raises(NotSupported):
                await made.ioctl(code)
        with pytest.raises(ProviderBufferError):
            await made.ioctl(Sio.SET_QOS, bytes(10))
        with pytest.raises(NoBuffers):
            await made.ioctl(Sio.CHK_QOS, struct.pack("=I", 50001), 3)

    run(story())


# --- what the network refuses (E9) ---------------------------------------------------------------------


def test_e9_no_capacity():
    """E9: ResvErr 1/2: ADMISSION_FAILURE, 56100/56103; the sender hears nothing."""

    async def story() -> None:
        async with world(chain({"bandwidth": 8000.0})) as w:
            sending, receiving = await sender(w), await receiver(w)
            event = await until(receiving, Status.ADMISSION_FAILURE)
            assert (event.direction, event.extended, event.in_place) == (
                Direction.RECEIVING,
                (56100, 56103),
                False,
            )
            await asyncio.sleep(1)
            assert drained(sending) == []

    run(story())


def test_e9_a_larger_flowspec_that_does_not_fit_leaves_the_old_one():
    """E9: larger flowspec refused: the old is kept (InPlace), and the event says so."""

    async def story() -> None:
        async with world(chain({"bandwidth": 20_000.0})) as w:
            sending, receiving = await sender(w), await receiver(w)
            await until(sending, Status.RECEIVERS)
            await sending.set_qos(Qos(sending=FlowSpec(100_000, service_type=2)))
            event = await until(receiving, Status.ADMISSION_FAILURE)
            assert event.in_place

    run(story())


def test_e9_a_smaller_flowspec_arrives_at_the_sender():
    async def story() -> None:
        async with world() as w:
            sending, receiving = await sender(w), await receiver(w)
            await until(sending, Status.RECEIVERS)
            await receiving.set_qos(Qos(receiving=FlowSpec(4000, service_type=2)))
            assert (await until(sending, Status.RECEIVERS)).flowspec.token_rate == 4000
            assert len(w.seen(Resv)) == 2

    run(story())


def test_what_a_path_makes_impossible_is_an_event():
    """1.1 rule 3, 3.3: a latency that the path, once known, cannot keep."""

    async def story() -> None:
        api, made = alone()
        await made.bind(("10.0.0.1", 5150))
        await made.set_qos(Qos(receiving=FlowSpec(latency=5, delay_variation=0, service_type=3)))
        session = Session(ip_address("10.0.0.1"), UDP, 5150)
        far = Adspec(General(latency=40_000), DEFAULT_ADSPEC.guaranteed)
        await api.happen(lambda handle: PathEvent(handle, session, Sender(SENDER, TSPEC, far)), session)
        assert drained(made) == [Status.SENDERS, Status.TRAFFIC_CTRL_ERROR]
        with pytest.raises(GqosError) as caught:
            await made.set_qos(Qos(receiving=FlowSpec(latency=6, delay_variation=0, service_type=3)))
        assert caught.value.code == 11017
        assert made.qos.receiving.latency == 5, "what was in force still is"

    run(story())


def test_a_refusal_of_this_host_s_own_service_is_an_event():
    async def story() -> None:
        api, made = alone()
        await made.bind(("10.0.0.1", 5150))
        await made.set_qos(Qos(receiving=WANT))
        api.fails = LocalError("no")
        session = Session(ip_address("10.0.0.1"), UDP, 5150)
        await api.happen(lambda handle: PathEvent(handle, session, Sender(SENDER, TSPEC)), session)
        assert drained(made) == [Status.SENDERS, Status.GENERIC_ERROR]

    run(story())


def test_the_rsvp_service_goes_away():
    """WSAENETDOWN for calls; an event for flows that were there."""

    async def story() -> None:
        api, made = alone()
        await made.bind(("10.0.0.1", 5150))
        both = Qos(LOAD, WANT, (DestAddr(SESSION.destination, 5150),))
        await made.set_qos(both)
        for queue in api._queues.values():
            queue.put_nowait(None)
        await asyncio.sleep(1)
        assert drained(made) == [Status.GENERIC_ERROR] * 2
        api.fails = ControlError("gone")
        with pytest.raises(NetworkDown) as caught:
            await made.set_qos(both)
        assert (caught.value.code, caught.value.extended) == (10050, 56603)
        assert await made.check_qos(Check.ABLE_TO_RECV_RSVP) == 0
        await made.close()

    run(story())


@pytest.mark.parametrize(
    ("cause", "error"),
    [
        (NoRoute("no"), InvalidArgument),
        (StyleConflict("no"), FilterStyleError),
        (LocalError("no"), NotSupported),
    ],
)
def test_what_this_host_refuses_at_once(cause: LocalError, error: type[GqosError]):
    async def story() -> None:
        api, made = alone()
        await made.bind(("10.0.0.1", 4000))
        api.fails = cause
        with pytest.raises(error, match="no"):
            await made.set_qos(Qos(LOAD, provider_specific=(DestAddr(SESSION.destination, 5150),)))
        assert made.qos == Qos()

    run(story())


def test_a_service_that_no_node_here_offers():
    """2.1 QUALITATIVE: refused at once (EOPNOTSUPP), where it is not for this socket only."""

    async def story() -> None:
        _, made = alone()
        null = FlowSpec(service_type=ServiceType.QUALITATIVE)
        for qos in (Qos(sending=null), Qos(receiving=null)):
            with pytest.raises(NotSupported) as caught:
                await made.set_qos(qos)
            assert caught.value.code == 10045
        assert made.qos == Qos()
        quiet = FlowSpec(service_type=ServiceType.QUALITATIVE | ServiceFlag.NO_QOS_SIGNALING)
        await made.set_qos(Qos(quiet, quiet))

    run(story())


# --- misuse --------------------------------------------------------------------------------------------


def alone(flags: SocketFlag = SocketFlag.OVERLAPPED) -> tuple[ListeningApi, Socket]:
    api = ListeningApi()
    return api, Provider(api).attach(MemorySocket(World(chain(), {}), "h1", UDP), flags)


def test_names_that_are_none():
    """WSAEFAULT."""

    async def story() -> None:
        _, made = alone()
        for name in (("nowhere", 1), ("::1", 1), ("10.0.0.1", 70000), ("10.0.0.1",), 5, ("10.0.0.1", -1)):
            for call in (made.connect, made.bind, made.join_leaf):
                with pytest.raises(BadAddress) as caught:
                    await call(name)
                assert caught.value.code == 10014

    run(story())


def test_a_socket_that_is_not_overlapped_has_no_qos():
    """4: must be overlapped."""

    async def story() -> None:
        _, made = alone(SocketFlag(0))
        await made.bind(("10.0.0.1", 4000))
        with pytest.raises(InvalidArgument):
            await made.set_qos(Qos())
        with pytest.raises(InvalidArgument):
            await made.connect(("10.0.3.2", 1), Qos())
        with pytest.raises(InvalidArgument):
            await made.connect(("10.0.3.2", 1), None, Qos())

    run(story())


def test_a_socket_cannot_be_given_away():
    """4: duplicating into another process is EINVAL."""

    async def story() -> None:
        _, made = alone()
        with pytest.raises(InvalidArgument):
            pickle.dumps(made)

    run(story())


def test_a_closed_socket_is_none():
    """WSAENOTSOCK, and WSA_OPERATION_ABORTED for whoever waits."""

    async def story() -> None:
        _, made = alone()
        waiting = asyncio.create_task(made.next_event())
        await asyncio.sleep(0)
        await made.close()
        await made.close()
        with pytest.raises(Aborted):
            await waiting
        for call in (
            made.bind((H1, 1)),
            made.connect((H1, 1)),
            made.accept(),
            made.join_leaf(("239.1.1.1", 1)),
            made.set_qos(Qos()),
            made.check_qos(Check.LINE_RATE),
            made.ioctl(Sio.SET_QOS),
            made.shutdown(Shutdown.BOTH),
            made.send(b""),
            made.sendto(b"", (H1, 1)),
            made.recv(1),
            made.recvfrom(1),
        ):
            with pytest.raises(NotASocket) as caught:
                await call
            assert caught.value.code == 10038
        for plain in (made.listen, made.get_qos, lambda: made.set_multicast_ttl(1)):
            with pytest.raises(NotASocket):
                plain()

    run(story())


def test_a_provider_makes_tcp_and_udp_sockets_only():
    async def story() -> None:
        async with Provider(ListeningApi()) as provider:
            for family, kind in ((1, 2), (2, 3)):
                with pytest.raises(NotSupported):
                    provider.socket(family, kind)
            assert provider.service_flags == 0x2400
            made = provider.socket()
        with pytest.raises(NotASocket):
            made.get_qos()

    run(story())


def test_a_style_that_clashes_with_another_application_s():
    """EFILTERSTYLE at SET_QOS: another socket of this host reserves in another style."""

    async def story() -> None:
        async with world() as w:
            sending, receiving = await sender(w), await receiver(w)
            await until(sending, Status.RECEIVERS)
            other = w.socket("h2")
            await other.bind((H2, 5150))
            await other.connect((H1, 4000))
            quiet = FlowSpec(service_type=ServiceType.CONTROLLEDLOAD | ServiceFlag.NO_QOS_SIGNALING)
            await other.set_qos(Qos(receiving=quiet))
            await until(other, Status.SENDERS)
            with pytest.raises(FilterStyleError) as caught:
                await other.set_qos(Qos(receiving=WANT))
            assert caught.value.code == 11019
            assert receiving.qos.receiving == WANT

    run(story())


# --- marking and pacing (2.5) --------------------------------------------------------------------------


def kernel(made: object) -> MemorySocket:
    found = made.kernel  # type: ignore[attr-defined]
    assert isinstance(found, MemorySocket)
    return found


def test_packets_are_marked_while_a_reservation_stands():
    """2.5: default DSCP and 802.1p of the service; back to the application's own when it ends."""

    async def story() -> None:
        async with world() as w:
            sending, receiving = await sender(w), await receiver(w)
            assert kernel(sending).marks[-1] == (None, None)
            await until(sending, Status.RECEIVERS)
            assert kernel(sending).marks[-1] == (0x18, 4)
            await receiving.close()
            await until(sending, Status.NO_RECEIVERS)
            assert kernel(sending).marks[-1] == (None, None)

    run(story())


def test_objects_say_how_packets_are_marked():
    """1.3: DS_CLASS, TRAFFIC_CLASS."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            await sending.set_qos(Qos(provider_specific=(DsClass(46), TrafficClass(6))))
            assert kernel(sending).marks[-1] == (46, 6)
            await sending.set_qos(Qos(sending=FlowSpec(service_type=ServiceType.NOTRAFFIC)))
            assert kernel(sending).marks[-1] == (None, None)
            control = w.socket("h1")
            await control.set_qos(Qos(sending=FlowSpec(service_type=ServiceType.NETWORK_CONTROL)))
            assert kernel(control).marks[-1] == (0x30, 7)

    run(story())


@pytest.mark.parametrize(
    ("service", "objects", "rate"),
    [
        (ServiceType.CONTROLLEDLOAD, (), None),
        (ServiceType.GUARANTEED, (), 8500),
        (ServiceType.CONTROLLEDLOAD, (SdMode(1),), 8500),
        (ServiceType.CONTROLLEDLOAD, (SdMode(1), ShapingRate(9000)), 9000),
        (ServiceType.GUARANTEED, (SdMode(0),), None),
        (ServiceType.BESTEFFORT, (), None),
    ],
)
def test_who_is_paced(service: ServiceType, objects: tuple[SdMode, ...], rate: int | None):
    """2.5: before a Resv GUARANTEED is shaped and the others borrow, unless SD_MODE says otherwise."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            spec = FlowSpec(8500, service_type=service)
            await sending.set_qos(Qos(sending=spec, provider_specific=objects))
            assert kernel(sending).paces[-1] == rate
            unmanaged = FlowSpec(8500, service_type=service | ServiceFlag.NO_TRAFFIC_CONTROL)
            await sending.set_qos(Qos(sending=unmanaged, provider_specific=(DsClass(1),)))
            assert (kernel(sending).paces[-1], kernel(sending).marks[-1]) == (None, (None, None))

    run(story())


def test_on_a_reservation_the_flow_takes_its_service():
    """2.5: a flow that offers all services borrows; a guaranteed reservation shapes it."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w, FlowSpec(8500, 680, service_type=5, max_sdu_size=340))
            assert kernel(sending).paces[-1] is None
            await receiver(w, spec=FlowSpec(service_type=ServiceType.GUARANTEED))
            await until(sending, Status.RECEIVERS)
            assert (kernel(sending).paces[-1], kernel(sending).marks[-1]) == (8500, (0x28, 5))

    run(story())


def test_policy_elements_reach_the_other_end():
    """1.3, RSVP_POLICY_INFO and a PolicyElementList: in at one end, out at the other."""
    ours, theirs = PolicyElement(53248, b"from the sender!"), PolicyElement(49152, b"back")

    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            await sending.set_qos(Qos(provider_specific=(PolicyInfo((ours,)),)))
            receiving = w.socket("h2")
            await receiving.bind((H2, 5150))
            info = ReserveInfo(policy_elements=(theirs,))
            await receiving.set_qos(Qos(receiving=WANT, provider_specific=(info,)))
            assert (await until(receiving, Status.SENDERS)).policy == PolicyInfo((ours,))
            event = await until(sending, Status.RECEIVERS)
            assert event.policy == PolicyInfo((theirs,))
            assert event.qos.provider_specific == (event.info, event.policy)

    run(story())


def test_wildcard_for_a_connected_socket():
    """2.3: FF by default, WF where asked for."""

    async def story() -> None:
        async with world() as w:
            sending, receiving = await sender(w), w.socket("h2")
            await receiving.bind((H2, 5150))
            await receiving.connect((H1, 4000))
            info = ReserveInfo(ReservationStyle.WILDCARD)
            await receiving.set_qos(Qos(receiving=WANT, provider_specific=(info,)))
            await until(sending, Status.RECEIVERS)
            assert w.seen(Resv)[0].style == WF

    run(story())
