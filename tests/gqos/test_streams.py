"""Scene E6: TCP. The listener's QOS is inherited, the condition callback may change it."""

from __future__ import annotations

import asyncio

import pytest

from rsvp import Path, PathTear, Resv
from rsvp.gqos import (
    Address,
    Condition,
    FilterStyleError,
    FlowSpec,
    FlowspecError,
    NotASocket,
    Qos,
    Refused,
    ReservationStyle,
    ReserveInfo,
    ServiceType,
    Socket,
    Status,
    TryAgain,
)
from rsvp.gqos.sockets import Decide
from rsvp.objects import FF, WF, FilterSpec
from tests.virtual_loop import run

from .world import H1, H2, LOAD, TCP, TSPEC, WANT, World, until, world


async def listening(w: World, qos: Qos) -> Socket:
    """h1 listens at port 80 with a QOS for whoever calls."""
    listener = w.socket("h1", TCP)
    await listener.bind((H1, 80))
    listener.listen()
    await listener.set_qos(qos)
    return listener


async def called(w: World, listener: Socket, condition: Decide | None = None) -> tuple[Socket, Socket]:
    """h2 connects, and receives."""
    caller = w.socket("h2", TCP)
    await caller.set_qos(Qos(receiving=WANT))
    await caller.connect((H1, 80))
    return await listener.accept(condition), caller


def test_e6_a_server_that_sends_to_its_callers():
    """E6, 3.1, 4 WSAAccept: protocol 6, both ends' addresses from the connection, style FF, inherited QOS."""

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            await asyncio.sleep(100)
            assert w.trace == [], "a listening socket signals nothing"
            server, caller = await called(w, listener)
            assert server.qos == listener.qos == Qos(sending=LOAD)
            await until(server, Status.RECEIVERS)
            here = caller.kernel.local()
            assert here is not None
            path = w.seen(Path)[0]
            assert (path.session.destination, path.session.protocol, path.session.port) == (
                here.address,
                6,
                here.port,
            )
            assert (path.sender.template, path.sender.tspec) == (
                FilterSpec(listener.place.bound.address, 80),
                TSPEC,
            )
            assert w.seen(Resv)[0].style == FF
            await server.close()
            await until(caller, Status.NO_SENDERS)
            assert len(w.seen(PathTear)) == 1

    run(story())


def test_e6_the_reverse_flow_is_a_second_session():
    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(LOAD, WANT))
            caller = w.socket("h2", TCP)
            await caller.connect((H1, 80), Qos(LOAD, WANT))
            server = await listener.accept()
            await until(server, Status.SENDERS)
            await until(caller, Status.SENDERS)
            await until(server, Status.RECEIVERS)
            ends = {(str(path.session.destination), path.session.port) for path in w.seen(Path)}
            assert ends == {(H1, 80), (H2, caller.kernel.local().port)}

    run(story())


def test_a_receiver_bound_to_any_address_waits_for_its_connection():
    """3.4: TCP bound to INADDR_ANY: no Resv until it is connected, then the local address is read."""

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            caller = w.socket("h2", TCP)
            await caller.bind(("0.0.0.0", 6000))
            await caller.set_qos(Qos(receiving=WANT))
            assert await w.nodes["h2"].show("sessions") == []
            await caller.connect((H1, 80))
            server = await listener.accept()
            await until(server, Status.RECEIVERS)
            [session] = await w.nodes["h2"].show("sessions")
            assert session["session"] == {"destination": H2, "protocol": 6, "port": 6000}

    run(story())


def test_the_condition_callback_overrides_what_is_inherited():
    """4 WSAAccept: CF_ACCEPT with changed values; NOCHANGE keeps a direction."""
    faster = FlowSpec(9000, service_type=ServiceType.CONTROLLEDLOAD)
    asked: list[Address] = []

    def condition(who: Address) -> tuple[Condition, Qos]:
        asked.append(who)
        return Condition.ACCEPT, Qos(sending=faster)

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(LOAD, WANT))
            server, caller = await called(w, listener, condition)
            assert asked == [caller.kernel.local()]
            assert server.qos == Qos(faster, WANT)
            assert listener.qos == Qos(LOAD, WANT)
            assert (await until(caller, Status.SENDERS)).flowspec.token_rate == 9000

    run(story())


def test_the_condition_callback_s_provider_buffer_is_not_used():
    """4 WSAAccept: SET_QOS on the accepted socket is the way."""
    info = ReserveInfo(ReservationStyle.WILDCARD)

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            server, _ = await called(
                w, listener, lambda who: (Condition.ACCEPT, Qos(provider_specific=(info,)))
            )
            assert server.qos.provider_specific == ()
            await server.set_qos(Qos(provider_specific=(info,)))
            assert server.qos.provider_specific == (info,)

    run(story())


def test_a_caller_that_is_rejected():
    """CF_REJECT."""

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            with pytest.raises(Refused) as caught:
                await called(w, listener, lambda who: Condition.REJECT)
            assert caught.value.code == 10061
            assert w.trace == []

    run(story())


def test_a_caller_that_is_put_off():
    """CF_DEFER: the same caller is there at the next accept."""

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            with pytest.raises(TryAgain) as caught:
                await called(w, listener, lambda who: Condition.DEFER)
            assert caught.value.code == 11002
            server = await listener.accept()
            await until(server, Status.RECEIVERS)

    run(story())


def test_a_caller_that_was_put_off_goes_with_the_listener():
    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            with pytest.raises(TryAgain):
                await called(w, listener, lambda who: Condition.DEFER)
            deferred = listener._deferred
            assert deferred is not None
            async with listener:
                pass
            with pytest.raises(NotASocket):
                deferred.get_qos()

    run(story())


def test_a_condition_callback_that_asks_for_nonsense():
    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            wrong = Qos(sending=FlowSpec(service_type=ServiceType.CONTROLLEDLOAD))
            with pytest.raises(FlowspecError):
                await called(w, listener, lambda who: (Condition.ACCEPT, wrong))
            assert w.trace == []

    run(story())


def test_wildcard_may_be_asked_for_and_shared_explicit_may_not():
    """2.3: TCP is FF, WF overrides it, SE is refused."""

    async def story() -> None:
        async with world() as w:
            listener = await listening(w, Qos(sending=LOAD))
            server, caller = await called(w, listener)
            await until(server, Status.RECEIVERS)
            with pytest.raises(FilterStyleError):
                await caller.set_qos(Qos(provider_specific=(ReserveInfo(ReservationStyle.SHARED_EXPLICIT),)))
            await caller.set_qos(Qos(provider_specific=(ReserveInfo(ReservationStyle.WILDCARD),)))
            await until(server, Status.NO_RECEIVERS)
            await until(server, Status.RECEIVERS)
            assert [resv.style for resv in w.seen(Resv)] == [FF, WF]

    run(story())
