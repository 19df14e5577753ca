"""Dropping any one message of any story is repaired within one refresh (RFC 2205 sections 2.3 and 3.7).

Each story is run once without loss and then once for every message in it, with that one lost. Where it
was a tear, which nobody repeats, the state's lifetime has to do. Afterwards every node has to show what
it shows without the loss.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from rsvp.iana import MessageType
from rsvp.simulation import Crossing, Drop, Event, Scenario, Simulation

R = 10.0
REPAIRED = 1.5 * R + 1.0
"""The longest wait for a refresh, and the way through the network."""
LIFETIME = 3.5 * 1.5 * R + 1.0
TEARS = {MessageType.PATH_TEAR, MessageType.RESV_TEAR}

TREE = "link s r1 10mbit 1ms\nlink r1 r2 1mbit 1ms\nlink r2 h1 10mbit 1ms\nlink r2 h2 10mbit 1ms\n"
TWO = "link s1 r1 10mbit 1ms\nlink s2 r1 10mbit 1ms\nlink r1 r2 1mbit 1ms\nlink r2 h1 10mbit 1ms\n"

STORIES = {
    "set up": TREE + "at 0 h1 reserve h1:5000 ff 20kbit confirm\nat 1 s send h1:5000 from :4000 20kbit\n",
    "change": TREE
    + "at 0 s send h1:5000 from :4000 20kbit\nat 1 h1 reserve h1:5000 ff 20kbit\n"
    + "at 2 s send h1:5000 from :4000 50kbit\nat 3 h1 reserve h1:5000 ff 40kbit\n",
    "merge": TREE
    + "at 0 h1 reserve 239.1.1.1:5000 se 20kbit for s:4000\nat 1 s send 239.1.1.1:5000 from :4000 90kbit\n"
    + "at 2 h2 reserve 239.1.1.1:5000 se 60kbit for s:4000\n",
    "leave": TREE
    + "at 0 h1 reserve 239.1.1.1:5000 ff 20kbit\nat 0 h2 reserve 239.1.1.1:5000 ff 60kbit\n"
    + "at 1 s send 239.1.1.1:5000 from :4000 90kbit\nat 3 h2 release 239.1.1.1:5000\n",
    "share": TWO
    + "at 0 h1 reserve 239.1.1.1:5000 wf 50kbit confirm\nat 1 s1 send 239.1.1.1:5000 from :4000 90kbit\n"
    + "at 1 s2 send 239.1.1.1:5000 from :4000 30kbit\nat 3 s1 stop 239.1.1.1:5000 from :4000\n",
    "refused": TREE
    + "at 0 h1 reserve 239.1.1.1:5000 ff 200kbit\nat 0 h2 open 239.1.1.1:5000\n"
    + "at 1 s send 239.1.1.1:5000 from :4000 9mbit\nat 3 h2 reserve 239.1.1.1:5000 ff 5mbit\n",
    "end": TREE
    + "at 0 s send h1:5000 from :4000 20kbit\nat 1 h1 reserve h1:5000 ff 20kbit\n"
    + "at 3 s close h1:5000\nat 3 h1 close h1:5000\n",
    "route": "link s r1 10mbit 1ms\nlink r1 r2 10mbit 1ms\nlink r1 r3 10mbit 1ms cost 5\n"
    + "link r3 r2 10mbit 1ms cost 5\nlink r2 h1 10mbit 1ms\nrouter r1 r2 r3\n"
    + "at 0 h1 reserve h1:5000 ff 20kbit\nat 1 s send h1:5000 from :4000 20kbit\nat 3 link r1 r2 down\n",
}
END = 6.0
"""Membership and routes are followed W = 2 s after a change (section 3.6)."""


def begun(text: str) -> tuple[Simulation, list[Crossing]]:
    network = Scenario.parse(f"refresh {R}\n{text}").simulation()
    seen: list[Crossing] = []

    def watch(event: Event) -> None:
        if isinstance(event, Crossing):
            seen.append(event)

    network.observe(watch)
    return network, seen


def shown(network: Simulation) -> dict[str, list[Any]]:
    """What operators see on every node, but for how long it will live and what handles it has."""
    return {name: sorted(map(repr, _views(node))) for name, node in network.nodes.items()}


def _views(node: Any) -> Iterator[Any]:
    for view in (*node.senders(), *node.reservations()):
        yield replace(view, expires_in=None)
    yield from node.requests()
    for view in node.installed():
        yield replace(view, handle=0)


def messages_of(text: str) -> list[int]:
    """The types of all messages of a story, in the order in which they are sent."""
    network, seen = begun(text)
    network.run(END)
    return [crossing.packet.data[1] for crossing in seen]


@pytest.mark.parametrize("name", STORIES)
def test_any_one_message_may_be_lost(name: str) -> None:
    text = STORIES[name]
    types = messages_of(text)
    assert len(types) >= 6
    for lost, kind in enumerate(types):
        wait = END + (LIFETIME if kind in TEARS else REPAIRED)
        whole, _ = begun(text)
        whole.run(wait)
        network, _ = begun(text)
        network.drop(Drop(skip=lost))
        network.run(wait)
        assert shown(network) == shown(whole), f"message {lost}, {MessageType(kind).name}, was lost"
        assert not network.invariants.check()


def test_the_stories_tell_of_every_kind_of_message() -> None:
    """What can be lost is lost in one of them at least."""
    kinds = {kind for text in STORIES.values() for kind in messages_of(text)}
    assert kinds >= {
        MessageType.PATH,
        MessageType.RESV,
        MessageType.RESV_ERR,
        MessageType.PATH_TEAR,
        MessageType.RESV_TEAR,
        MessageType.RESV_CONF,
    }
