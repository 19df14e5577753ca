"""Policing flags that traffic control is told: RFC 2205 section 3.8, RFC 2209 UPDATE TRAFFIC CONTROL."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.engine import Police
from rsvp.iana import SessionFlag
from rsvp.intserv import controlled_load
from rsvp.messages import Path
from rsvp.objects import FF, SE, WF, Session

from .fabric import (
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

GROUP = session("224.1.1.1")
FLAGGED = Session(a("224.1.1.1"), 17, 5000, SessionFlag.E_POLICE)
S1, S2, S3 = sender(port=1), sender(port=2), sender(port=3)


@pytest.fixture
def node():
    r = router(1, 2, 3)
    r.route("224.1.1.1", 2, 3)
    return r


def reserve(node, interface, flowspec, style=WF, filters=(), host=1):
    message = resv(style, (flowspec, filters), to=GROUP, hop=f"10.{interface}.0.{host}", lih=interface)
    return node.receive(message, interface)


def police(node):
    return {flow.interface: flow.police for flow in node.flows.values()}


class TestEntry:
    def test_in_the_first_node_that_can(self, node):
        node.receive(path(S1, to=FLAGGED), 1)
        reserve(node, 2, load())
        assert police(node) == {2: Police.ENTRY}

    def test_not_behind_it(self, node):
        node.receive(path(S1, to=GROUP), 1)
        reserve(node, 2, load())
        assert police(node) == {2: Police.NONE}

    def test_one_sender_with_the_flag_is_enough(self, node):
        node.receive(path(S1, to=GROUP), 1)
        node.receive(path(S2, to=FLAGGED), 1)
        reserve(node, 2, load(), SE, (S1, S2))
        assert police(node) == {2: Police.ENTRY | Police.MERGE}

    def test_a_flag_that_comes_or_goes_is_told(self, node):
        node.receive(path(S1, to=GROUP), 1)
        reserve(node, 2, load())
        out = node.receive(path(S1, to=FLAGGED), 1)
        assert [order.police for order in of(traffic(out), e.ModifyFlow)] == [Police.ENTRY]
        assert sends(out, Path) == [], "next hops hear nothing: this node polices"

    def test_a_sending_host_that_polices_says_so_to_nobody(self):
        """And one that does not lets the next node do it."""
        for controls, flagged in ((True, False), (False, True)):
            host = router(2, controls_traffic=controls)
            host.route("224.1.1.1", 2)
            host.feed(e.OpenSession(1, GROUP))
            (message,) = sends(host.feed(e.AddSender(1, sender("10.2.0.254"), tspec())), Path)
            assert message.session.e_police is flagged
            reserve(host, 2, load())
            assert police(host) == {2: Police.ENTRY}

    def test_a_node_that_cannot_hands_the_flag_on(self):
        r = router(1, 2, controls_traffic=False)
        r.route("224.1.1.1", 2)
        for to, flagged in ((FLAGGED, True), (GROUP, False)):
            (onward,) = sends(r.receive(path(S1, to=to), 1), Path)
            assert onward.session.e_police is flagged


class TestMerge:
    @pytest.mark.parametrize(
        ("style", "filters", "expected"),
        [
            (WF, (), Police.MERGE),
            (SE, (S1, S2), Police.MERGE),
            (SE, (S1,), Police.NONE),
            (FF, (S1,), Police.NONE),
        ],
    )
    def test_where_flows_of_several_senders_share(self, node, style, filters, expected):
        for who in (S1, S2):
            node.receive(path(who, to=GROUP), 1)
        reserve(node, 2, load(), style, filters)
        assert police(node) == {2: expected}

    def test_begins_and_ends_with_the_second_sender(self, node):
        node.receive(path(S1, to=GROUP), 1)
        reserve(node, 2, load())
        (order,) = of(node.receive(path(S2, to=GROUP), 1), e.ModifyFlow)
        assert order.police == Police.MERGE
        (order,) = of(node.receive(path_tear(S2, to=GROUP), 1), e.ModifyFlow)
        assert order.police == Police.NONE

    def test_one_sender_heard_through_two_interfaces_is_one(self):
        r = router(1, 2, 3)
        r.route("224.1.1.1", 3)  # routing does not say where it expects the data
        for iif in (1, 2):
            r.receive(path(S1, to=GROUP, hop=f"10.{iif}.0.1"), iif)
        reserve(r, 3, load(9000))
        (flow,) = r.flows.values()
        assert (flow.police, flow.tspec.rate) == (Police.NONE, 1000.0)


class TestBranch:
    @pytest.fixture
    def node(self, node):
        for who in (S1, S2, S3):
            node.receive(path(who, to=GROUP), 1)
        return node

    def test_where_another_interface_has_more(self, node):
        reserve(node, 2, load(4000), FF, (S1,))
        out = reserve(node, 3, load(3000), FF, (S1,))
        assert police(node) == {2: Police.NONE, 3: Police.BRANCH}
        assert [type(order) for order in traffic(out)] == [e.InstallFlow], "nothing else changed"

    def test_the_larger_one_that_comes_later_is_told_to_the_smaller(self, node):
        reserve(node, 3, load(3000), FF, (S1,))
        out = reserve(node, 2, load(4000), FF, (S1,))
        (order,) = of(out, e.ModifyFlow)
        assert (order.interface, order.police, order.flowspec) == (3, Police.BRANCH, load(3000))

    def test_it_ends_with_the_larger_one(self, node):
        reserve(node, 3, load(3000), FF, (S1,))
        reserve(node, 2, load(4000), FF, (S1,))
        node.receive(resv_tear(FF, (S1,), to=GROUP, hop="10.2.0.1", lih=2), 2)
        assert police(node) == {3: Police.NONE}

    def test_incomparable_ones_police_each_other(self, node):
        reserve(node, 2, controlled_load(tspec(4000, bucket=1500)), FF, (S1,))
        reserve(node, 3, controlled_load(tspec(3000, bucket=9000)), FF, (S1,))
        assert police(node) == {2: Police.BRANCH, 3: Police.BRANCH}

    def test_equal_ones_do_not(self, node):
        reserve(node, 2, load(), FF, (S1,))
        reserve(node, 3, load(), FF, (S1,))
        assert set(police(node).values()) == {Police.NONE}

    def test_for_the_same_filter_spec_only(self, node):
        reserve(node, 2, load(4000), FF, (S1,))
        reserve(node, 3, load(3000), FF, (S2,))
        assert set(police(node).values()) == {Police.NONE}

    def test_shared_explicit_ones_with_no_sender_in_common(self, node):
        reserve(node, 2, load(4000), SE, (S1,))
        reserve(node, 3, load(3000), SE, (S2, S3))
        assert police(node) == {2: Police.NONE, 3: Police.MERGE}
        reserve(node, 2, load(4000), SE, (S1, S2))
        assert police(node) == {2: Police.MERGE, 3: Police.MERGE | Police.BRANCH}

    def test_wildcards_meet_always(self, node):
        reserve(node, 2, load(4000))
        reserve(node, 3, load(3000))
        assert police(node) == {2: Police.MERGE, 3: Police.MERGE | Police.BRANCH}

    def test_next_hops_on_one_interface_do_not_branch(self, node):
        """There the network replicates; the interface carries the larger one."""
        reserve(node, 2, load(4000), FF, (S1,))
        reserve(node, 2, load(3000), FF, (S1,), host=2)
        assert police(node) == {2: Police.NONE}

    def test_a_reservation_that_is_not_in_place_polices_nobody(self, node):
        """An application's for a host behind the interface where the sender's data comes in from."""
        node.feed(e.OpenSession(1, GROUP))
        node.feed(e.Reserve(1, FF, (resv(FF, (load(9000), (S1,))).flows[0],), outgoing=1))
        reserve(node, 2, load(4000), FF, (S1,))
        assert police(node) == {2: Police.NONE}

    def test_an_application_here_needs_no_policing(self, node):
        node.feed(e.OpenSession(1, GROUP))
        node.feed(e.Reserve(1, FF, (resv(FF, (load(9000), (S1,))).flows[0],)))
        reserve(node, 2, load(4000), FF, (S1,))
        assert police(node) == {2: Police.NONE}, "no FLOWSPEC on any other interface"
