"""What applications hear of a daemon that goes, and what is left of calls that are cancelled."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import rsvp
from rsvp import blocking, classify
from rsvp.api import Api
from rsvp.control import client
from rsvp.control.server import ControlServer, ControlSocket
from rsvp.errors import ControlError, LocalError, NoRoute
from rsvp.flows import Status
from rsvp.gqos import Extended, Provider
from rsvp.gqos import Status as QosStatus
from rsvp.rapi import Event, Flag, Rapi
from rsvp.rapi import Style as RapiStyle
from tests.gqos.world import World, receiver, sender
from tests.gqos.world import until as until_status
from tests.nodes import chain, running
from tests.patience import PATIENCE, settled, until
from tests.virtual_loop import run

from .test_api import SENDER
from .test_rapi import Heard
from .test_server import FakeApi, serving

TO = "10.0.3.2:5000"
TSPEC = rsvp.Tspec(1000.0, 2000.0)


class Poorer(FakeApi):
    """The next daemon, which has no route any more."""

    async def add_sender(self, *args: object, **more: object) -> rsvp.FilterSpec:
        raise NoRoute("there is no route to 10.0.3.2")


# --- sessions -----------------------------------------------------------------------------------------


def test_a_session_ends_with_the_reason(path: Path):
    """Without it a program would wait for events, senders and confirmations that never come."""

    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await client.connect(path)
            session = await mine.session("10.0.3.2", 5000)
            reservation = await session.reserve(rsvp.WF, rsvp.controlled_load(1000.0), confirm=True)
            waiting = [
                asyncio.create_task(one)
                for one in (anext(session), session.sender(), reservation.confirmed())
            ]
            await asyncio.sleep(0)
        for one in waiting:
            with pytest.raises(ControlError, match="the connection to the daemon was lost"):
                await one
        with pytest.raises(ControlError, match="lost"):
            await anext(session)
        with pytest.raises(ControlError, match="lost"):
            await session.sender()
        await session.close()
        await mine.close()

    asyncio.run(story())


def test_a_session_that_cannot_be_made_anew_ends_with_the_reason(path: Path):
    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await rsvp.connect(path)
            session = await mine.session("10.0.3.2", 5000)
            await session.send(TSPEC, port=4000)
        async with serving(path, Poorer()):
            with pytest.raises(NoRoute, match="no route to"):
                await anext(session)
            await session.close()
            await mine.close()

    asyncio.run(story())


def test_who_waits_for_a_sender_hears_that_the_session_was_closed():
    async def story() -> None:
        async with running(chain()) as nodes:
            session = await nodes["h2"].session("10.0.3.2", 5000)
            waiting = asyncio.create_task(session.sender())
            await asyncio.sleep(1.0)
            await session.close()
            with pytest.raises(LocalError, match="the session was closed"):
                await waiting
            assert [event async for event in session] == []

    run(story())


# --- flows in one line, and sockets -----------------------------------------------------------------------


def test_a_flow_is_red_and_says_why(path: Path):
    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await rsvp.connect(path)
            sent = await rsvp.send(TO, TSPEC, port=4000, via=mine)
            assert sent.status is Status.YELLOW
            waiting = asyncio.create_task(sent.ready())
        async with serving(path, Poorer()):
            with pytest.raises(NoRoute, match="no route to"):
                await waiting
            assert (sent.status, type(sent.error)) == (Status.RED, NoRoute)
            with pytest.raises(NoRoute):
                await anext(sent)
            await sent.close()
            await mine.close()

    asyncio.run(story())


@pytest.mark.parametrize("away", [10.0, 100.0])
def test_flows_come_back_with_the_daemon(path: Path, tmp_path: Path, away: float):
    """Yellow at once; whoever had to be told and was not there for long is an error meanwhile."""

    async def story() -> None:
        other = tmp_path / "h1.sock"
        async with running(chain()) as nodes:
            async with serving(path, nodes["h2"]), serving(other, nodes["h1"]):
                h1, h2 = await rsvp.connect(other), await rsvp.connect(path)
                sent = await rsvp.send(TO, TSPEC, port=4000, via=h1)
                received = await rsvp.receive(TO, wait=5.0, via=h2)
                await sent.ready(5.0)
                assert (sent.status, received.status) == (Status.GREEN, Status.GREEN)
            await settled(lambda: (sent.status, received.status) == (Status.YELLOW, Status.YELLOW))
            await asyncio.sleep(away)
            assert (received.error is None) == (away < client.PATIENCE)
            async with serving(path, nodes["h2"]), serving(other, nodes["h1"]):
                await settled(lambda: (sent.status, received.status) == (Status.GREEN, Status.GREEN))
                for one in (sent, received, h1, h2):
                    await one.close()

    run(story())


@pytest.mark.parametrize("what", ["send", "receive", "attach"])
def test_a_flow_whose_caller_was_cancelled_is_torn_down(what: str):
    """Nobody has it, so nobody could close it."""

    async def story() -> None:
        api = FakeApi()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.connect(("127.0.0.1", 9))
            call = {
                "send": lambda: rsvp.send(TO, TSPEC, port=4000, wait=1000.0, via=api),
                "receive": lambda: rsvp.receive(
                    TO, (SENDER.address, SENDER.port), rate=1000.0, wait=1000.0, via=api
                ),
                "attach": lambda: rsvp.attach(sock, send=TSPEC, receive=1000.0, wait=1000.0, via=api),
            }[what]
            waiting = asyncio.create_task(call())
            await settled(lambda: api.script and api.script[-1][0] in ("send", "reserve"))
            await asyncio.sleep(0.01)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
        opened = [line[0] for line in api.script].count("open")
        assert opened == [line[0] for line in api.script].count("close") > 0
        assert rsvp.status(TO) is Status.RED

    asyncio.run(story())


def test_a_named_sender_that_leaves_and_comes_back():
    async def story() -> None:
        async with running(chain()) as nodes:
            sent = await rsvp.send(TO, TSPEC, port=4000, via=nodes["h1"])
            flow = await rsvp.receive(TO, "10.0.1.1:4000", rate=1000.0, wait=5.0, via=nodes["h2"])
            assert flow.status is Status.GREEN
            await sent.close()
            await settled(lambda: flow.status is Status.YELLOW)
            async with await rsvp.send(TO, TSPEC, port=4000, via=nodes["h1"]):
                await flow.ready(60.0)
            await flow.close()

    run(story())


# --- Generic QoS ------------------------------------------------------------------------------------------


def test_gqos_tells_of_ends_that_go_and_come(path: Path, tmp_path: Path):
    async def story() -> None:
        network, other = chain(), tmp_path / "h1.sock"
        async with running(network) as nodes:
            w = World(network, nodes)
            async with serving(path, nodes["h2"]), serving(other, nodes["h1"]):
                clients = {"h1": await rsvp.connect(other), "h2": await rsvp.connect(path)}
                w.providers = {name: Provider(one) for name, one in clients.items()}
                sends, receives = await sender(w), await receiver(w)
                await until_status(receives, QosStatus.SENDERS)
                await until_status(sends, QosStatus.RECEIVERS)
            await until_status(receives, QosStatus.NO_SENDERS)
            await until_status(sends, QosStatus.NO_RECEIVERS)
            async with serving(path, nodes["h2"]), serving(other, nodes["h1"]):
                await until_status(receives, QosStatus.SENDERS)
                await until_status(sends, QosStatus.RECEIVERS)
                for one in (*w.providers.values(), *clients.values()):
                    await one.close()

    run(story())


def test_gqos_tells_of_what_cannot_be_made_anew(path: Path):
    async def story() -> None:
        network = chain()
        w = World(network, {})
        async with serving(path, FakeApi()):
            mine = await rsvp.connect(path)
            w.providers = {"h1": Provider(mine)}
            sends = await sender(w)
        async with serving(path, Poorer()):
            event = await until_status(sends, QosStatus.GENERIC_ERROR)
            assert event.extended == (Extended.RSVP_SYS, Extended.API_SYS)
            await sends.close()
            await mine.close()

    asyncio.run(story())


# --- the interfaces that block --------------------------------------------------------------------------


class Daemons:
    """h1's and h2's, in a thread with a network of their own; they may go and come."""

    def __init__(self, folder: Path, apis: Mapping[str, Api] | None = None) -> None:
        self._apis = apis
        self.paths = folder / "h1.sock", folder / "h2.sock"
        self._servers: list[ControlServer] = []
        self._ready = threading.Event()
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),))
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        async with running(chain()) as nodes:
            self._apis = self._apis or nodes
            await self._start()
            self._ready.set()
            await self._done.wait()
            await self._stop()

    async def _start(self) -> None:
        assert self._apis is not None
        for name, path in zip(("h1", "h2"), self.paths, strict=True):
            self._servers.append(ControlServer(self._apis[name], ControlSocket(path)))
            await self._servers[-1].start()

    async def _stop(self) -> None:
        while self._servers:
            await self._servers.pop().close()

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(PATIENCE)

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(PATIENCE)

    def end(self) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join()


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[Daemons]:
    made = Daemons(tmp_path)
    yield made
    made.end()


def test_a_script_s_flows_come_back(daemons: Daemons):
    with (
        blocking.connect(daemons.paths[0]) as h1,
        blocking.connect(daemons.paths[1]) as h2,
        blocking.send(TO, TSPEC, port=4000, via=h1) as sent,
        blocking.receive(TO, wait=PATIENCE, via=h2) as received,
        h2.session("10.0.3.2", 5000) as session,
    ):
        sent.ready(PATIENCE)
        assert isinstance(session.next(PATIENCE), rsvp.PathEvent)
        daemons.stop()
        assert isinstance(session.next(PATIENCE), rsvp.PathGone)
        until(lambda: (sent.status, received.status) == (Status.YELLOW, Status.YELLOW), "told")
        daemons.start()
        assert isinstance(session.next(PATIENCE), rsvp.PathEvent)
        received.ready(PATIENCE)
        sent.ready(PATIENCE)
        assert session.senders


def test_an_interrupt_leaves_nothing(daemons: Daemons):
    """Ctrl-C while a script waits: what it waited for is not there any more."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with blocking.connect(daemons.paths[1]) as h2:
            signal.setitimer(signal.ITIMER_REAL, 0.3)
            with pytest.raises(KeyboardInterrupt):
                blocking.receive(TO, rate=1000.0, shared=True, wait=PATIENCE, via=h2)
            until(lambda: h2.show("sessions") == [], "nothing left")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def test_rapi_tells_of_senders_that_go_and_come(daemons: Daemons):
    h1, h2 = Rapi(daemons.paths[0]), Rapi(daemons.paths[1])
    there = Heard(h2)
    sending = h1.rapi_session(("10.0.3.2", 5000))
    h1.rapi_sender(sending, 0, ("10.0.1.1", 4000), None, TSPEC)
    receiving = h2.rapi_session(("10.0.3.2", 5000), 0, 0, there)
    assert len(there.next(Event.RAPI_PATH_EVENT)[7]) == 1
    want = rsvp.controlled_load(TSPEC)
    h2.rapi_reserve(receiving, Flag.RAPI_REQ_CONFIRM, None, RapiStyle.RAPI_RSTYLE_WILDCARD, flowspecs=[want])
    there.next(Event.RAPI_RESV_CONFIRM)
    daemons.stop()
    assert there.next(Event.RAPI_PATH_EVENT)[7] == (), "none any more"
    daemons.start()
    assert len(there.next(Event.RAPI_PATH_EVENT)[7]) == 1
    with blocking.connect(daemons.paths[1]) as look:
        until(lambda: look.show("requests"), "reserved again")
    h1.close()
    h2.close()


class Host(FakeApi):
    """One with an interface."""

    async def show(self, what: str, *, why: bool = False) -> list[dict[str, object]]:
        return [{"mtu": 1500}]


def test_what_a_rule_reserves_comes_back(tmp_path: Path):
    api = Host()
    daemons = Daemons(tmp_path, {"h1": api, "h2": FakeApi()})
    policy = classify.read('[[rule]]\ntoken = "call"\nreserve = "80kbit"')
    here = ("127.0.0.1", 9)

    def announced() -> int:
        return [line[0] for line in api.script].count("send")

    with blocking.connect(daemons.paths[0]) as h1, socket.socket(type=socket.SOCK_DGRAM) as sock:
        with classify.ClassifiedSocket(sock, policy, via=h1) as classified:
            classified.sendmsg(b"ring", here, token="call", scope=classify.Scope.CONNECTION)
            assert announced() == 1
            daemons.stop()
            daemons.start()
            until(lambda: announced() == 2, "announced to the next daemon")
            classified.sendmsg(b"on", here)
            assert announced() == 2
        until(lambda: api.script[-1][0] == "close", "torn down")
    daemons.end()
