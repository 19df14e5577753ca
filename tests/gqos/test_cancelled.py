"""Calls that are cancelled, or fail, before RSVP's service has answered: what was in force still is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from rsvp.errors import NoRoute
from rsvp.gqos import GqosError, Join, Provider, Qos, ServiceFlag
from rsvp.objects import Filter
from tests.virtual_loop import run

from .test_groups import GROUP, SESSION, A, Host, path
from .world import LOAD, WANT, Asked, ListeningApi

FASTER = replace(LOAD, token_rate=9000)


class LateApi(ListeningApi):
    """It acts at once and answers when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def add_sender(self, *args: Any, **what: Any) -> Filter:
        made = await super().add_sender(*args, **what)
        await self.may_answer.wait()
        return made

    async def reserve(self, *args: Any, **what: Any) -> None:
        await super().reserve(*args, **what)
        await self.may_answer.wait()

    async def close_session(self, handle: int) -> None:
        await super().close_session(handle)
        await self.may_answer.wait()


class LateHost(Host):
    """A host whose service is late with its answers."""

    def __init__(self) -> None:
        super().__init__()
        self.late = self.api = LateApi()
        self.socket = Provider(self.api).attach(self.kernel)

    async def cancelled(self, call: Coroutine[Any, Any, object]) -> list[Asked]:
        """Cancel a call that the service has acted on and not answered; all that it was asked then."""
        self.late.may_answer.clear()
        before = len(self.api.asked)
        calling = asyncio.create_task(call)
        await asyncio.sleep(1.0)
        assert len(self.api.asked) > before
        calling.cancel()
        asyncio.get_running_loop().call_later(1.0, self.late.may_answer.set)
        with pytest.raises(asyncio.CancelledError):
            await calling
        await asyncio.sleep(2.0)
        return self.api.asked[before:]


def test_a_cancelled_set_qos_leaves_the_old_paths():
    async def story() -> None:
        host = LateHost()
        await host.socket.connect(("10.0.0.11", 5000), Qos(sending=LOAD))
        asked = await host.cancelled(host.socket.set_qos(Qos(sending=FASTER)))
        assert [(one.verb, one.what["tspec"].rate) for one in asked] == [("send", 9000), ("send", 8500)]
        assert host.socket.qos.sending == LOAD

    run(story())


def test_a_cancelled_set_qos_leaves_no_path_where_there_was_none():
    async def story() -> None:
        host = LateHost()
        await host.socket.connect(("10.0.0.11", 5000))
        asked = await host.cancelled(host.socket.set_qos(Qos(sending=LOAD)))
        assert [one.verb for one in asked] == ["send", "close"]

    run(story())


def test_a_cancelled_set_qos_leaves_the_old_reservation():
    async def story() -> None:
        host = LateHost()
        await host.receive(spec=replace(WANT, token_rate=8500))
        await host.hears(path(A))
        asked = await host.cancelled(host.socket.set_qos(Qos(receiving=replace(WANT, token_rate=9000))))
        rates = [one.what["flows"][0].flowspec.tspec.rate for one in asked]
        assert rates == [9000, 8500]

    run(story())


def test_a_cancelled_set_qos_leaves_no_reservation_where_there_was_none():
    async def story() -> None:
        host = LateHost()
        await host.receive(spec=replace(WANT, service_type=WANT.service_type | ServiceFlag.NO_QOS_SIGNALING))
        await host.hears(path(A))
        asked = await host.cancelled(host.socket.set_qos(Qos(receiving=WANT)))
        assert [one.verb for one in asked][-1] == "release"
        assert len([one for one in asked if one.verb == "reserve"]) == 1

    run(story())


def test_a_multicast_ttl_that_came_with_a_set_qos_that_failed_does_not_count():
    async def story() -> None:
        host = Host()
        await host.socket.join_leaf(GROUP, Qos(sending=LOAD), None, Join.SENDER_ONLY)
        host.socket.set_multicast_ttl(5)
        host.api.fails = NoRoute("there is no route")
        with pytest.raises(GqosError):
            await host.socket.set_qos(Qos(sending=FASTER))
        host.api.fails = None
        before = len(host.api.asked)
        await host.socket.bind(("10.0.0.1", 5150))
        assert {one.what["ttl"] for one in host.api.asked[before:] if one.verb == "send"} == {63}

    run(story())


def test_a_cancelled_join_leaves_the_group():
    async def story() -> None:
        host = LateHost()
        asked = await host.cancelled(host.socket.join_leaf(GROUP, Qos(sending=LOAD), None, Join.BOTH))
        assert [one.verb for one in asked] == ["send", "close"]
        assert host.kernel.joined == []
        assert host.api.handles(SESSION) == []

    run(story())


def test_a_cancelled_close_closes():
    async def story() -> None:
        host = LateHost()
        await host.socket.connect(("10.0.0.11", 5000), Qos(sending=LOAD))
        asked = await host.cancelled(host.socket.close())
        assert [one.verb for one in asked] == ["close"]
        assert host.kernel.closed

    run(story())
