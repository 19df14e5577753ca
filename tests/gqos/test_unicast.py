"""Scenes E1, E2, E7 and E9 with the messages that cross the wire: UDP, one sender and one receiver."""

from __future__ import annotations

import asyncio

import pytest

from rsvp import Path, PathTear, Resv, ResvConf, ResvTear
from rsvp.gqos import (
    UNSPECIFIED,
    ControlService,
    DestAddr,
    Direction,
    FlowDescriptor,
    FlowSpec,
    FlowspecError,
    GuaranteedParams,
    InvalidArgument,
    ProviderBufferError,
    Qos,
    ReservationStyle,
    ReserveInfo,
    ServiceFlag,
    ServiceType,
    Shutdown,
    Status,
    StatusInfo,
    WouldBlock,
    filter_for,
)
from rsvp.gqos.structures import AdspecInfo
from rsvp.intserv import Rspec
from rsvp.objects import FF, SE, WF
from tests.virtual_loop import run

from .world import H1, H2, LOAD, SENDER, SESSION, TSPEC, WANT, drained, receiver, sender, until, world


def test_e1_unicast_udp_with_a_connected_receiver():
    """E1: Path, FF Resv for the peer, RECEIVERS and SENDERS, REQUEST_CONFIRMED."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            receiving = w.socket("h2")
            await receiving.bind((H2, 5150))
            await receiving.connect((H1, 4000))
            await receiving.set_qos(Qos(receiving=WANT, provider_specific=(ReserveInfo(confirm_request=1),)))
            await until(receiving, Status.REQUEST_CONFIRMED)
            await until(sending, Status.RECEIVERS)

            path = w.seen(Path)[0]
            assert (path.session.key, path.sender.template, path.sender.tspec) == (SESSION.key, SENDER, TSPEC)
            assert path.sender.adspec is not None
            assert path.sender.adspec.controlled_load is not None
            assert path.sender.adspec.guaranteed is None, "the sender offers controlled load only"
            resv = w.seen(Resv)[0]
            assert (resv.style, [flow.filters for flow in resv.flows]) == (FF, [(SENDER,)])
            [flow] = resv.flows
            assert flow.flowspec is not None
            assert (flow.flowspec.service, flow.flowspec.tspec) == (5, TSPEC)
            assert w.seen(Resv, 2)[0].confirm is not None
            assert len(w.seen(ResvConf, 2)) == 1

    run(story())


def test_e1_events_say_what_the_other_end_said():
    """2.6, 4.1: SENDERS with Tspec and Adspec, RECEIVERS with the reservation."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            heard = await until(receiving, Status.SENDERS)
            assert (heard.direction, heard.senders, heard.extended) == (
                Direction.RECEIVING,
                (SENDER,),
                (0, 0),
            )
            assert heard.flowspec == LOAD, "the Path's Tspec, and the service that it offers"
            assert heard.adspec is not None
            assert heard.adspec.general.int_serv_aware_hop_count == 3
            assert heard.adspec.general.path_mtu == 1500
            reserved = await until(sending, Status.RECEIVERS)
            assert (reserved.direction, reserved.flowspec) == (Direction.SENDING, LOAD)
            assert sending.last == {Direction.SENDING: Status.RECEIVERS}
            assert receiving.last == {Direction.RECEIVING: Status.SENDERS}

    run(story())


