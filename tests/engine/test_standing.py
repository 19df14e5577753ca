"""What stands, as inputs that make it again in a new engine (RFC 2205 section 3.7: state is soft)."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from rsvp import engine as e
from rsvp.messages import Flow
from rsvp.objects import FF, SE, WF

from .fabric import Router, Twins, a, load, path, resv, router, sender, session

S1, S2 = sender("10.1.0.1"), sender("10.1.0.2")
GROUP = session("224.1.1.1")


def seen(node: Router) -> dict[str, Any]:
    """All that an engine shows, but what may differ: its own numbers, and fractions of a millisecond."""
    engine, now = node.engine, node.now

    def to_the_millisecond(view: Any) -> Any:
        return replace(view, expires_in=None if view.expires_in is None else round(view.expires_in, 3))

    return {
        "interfaces": engine.interfaces(),
        "sessions": engine.sessions(),
        "size": engine.size(),
        "senders": [to_the_millisecond(view) for view in engine.senders(now)],
        "reservations": {to_the_millisecond(view) for view in engine.reservations(now)},
        "requests": engine.requests(),
        "installed": {replace(view, handle=0) for view in engine.installed()},
    }


def again(node: Router) -> Router:
    """A new engine that took what stands."""
    other = Router(Twins(rng=Random(2)))
    for at, event in node.engine.standing(node.now):
        other._settle(other.engine.handle(event, at))
    other.now = node.now
    return other


def transit() -> Router:
    node = router(1, 2, 3)
    node.route("10.9.0.9", 2)
    node.route("224.1.1.1", 2, 3)
    for who in (S1, S2):
        node.receive(path(who), 1)
        node.receive(path(who, to=GROUP), 1)
        node.advance(3)
    return node


@pytest.mark.parametrize("style", [FF, SE, WF], ids=lambda style: style.name)
def test_a_router_becomes_what_it_was(style):
    node = transit()
    filters = (S1, S2) if style.explicit else ()
    flows = [(load(), (one,)) for one in filters] if style is FF else [(load(), filters)]
    node.receive(resv(style, *flows), 2)
    node.receive(resv(style, *flows, to=GROUP, refresh=10.0), 2)
    node.advance(4)
    node.receive(resv(style, *flows, to=GROUP, hop="10.3.0.1", lih=3), 3)
    if style is SE:
        node.receive(resv(style, (load(), (S1,))), 2)  # whose filters end apart from then on
    other = again(node)
    assert seen(other) == seen(node)
    assert other.engine.last_handle == node.engine.last_handle == len(node.flows)
    for one in (node, other):
        one.advance(60)
    assert {view.filters for view in other.engine.reservations(other.now)} == {
        view.filters for view in node.engine.reservations(node.now)
    }
    for one in (node, other):
        one.advance(100)
        assert one.engine.size() == (0, 0, 0), "and goes when it would have gone"


def test_a_host_becomes_what_it_was():
    node = router(1, 2)
    node.route("10.9.0.9", 2)
    node.route("10.1.0.254", 1, local=True)
    here = session("10.1.0.254")
    node.feed(e.OpenSession(1, session()))
    node.feed(e.AddSender(1, sender("10.2.0.254"), path().sender.tspec))
    node.feed(e.OpenSession(2, here))
    node.receive(path(S1, to=here), 1)
    node.feed(e.Reserve(2, FF, (Flow(load(), (S1,)),), confirm=True))
    node.receive(resv(FF, (load(), (sender("10.2.0.254"),))), 2)
    assert seen(again(node)) == seen(node)


def test_ways_of_each_flow_become_what_they_were():
    node = router(1, 2, 3)
    node.receive(path(S1), 1)
    node.feed(e.RouteResolved(a("10.9.0.9"), None, (), by_flow=True))
    for asked in list(node.engine._core.routes):
        if asked.flow is not None:
            node.feed(e.RouteResolved(asked.destination, asked.source, (3,), flow=asked.flow, by_flow=True))
    assert [view.outgoing for view in node.engine.senders(node.now)] == [(3,)]
    assert seen(again(node)) == seen(node)


def test_what_routing_has_not_answered_yet_is_asked_again():
    node = router(1, 2)
    node.receive(path(S1), 1)
    assert seen(again(node)) == seen(node)


def test_what_is_shown_of_one_session_is_its_own():
    node = transit()
    here, nowhere = session(), session("10.9.0.8")
    assert {view.session for view in node.engine.senders(node.now, here)} == {here}
    assert node.engine.senders(node.now, nowhere) == []


def test_senders_behind_an_interface_that_is_gone_are_not_made_again():
    node = transit()
    node.feed(e.InterfaceDown(1))
    assert again(node).engine.size() == (0, 0, 0)


def test_nor_are_senders_here_whose_address_is_gone():
    """No application could begin to send from there."""
    node = router(1, 2)
    node.route("10.9.0.9", 2)
    node.feed(e.OpenSession(1, session()))
    node.feed(e.AddSender(1, sender("10.1.0.254"), path().sender.tspec))
    node.feed(e.InterfaceDown(1))
    assert len(node.engine.senders(node.now)) == 1
    assert again(node).engine.size() == (1, 0, 0)
