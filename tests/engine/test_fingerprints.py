"""Messages known by the fingerprint of their bytes: they do what they did without one (RFC 2205 3.7).

`Twins` hands every input to an engine that is given fingerprints and to one that is not, and compares
what both do and show. Here that is done with histories full of repetitions, and with everything between
them that a repetition depends on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from rsvp import engine as e
from rsvp._table import Seen
from rsvp._wire import decode, encode, fingerprint
from rsvp.errors import LocalError
from rsvp.iana import AdmissionError, ErrorCode
from rsvp.intserv import Tspec, guaranteed
from rsvp.messages import Flow, Path, Resv, ResvErr
from rsvp.objects import FF, SE, WF

from .fabric import Router, a, load, of, path, path_tear, resv, resv_tear, router, sender, sends, session

ONE, TWO = sender(port=1), sender(port=2)
GROUP, HOST = session("224.1.1.1"), session("10.2.0.9")
SPECS = [load(500.0), load(3000.0), guaranteed(Tspec(1000.0, 2000.0), 2500.0)]
FILTERS = [(ONE,), (TWO,), (ONE, TWO), (TWO, ONE), (ONE, ONE)]

sessions, specs, filters = st.sampled_from([GROUP, HOST]), st.sampled_from(SPECS), st.sampled_from(FILTERS)
links = st.builds(
    e.Interface,
    st.sampled_from([1, 2, 3]),
    st.just("eth"),
    st.just(()),
    bandwidth=st.sampled_from([8000.0, 8000.0, 600.0]),
    enabled=st.sampled_from([True, True, False]),
    refresh=st.sampled_from([30.0, 60.0]),
    keep=st.sampled_from([3, 5]),
)


class Repetitions(RuleBasedStateMachine):
    """What comes is kept, and comes again at any time, in any way."""

    @initialize()
    def begin(self) -> None:
        self.node = router(1, 2, 3, bandwidth=8000.0)
        self.node.route("224.1.1.1", 2, 3)
        self.node.route("10.2.0.9", 2)
        self.said: list[tuple[Any, int, int]] = []
        for to in (GROUP, HOST):
            self._hear(path(ONE, to=to), 1, 60)
            self._hear(resv(FF, (SPECS[0], (ONE,)), to=to), 2, 63)

    def _hear(self, message: Path | Resv, interface: int, ttl: int) -> None:
        self.said.append((message, interface, ttl))
        self.node.receive(message, interface, ttl=ttl)

    @rule(data=st.data(), count=st.integers(1, 4))
    def all_of_that_again(self, data: Any, count: int) -> None:
        for _ in range(count):
            message, interface, ttl = data.draw(st.sampled_from(self.said))
            self.node.receive(message, interface, ttl=ttl)

    @rule(data=st.data(), interface=st.sampled_from([1, 2, 3]), ttl=st.sampled_from([60, 63, 2]))
    def the_same_another_way(self, data: Any, interface: int, ttl: int) -> None:
        self._hear(data.draw(st.sampled_from(self.said))[0], interface, ttl)

    @rule(
        to=sessions,
        who=st.sampled_from([ONE, TWO]),
        hop=st.sampled_from([1, 3]),
        rate=st.sampled_from([800, 900]),
    )
    def path_comes(self, to: Any, who: Any, hop: int, rate: float) -> None:
        self._hear(path(who, to=to, hop=f"10.{hop}.0.1", spec=Tspec(rate, 3000.0)), hop, 60)

    @rule(
        to=sessions,
        style=st.sampled_from([FF, SE, WF]),
        spec=specs,
        who=filters,
        at=st.sampled_from([(2, "10.2.0.1"), (2, "10.2.0.2"), (3, "10.3.0.1")]),
        confirm=st.sampled_from([None, None, "10.2.0.1"]),
        period=st.sampled_from([30.0, 20.0]),
    )
    def resv_comes(self, to, style, spec, who, at, confirm, period) -> None:
        flows = [(spec, (one,)) for one in who] if style == FF else [(spec, who if style.explicit else ())]
        message = resv(style, *flows, to=to, hop=at[1], lih=at[0], confirm=confirm, refresh=period)
        self._hear(message, at[0], 63)

    @rule(to=sessions, who=st.sampled_from([ONE, TWO]))
    def path_tear_comes(self, to: Any, who: Any) -> None:
        self.node.receive(path_tear(who, to=to), 1)

    @rule(to=sessions, style=st.sampled_from([FF, SE, WF]), who=filters)
    def resv_tear_comes(self, to: Any, style: Any, who: Any) -> None:
        parts = [(one,) for one in who] if style == FF else [who if style.explicit else ()]
        self.node.receive(resv_tear(style, *parts, to=to), 2)

    @rule(
        to=sessions,
        outgoing=st.sampled_from([(2,), (3,), (2, 3), ()]),
        incoming=st.sampled_from([None, 1, 3]),
    )
    def route_changes(self, to: Any, outgoing: tuple[int, ...], incoming: int | None) -> None:
        for asked in list(self.node.engine._core.routes):
            if asked.destination == to.destination:
                self.node.feed(e.RouteResolved(*(asked.destination, asked.source), outgoing, incoming))

    @rule(link=links)
    def interface_changes(self, link: e.Interface) -> None:
        self.node.feed(e.InterfaceUp(replace(link, addresses=(a(f"10.{link.index}.0.254"),))))

    @rule(index=st.sampled_from([2, 3]))
    def interface_goes(self, index: int) -> None:
        self.node.feed(e.InterfaceDown(index))

    @rule(data=st.data(), in_place=st.booleans())
    def kernel_refuses(self, data: Any, in_place: bool) -> None:
        if self.node.flows:
            handle = data.draw(st.sampled_from(sorted(self.node.flows)))
            code, value = ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE
            self.node.feed(e.FlowRejected(handle, code, value, in_place))

    @rule(senders=st.booleans(), to=st.none() | sessions)
    def operator_clears(self, senders: bool, to: Any) -> None:
        self.node.feed(e.Clear(senders, not senders, to))

    @rule(
        to=sessions,
        verb=st.sampled_from(
            [
                lambda handle: e.AddSender(handle, sender("10.1.0.254", 1), Tspec(800.0, 3000.0)),
                lambda handle: e.RemoveSender(handle, sender("10.1.0.254", 1)),
                lambda handle: e.Reserve(handle, SE, (Flow(SPECS[1], (ONE, TWO)),)),
                lambda handle: e.Release(handle),
                lambda handle: e.CloseSession(handle),
            ]
        ),
    )
    def application_does(self, to: Any, verb: Any) -> None:
        handle = 1 if to is GROUP else 2
        for one in (e.OpenSession(handle, to), verb(handle)):
            with suppress(LocalError):
                self.node.feed(one)

    @rule(seconds=st.sampled_from([1.0, 20.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.node.advance(seconds)


TestRepetitions = Repetitions.TestCase
TestRepetitions.settings = settings(max_examples=100, stateful_step_count=40)


# --- what is known, and what is not any more -------------------------------------------------------


@pytest.fixture
def node() -> Router:
    made = router(1, 2, 3)
    made.route("10.9.0.9", 2)
    made.receive(path(), 1)
    made.receive(resv(FF, (load(), (sender(),))), 2)
    return made


def known(node: Router) -> tuple[int, int]:
    core = node.engine._core
    return len(core.paths_seen), len(core.resvs_seen)


def test_a_session_is_known_from_its_first_messages_on(node):
    assert known(node) == (1, 1)
    assert node.receive(path(), 1) == node.receive(resv(FF, (load(), (sender(),))), 2) == []
    assert known(node) == (1, 1)


def test_all_is_forgotten_with_the_state(node):
    node.receive(resv_tear(FF, (sender(),)), 2)
    assert known(node) == (1, 0)
    node.receive(path_tear(), 1)
    assert known(node) == (0, 0)


def test_a_resv_that_wants_a_confirmation_gets_one_each_time(node):
    asking = resv(FF, (load(), (sender(),)), confirm="10.2.0.1")
    assert sends(node.receive(asking, 2), Resv)
    assert sends(node.receive(asking, 2), Resv)


def test_what_was_reduced_is_told_so_with_each_refresh(node):
    """A link that shrank (RFC 4495 section 4)."""
    large = resv(FF, (load(3000.0), (sender(),)))
    node.receive(large, 2)
    assert node.receive(large, 2) == []
    before = node.engine._core.interfaces[2]
    node.feed(e.InterfaceUp(replace(before, bandwidth=500.0)))
    assert len(sends(node.receive(large, 2), ResvErr)) == 1
    node.feed(e.InterfaceUp(before))
    assert node.receive(large, 2) == []


def test_a_change_that_the_kernel_refused_is_tried_again(node):
    larger = resv(FF, (load(4000.0), (sender(),)))
    node.receive(larger, 2)
    node.feed(e.FlowRejected(*node.flows, ErrorCode.ADMISSION_CONTROL_FAILURE, 2, in_place=True))
    assert known(node) == (1, 0)
    assert of(node.receive(larger, 2), e.ModifyFlow)


def test_there_and_back_are_two_changes(node):
    small, large = resv(FF, (load(), (sender(),))), resv(FF, (load(3000.0), (sender(),)))
    for message in (large, small, large):
        assert of(node.receive(message, 2), e.ModifyFlow)
        assert node.receive(message, 2) == []
    there, back = path(spec=Tspec(800.0, 3000.0)), path()
    for message in (there, back, there):
        assert sends(node.receive(message, 1), Path)
        assert node.receive(message, 1) == []


def test_a_handle_of_an_interface_that_is_gone_stands_for_another(node):
    node.feed(e.RouteResolved(a("10.9.0.9"), None, (2, 3)))
    message = resv(FF, (load(), (sender(),)), lih=3)
    assert [one.interface for one in of(node.receive(message, 2), e.InstallFlow)] == [3]
    assert node.receive(message, 2) == []
    node.feed(e.InterfaceUp(replace(node.engine._core.interfaces[3], enabled=False)))
    node.receive(message, 2)


def test_a_sender_that_went_is_not_refreshed_with_the_others(node):
    both = resv(SE, (load(), (ONE, TWO)), to=GROUP)
    node.route("224.1.1.1", 2)
    for who in (ONE, TWO):
        node.receive(path(who, to=GROUP), 1)
    node.receive(both, 2)
    assert known(node) == (3, 2)
    node.receive(path_tear(TWO, to=GROUP), 1)
    assert known(node) == (2, 1)
    node.receive(both, 2)
    (view,) = node.engine.reservations(node.now, GROUP)
    assert view.filters == (ONE,)


def test_another_way_is_no_repetition(node):
    node.feed(e.RouteResolved(a("10.9.0.9"), None, (3,)))
    assert known(node) == (1, 0)
    assert sends(node.receive(resv(FF, (load(), (sender(),))), 2), ResvErr)


def test_another_period_counts_from_its_first_message_on(node):
    node.receive(path(refresh=60.0), 1)
    node.advance(160.0)
    assert node.engine.senders(node.now)
    assert not node.engine.reservations(node.now)


def test_ways_to_say_the_same_take_no_more_room_than_the_state(node):
    """A neighbour may lay out its objects in any order: all of that is the same message."""
    core, before = node.engine._core, node.engine.size()
    message = decode(encode(path()))
    for n in range(100):
        node.feed(e.Received(message, 1, a("10.1.0.1"), a("10.9.0.9"), 60, n.to_bytes(16, "big")))
        assert len(core.paths_seen) <= core.held.total
    assert node.engine.size() == before


def test_without_a_ttl_there_is_a_fingerprint_of_its_own(node):
    data = encode(path())
    for ttl in (60, None, 60, None):
        node.feed(e.Received(decode(data), 1, a("10.1.0.1"), a("10.9.0.9"), ttl, fingerprint(data)))
    assert len(node.engine.senders(node.now)) == 1


# --- the table, and the hash -----------------------------------------------------------------------


def print_of(n: int) -> bytes:
    return n.to_bytes(16, "little")


def test_a_table_of_many_that_come_and_go():
    seen: Seen[int] = Seen()
    owners = [object() for _ in range(100)]
    for n in range(5000):
        seen.note(print_of(n), 1, 60, owners[n % 100], n)
    assert len(seen) == 5000
    assert [seen.find(print_of(n), 1, 60) for n in range(5001)] == [*range(5000), None]
    for owner in owners[::2]:
        seen.forget(owner)
    assert [seen.find(print_of(n), 1, 60) for n in range(200)] == [n if n % 2 else None for n in range(200)]
    for n in range(0, 5000, 2):
        seen.note(print_of(n), 1, 60, owners[n % 100], -n)
    assert len(seen) == 5000
    assert seen.find(print_of(4998), 1, 60) == -4998
    seen.clear()
    assert len(seen) == 0
    assert seen.find(print_of(1), 1, 60) is None


def test_an_entry_is_of_one_way_in():
    seen: Seen[str] = Seen()
    owner = object()
    seen.note(print_of(1), 1, 60, owner, "here")
    assert seen.find(print_of(1), 1, 60) == "here"
    assert seen.find(print_of(1), 2, 60) is seen.find(print_of(1), 1, 61) is None
    assert seen.find(print_of(1), 1, None) is seen.find(None, 1, 60) is None
    seen.note(print_of(1), 1, 60, owner, "there")
    seen.note(None, 1, 60, owner, "nowhere")
    assert (len(seen), seen.find(print_of(1), 1, 60)) == (1, "there")
    with pytest.raises(ValueError, match="16 bytes"):
        seen.find(b"short", 1, 60)


def test_the_hash_is_siphash_2_4_of_128_bits():
    """The vectors that its authors publish: bytes 0, 1, 2, ... under the key of bytes 0 to 15."""
    key = bytes(range(16))
    published = {
        0: "a3817f04ba25a8e66df67214c7550293",
        1: "da87c1d86b99af44347659119b22fc45",
        15: "5493e99933b0a8117e08ec0f97cfc3d9",
    }
    assert {size: fingerprint(bytes(range(size)), key).hex() for size in published} == published
    assert fingerprint(memoryview(b"abc")) == fingerprint(b"abc") != fingerprint(b"abd")
    with pytest.raises(ValueError, match="16 bytes"):
        fingerprint(b"", b"short")