def test_e1_either_end_ends_it():
    """E1 step 5, 4.2: close sends PathTear; shutdown of receiving sends ResvTear."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            await until(sending, Status.RECEIVERS)
            await receiving.shutdown(Shutdown.RECEIVE)
            await until(sending, Status.NO_RECEIVERS)
            assert len(w.seen(ResvTear)) == 1
            assert not w.seen(PathTear)
            await receiving.set_qos(Qos(receiving=WANT))
            await until(sending, Status.RECEIVERS)
            await sending.close()
            await until(receiving, Status.NO_SENDERS)
            assert len(w.seen(PathTear)) == 1

    run(story())


@pytest.mark.parametrize("service", [ServiceType.NOTRAFFIC, ServiceType.BESTEFFORT])
def test_a_service_without_signals_ends_a_direction(service: ServiceType):
    """2.1, 4.2: NOTRAFFIC and BESTEFFORT end signalling, of their direction only."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            await until(sending, Status.RECEIVERS)
            await receiving.set_qos(Qos(receiving=FlowSpec(service_type=service)))
            await until(sending, Status.NO_RECEIVERS)
            assert not w.seen(PathTear)
            await sending.set_qos(Qos(sending=FlowSpec(service_type=service)))
            await asyncio.sleep(1)
            assert len(w.seen(PathTear)) == 1
            assert drained(receiving)[-1] == Status.SENDERS, "who receives nothing hears of no tear"

    run(story())


def test_connect_to_nothing_ends_both():
    """4: WSAConnect with name = null ends QoS."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            await until(sending, Status.RECEIVERS)
            await sending.connect(None)
            await until(receiving, Status.NO_SENDERS)
            assert sending.place.peer is None
            assert sending.qos == Qos(UNSPECIFIED, UNSPECIFIED)
            await receiving.connect(None)
            await asyncio.sleep(1)
            assert (len(w.seen(PathTear)), w.nodes["h2"].interface_names != []) == (1, True)
            assert await w.nodes["h2"].show("sessions") == []

    run(story())


def test_nochange_leaves_a_direction_alone():
    """2.1: NOCHANGE keeps what is in force; 1.1: the untouched socket has it."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            assert w.socket("h1").qos == Qos(UNSPECIFIED, UNSPECIFIED)
            assert UNSPECIFIED.service_type == ServiceType.NOCHANGE
            await asyncio.sleep(1)
            count = len(w.seen(Path))
            await sending.set_qos(Qos())
            await asyncio.sleep(1)
            assert len(w.seen(Path)) == count
            assert sending.qos.sending == LOAD

    run(story())


def test_changed_values_are_signalled_without_a_tear():
    """4, SET_QOS: a new Path, a new Resv with the same session."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            await until(sending, Status.RECEIVERS)
            faster = FlowSpec(9200, 708, 18400, service_type=ServiceType.CONTROLLEDLOAD)
            await sending.set_qos(Qos(sending=faster))
            event = await until(sending, Status.RECEIVERS)
            assert event.flowspec.token_rate == 9200, "the receiver left its values to the Path"
            assert (await until(receiving, Status.SENDERS)).flowspec.token_rate == 8500
            assert (await until(receiving, Status.SENDERS)).flowspec.token_rate == 9200
            slower = FlowSpec(5000, service_type=ServiceType.CONTROLLEDLOAD)
            await receiving.set_qos(Qos(receiving=slower))
            assert (await until(sending, Status.RECEIVERS)).flowspec.token_rate == 5000
            assert not w.seen(PathTear) + w.seen(ResvTear)

    run(story())


def test_e2_wildcard_before_a_peer_and_fixed_filter_after():
    """E2, 4 WSAConnect: ResvTear(WF), then FF; SET_QOS later keeps FF."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w)
            receiving = await receiver(w)
            await until(sending, Status.RECEIVERS)
            assert [resv.style for resv in w.seen(Resv)] == [WF]
            await receiving.connect((H1, 4000))
            await until(sending, Status.NO_RECEIVERS)
            await until(sending, Status.RECEIVERS)
            order = [
                (m.name, getattr(m, "style", None)) for at, m, _ in w.trace if at == 0 and m.name != "Path"
            ]
            assert order == [("Resv", WF), ("ResvTear", WF), ("Resv", FF)]
            await receiving.set_qos(Qos(receiving=FlowSpec(5000, service_type=ServiceType.CONTROLLEDLOAD)))
            await until(sending, Status.RECEIVERS)
            assert [resv.style for resv in w.seen(Resv)] == [WF, FF, FF]

    run(story())


