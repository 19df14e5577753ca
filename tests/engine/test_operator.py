"""Limits on what neighbours may make, what onlookers are told, and what an operator clears."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.iana import ErrorCode
from rsvp.iana_errors import RsvpSystemError
from rsvp.messages import Flow, PathTear, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF

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
    traffic,
    tspec,
)

S1, S2 = sender(), sender(port=4001)


@pytest.fixture
def node() -> Router:
    node = router(1, 2)
    node.route("10.9.0.9", 2)
    return node


def limited(node: Router, **limits: int) -> Router:
    assert node.feed(e.Configure(e.Config(**limits))) == []
    return node


class TestLimits:
    def test_one_neighbour_may_make_so_much(self, node):
        limited(node, max_state_per_neighbor=2)
        for port in (4000, 4001):
            assert not of(node.receive(path(sender(port=port)), 1), e.Dropped)
        for port in (4002, 4003):
            assert node.receive(path(sender(port=port)), 1) == [e.Dropped("too much state", 1, 1)]
        assert len(node.engine.senders(0.0)) == 2
        node.receive(path(sender("10.1.0.3"), hop="10.1.0.3"), 1)
        assert len(node.engine.senders(0.0)) == 3, "another neighbour has its own measure"
        node.receive(path_tear(), 1)
        node.receive(path(sender(port=4002)), 1)
        assert len(node.engine.senders(0.0)) == 3, "there is room again"

    def test_reservations_count_and_the_next_hop_hears_of_it(self, node):
        limited(node, max_state_per_neighbor=2)
        for port in (5000, 5001, 5002):
            node.receive(path(to=session(port=port), hop=f"10.1.0.{port - 4999}"), 1)
        for port in (5000, 5001):
            assert not of(node.receive(resv(WF, (load(), ()), to=session(port=port)), 2), e.Dropped)
        out = node.receive(resv(WF, (load(), ()), to=session(port=5002)), 2)
        assert of(out, e.Dropped) == [e.Dropped("too much state", 2, 2)]
        (error,) = sends(out, ResvErr)
        assert error.error.code == ErrorCode.RSVP_SYSTEM_ERROR
        assert error.error.value == RsvpSystemError.TOO_MANY_RESERVATIONS
        assert not traffic(out)
        out = node.receive(resv(WF, (load(2000), ()), to=session(port=5001)), 2)
        assert len(traffic(out)) == 1, "what is there already may change"

    def test_addresses_cost_nothing_so_all_together_have_a_limit(self, node):
        limited(node, max_state=2)
        for last in range(1, 5):
            node.receive(path(sender(f"10.1.0.{last}"), hop=f"10.1.0.{last}"), 1)
        assert len(node.engine.senders(0.0)) == 2

    def test_a_sender_that_moves_counts_for_its_new_neighbour(self, node):
        limited(node, max_state_per_neighbor=1)
        node.receive(path(), 1)
        node.receive(path(hop="10.1.0.2"), 1)
        assert not of(node.receive(path(sender(port=1)), 1), e.Dropped), "the old one has room"
        out = node.receive(path(sender(port=2), hop="10.1.0.2"), 1)
        assert of(out, e.Dropped) == [e.Dropped("too much state", 1, 1)]

    def test_applications_here_are_not_counted(self, node):
        limited(node, max_state=0)
        node.feed(e.OpenSession(1, session()))
        node.feed(e.AddSender(1, sender("10.1.0.254"), tspec()))
        node.feed(e.Reserve(1, WF, (Flow(load()),)))
        assert (len(node.engine.senders(0.0)), len(node.engine.reservations(0.0))) == (1, 1)
        node.feed(e.CloseSession(1))
        assert node.engine.sessions() == []

    def test_a_smaller_limit_takes_nothing_away(self, node):
        node.receive(path(), 1)
        node.receive(path(S2), 1)
        limited(node, max_state_per_neighbor=1)
        node.receive(path(), 1)
        assert len(node.engine.senders(0.0)) == 2


def told(outputs: list[e.Output]) -> list[tuple[str, str, int]]:
    """What was told of state: (kind, what became of it, port of its first sender)."""
    return [
        (one.what, str(one.change), one.filters[0].port if one.filters else 0)
        for one in of(outputs, e.StateChanged)
    ]


class TestTold:
    @pytest.fixture
    def node(self, node: Router) -> Router:
        node.feed(e.Configure(e.Config(tells=True)))
        return node

    def test_a_filter_that_left_before_its_time_is_no_news_then(self, node):
        node.receive(path(S1, refresh=1e6), 1)
        node.receive(path(S2, hop="10.1.0.2", refresh=1e6), 1)
        node.receive(resv(SE, (load(), (S2,)), refresh=1), 2)
        node.receive(resv(SE, (load(), (S1,)), refresh=1e6), 2)
        node.receive(path_tear(S2, hop="10.1.0.2"), 1)
        assert told(node.advance(100)) == []

    def test_nobody_is_told_who_did_not_ask(self):
        node = router(1, 2)
        node.route("10.9.0.9", 2)
        assert told(node.receive(path(), 1)) == []
        assert of(node.receive(resv(FF, (load(), (S2,))), 2), e.Refused) == []

    def test_a_life(self, node):
        (made,) = of(node.receive(path(), 1), e.StateChanged)
        assert made == e.StateChanged(e.Change.MADE, "sender", session(), (S1,), 1, a("10.1.0.1"))
        assert told(node.receive(path(), 1)) == [], "a refresh is no news"
        assert told(node.receive(path(spec=tspec(2000.0)), 1)) == [("sender", "changed", 4000)]
        (made,) = of(node.receive(resv(FF, (load(), (S1,))), 2), e.StateChanged)
        assert made == e.StateChanged(e.Change.MADE, "reservation", session(), (S1,), 2, a("10.2.0.1"))
        assert told(node.receive(resv(FF, (load(), (S1,))), 2)) == []
        assert told(node.receive(resv(FF, (load(2000), (S1,))), 2)) == [("reservation", "changed", 4000)]
        assert told(node.receive(resv_tear(FF, (S1,)), 2)) == [("reservation", "torn down", 4000)]
        node.receive(resv(FF, (load(), (S1,))), 2)
        assert told(node.receive(path_tear(), 1)) == [
            ("sender", "torn down", 4000),
            ("reservation", "gone with its senders", 4000),
        ]

    def test_time_runs_out(self, node):
        node.receive(path(refresh=1.0), 1)
        node.receive(resv(WF, (load(), ()), refresh=0.5), 2)
        assert told(node.advance(10.0)) == [
            ("reservation", "timed out", 0),
            ("sender", "timed out", 4000),
        ]

    def test_one_sender_of_several(self, node):
        node.receive(path(), 1)
        node.receive(path(S2), 1)
        node.receive(resv(SE, (load(), (S1, S2))), 2)
        assert told(node.receive(resv_tear(SE, (S1,)), 2)) == [("reservation", "changed", 4000)]
        assert told(node.receive(resv_tear(SE, (S2,)), 2)) == [("reservation", "torn down", 4001)]

    def test_applications(self, node):
        node.feed(e.OpenSession(1, session()))
        assert told(node.feed(e.AddSender(1, sender("10.1.0.254"), tspec()))) == [("sender", "made", 4000)]
        assert told(node.feed(e.AddSender(1, sender("10.1.0.254"), tspec(2000.0)))) == [
            ("sender", "changed", 4000)
        ]
        flow = Flow(load(), (S1,))
        assert told(node.feed(e.Reserve(1, FF, (flow,)))) == [("reservation", "made", 4000)]
        assert told(node.feed(e.Reserve(1, FF, (flow,)))) == []
        assert told(node.feed(e.Reserve(1, FF, (Flow(load(2000), (S1,)),)))) == [
            ("reservation", "changed", 4000)
        ]
        assert told(node.feed(e.Reserve(1, FF, (Flow(load(), (S2,)),)))) == [
            ("reservation", "released by its application", 4000),
            ("reservation", "made", 4001),
        ]
        assert told(node.feed(e.CloseSession(1))) == [
            ("reservation", "released by its application", 4001),
            ("sender", "released by its application", 4000),
        ]

    def test_interfaces_go(self, node):
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (S1,))), 2)
        assert told(node.feed(e.InterfaceDown(2))) == [("reservation", "gone with its interface", 4000)]
        assert told(node.feed(e.InterfaceDown(1))) == []
        assert told(node.advance(200)) == [("sender", "timed out", 4000)]

    def test_refusals(self, node):
        (refused,) = of(node.receive(resv(FF, (load(), (S1,))), 2), e.Refused)
        assert (refused.refusal.message, refused.refusal.code) == ("Resv", ErrorCode.NO_PATH_INFORMATION)
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.feed(e.FlowRejected(1, 21, 0))
        assert told(out) == [("reservation", "refused by the kernel", 4000)]
        assert len(of(out, e.Refused)) == 1

    def test_a_link_that_shrinks_to_nothing(self, node):
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.feed(e.InterfaceUp(e.Interface(2, "eth2", (a("10.2.0.254"),), bandwidth=1e-6)))
        assert told(out) == [("reservation", "taken away for want of bandwidth", 4000)]


class TestClear:
    @pytest.fixture
    def node(self, node: Router) -> Router:
        for port in (5000, 5001):
            node.receive(path(to=session(port=port)), 1)
            node.receive(resv(FF, (load(), (S1,)), to=session(port=port)), 2)
        return node

    def test_senders_as_path_tears_would(self, node):
        out = node.feed(e.Clear(senders=True, reservations=False))
        assert [tear.session.port for tear in sends(out, PathTear)] == [5000, 5001]
        assert node.engine.sessions() == []
        assert node.installed == set()

    def test_reservations_as_resv_tears_would(self, node):
        out = node.feed(e.Clear(senders=False, reservations=True))
        assert [tear.session.port for tear in sends(out, ResvTear)] == [5000, 5001]
        assert (len(node.engine.senders(0.0)), node.engine.reservations(0.0)) == (2, [])
        assert node.installed == set()

    def test_one_session(self, node):
        out = node.feed(e.Clear(senders=True, reservations=True, session=session(port=5001)))
        assert [one.message.session.port for one in of(out, e.Send)] == [5001, 5001]
        assert [view.session.port for view in node.engine.sessions()] == [5000]
        assert node.feed(e.Clear(senders=True, reservations=True, session=session(port=1))) == []

    def test_applications_keep_theirs(self, node):
        node.feed(e.OpenSession(1, session(port=5002)))
        node.feed(e.AddSender(1, sender("10.1.0.254"), tspec()))
        node.feed(e.Reserve(1, WF, (Flow(load()),)))
        node.feed(e.Clear(senders=True, reservations=True))
        assert [view.session.port for view in node.engine.sessions()] == [5002]
        assert (len(node.engine.senders(0.0)), len(node.engine.reservations(0.0))) == (1, 1)

    def test_a_refresh_brings_it_back(self, node):
        node.feed(e.Clear(senders=False, reservations=True))
        node.receive(resv(FF, (load(), (S1,)), to=session()), 2)
        assert len(node.installed) == 1
