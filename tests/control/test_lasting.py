"""A client that outlives its daemon: what it made comes back, or an error says why not."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from rsvp.control import client, lasting
from rsvp.engine.outputs import PathEvent, PathGone, ResvConfirmed, ResvEvent, ResvGone
from rsvp.errors import ControlError, NoRoute, UnknownSession
from rsvp.intserv import controlled_load
from rsvp.messages import Flow
from rsvp.objects import FF, FilterSpec, Session
from tests.nodes import Listener, chain, running
from tests.patience import settled
from tests.virtual_loop import run

from .test_api import SENDER, SESSION, TSPEC
from .test_server import FakeApi, serving

FLOW = Flow(controlled_load(TSPEC), (SENDER,))
OTHER = FilterSpec(SENDER.address, 4001)


def test_what_was_made_comes_back_with_the_daemon(path: Path, tmp_path: Path):
    async def story() -> None:
        async with running(chain()) as nodes:
            other = tmp_path / "h1.sock"
            async with serving(path, nodes["h2"]), serving(other, nodes["h1"]):
                h1, h2 = await lasting.connect(other), await lasting.connect(path)
                sending, receiving = await h1.open_session(SESSION), await h2.open_session(SESSION)
                sender, receiver = Listener(h1, sending), Listener(h2, receiving)
                await h1.add_sender(sending, SENDER, TSPEC)
                await receiver.until(PathEvent)
                await h2.reserve(receiving, FF, (FLOW,), confirm=True)
                await receiver.until(ResvConfirmed)
                await sender.until(ResvEvent)
            assert (await receiver.until(PathGone)).template == SENDER
            assert (await sender.until(ResvGone)).filters == (SENDER,)
            await asyncio.sleep(60)
            assert await nodes["r1"].show("sessions") == []

            async with serving(path, nodes["h2"]), serving(other, nodes["h1"]):
                back = await receiver.until(PathEvent)
                assert (back.handle, back.sender.tspec) == (receiving, TSPEC)
                assert (await receiver.until(ResvConfirmed)).handle == receiving
                assert (await sender.until(ResvEvent)).handle == sending
                assert len(await nodes["r1"].show("installed")) == 1
                await h1.close()
                await h2.close()

    run(story())


def test_what_was_given_back_does_not_come_back(path: Path):
    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await lasting.connect(path)
            handle, closed = await mine.open_session(SESSION), await mine.open_session(SESSION)
            for sender in (SENDER, OTHER):
                await mine.add_sender(handle, sender, TSPEC)
            await mine.remove_sender(handle, OTHER)
            await mine.reserve(handle, FF, (FLOW, Flow(FLOW.flowspec, (OTHER,))))
            await mine.release(handle, (SENDER,))
            await mine.reserve(closed, FF, (FLOW,))
            await mine.release(closed)
            await mine.close_session(closed)
        api = FakeApi()
        async with serving(path, api):
            await mine.show("sessions")
            assert [line[0] for line in api.script] == ["open", "send", "reserve"]
            assert api.script[1][2] == SENDER
            assert api.script[2][3] == (Flow(FLOW.flowspec, (OTHER,)),)
            with pytest.raises(UnknownSession):
                await mine.release(closed)
            await mine.close()
            assert [event async for event in mine.events(handle)] == []

    run(story())


def test_a_verb_waits_for_the_daemon_and_then_says_so(path: Path):
    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await lasting.connect(path)
            await mine.show("sessions")
        asking = asyncio.create_task(mine.open_session(SESSION))
        await asyncio.sleep(client.PATIENCE / 2)
        api = FakeApi()
        async with serving(path, api):
            await asking
            assert api.script == [("open", SESSION)]
        with pytest.raises(ControlError, match=r"no daemon has answered on .* for 30 s: start one with"):
            await mine.show("sessions")
        await mine.close()

    run(story())


def test_what_cannot_be_made_anew_ends_its_session_with_the_reason(path: Path):
    class Poorer(FakeApi):
        async def add_sender(self, *args: object, **more: object) -> FilterSpec:
            raise NoRoute("there is no route to 10.0.3.2")

    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await lasting.connect(path)
            one, two = await mine.open_session(SESSION), await mine.open_session(SESSION)
            await mine.add_sender(one, SENDER, TSPEC)
            events = mine.events(one)
        api = Poorer()
        async with serving(path, api):
            with pytest.raises(NoRoute, match="no route"):
                await anext(events)
            await settled(lambda: ("close", 100) in api.script)
            with pytest.raises(UnknownSession):
                await mine.release(one)
            await mine.release(two)
            await mine.close()

    asyncio.run(story())


def test_a_session_that_is_closed_while_it_is_made_anew(path: Path):
    class Slow(FakeApi):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.gate = asyncio.Event(), asyncio.Event()

        async def add_sender(self, *args: object, **more: object) -> FilterSpec:
            self.asked.set()
            await self.gate.wait()
            return SENDER

    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await lasting.connect(path)
            one, two = await mine.open_session(SESSION), await mine.open_session(SESSION)
            await mine.add_sender(one, SENDER, TSPEC)
            events = mine.events(one)
        api = Slow()
        async with serving(path, api):
            await api.asked.wait()
            await mine.close_session(one)
            await mine.close_session(two)
            assert [event async for event in events] == []
            api.gate.set()
            await mine.show("sessions")
            assert [line[0] for line in api.script] == ["open", "close"], "and two was not even opened"
            await mine.close()

    asyncio.run(story())


def test_a_session_that_is_refused_leaves_the_others_alone(path: Path):
    """Sessions have other numbers at the next daemon: what was another's there is this one's here."""

    class Choosy(FakeApi):
        async def open_session(self, session: Session) -> int:
            if session.port == 1:
                raise NoRoute("not this one")
            return await super().open_session(session)

    async def story() -> None:
        async with serving(path, FakeApi()):
            mine = await lasting.connect(path)
            await mine.open_session(replace(SESSION, port=2))
            refused = await mine.open_session(replace(SESSION, port=1))
            await mine.open_session(replace(SESSION, port=3))
            events = mine.events(refused)
        api = Choosy()
        async with serving(path, api):
            with pytest.raises(NoRoute, match="not this one"):
                await anext(events)
            await mine.show("sessions")
            assert [line[0] for line in api.script] == ["open", "open"]
            await mine.close()

    asyncio.run(story())


def test_a_daemon_that_goes_again_at_once(path: Path):
    async def story() -> None:
        api = FakeApi()
        async with serving(path, api):
            mine = await lasting.connect(path)
            handle = await mine.open_session(SESSION)
            await mine.add_sender(handle, SENDER, TSPEC)
        for _ in range(3):
            async with serving(path, FakeApi()):
                await asyncio.sleep(0)
        api = FakeApi()
        async with serving(path, api):
            await mine.show("sessions")
            assert [line[0] for line in api.script] == ["open", "send"]
            await mine.close()

    asyncio.run(story())


def test_a_session_whose_opening_was_cancelled_is_not_left_open(path: Path):
    class Slow(FakeApi):
        async def open_session(self, session: object) -> int:
            await asyncio.sleep(0.05)
            return await super().open_session(SESSION)

    async def story() -> None:
        api = Slow()
        async with serving(path, api):
            mine = await client.connect(path)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await mine.open_session(SESSION)
            await mine.show("sessions")
            await settled(lambda: ("close", 100) in api.script)
            await mine.close()

    asyncio.run(story())
