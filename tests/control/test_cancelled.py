"""What is left of calls that are cancelled before the daemon has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

import rsvp
from rsvp.control import client
from tests.patience import settled

from .test_lost import TSPEC
from .test_server import FakeApi, serving

LOAD = rsvp.controlled_load(1000.0)


class LateApi(FakeApi):
    """It acts at once and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def add_sender(self, *args: Any, **more: Any) -> rsvp.FilterSpec:
        made = await super().add_sender(*args, **more)
        await self.may_answer.wait()
        return made

    async def reserve(self, *args: Any, **more: Any) -> None:
        await super().reserve(*args, **more)
        await self.may_answer.wait()

    def did(self) -> list[str]:
        return [line[0] for line in self.script]


async def cancelled(api: LateApi, call: Coroutine[Any, Any, object]) -> None:
    """Cancel a call once the daemon has acted on it, and let the daemon answer."""
    api.may_answer.clear()
    before = len(api.script)
    asking = asyncio.create_task(call)
    await settled(lambda: len(api.script) > before)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    api.may_answer.set()


@pytest.mark.parametrize("lasting", [False, True])
def test_a_call_that_is_cancelled_is_taken_back(path: Path, lasting: bool):
    """Nobody has what it would have returned, so nobody could take it back before the session ends."""

    async def story() -> None:
        api = LateApi()
        async with serving(path, api):
            mine = await rsvp.connect(path) if lasting else await client.connect(path)
            session = await mine.session("10.0.3.2", 5000)
            await cancelled(api, session.send(TSPEC, port=4000))
            await settled(lambda: api.did() == ["open", "send", "stop"])
            await cancelled(api, session.reserve(rsvp.WF, LOAD))
            await settled(lambda: api.did()[3:] == ["reserve", "release"])
            await session.close()
            await mine.close()

    asyncio.run(story())


def test_the_next_call_comes_after_what_is_taken_back(path: Path):
    """Else it would be taken back with it."""

    async def story() -> None:
        api = LateApi()
        async with serving(path, api), await client.connect(path) as mine:
            session = await mine.session("10.0.3.2", 5000)
            await cancelled(api, session.send(TSPEC, port=4000))
            await session.send(TSPEC, port=4000)
            assert api.did() == ["open", "send", "stop", "send"]

    asyncio.run(story())


def test_a_cancelled_change_of_what_stands_is_a_change(path: Path):
    """Who made it can still take it back; and a new daemon is asked for what the old one was."""

    async def story() -> None:
        api, other = LateApi(), rsvp.Tspec(3000.0, 2000.0)
        async with serving(path, api):
            mine = await rsvp.connect(path)
            session = await mine.session("10.0.3.2", 5000)
            api.may_answer.set()
            sender = await session.send(TSPEC, port=4000)
            await session.reserve(rsvp.WF, LOAD)
            await cancelled(api, sender.change(other))
            await cancelled(api, session.send(other, port=4000))
            await cancelled(api, session.reserve(rsvp.WF, rsvp.controlled_load(3000.0)))
            await settled(lambda: api.did() == ["open", "send", "reserve", "send", "send", "reserve"])
            await asyncio.sleep(0.05)
        fresh = LateApi()
        fresh.may_answer.set()
        async with serving(path, fresh):
            await settled(lambda: fresh.did() == ["open", "send", "reserve"])
            assert other in fresh.script[1]
            assert fresh.script[2][3][0].flowspec == rsvp.controlled_load(3000.0)
            await session.close()
            await mine.close()

    asyncio.run(story())
