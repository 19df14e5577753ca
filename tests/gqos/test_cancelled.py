"""Calls that are cancelled, or fail, before RSVP's service has answered: what was in force still is."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest

from rsvp.errors import NoRoute
from rsvp.gqos import (
    FlowDescriptor,
    GqosError,
    Join,
    Provider,
    Qos,
    ReservationStyle,
    ReserveInfo,
    ServiceFlag,
)
from rsvp.objects import WF, Filter
from tests.virtual_loop import run

from .test_groups import GROUP, RATE, SESSION, A, Host, named, path
from .world import LOAD, WANT, Asked, ListeningApi

FASTER = replace(LOAD, token_rate=9000)
SLOWER = replace(LOAD, token_rate=8000)


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

    async def release(self, *args: Any) -> None:
        await super().release(*args)
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
        clock = asyncio.get_running_loop()
        clock.call_later(1.0, self.late.may_answer.set)
        since = clock.time()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert clock.time() == since, "whoever cancels does not wait for the service"
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


def test_a_cancelled_change_of_style_leaves_the_old_reservation():
    """The old one was released for it."""

    async def story() -> None:
        host = LateHost()
        await host.receive(spec=RATE)
        await host.hears(path(A))
        style = ReserveInfo(ReservationStyle.FIXED_FILTER, flow_descriptors=(FlowDescriptor(RATE, named(A)),))
        other = Qos(receiving=RATE, provider_specific=(style,))
        asked = await host.cancelled(host.socket.set_qos(other))
        assert [(one.verb, one.what.get("style")) for one in asked] == [("release", None), ("reserve", WF)]

    run(story())


def test_the_next_call_comes_after_what_a_cancelled_one_takes_back():
    async def story() -> None:
        host = LateHost()
        await host.socket.connect(("10.0.0.11", 5000), Qos(sending=LOAD))
        host.late.may_answer.clear()
        before = len(host.api.asked)
        calling = asyncio.create_task(host.socket.set_qos(Qos(sending=FASTER)))
        await asyncio.sleep(1.0)
        calling.cancel()
        asyncio.get_running_loop().call_later(1.0, host.late.may_answer.set)
        await host.socket.set_qos(Qos(sending=SLOWER))
        assert [one.what["tspec"].rate for one in host.api.asked[before:]] == [9000, 8500, 8000]
        assert host.socket.qos.sending == SLOWER

    run(story())


def test_a_loop_that_ends_does_not_wait_for_what_a_cancelled_call_takes_back():
    """The service tears down what was made with the connection that asked for it."""
    hosts = []

    async def story() -> float:
        host = LateHost()
        hosts.append(host)
        await host.socket.connect(("10.0.0.11", 5000), Qos(sending=LOAD))
        host.late.may_answer.clear()
        calling = asyncio.create_task(host.socket.set_qos(Qos(sending=FASTER)))
        await asyncio.sleep(1.0)
        calling.cancel()
        await asyncio.wait({calling})
        return asyncio.get_running_loop().time()

    assert run(story()) == 1.0
    assert hosts[0].socket.qos.sending == LOAD


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
