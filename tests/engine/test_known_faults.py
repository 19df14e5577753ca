"""What broke other nodes, as histories of messages: each test bears the name of what it stands for.

`tests.wire.test_known_faults` has what a single message's bytes can do.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from itertools import permutations
from random import Random
from typing import Any

import pytest

from rsvp import engine as e
from rsvp import gmpls, te
from rsvp._wire import decode, encode
from rsvp.errors import WireError
from rsvp.intserv import DEFAULT_ADSPEC, guaranteed
from rsvp.messages import Bundle, Message, Path, PathErr, Resv, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF, ErrorSpec, Opaque

from ..wire.vectors import VECTORS, joined, split
from .fabric import (
    Router,
    a,
    load,
    of,
    path,
    path_tear,
    resv,
    resv_tear,
    router,
    sender,
    sends,
    session,
    tspec,
)

S1, S2 = sender(port=1), sender(port=2)
LIFETIME = 3.5 * 1.5 * 30.0


def node() -> Router:
    """A router with senders upstream on 1 and receivers behind 2."""
    made = router(1, 2)
    made.route("10.9.0.9", 2)
    return made


def works(made: Router) -> None:
    """A reservation can still be made, and leaves nothing behind."""
    who, where = sender("10.1.0.77", 77), session(port=7777)
    (onward,) = sends(made.receive(path(who, to=where), 1), Path)
    assert onward.sender.template == who
    (asked,) = sends(made.receive(resv(FF, (load(), (who,)), to=where), 2), Resv)
    assert asked.flows[0].filters == (who,)
    made.receive(path_tear(who, to=where), 1)


def gone(made: Router) -> bool:
    """Whether nothing is remembered once all has timed out."""
    made.advance(LIFETIME * 1.1)
    core = made.engine._core
    return not (core.sessions or made.flows or core.routes or core.alike)


def single(messages: list[Any]) -> list[Message]:
    """The messages, those of Bundles one by one, as far as they decode."""
    found: list[Message] = []
    for message in messages:
        inner = message.messages if isinstance(message, Bundle) else (message,)
        found += [one for one in inner if hasattr(one, "send_ttl")]
    return found


def hand_in(made: Router, message: Message, interface: int) -> list[e.Output]:
    return made.feed(e.Received(message, interface, a(f"10.{interface}.0.1"), a("10.9.0.9"), 63))


def can_be_sent(outputs: list[e.Output]) -> bool:
    """Whether all that goes out is encoded, and understood as it was meant."""
    sent = [encode(one.message) for one in of(outputs, e.Send)]
    return all(encode(decode(data)) == data for data in sent)


# --- one test for each row of the list --------------------------------------------------------------------


def test_cve_2012_1311_messages_that_are_refused_hold_nothing():
    """IOS kept crafted packets in its input queue until that was full."""
    made = node()
    bad = [
        path(S1, hop="10.2.0.254"),
        path(S1, refresh=0),
        path(sender("224.1.1.1")),
        replace(path(S1), extra=(Opaque(100, 1, b""),)),
        resv(FF, (load(9e9), (S2,))),
        resv(FF, (load(), (S2,)), confirm="224.0.0.1"),
    ]
    for _ in range(200):
        for message in bad:
            made.receive(message, 1 if isinstance(message, Path) else 2)
    assert made.engine.sessions() == []
    works(made)
    assert gone(made)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_cve_2013_1143_what_another_node_is_meant_to_understand(vector):
    """IOS reloaded on a Path of MPLS: any message of any extension, to a node that knows none of them."""
    made = node()
    for interface in (1, 2):
        for message in single([vector.message]):
            assert can_be_sent(hand_in(made, message, interface))
    works(made)
    assert gone(made)


def test_cve_2013_1143_tunnels_at_a_node_without_mpls():
    made = node()
    tunnel = te.LspTunnelSession(a("10.9.0.9"), 7, a("10.1.0.1"))
    made.receive(path(S1), 1)
    for wrong in (
        replace(path(S1), session=tunnel),
        replace(path(S1), hop=gmpls.InterfaceHop(a("10.1.0.1"), 0, ())),
        replace(path(S1), extra=(te.LabelRequest(0x800), te.ExplicitRoute(()))),
    ):
        assert len(sends(made.receive(wrong, 1), PathErr)) == 1
    assert len(made.engine.senders(0.0)) == 1


def test_cve_2014_3354_a_flood_of_crafted_messages():
    """Golden messages with bytes changed, as far as they decode, one after the other to one node."""
    dice, made, handed = Random(3354), node(), 0
    for vector in VECTORS:
        for _ in range(40):
            data = bytearray(joined(vector.data, split(vector.data)) if vector.data[1] != 12 else vector.data)
            data[2:4] = b"\0\0"
            for _ in range(dice.choice((1, 1, 2, 4))):
                data[dice.randrange(8, len(data))] = dice.choice(
                    (0, 1, 2, 0x7F, 0x80, 0xFF, dice.randrange(256))
                )
            try:
                message = decode(bytes(data))
            except WireError:
                continue
            for one in single([message]):
                handed += 1
                made.now += 0.01
                assert can_be_sent(hand_in(made, one, dice.choice((1, 2))))
    assert handed > 500
    works(made)


def test_cve_2014_6378_objects_of_a_path_in_any_order():
    """Junos died of a crafted Path; here any order is the same sender."""
    made = node()
    data = encode(path(S1, adspec=DEFAULT_ADSPEC))
    for order in permutations(split(data)):
        hand_in(made, decode(joined(data, list(order))), 1)
    assert len(made.engine.senders(0.0)) == 1
    assert len(sends(made.outputs, Path)) == 1


def test_cve_2014_3355_and_3356_vendors_objects_are_dropped_or_sent_on():
    made = node()
    ours = (Opaque(0x86, 0x86, b"\0" * 8), Opaque(0xBC, 1, b""), Opaque(0xFC, 1, b"\xff" * 40))
    (onward,) = sends(made.receive(path(S1, extra=ours), 1), Path)
    assert onward.extra == ours[2:]


def calls_of(function: Callable[[], object]) -> int:
    """How many Python functions are called: work that no clock has to measure."""
    count = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


def many_sessions(count: int) -> Callable[[], object]:
    made = node()

    def feed() -> None:
        for n in range(count):
            made.receive(path(S1, to=session(port=n + 1)), 1)

    return feed


def test_psn_2010_01_621_work_grows_with_the_messages():
    """Paths kept rpd busy: four times as many of them are not sixteen times the work."""
    few, many = calls_of(many_sessions(100)), calls_of(many_sessions(400))
    assert many < 5 * few


def test_100_000_sessions_of_one_neighbour_are_bounded_and_forgotten():
    made = node()
    made.engine._core.config = replace(made.engine._core.config, max_sessions=1000)
    for n in range(2000):
        made.receive(path(S1, to=session(port=n + 1)), 1)
    assert len(made.engine.sessions()) == 1000
    assert {one.reason for one in of(made.outputs, e.Dropped)} == {"too many sessions"}
    assert gone(made)
    works(made)


def test_cve_2015_8727_a_session_is_used_again_after_its_tear():
    """Wireshark kept what it knew of a conversation for the next one that looked the same."""
    made = node()
    for rate in (1000, 2000, 3000):
        made.receive(path(S1), 1)
        made.receive(path(S1, to=session(port=5001)), 1)
        made.receive(resv(FF, (load(rate), (S1,))), 2)
        assert made.installed == {(2, (str(S1),), rate)}
        made.receive(path_tear(S1), 1)
        assert made.flows == {}
        assert [view.session.port for view in made.engine.senders(made.now)] == [5001]
        assert sends(made.receive(resv(FF, (load(rate), (S1,))), 2), Resv) == []
        made.advance(1)
    assert gone(made)


CHANGES: list[Callable[[], Message]] = [
    lambda: path(S1, spec=tspec(500)),
    lambda: path(S1, spec=tspec(5000)),
    lambda: path(S1, hop="10.1.0.2", lih=9),
    lambda: path(S1, ttl=17),
    lambda: path(S1, adspec=DEFAULT_ADSPEC),
    lambda: path(S1, extra=(te.SessionAttribute(7, 7, 0, "other"),)),
    lambda: path(S2),
    lambda: resv(SE, (load(), (S1, S2))),
    lambda: resv(WF, (load(), ())),
    lambda: resv(FF, (load(), (S1,)), (load(3000), (S2,))),
    lambda: resv(FF, (guaranteed(tspec(), 2000.0), (S1,))),
    lambda: resv(FF, (load(), (S1,)), hop="10.2.0.3"),
    lambda: resv_tear(FF, (S1,)),
    lambda: resv_tear(WF, ()),
    lambda: path_tear(S1),
]


@pytest.mark.parametrize("first", range(len(CHANGES)))
def test_cve_2023_22407_changes_in_the_midst_of_refreshes_and_timeouts(first):
    """Junos did not clean up when a tunnel changed beside it: every pair of changes, at every odd moment."""
    for second in CHANGES:
        made = node()
        made.receive(path(S1), 1)
        made.receive(resv(FF, (load(), (S1,))), 2)
        for change in (CHANGES[first], second, CHANGES[first]):
            due = made.engine.next_timeout()
            assert due is not None
            made.now = due  # the timer is due, and the message comes before it is looked at
            message = change()
            made.receive(message, 1 if type(message).__name__.startswith("Path") else 2)
            made.advance(0.0)
        assert gone(made)
        assert {view.reserved for view in made.engine.interfaces()} == {0.0}


def test_cve_2024_39560_errors_without_end_take_no_memory():
    """Junos leaked a little with each error of a neighbour that kept failing."""
    made = node()
    made.receive(path(S1), 1)
    made.receive(path(S2), 1)
    made.receive(resv(FF, (load(), (S1,))), 2)
    spec = ErrorSpec(a("10.1.0.1"), 1, 2)
    resv_err = ResvErr(
        session=session(),
        hop=replace(path().hop),
        error=spec,
        style=FF,
        flow=resv(FF, (load(), (S1,))).flows[0],
    )
    path_err = PathErr(session=session(), error=ErrorSpec(a("10.2.0.1"), 24, 5), sender=path(S1).sender)

    def suffer(times: int) -> int:
        for n in range(times):
            made.receive(resv_err, 1)
            made.receive(path_err, 2)
            made.receive(resv(FF, (load(9e9 + n), (S2,))), 2)
            made.receive(replace(path(S1), extra=(Opaque(100, 1, b""),)), 1)
            made.now += 0.001
            made.outputs.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        settled, later = suffer(300), suffer(1000)
    finally:
        tracemalloc.stop()
    assert later - settled < 20_000
    assert len(made.engine.sessions()) == 1


def test_kb195276_a_path_without_adspec():
    """A host died of it; here guaranteed service can be asked for all the same."""
    made = node()
    (onward,) = sends(made.receive(path(S1), 1), Path)
    assert onward.sender.adspec is None
    asked = made.receive(resv(FF, (guaranteed(tspec(), 2000.0), (S1,))), 2)
    assert len(sends(asked, Resv)) == 1
    assert made.installed == {(2, (str(S1),), 2000.0)}


def test_a_tear_of_every_kind_for_what_is_not_there():
    made = node()
    for message in (path_tear(S1), resv_tear(FF, (S1,)), resv_tear(SE, (S1, S2)), resv_tear(WF, ())):
        out = made.receive(message, 2 if isinstance(message, ResvTear) else 1)
        assert sends(out, Path) == sends(out, Resv) == []
    assert made.engine.sessions() == []