def test_e2_listed_senders_become_the_one_peer():
    """4 WSAConnect: the style becomes FF whatever was listed before; a confirmation is still asked for."""
    listed = tuple(filter_for(SENDER.address, port) for port in (4000, 4001))
    info = ReserveInfo(
        ReservationStyle.SHARED_EXPLICIT,
        confirm_request=1,
        flow_descriptors=(FlowDescriptor(filters=listed),),
    )

    async def story() -> None:
        async with world() as w:
            sending, receiving = await sender(w), w.socket("h2")
            await receiving.bind((H2, 5150))
            await receiving.set_qos(Qos(receiving=WANT, provider_specific=(info,)))
            await until(receiving, Status.REQUEST_CONFIRMED)
            await receiving.connect((H1, 4000))
            await until(receiving, Status.REQUEST_CONFIRMED)
            await until(sending, Status.NO_RECEIVERS)
            assert [resv.style for resv in w.seen(Resv)] == [SE, FF]
            assert receiving.qos.provider_specific == (ReserveInfo(confirm_request=1),)

    run(story())


def test_a_sender_restricts_the_services_of_its_path():
    """1.3: RSVP_ADSPEC in SET_QOS."""
    only = AdspecInfo(services=(ControlService(ServiceType.GUARANTEED, guaranteed=GuaranteedParams()),))

    async def story() -> None:
        async with world() as w:
            offer = FlowSpec(8500, 680, service_type=ServiceType.GENERAL_INFORMATION, max_sdu_size=340)
            sending = await sender(w, offer)
            await sending.set_qos(Qos(provider_specific=(only,)))
            await asyncio.sleep(1)
            adspec = w.seen(Path)[-1].sender.adspec
            assert adspec is not None
            assert (adspec.controlled_load, adspec.guaranteed is not None) == (None, True)
            with pytest.raises(ProviderBufferError):
                await sending.set_qos(Qos(provider_specific=(AdspecInfo(services=(ControlService(1),)),)))

    run(story())


def test_e2_reservations_for_others_stop_when_a_peer_is_named():
    """4 WSAConnect: a Path of somebody else than the peer gets no reservation."""

    async def story() -> None:
        async with world() as w:
            other = w.socket("h1")
            await other.bind((H1, 4001))
            await other.connect((H2, 5150), Qos(sending=LOAD))
            receiving = await receiver(w)
            await until(other, Status.RECEIVERS)
            await receiving.connect((H1, 4000))
            await until(other, Status.NO_RECEIVERS)
            await asyncio.sleep(60)
            assert drained(other) == []
            sending = await sender(w)
            await until(sending, Status.RECEIVERS)
            assert drained(other) == []

    run(story())


def test_e2_a_sender_without_a_peer_names_destinations():
    """3.1, 4: SET_QOS with DESTADDR starts the Path; several destinations are several sessions."""

    async def story() -> None:
        async with world() as w:
            sending = w.socket("h1")
            await sending.bind(("0.0.0.0", 4000))
            both = (DestAddr(SESSION.destination, 5150), DestAddr(SESSION.destination, 5151))
            await sending.set_qos(Qos(sending=LOAD, provider_specific=both))
            await asyncio.sleep(1)
            found = {(path.session.port, path.sender.template) for path in w.seen(Path)}
            assert found == {(5150, SENDER), (5151, SENDER)}, "the route gives the source address"
            receiving = await receiver(w)
            await until(sending, Status.RECEIVERS)
            await sending.set_qos(Qos(FlowSpec(9000, service_type=2), provider_specific=both[:1]))
            await asyncio.sleep(1)
            assert [tear.session.port for tear in w.seen(PathTear)] == [5151]
            assert drained(receiving)[-1] == Status.SENDERS

    run(story())


