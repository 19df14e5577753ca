"""What stands is what neighbours, routing and applications say now, whatever they said before (RFC 2205 2.3).

Random histories of one group: a sender may be heard through several interfaces, routing turns, an
interface bounces, an application joins here and there. After every input previous hops know what they
are asked for (`fabric.Router`); in the end, after a lifetime, all is as in an engine that has heard the
end only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from rsvp import engine as e
from rsvp.messages import Flow, Message
from rsvp.objects import FF, SE, WF

from .fabric import Router, a, load, path, path_tear, resv, resv_tear, router, sender, session

GROUP = session("224.1.1.1")
SOURCES = ("10.1.0.1", "10.2.0.1")
SENDERS = [sender(SOURCES[0], 1), sender(SOURCES[0], 2), sender(SOURCES[1], 3)]
RATES = (500.0, 1000.0, 3000.0)


class History:
    """Neighbours and an application that change their minds, and remember what they said last."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = Random(f"convergence/{seed}")
        self.style = rng.choice((FF, SE, WF))
        self.node = new()
        self.said: dict[Any, tuple[int, Message]] = {}
        self.wish: e.Reserve | None = None
        self.routes: dict[str, tuple[int | None, tuple[int, ...]]] = {}
        for source in SOURCES:
            self.turn(source)
        self.node.feed(e.OpenSession(1, GROUP))

    def turn(self, source: str | None = None) -> None:
        source = source or self.rng.choice(SOURCES)
        outgoing = tuple(sorted(self.rng.sample((1, 2, 3), self.rng.randint(0, 3))))
        self.routes[source] = self.rng.choice((None, 1, 2)), outgoing
        route(self.node, source, *self.routes[source])

    def announce(self) -> None:
        who, interface, host = self.rng.choice(SENDERS), self.rng.choice((1, 2)), self.rng.choice((8, 9))
        hop = f"10.{interface}.0.{host}"
        for other in [key for key in self.said if key[:2] == (who, interface)]:
            del self.said[other]
        message = path(who, to=GROUP, hop=hop, refresh=self.rng.choice((10.0, 30.0)))
        self.say((who, interface, hop), interface, message)

    def end(self) -> None:
        for key in [key for key in self.said if key[0] in SENDERS][:1]:
            del self.said[key]
            self.node.receive(path_tear(key[0], to=GROUP, hop=key[2]), key[1])

    def reserve(self) -> None:
        interface, host = self.rng.choice((2, 3)), self.rng.choice((3, 4))
        who = tuple(self.rng.sample(SENDERS, 2)) if self.style.explicit else ()
        flows = [(load(self.rng.choice(RATES)), who)]
        if self.style is FF:
            flows = [(load(self.rng.choice(RATES)), (one,)) for one in who]
        hop = f"10.{interface}.0.{host}"
        message = resv(self.style, *flows, to=GROUP, hop=hop, lih=interface, refresh=10.0)
        self.say((interface, hop), interface, message)

    def give_back(self) -> None:
        for key in [key for key in self.said if key[0] not in SENDERS][:1]:
            interface, message = self.said.pop(key)
            parts = [flow.filters for flow in message.flows]  # type: ignore[attr-defined]
            tear = resv_tear(self.style, *parts, to=GROUP, hop=key[1], lih=interface)
            self.node.receive(tear, interface)

    def join(self) -> None:
        who = tuple(self.rng.sample(SENDERS, 2))
        flows = tuple(Flow(load(self.rng.choice(RATES)), (one,)) for one in who)
        if self.style is not FF:
            flows = (Flow(load(self.rng.choice(RATES)), who if self.style.explicit else ()),)
        self.wish = e.Reserve(1, self.style, flows, interface=self.rng.choice((None, 1, 2)))
        self.node.feed(self.wish)

    def leave(self) -> None:
        self.wish = None
        self.node.feed(e.Release(1))

    def bounce(self) -> None:
        (back,) = [one for one in up() if one.interface.index == 3]
        self.node.feed(e.InterfaceDown(3))
        self.node.advance(self.rng.choice((0.0, 5.0, 60.0)))
        self.node.feed(back)

    def wait(self) -> None:
        self.node.advance(self.rng.choice((0.5, 3.0, 20.0, 60.0)))

    def say(self, key: Any, interface: int, message: Message) -> None:
        self.said[key] = interface, message
        self.node.receive(message, interface)

    def refresh(self) -> None:
        repeat(self.node, self.said)

    def go(self, steps: int) -> None:
        often: list[Callable[[], None]] = [self.announce, self.reserve, self.refresh, self.wait] * 3
        for _ in range(steps):
            self.rng.choice(
                [*often, self.turn, self.end, self.give_back, self.join, self.leave, self.bounce]
            )()


def up() -> list[e.InterfaceUp]:
    return [
        e.InterfaceUp(e.Interface(index, f"eth{index}", (a(f"10.{index}.0.254"),), bandwidth=1e9))
        for index in (1, 2, 3)
    ]


def new() -> Router:
    node = router()
    for one in up():
        node.feed(one)
    return node


def route(node: Router, source: str, incoming: int | None, outgoing: tuple[int, ...]) -> None:
    node.tree("224.1.1.1", source, incoming, *outgoing)
    node.feed(node.trees[GROUP.destination, a(source)])


def repeat(node: Router, said: dict[Any, tuple[int, Message]]) -> None:
    """Paths first: who reserves for a sender that is not known yet is refused."""
    for key in sorted(said, key=lambda key: key[0] not in SENDERS):
        interface, message = said[key]
        node.receive(message, interface)


def shown(node: Router) -> list[Any]:
    """All that operators see, but how long it will live, its order and its handles; and traffic control."""
    engine = node.engine
    return [
        {replace(view, expires_in=None) for view in engine.senders(node.now)},
        {
            replace(view, expires_in=None, filters=frozenset(view.filters))
            for view in engine.reservations(node.now)
        },
        {replace(view, filters=frozenset(view.filters)) for view in engine.requests()},
        {(one.interface, frozenset(one.filters), one.flowspec) for one in node.flows.values()},
    ]


@pytest.mark.parametrize("seed", range(24))
def test_what_was_said_before_makes_no_difference(seed: int) -> None:
    history = History(seed)
    history.go(60)
    node, fresh = history.node, new()
    for source in SOURCES:
        route(fresh, source, *history.routes[source])
    fresh.feed(e.OpenSession(1, GROUP))
    if history.wish is not None:
        fresh.feed(history.wish)
    for _ in range(25):
        for one in (node, fresh):
            repeat(one, history.said)
            one.advance(10.0)
    assert shown(node) == shown(fresh)
    node.feed(e.CloseSession(1))
    node.advance(1000.0)
    assert (node.engine.size(), node.flows, node.engine.next_timeout()) == ((0, 0, 0), {}, None)
