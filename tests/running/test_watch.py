"""What is announced and reserved follows what is open: whole nodes, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from rsvp.errors import NoRoute
from rsvp.node import Node
from rsvp.running import watch as room
from rsvp.running.rules import OpenSocket, read_rule
from rsvp.running.watch import Event, Watch
from tests import nodes
from tests.virtual_loop import run

from .test_rules import GROUP, HERE, PEER, udp


class Seen:
    """Sockets that are open, as a story has it."""

    def __init__(self) -> None:
        self.open: list[OpenSocket] = []
        self.hidden: dict[int, str] = {}
        self.looks = 0

    def look(self) -> list[OpenSocket]:
        self.looks += 1
        return self.open


class Scene:
    """h1 - r1 - r2 - h2, a watch at one of them, and what it told."""

    def __init__(self, hosts: dict[str, Node], at: str, rules: tuple[str, ...]) -> None:
        self.hosts = hosts
        self.seen = Seen()
        self.told: list[Event] = []
        self.rules = [read_rule(rule) for rule in rules]
        self.watch = Watch(self.rules, hosts[at], self.seen, self.told.append)
        self.task = asyncio.create_task(self.watch.run())

    def events(self) -> list[str]:
        return [event["event"] for event in self.told]

    async def senders(self, at: str = "h2") -> list[str]:
        return [
            f"{one['sender']['address']}:{one['sender']['port']}" for one in await self.show(at, "senders")
        ]

    async def show(self, at: str, what: str) -> list[dict[str, Any]]:
        return await self.hosts[at].show(what)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.wait({self.task})


def story(
    at: str, *rules: str
) -> Callable[[Callable[[Scene], Coroutine[Any, Any, None]]], Callable[[], None]]:
    """A test in virtual time with a watch at one node."""

    def decorate(tell: Callable[[Scene], Coroutine[Any, Any, None]]) -> Callable[[], None]:
        async def whole() -> None:
            async with scene(at, *rules) as one:
                await tell(one)

        def test() -> None:
            run(whole())

        test.__name__ = tell.__name__
        return test

    return decorate


@asynccontextmanager
async def scene(at: str, *rules: str):
    async with nodes.running(nodes.chain()) as hosts:
        one = Scene(hosts, at, rules)
        yield one
        await one.end()


CONNECTED = udp()
HEARING = udp(local=(PEER, 5000), peer=None)


@story("h1", "to 10.0.3.0/24:5000-5999 rate 1mbit")
async def test_a_socket_is_announced_for_as_long_as_it_is_open(one: Scene) -> None:
    await asyncio.sleep(1)
    assert (await one.senders(), one.told) == ([], [])
    one.seen.open = [CONNECTED]
    await asyncio.sleep(1)
    assert await one.senders() == ["10.0.1.1:4000"]
    assert one.events() == ["announced"]
    assert one.told[0]["sender"] == {"address": "10.0.1.1", "port": 4000}
    one.seen.open = []
    await asyncio.sleep(1)
    assert await one.senders() == [], "a PathTear, and no timeout"
    assert one.events() == ["announced", "closed"]


@story("h1", "to :5000 rate 1mbit")
async def test_two_sockets_with_one_flow_are_one(one: Scene) -> None:
    one.seen.open = [CONNECTED, replace(CONNECTED, number=9)]
    await asyncio.sleep(1)
    one.seen.open = [replace(CONNECTED, number=9)]
    await asyncio.sleep(1)
    assert await one.senders() == ["10.0.1.1:4000"]
    assert one.events() == ["announced"]


@story("h1", "to :5000-5001 rate 1mbit")
async def test_a_socket_that_connects_elsewhere_is_announced_there(one: Scene) -> None:
    one.seen.open = [CONNECTED]
    await asyncio.sleep(1)
    one.seen.open = [replace(CONNECTED, peer=(PEER, 5001))]
    await asyncio.sleep(1)
    assert [entry["session"]["port"] for entry in await one.show("h2", "senders")] == [5001]
    one.seen.open = [replace(CONNECTED, peer=None)]
    await asyncio.sleep(5)
    assert await one.senders() == []
    assert one.told[-1] == {"event": "unnamed", "program": "app", "port": 4000}
    assert one.events().count("unnamed") == 1


@story("h2", "receive to :5000 style ff")
async def test_a_receiver_reserves_for_who_announces_itself(one: Scene) -> None:
    one.seen.open = [HEARING]
    sender = await one.hosts["h1"].session("10.0.3.2", 5000)
    await sender.send(read_rule("rate 1mbit").asks.tspec, port=4000)  # type: ignore[union-attr]
    await asyncio.sleep(1)
    assert [entry["style"] for entry in await one.show("h1", "reservations")] == ["FF"]
    assert one.events() == ["reserving", "path", "confirm"]
    one.seen.open = []
    await asyncio.sleep(1)
    assert await one.show("h1", "reservations") == []
    await sender.close()


@story("h1", "rate 1mbit")
async def test_the_end_tears_all_down_at_once(one: Scene) -> None:
    one.seen.open = [CONNECTED, replace(CONNECTED, number=3, peer=(PEER, 6000))]
    await asyncio.sleep(1)
    assert len(await one.senders()) == 2
    await one.end()
    await asyncio.sleep(1)
    assert await one.senders() == []
    assert sorted(one.events()) == ["announced"] * 2 + ["closed"] * 2


@story("h1", "to :5000 rate 1mbit")
async def test_what_cannot_be_announced_is_said_once_and_tried_again(one: Scene) -> None:
    api = one.hosts["h1"]
    whole, tries = api.add_sender, []

    async def refuse(*_: Any, **__: Any) -> None:
        tries.append(asyncio.get_running_loop().time())
        raise NoRoute("no way there")

    api.add_sender = refuse  # type: ignore[method-assign,assignment]
    one.seen.open = [CONNECTED]
    await asyncio.sleep(2.5 * room.AGAIN)
    assert len(tries) == 3
    assert [(event["event"], event["text"]) for event in one.told] == [("failed", "no way there")]
    api.add_sender = whole  # type: ignore[method-assign]
    await asyncio.sleep(room.AGAIN)
    assert await one.senders() == ["10.0.1.1:4000"]
    assert one.events() == ["failed", "announced"]


@story("h1", "receive")
async def test_addresses_of_the_host_that_come_later_are_found(one: Scene) -> None:
    api = one.hosts["h1"]
    whole = api.show

    async def show(what: str, **more: Any) -> Any:
        entries = await whole(what, **more)
        return [{**entry, "addresses": [*entry["addresses"], "10.7.7.7"]} for entry in entries]

    one.seen.open = [udp(local=(None, 5000), peer=None)]
    await asyncio.sleep(1)
    assert [event["session"]["destination"] for event in one.told] == [str(HERE)]
    api.show = show  # type: ignore[method-assign,assignment]
    await asyncio.sleep(room.ADDRESSES)
    assert {event["session"]["destination"] for event in one.told} == {str(HERE), "10.7.7.7"}


@story("h1", "to 10.0.3.0/24 rate 1mbit", "receive to 239.0.0.0/8")
async def test_only_who_stays_without_a_peer_is_complained_of(one: Scene) -> None:
    lonely = udp(local=(None, 4000), peer=None)
    one.seen.open = [lonely]
    await asyncio.sleep(room.UNNAMED / 2)
    one.seen.open = [CONNECTED]
    await asyncio.sleep(5)
    assert one.events() == ["announced"]
    one.seen.open = [replace(lonely, joined=frozenset({GROUP}))]
    await asyncio.sleep(5)
    assert "unnamed" not in one.events(), "a receiver that another rule is about"


@story("h1", "rate 1mbit")
async def test_who_may_not_be_looked_into_is_told_once(one: Scene) -> None:
    one.seen.hidden[7] = "sudo"
    await asyncio.sleep(5)
    assert one.told == [{"event": "hidden", "pid": 7, "program": "sudo"}]


@story("h1", "rate 1mbit")
async def test_it_looks_often(one: Scene) -> None:
    await asyncio.sleep(10)
    assert 10 < one.seen.looks <= 10 / room.PERIOD + 2