@pytest.mark.parametrize("order", ["connect, bind first", "set_qos first", "bind last"])
def test_a_path_begins_when_all_is_known_whatever_came_first(order: str):
    """3.1: the order of calls is free."""

    async def story() -> None:
        async with world() as w:
            sending = w.socket("h1")
            if order == "connect, bind first":
                await sending.bind((H1, 4000))
                await sending.connect((H2, 5150))
                await asyncio.sleep(1)
                assert not w.seen(Path)
                await sending.set_qos(Qos(sending=LOAD))
            elif order == "set_qos first":
                await sending.set_qos(Qos(sending=LOAD))
                await sending.bind((H1, 4000))
                await asyncio.sleep(1)
                assert not w.seen(Path)
                await sending.connect((H2, 5150))
            else:
                await sending.set_qos(Qos(LOAD, provider_specific=(DestAddr(SESSION.destination, 5150),)))
                await asyncio.sleep(1)
                assert not w.seen(Path)
                await sending.bind((H1, 4000))
            await asyncio.sleep(1)
            assert [path.sender.template for path in w.seen(Path)] == [SENDER]

    run(story())


def test_no_path_no_reservation_ever():
    """3.4: a receiving request waits for a Path; a Path finds a request that is there."""

    async def story() -> None:
        async with world() as w:
            receiving = await receiver(w)
            await asyncio.sleep(100)
            assert w.trace == []
            await sender(w)
            await until(receiving, Status.SENDERS)
            await asyncio.sleep(1)
            assert len(w.seen(Resv, 2)) == 1

    run(story())


