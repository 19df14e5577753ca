"""Routes that change: RFC 2205 sections 3.1.3 and 3.6, RFC 2209 ROUTE CHANGE and PATH LOCAL REPAIR."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.iana import ApiError, ErrorCode
from rsvp.intserv import guaranteed
from rsvp.messages import Path, PathTear, Resv, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF, Hop

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

S1, S2 = sender(port=1), sender(port=2)
LONG = 1e6


def changed(node, *outgoing):
    return node.feed(e.RouteResolved(a("10.9.0.9"), None, outgoing))


@pytest.fixture
def node():
    """A sender behind 1, its receiver behind 2; there is a way over 3 as well."""
    r = router(1, 2, 3, 4)
    r.route("10.9.0.9", 2)
    r.receive(path(S1, refresh=LONG), 1)
    r.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
    return r


class TestOutgoing:
    def test_a_path_goes_along_the_new_way_after_w(self, node):
        """W = 2 s, and not one moment earlier."""
        assert sends(changed(node, 3), Path) == []
        assert sends(node.advance(1.999), Path) == []
        (send,) = [s for s in of(node.advance(0.001), e.Send) if isinstance(s.message, Path)]
        assert (send.interface, send.message.hop.lih) == (3, 3)

    def test_w_is_each_interfaces_own(self):
        node = router(1, 2, 3, route_delay=0.5)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, refresh=LONG), 1)
        changed(node, 3)
        assert [s.interface for s in of(node.advance(0.5), e.Send)] == [3]

    def test_all_sessions_of_the_destination_follow(self, node):
        """Sessions G/*, whatever their port."""
        node.receive(path(S1, to=session(port=5001), refresh=LONG), 1)
        changed(node, 3)
        came = [s for s in of(node.advance(2.0), e.Send) if isinstance(s.message, Path)]
        assert sorted(s.message.session.port for s in came) == [5000, 5001]
        assert {s.interface for s in came} == {3}

    def test_upstream_is_neither_torn_nor_told(self, node):
        """The reservation there is needed again as soon as the receiver has reserved along the new way."""
        out = changed(node, 3)
        assert [type(s.message) for s in of(out, e.Send)] == []
        node.advance(2.0)
        out = node.receive(resv(FF, (load(), (S1,)), hop="10.3.0.1", lih=3, refresh=LONG), 3)
        assert sends(out, Resv) == [], "nothing changed for it"
        assert sends(node.advance(300), ResvTear) == []
        assert [(v.interface, v.flowspec.rate) for v in node.engine.requests()] == [(1, 1000.0)]

    def test_upstream_is_torn_if_nobody_reserves_along_the_new_way(self, node):
        changed(node, 3)
        assert sends(node.advance(2.0 + 45.0), ResvTear) == []
        (tear,) = sends(node.advance(45.0), ResvTear)
        assert [flow.filters for flow in tear.flows] == [(S1,)]
        assert node.engine.requests() == []

    def test_w_and_one_and_a_half_refresh_periods_and_no_longer(self, node):
        changed(node, 3)
        node.advance(2.0 + 45.0)
        (tear,) = sends(node.receive(path(S1, spec=tspec(2000.0), refresh=LONG), 1), ResvTear)
        assert [flow.filters for flow in tear.flows] == [(S1,)]

    def test_nothing_of_it_stands_where_receivers_have_chosen_another_service(self):
        """It could not be merged with what they ask for now (RFC 2210 section 2.2)."""
        node = router(1, 2, 3)
        node.route("10.9.0.9", 2)
        for who in (S1, S2):
            node.receive(path(who, refresh=LONG), 1)
        node.receive(resv(WF, (guaranteed(tspec()), ()), refresh=LONG), 2)
        node.feed(e.InterfaceDown(2))
        changed(node, 3)
        out = node.receive(resv(SE, (load(), (S1,)), hop="10.3.0.1", lih=3, refresh=LONG), 3)
        (onward,) = sends(out, Resv)
        assert [(flow.flowspec, flow.filters) for flow in onward.flows] == [(load(), (S1,))]
        assert len(sends(out, ResvTear)) == 1

    def test_nor_what_stood_before_the_last_choice(self):
        """Two senders whose ways were lost one after the other, and a choice between."""
        node = router(1, 2, 3)
        to = session("224.1.1.1")
        one, two = (sender("10.1.0.1", 1), sender("10.1.0.9", 2))

        def tree(who, *outgoing):
            return node.feed(e.RouteResolved(a("224.1.1.1"), who.address, outgoing, 1))

        for who in (one, two):
            node.tree("224.1.1.1", str(who.address), 1, 2, 3)
            node.receive(path(who, to=to, refresh=LONG), 1)
        node.receive(resv(SE, (guaranteed(tspec()), (one, two)), to=to, refresh=LONG), 2)
        node.feed(e.InterfaceDown(2))
        node.receive(resv(SE, (load(), (one,)), to=to, hop="10.3.0.1", lih=3, refresh=LONG), 3)
        node.feed(e.InterfaceDown(3))
        assert [view.flowspec for view in node.engine.requests()] == [load()]
        tree(two, 3)
        assert [view.flowspec for view in node.engine.requests()] == [load()]

    def test_refreshes_upstream_go_on_meanwhile(self):
        node = router(1, 2, 3, refresh=4.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, refresh=LONG), 1)
        node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
        changed(node, 3)
        assert len(sends(node.advance(7.9), Resv)) >= 1

    def test_what_stands_on_the_old_way_stays_until_it_times_out(self):
        node = router(1, 2, 3)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, refresh=LONG), 1)
        node.receive(resv(FF, (load(), (S1,)), refresh=30), 2)
        assert traffic(changed(node, 3)) == []
        node.advance(157.4)
        assert {interface for interface, *_ in node.installed} == {2}
        node.advance(0.2)
        assert node.installed == set()

    def test_or_is_torn(self, node):
        """And the receiver's own tear goes on at once: it wants no more."""
        changed(node, 3)
        out = node.receive(resv_tear(FF, (S1,)), 2)
        assert node.installed == set()
        assert len(sends(out, ResvTear)) == 1

    def test_a_route_that_comes_back_finds_all_as_it_was(self, node):
        changed(node, 3)
        out = changed(node, 2)
        assert traffic(out) == []
        assert sends(out, Resv) == sends(out, ResvTear) == []
        assert sends(node.advance(200), ResvTear) == []

    def test_a_refresh_of_what_stands_on_the_old_way_finds_no_sender(self, node):
        changed(node, 3)
        (error,) = sends(node.receive(resv(FF, (load(), (S1,))), 2), ResvErr)
        assert error.error.code == ErrorCode.NO_SENDER_INFORMATION

    def test_a_tear_along_the_new_way_only(self, node):
        """A PathTear is routed exactly like the Path (section 3.1.5)."""
        changed(node, 3)
        (send,) = of(node.receive(path_tear(S1), 1), e.Send)
        assert (type(send.message), send.interface) == (PathTear, 3)

    def test_no_route_any_more(self, node):
        assert of(changed(node), e.Send) == []
        assert sends(node.advance(100), Path) == []
        changed(node, 3)
        assert len(sends(node.advance(2.0), Path)) == 1

    def test_a_sender_of_this_node_hears_that_there_is_no_route(self):
        host = router(2)
        host.route("10.9.0.9", 2)
        host.feed(e.OpenSession(1, session()))
        host.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        (error,) = of(changed(host), e.PathError)
        assert (error.code, error.value) == (ErrorCode.API, ApiError.NO_ROUTE)
        assert of(changed(host), e.PathError) == [], "once"

    def test_the_same_answer_again_is_no_change(self, node):
        assert changed(node, 2) == []

    def test_an_answer_that_nobody_waits_for(self, node):
        assert node.feed(e.RouteResolved(a("10.8.0.8"), None, (3,))) == []

    def test_an_interface_that_vanishes_holds_upstream_as_well(self, node):
        node.route("10.9.0.9", 3)
        out = node.feed(e.InterfaceDown(2))
        assert sends(out, ResvTear) == []
        assert node.installed == set()
        assert len(sends(node.advance(2.0), Path)) == 1
        node.receive(resv(FF, (load(), (S1,)), hop="10.3.0.1", lih=3, refresh=LONG), 3)
        assert sends(node.advance(300), ResvTear) == []


class TestMulticast:
    GROUP = session("224.1.1.1")

    @pytest.fixture
    def node(self):
        r = router(1, 2, 3)
        r.route("224.1.1.1", 2, 3)
        r.receive(path(S1, to=self.GROUP, refresh=LONG), 1)
        r.receive(resv(WF, (load(4000), ()), to=self.GROUP, refresh=LONG), 2)
        r.receive(resv(WF, (load(3000), ()), to=self.GROUP, hop="10.3.0.1", lih=3, refresh=LONG), 3)
        return r

    def changed(self, node, *outgoing):
        return node.feed(e.RouteResolved(a("224.1.1.1"), S1.address, outgoing))

    def test_a_branch_that_is_cut_goes_at_once_and_lets_the_rest_stand(self, node):
        """Whoever left the group wants no data: nobody waits for a time-out, upstream or downstream."""
        out = self.changed(node, 3)
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, PathTear)] == [2]
        assert sends(out, ResvTear) == []
        assert [v.flowspec.rate for v in node.engine.requests()] == [3000.0]
        assert node.installed == {(3, (), 3000.0)}

    def test_with_the_last_branch_goes_the_reservation_upstream(self, node):
        self.changed(node, 3)
        out = self.changed(node)
        assert [flow.filters for tear in sends(out, ResvTear) for flow in tear.flows] == [()]
        assert node.installed == set()
        assert node.engine.requests() == []

    def test_senders_that_still_go_there_keep_the_reservation(self, node):
        node.receive(path(S2, to=self.GROUP, refresh=LONG), 1)
        other = sender("10.1.0.77")
        node.receive(path(other, to=self.GROUP, refresh=LONG), 1)
        self.changed(node, 3)
        assert {(oi, rate) for oi, _, rate in node.installed} == {(2, 4000.0), (3, 3000.0)}

    def test_a_branch_that_grows_gets_a_path_at_once(self, node):
        """W is for unicast routing to settle; a multicast route is there already when it is told."""
        self.changed(node, 3)
        node.advance(100)
        self.changed(node, 2, 3)
        assert {s.interface for s in of(node.advance(0.0), e.Send) if isinstance(s.message, Path)} == {2, 3}

    def test_a_branch_that_moves_is_asked_for_until_receivers_could_reserve_anew(self, node):
        self.changed(node, 2)
        assert sends(self.changed(node, 3), ResvTear) == []
        assert [v.flowspec.rate for v in node.engine.requests()] == [4000.0]


class TestThresholds:
    """TTL thresholds of multicast routing: what does not pass them goes no further there."""

    GROUP = session("224.1.1.1")
    ROUTE = e.RouteResolved(a("224.1.1.1"), S1.address, (2, 3), 1, thresholds=(1, 16))

    @pytest.fixture
    def node(self):
        r = router(1, 2, 3)
        r.route("224.1.1.1", 2, 3)
        r.receive(path(S1, to=self.GROUP, refresh=LONG, ttl=16), 1, ttl=16)
        r.feed(self.ROUTE)
        return r

    def paths(self, out):
        return {s.interface: s.ttl for s in of(out, e.Send) if isinstance(s.message, Path)}

    def test_a_ttl_has_to_exceed_the_threshold(self, node):
        assert node.engine.senders(node.now)[0].outgoing == (2,)
        assert self.paths(node.advance(45)) == {2: 15}

    def test_a_sender_that_raises_its_ttl_reaches_further_at_once(self, node):
        out = node.receive(path(S1, to=self.GROUP, refresh=LONG, ttl=17), 1, ttl=17)
        out += node.advance(0.0)
        assert self.paths(out) == {2: 16, 3: 16}

    def test_and_one_that_lowers_it_less_far(self, node):
        node.receive(path(S1, to=self.GROUP, refresh=LONG, ttl=17), 1, ttl=17)
        node.receive(resv(FF, (load(), (S1,)), to=self.GROUP, hop="10.3.0.1", lih=3, refresh=LONG), 3)
        assert {interface for interface, *_ in node.installed} == {3}
        out = node.receive(path(S1, to=self.GROUP, refresh=LONG, ttl=9), 1, ttl=9)
        assert self.paths(out) == {2: 8}
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, PathTear)] == [3]
        assert node.installed == set()

    def test_nor_does_one_that_another_previous_hop_brings_with_less(self, node):
        node.receive(path(S1, to=self.GROUP, refresh=LONG, ttl=17), 1, ttl=17)
        node.receive(resv(FF, (load(), (S1,)), to=self.GROUP, hop="10.3.0.1", lih=3, refresh=LONG), 3)
        out = node.receive(path(S1, to=self.GROUP, hop="10.1.0.2", refresh=LONG, ttl=9), 1, ttl=9)
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, PathTear)] == [3]
        assert node.installed == set()
        out = node.receive(path_tear(S1, to=self.GROUP, hop="10.1.0.2"), 1) + node.advance(0.0)
        assert self.paths(out) == {2: 16, 3: 16}, "and the first one reaches as far as before"

    def test_they_are_not_for_what_starts_here(self):
        host = router(2, 3)
        host.route("224.1.1.1", 2, 3)
        host.feed(e.OpenSession(1, self.GROUP))
        host.feed(e.AddSender(1, sender("10.2.0.254"), tspec(), ttl=5))
        host.feed(e.RouteResolved(a("224.1.1.1"), a("10.2.0.254"), (2,), thresholds=(32,)))
        assert self.paths(host.advance(45)) == {2: 5}


class TestPreviousHop:
    def test_an_lih_that_changes_is_another_previous_hop(self, node):
        """ "PHOP IP address or the LIH differ: turn on Resv_Refresh_Needed" (RFC 2209)."""
        out = node.receive(path(S1, lih=8, refresh=LONG), 1)
        (message,) = sends(out, Resv)
        assert (message.hop.lih, message.flows[0].filters) == (8, (S1,))
        refreshed = sends(node.advance(45), Resv)
        assert {m.hop.lih for m in refreshed} == {8}, "and so do the refreshes"

    def test_senders_behind_two_handles_of_one_hop_are_asked_for_apart(self):
        """Two tunnels that end at one neighbour (section 3.3)."""
        node = router(1, 2)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, lih=7), 1)
        node.receive(path(S2, lih=8), 1)
        out = node.receive(resv(SE, (load(), (S1, S2))), 2)
        assert {(m.hop.lih, m.flows[0].filters) for m in sends(out, Resv)} == {(7, (S1,)), (8, (S2,))}

    def test_the_old_one_is_left_to_time_out(self, node):
        """No tear: unicast Paths may come from both for a while (section 3.1.3)."""
        node.receive(path(S2, refresh=LONG), 1)
        node.receive(resv(FF, (load(), (S2,)), refresh=LONG), 2)
        out = node.receive(path(S1, hop="10.1.0.55", refresh=LONG), 1)
        assert sends(out, ResvTear) == []
        later = node.advance(400)
        assert sends(later, ResvTear) == []
        asked = {
            (str(s.destination), flow.filters)
            for s in of(later, e.Send)
            if isinstance(s.message, Resv)
            for flow in s.message.flows
        }
        assert asked == {("10.1.0.1", (S2,)), ("10.1.0.55", (S1,))}

    def test_it_may_flip_and_each_time_hears_at_once(self, node):
        for _ in range(3):
            for hop in ("10.1.0.55", "10.1.0.1"):
                out = node.receive(path(S1, hop=hop, refresh=LONG), 1)
                assert [s.destination for s in of(out, e.Send) if isinstance(s.message, Resv)] == [a(hop)]
        assert traffic(node.outputs[4:]) == [], "what is installed does not move"

    def test_a_tear_from_the_old_one_is_not_for_the_new(self, node):
        """ "must not be forwarded if there is path state ... but a different PHOP" (section 3.1.5)."""
        node.receive(path(S1, hop="10.1.0.55", refresh=LONG), 1)
        out = node.receive(path_tear(S1, hop="10.1.0.1"), 1)
        assert out == [e.Dropped("tear from another previous hop", 1, 5)]
        assert node.installed == {(2, (str(S1),), 1000.0)}

    def test_the_end_of_the_old_way_is_not_that_of_the_sender(self, node):
        """Nodes on it refresh until their state times out, and then tear; that may be the last word."""
        node.receive(path(S1, hop="10.1.0.55", refresh=LONG), 1)
        node.receive(path(S1, hop="10.1.0.1", refresh=LONG), 1)
        out = node.receive(path_tear(S1, hop="10.1.0.1"), 1)
        assert sends(out, PathTear) == traffic(out) == []
        assert [s.destination for s in of(out, e.Send) if isinstance(s.message, Resv)] == [a("10.1.0.55")]
        assert node.installed == {(2, (str(S1),), 1000.0)}
        out = node.receive(path_tear(S1, hop="10.1.0.55"), 1)
        assert len(sends(out, PathTear)) == 1, "the end of the only way left is"
        assert node.installed == set()

    def test_nor_is_its_silence(self, node):
        node.receive(path(S1, hop="10.1.0.55", refresh=LONG), 1)
        node.receive(path(S1, hop="10.1.0.1", refresh=30.0), 1)
        node.advance(158)
        assert [str(view.phop) for view in node.engine.senders(node.now)] == ["10.1.0.55"]

    def test_but_nobody_falls_back_on_a_way_that_is_over(self, node):
        node.receive(path(S1, hop="10.1.0.55", refresh=30.0), 1)
        node.receive(path(S1, hop="10.1.0.1", refresh=LONG), 1)
        node.advance(158)
        assert len(sends(node.receive(path_tear(S1, hop="10.1.0.1"), 1), PathTear)) == 1
        node.receive(path(S2, hop="10.1.0.1", refresh=LONG), 1)
        node.receive(path(S2, hop="10.1.0.55", refresh=LONG), 1)
        assert of(node.receive(path_tear(S2, hop="10.1.0.1"), 1), e.Dropped) != []
        assert len(sends(node.receive(path_tear(S2, hop="10.1.0.55"), 1), PathTear)) == 1

    def test_nor_on_one_behind_an_interface_that_is_gone(self, node):
        node.receive(path(S1, hop="10.3.0.1", refresh=LONG), 3)
        node.receive(path(S1, hop="10.1.0.1", refresh=LONG), 1)
        node.feed(e.InterfaceDown(3))
        assert len(sends(node.receive(path_tear(S1, hop="10.1.0.1"), 1), PathTear)) == 1

    def test_another_handle_is_no_other_way(self, node):
        one = path(S1, refresh=LONG)
        node.receive(replace(one, hop=Hop(one.hop.address, 99)), 1)
        assert len(sends(node.receive(path_tear(S1), 1), PathTear)) == 1

    def test_through_the_interface_that_data_went_out_of(self, node):
        """The way turned round: nothing goes back where it comes from."""
        out = node.receive(path(S1, hop="10.2.0.1", refresh=LONG), 2)
        assert sends(out, Path) == sends(out, Resv) == []
        assert node.engine.senders(node.now)[0].outgoing == ()


class TestByFlow:
    """Routes that share a load, or that rules choose by the source (RFC 2205 section 3.11.4)."""

    FLOW1 = e.DataFlow(17, 1, 5000, 0, 1)
    FLOW2 = e.DataFlow(17, 2, 5000, 0, 1)

    def answer(self, *outgoing, flow=None, by_flow=True):
        source = S1.address if flow else None
        return e.RouteResolved(a("10.9.0.9"), source, outgoing, flow=flow, by_flow=by_flow)

    @pytest.fixture
    def node(self):
        """Two senders behind 1, whose ways were found to differ."""
        r = router(1, 2, 3)
        r.receive(path(S1, refresh=LONG), 1)
        r.receive(path(S2, refresh=LONG), 1)
        out = r.feed(self.answer(2))
        assert of(out, e.ResolveRoute) == [
            e.ResolveRoute(a("10.9.0.9"), S1.address, self.FLOW1),
            e.ResolveRoute(a("10.9.0.9"), S2.address, self.FLOW2),
        ]
        assert of(out, e.ForgetRoute) == [e.ForgetRoute(a("10.9.0.9"))]
        return r

    def test_each_sender_goes_its_own_way(self, node):
        (one,) = of(node.feed(self.answer(2, flow=self.FLOW1)), e.Send)
        (two,) = of(node.feed(self.answer(3, flow=self.FLOW2)), e.Send)
        assert [one.interface, two.interface] == [2, 3]
        assert [v.outgoing for v in node.engine.senders(node.now)] == [(2,), (3,)]

    def test_a_flow_that_moves_leaves_the_other_alone(self, node):
        node.feed(self.answer(2, flow=self.FLOW1))
        node.feed(self.answer(3, flow=self.FLOW2))
        assert of(node.feed(self.answer(3, flow=self.FLOW1)), e.Send) == [], "W has to pass first"
        came = [s for s in of(node.advance(2.0), e.Send) if isinstance(s.message, Path)]
        assert [(s.interface, s.message.sender.template) for s in came] == [(3, S1)]

    def test_and_leaves_it_alone_in_what_they_shared(self, node):
        """No filter of a wildcard reservation times out; one without senders waits as a whole."""
        node.feed(self.answer(2, flow=self.FLOW1))
        node.feed(self.answer(2, flow=self.FLOW2))
        node.receive(resv(WF, (load(9000), ()), refresh=LONG), 2)
        assert [flow.tspec.rate for flow in node.flows.values()] == [2000.0]
        node.feed(self.answer(3, flow=self.FLOW1))
        assert [flow.tspec.rate for flow in node.flows.values()] == [1000.0]
        node.feed(self.answer(3, flow=self.FLOW2))
        assert node.installed == {(2, (), 9000.0)}

    def test_one_way_to_a_destination_that_becomes_many_is_a_route_change(self):
        node = router(1, 2, 3)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, refresh=LONG), 1)
        node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
        assert of(node.feed(self.answer(2)), e.Send) == []
        assert [v.outgoing for v in node.engine.senders(node.now)] == [(2,)], "until routing answers"
        assert of(node.feed(self.answer(3, flow=self.FLOW1)), e.Send) == []
        came = [s for s in of(node.advance(2.0), e.Send) if isinstance(s.message, Path)]
        assert [s.interface for s in came] == [3]

    def test_and_back_again(self, node):
        """Whoever answers for a flow that it is one way for all is asked for the destination only."""
        node.feed(self.answer(2, flow=self.FLOW1))
        node.feed(self.answer(3, flow=self.FLOW2))
        node.route("10.9.0.9", 2)
        out = node.feed(self.answer(2, flow=self.FLOW1, by_flow=False))
        assert of(out, e.ForgetRoute) == [e.ForgetRoute(a("10.9.0.9"), S1.address, self.FLOW1)]
        assert of(out, e.ResolveRoute) == [e.ResolveRoute(a("10.9.0.9"))]
        out = node.feed(self.answer(2, flow=self.FLOW2, by_flow=False))
        assert of(out, e.ResolveRoute) == []
        assert [v.outgoing for v in node.engine.senders(node.now)] == [(2,), (2,)]
        node.receive(path_tear(S1), 1)
        node.receive(path_tear(S2), 1)
        assert node.engine._core.routes == {}

    def test_a_flow_that_comes_in_elsewhere_is_another_question(self, node):
        node.feed(self.answer(2, flow=self.FLOW1))
        out = node.receive(path(S1, hop="10.3.0.1", refresh=LONG), 3)
        flow = e.DataFlow(17, 1, 5000, 0, 3)
        assert of(out, e.ResolveRoute) == [e.ResolveRoute(a("10.9.0.9"), S1.address, flow)]
        assert of(out, e.ForgetRoute) == [e.ForgetRoute(a("10.9.0.9"), S1.address, self.FLOW1)]

    def test_the_flow_of_an_application_comes_in_nowhere(self):
        host = router(2, 3)
        host.feed(e.OpenSession(1, session()))
        host.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        (question,) = of(host.feed(self.answer(2)), e.ResolveRoute)
        assert question.flow == e.DataFlow(17, 4000, 5000, 0, 0)


class TestAnInterfaceThatBounces:
    """Its neighbours' ends stay up, and so nobody else notices (RFC 2205 section 3.6)."""

    @pytest.fixture
    def bounced(self) -> Router:
        node = router(1, 2)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        (self.interface,) = [one for one in node.engine._core.interfaces.values() if one.index == 2]
        node.advance(10.0)
        node.feed(e.InterfaceDown(2))
        changed(node)
        node.advance(1.0)
        return node

    def back(self, node: Router) -> list[e.Output]:
        return node.feed(e.InterfaceUp(self.interface)) + changed(node, 2) + node.advance(0.0)

    def test_a_path_goes_at_once_and_bears_another_handle(self, bounced: Router):
        (message,) = sends(self.back(bounced), Path)
        assert message.hop == Hop(a("10.2.0.254"), 1 << 24 | 2)

    def test_a_resv_with_either_handle_is_for_it(self, bounced: Router):
        self.back(bounced)
        for lih in (2, 1 << 24 | 2, 77 << 24 | 2):
            bounced.receive(resv(FF, (load(), (sender(),)), lih=lih), 2)
            assert bounced.installed == {(2, (str(sender()),), 1000.0)}
            bounced.receive(resv_tear(FF, (sender(),), lih=lih), 2)
            assert not bounced.installed

    def test_other_ways_wait_for_routing_to_settle(self, bounced: Router):
        """The flow has taken one meanwhile, or the interface came before the loss of another."""
        node = bounced
        node.routes.clear()
        node.feed(e.InterfaceUp(replace(self.interface, index=3, name="eth3", addresses=(a("10.3.0.254"),))))
        node.feed(e.InterfaceUp(self.interface))
        node.feed(e.InterfaceDown(3))
        changed(node, 2)
        assert not sends(node.advance(1.9), Path)
        assert sends(node.advance(0.2), Path)

    def test_what_was_asked_upstream_is_asked_at_once(self):
        node = router(1, 2)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        (interface,) = [one for one in node.engine._core.interfaces.values() if one.index == 1]
        node.feed(e.InterfaceDown(1))
        node.advance(1.0)
        assert sends(node.feed(e.InterfaceUp(interface)), Resv)

    def test_and_what_nobody_wants_any_more_is_not(self):
        node = router(1, 2)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        (interface,) = [one for one in node.engine._core.interfaces.values() if one.index == 1]
        node.feed(e.InterfaceDown(1))
        node.receive(resv_tear(FF, (sender(),)), 2)
        assert sends(node.feed(e.InterfaceUp(interface)), Resv) == []
        assert sends(node.advance(45.0), Resv) == []