def test_e7_a_receiver_that_only_listens_until_it_knows_what_it_wants():
    """E7, 2.2: NO_QOS_SIGNALING sends no Resv, and hears of Paths all the same."""

    async def story() -> None:
        async with world() as w:
            quiet = FlowSpec(service_type=ServiceType.CONTROLLEDLOAD | ServiceFlag.NO_QOS_SIGNALING)
            receiving = await receiver(w, spec=quiet)
            sending = await sender(w)
            heard = await until(receiving, Status.SENDERS)
            await asyncio.sleep(100)
            assert not w.seen(Resv, 2)
            chosen = FlowSpec(heard.flowspec.token_rate // 2, service_type=ServiceType.CONTROLLEDLOAD)
            await receiving.set_qos(Qos(receiving=chosen))
            assert (await until(sending, Status.RECEIVERS)).flowspec.token_rate == 4250
            await receiving.set_qos(Qos(receiving=quiet))
            await until(sending, Status.NO_RECEIVERS)
            assert receiving.last[Direction.RECEIVING] == Status.SENDERS

    run(story())


def test_a_sender_that_only_sets_up_its_socket():
    """2.2: NO_QOS_SIGNALING at a sender: no Path; cleared, it comes; set, it is torn."""

    async def story() -> None:
        async with world() as w:
            quiet = FlowSpec(8500, service_type=ServiceType.CONTROLLEDLOAD | ServiceFlag.NO_QOS_SIGNALING)
            sending = await sender(w, quiet)
            await asyncio.sleep(1)
            assert not w.trace
            await sending.set_qos(Qos(sending=LOAD))
            await asyncio.sleep(1)
            assert len(w.seen(Path)) == 1
            await sending.set_qos(Qos(sending=quiet))
            await asyncio.sleep(1)
            assert len(w.seen(PathTear)) == 1

    run(story())


def test_get_qos_gives_one_direction_and_re_arms_fd_qos():
    """4.1: one event for a change, read until SOCKET_ERROR."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            await receiving.wait_event()
            qos = receiving.get_qos()
            assert qos.sending.service_type == ServiceType.NOCHANGE
            assert qos.receiving == LOAD
            info, adspec = qos.provider_specific
            assert info == StatusInfo(Status.SENDERS)
            assert isinstance(adspec, AdspecInfo)
            with pytest.raises(WouldBlock) as caught:
                receiving.get_qos()
            assert caught.value.code == 10035
            await sending.wait_event()
            back = sending.get_qos()
            assert (back.sending, back.receiving.service_type) == (LOAD, ServiceType.NOCHANGE)

    run(story())


def test_get_qos_needs_an_address():
    """4: a sender once connected, a receiver once bound."""

    async def story() -> None:
        async with world() as w:
            made = w.socket("h1")
            with pytest.raises(InvalidArgument):
                made.get_qos()
            await made.bind((H1, 4000))
            with pytest.raises(WouldBlock):
                made.get_qos()

    run(story())


@pytest.mark.parametrize(
    ("asked", "rspec"),
    [
        (FlowSpec(service_type=ServiceType.GUARANTEED), Rspec(8500.0, 0)),
        (FlowSpec(17000, service_type=ServiceType.GUARANTEED), Rspec(17000.0, 0)),
        (FlowSpec(17000, delay_variation=5000, service_type=ServiceType.GUARANTEED), Rspec(17000.0, 5000)),
    ],
    ids=["inferred", "rate", "rate and slack"],
)
def test_e1_guaranteed(asked: FlowSpec, rspec: Rspec):
    """E1, 3.3: Tspec from the Path; R = TokenRate, S = DelayVariation; R = r, S = 0 where missing."""

    async def story() -> None:
        async with world() as w:
            offer = FlowSpec(8500, 680, 17000, service_type=ServiceType.GENERAL_INFORMATION, max_sdu_size=340)
            sending = await sender(w, offer)
            await receiver(w, spec=asked)
            event = await until(sending, Status.RECEIVERS)
            assert event.flowspec.service_type == ServiceType.GUARANTEED
            [flow] = w.seen(Resv)[0].flows
            assert flow.flowspec is not None
            assert (flow.flowspec.service, flow.flowspec.rspec) == (2, rspec)
            assert flow.flowspec.tspec == w.seen(Path)[0].sender.tspec

    run(story())


def test_a_service_that_the_sender_does_not_offer():
    """2.1: if the sender names a single service, the receiver may pick only that one."""

    async def story() -> None:
        async with world() as w:
            sending = await sender(w, LOAD)
            receiving = await receiver(w, spec=FlowSpec(service_type=ServiceType.GUARANTEED))
            await until(receiving, Status.TRAFFIC_CTRL_ERROR)
            assert drained(sending) == []
            with pytest.raises(FlowspecError):
                await receiving.set_qos(Qos(receiving=FlowSpec(9000, service_type=ServiceType.GUARANTEED)))
            await receiving.set_qos(Qos(receiving=WANT))
            await until(sending, Status.RECEIVERS)

    run(story())


def test_path_and_resv_that_are_no_longer_refreshed():
    """E9: Path timeout is NO_SENDERS, Resv timeout NO_RECEIVERS."""

    async def story() -> None:
        async with world() as w:
            receiving, sending = await receiver(w), await sender(w)
            await until(sending, Status.RECEIVERS)
            w.network.hosts["r1"].up = False
            async with asyncio.timeout(600):
                while (await receiving.next_event()).status != Status.NO_SENDERS:
                    pass
                while (await sending.next_event()).status != Status.NO_RECEIVERS:
                    pass
            assert not w.seen(PathTear) + w.seen(ResvTear)

    run(story())


def test_a_socket_bound_to_any_address_hears_every_address_of_its_host():
    """3.4: UDP bound to INADDR_ANY, unconnected: the port alone counts."""

    async def story() -> None:
        async with world() as w:
            receiving = w.socket("r2")
            await receiving.bind(("0.0.0.0", 5150))
            await receiving.set_qos(Qos(receiving=WANT))
            for number, address in enumerate(("10.0.2.2", "10.0.3.1")):
                one = w.socket("h1")
                await one.bind((H1, 4000 + number))
                await one.connect((address, 5150), Qos(sending=LOAD))
                await until(one, Status.RECEIVERS)
            assert {resv.session.destination for resv in w.seen(Resv)} == set(w.network.hosts["r2"].addresses)

    run(story())
