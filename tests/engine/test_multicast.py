"""Several senders, receivers, next hops, interfaces: RFC 2205 sections 1.3, 2.2, 2.3, 3.1.3, 3.3, 3.9."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError
from rsvp.messages import Flow, Path, PathErr, PathTear, Resv, ResvConf, ResvTear
from rsvp.objects import FF, SE, WF, ErrorSpec, Opaque, ResvConfirm

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

G = "224.1.1.1"
GROUP = session(G)
A, B, C, D = 1, 2, 3, 4
S1, S2 = sender("10.1.0.1"), sender("10.2.0.1")


def reserve(node, interface, style, *flows, host=1, **fields):
    message = resv(style, *flows, to=GROUP, hop=f"10.{interface}.0.{host}", lih=interface, **fields)
    return node.receive(message, interface)


def asked(node):
    return {
        (view.interface, tuple(str(one) for one in view.filters)): view.flowspec.rate
        for view in node.engine.requests()
    }


def test_figure_10_independent_reservations():
    """A sender and a receiver on each of two interfaces: 4B one way, 3B the other (section 2.3)."""
    node = router(A, C)
    node.tree(G, "10.1.0.1", A, C)
    node.tree(G, "10.3.0.1", C, A)
    node.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
    node.receive(path(sender("10.3.0.1"), to=GROUP, hop="10.3.0.1"), C)
    out = reserve(node, C, WF, (load(3000), ()))
    assert {s.interface for s in of(out, e.Send)} == {A}, "never out of where it came in"
    out = reserve(node, A, WF, (load(4000), ()))
    assert {s.interface for s in of(out, e.Send)} == {C}
    assert node.installed == {(A, (), 4000.0), (C, (), 3000.0)}
    assert asked(node) == {(A, ()): 3000.0, (C, ()): 4000.0}


def test_only_towards_senders_whose_data_goes_where_the_reservation_came_from():
    """ "forwarded to Ii only if Path messages from Ii are forwarded to Io" (section 2.3)."""
    node = router(A, B, C, D)
    node.tree(G, "10.1.0.1", A, C)
    node.tree(G, "10.2.0.1", B, D)
    node.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
    node.receive(path(S2, to=GROUP, hop="10.2.0.1"), B)
    out = reserve(node, C, WF, (load(), ()))
    assert {s.interface for s in of(out, e.Send)} == {A}
    assert reserve(node, D, FF, (load(), (S2,))) != []
    assert asked(node) == {(A, ()): 1000.0}


class TestMerging:
    """Each style across next hops of one interface and across interfaces (section 1.3, figures 5 to 7)."""

    @pytest.fixture
    def node(self):
        r = router(A, B, C, D)
        r.route(G, C, D)
        r.receive(path(S1, to=GROUP, hop="10.1.0.1", spec=tspec(9000)), A)
        r.receive(path(S2, to=GROUP, hop="10.2.0.1", spec=tspec(9000)), B)
        return r

    @pytest.mark.parametrize(
        ("style", "filters", "groups"),
        [
            (FF, (S1,), {(A, (str(S1),))}),
            (SE, (S1, S2), {(A, (str(S1),)), (B, (str(S2),))}),
            (WF, (), {(A, ()), (B, ())}),
        ],
        ids=["FF", "SE", "WF"],
    )
    def test_the_largest_is_installed_and_asked_for(self, node, style, filters, groups):
        reserve(node, C, style, (load(2000), filters), host=1)
        reserve(node, C, style, (load(4000), filters), host=2)
        reserve(node, D, style, (load(3000), filters), host=1)
        text = tuple(str(one) for one in filters)
        assert node.installed == {(C, text, 4000.0), (D, text, 3000.0)}
        assert asked(node) == dict.fromkeys(groups, 4000.0)
        node.receive(resv_tear(style, filters, to=GROUP, hop="10.3.0.2", lih=C), C)
        assert node.installed == {(C, text, 2000.0), (D, text, 3000.0)}
        assert asked(node) == dict.fromkeys(groups, 3000.0)

    def test_fixed_filters_add_up_and_shared_ones_do_not(self, node):
        """ "The total reservation on a link is the `sum' of Q1, Q2, ..."."""
        reserve(node, C, FF, (load(2000), (S1,)), (load(3000), (S2,)))
        assert node.engine.interfaces()[2].reserved == 5000.0
        node.receive(resv_tear(FF, (S1,), (S2,), to=GROUP, hop="10.3.0.1", lih=C), C)
        reserve(node, C, SE, (load(3000), (S1, S2)))
        assert node.engine.interfaces()[2].reserved == 3000.0

    def test_a_wildcard_reservation_extends_to_new_senders(self, node):
        reserve(node, C, WF, (load(), ()))
        out = node.receive(path(sender("10.2.0.9"), to=GROUP, hop="10.2.0.9"), B)
        assert [str(s.destination) for s in of(out, e.Send) if isinstance(s.message, Resv)] == ["10.2.0.9"]
        assert [order.tspec.rate for order in of(out, e.ModifyFlow)] == [19_000.0]

    def test_an_explicit_one_does_not(self, node):
        reserve(node, C, SE, (load(), (S1, S2)))
        out = node.receive(path(sender("10.2.0.9"), to=GROUP, hop="10.2.0.9"), B)
        assert sends(out, Resv) == traffic(out) == []

    def test_one_message_for_all_senders_of_one_previous_hop(self, node):
        other = sender("10.1.0.2")
        node.receive(path(other, to=GROUP, hop="10.1.0.1"), A)
        (message,) = sends(reserve(node, C, SE, (load(), (S1, other))), Resv)
        assert message.flows == (Flow(load(), (S1, other)),)

    @pytest.mark.parametrize(
        ("style", "filters"), [(FF, (S1,)), (SE, (S1, S2)), (WF, ())], ids=["FF", "SE", "WF"]
    )
    def test_a_confirmation_is_asked_for_through_all_interfaces_at_once(self, node, style, filters):
        out = reserve(node, C, style, (load(), filters), confirm="10.3.0.1")
        asked_of = [s.interface for s in of(out, e.Send) if isinstance(s.message, Resv) and s.message.confirm]
        assert asked_of == ([A] if style is FF else [A, B])
        out = reserve(node, C, style, (load(2000), filters), confirm="10.3.0.1")
        assert [m.confirm for m in sends(out, Resv)] == [ResvConfirm(a("10.3.0.1"))] * len(asked_of)

    def test_what_merging_hides_is_not_told(self, node):
        """ "propagation of a change stops when and if it reaches a point where merging causes no
        resulting state change" (section 2.3)."""
        reserve(node, C, SE, (load(4000), (S1, S2)))
        for interface, host, rate in ((C, 2, 4000), (C, 3, 1000), (D, 1, 4000), (D, 2, 100)):
            out = reserve(node, interface, SE, (load(rate), (S1, S2)), host=host)
            assert sends(out, Resv) == []
        for interface, host in ((D, 2), (D, 1), (C, 3), (C, 2)):
            message = resv_tear(SE, (S1, S2), to=GROUP, hop=f"10.{interface}.0.{host}", lih=interface)
            assert of(node.receive(message, interface), e.Send) == []

    def test_what_one_next_hop_asks_of_a_shared_reservation_concerns_the_senders_of_all(self, node):
        """It is installed once for the union of the filters, and asked for as large of each sender's
        previous hop (sections 1.3 and 2.2); those hear of it at once, whoever named their sender."""
        reserve(node, C, SE, (load(1000), (S1,)), host=1)
        reserve(node, C, SE, (load(2000), (S2,)), host=2)
        assert asked(node) == {(A, (str(S1),)): 2000.0, (B, (str(S2),)): 2000.0}
        reserve(node, C, SE, (load(4000), (S1,)), host=1)
        assert asked(node) == {(A, (str(S1),)): 4000.0, (B, (str(S2),)): 4000.0}
        out = node.receive(resv_tear(SE, (S1,), to=GROUP, hop="10.3.0.1", lih=C), C)
        assert asked(node) == {(B, (str(S2),)): 2000.0}
        assert [str(s.destination) for s in of(out, e.Send) if isinstance(s.message, Resv)] == ["10.2.0.1"]

    def test_a_resv_that_names_fewer_senders_changes_what_is_asked_of_the_others(self, node):
        """The filters that it does not name stand until they time out (RFC 2209), at its flowspec."""
        reserve(node, C, SE, (load(1000), (S1, S2)))
        reserve(node, C, SE, (load(3000), (S1,)))
        assert asked(node) == {(A, (str(S1),)): 3000.0, (B, (str(S2),)): 3000.0}

    def test_so_do_the_objects_that_it_brings(self, node):
        """They are the reservation's, and replace what its earlier Resv brought (section 3.10)."""
        unknown = (Opaque(0xF1, 1, b"\0\0\0\1"),)
        reserve(node, C, SE, (load(), (S1, S2)))
        out = reserve(node, C, SE, (load(), (S1,)), extra=unknown)
        assert [m.extra for m in sends(out, Resv)] == [unknown, unknown]

    def test_unicast_next_hops_behind_one_interface(self):
        """A cloud without RSVP may hide several; their requests are merged as well (section 3.11.2)."""
        node = router(A, C)
        node.route("10.9.0.9", C)
        who = sender()
        node.receive(path(who), A)
        for host, rate in ((1, 500), (2, 800), (3, 200)):
            node.receive(resv(FF, (load(rate), (who,)), hop=f"10.3.0.{host}", lih=C), C)
        assert node.installed == {(C, (str(who),), 800.0)}
        assert len(node.engine.reservations(0.0)) == 3


class TestOneSenderTwice:
    """The same sender through two interfaces (sections 3.1.3 and 3.9, RFC 2209 PATH MESSAGE ARRIVES)."""

    @pytest.fixture
    def node(self):
        """Data is expected on (a) and goes to (c); the LAN behind (b) hears the sender, too."""
        r = router(A, B, C)
        r.tree(G, "10.1.0.1", A, B, C)
        r.receive(path(S1, to=GROUP, hop="10.1.0.1", refresh=1e6), A)
        r.receive(path(S1, to=GROUP, hop="10.2.0.7", refresh=1e6), B)
        return r

    def test_both_are_kept_and_one_is_forwarded(self, node):
        assert [(v.interface, str(v.phop)) for v in node.engine.senders(0.0)] == [
            (A, "10.1.0.1"),
            (B, "10.2.0.7"),
        ]
        paths = [s for s in of(node.outputs, e.Send) if isinstance(s.message, Path)]
        assert [s.interface for s in paths] == [B, C], "those of (a), once"
        assert {s.interface for s in of(node.advance(45), e.Send)} == {B, C}

    def test_reservations_of_next_hops_match_the_forwarding_one_only(self, node):
        out = reserve(node, C, FF, (load(), (S1,)), refresh=1e6)
        assert [s.interface for s in of(out, e.Send)] == [A]
        (flow,) = node.flows.values()
        assert flow.tspec.rate == 1000.0, "one sender, once"
        assert {s.interface for s in of(node.advance(100), e.Send) if isinstance(s.message, Resv)} == {A}

    def test_a_path_tear_of_the_other_is_not_forwarded(self, node):
        """ "When Path and PathTear messages are forwarded, path state marked Local_Only must be ignored"."""
        assert of(node.receive(path_tear(S1, to=GROUP, hop="10.2.0.7"), B), e.Send) == []
        assert [v.interface for v in node.engine.senders(0.0)] == [A]
        out = node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A)
        assert {s.interface for s in of(out, e.Send)} == {B, C}

    def test_a_path_tear_matches_its_own_interface_only(self, node):
        """ "can only match path state for the incoming interface on which it arrived" (section 3.1.5)."""
        assert of(node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), B), e.Dropped) != []
        assert len(node.engine.senders(0.0)) == 2

    def test_it_may_time_out_alone(self, node):
        node.receive(path(S1, to=GROUP, hop="10.2.0.7", refresh=2), B)
        assert sends(node.advance(11), PathTear) == []
        assert [v.interface for v in node.engine.senders(0.0)] == [A]

    def test_a_path_err_goes_up_the_forwarding_one(self, node):
        error = PathErr(
            session=GROUP, error=ErrorSpec(a("10.77.0.1"), 2, 0), sender=path(S1).sender, send_ttl=9
        )
        assert [s.interface for s in of(node.receive(error, C), e.Send)] == [A]

    @pytest.mark.parametrize(
        ("joined", "interface"),
        [(None, A), (A, A), (B, B), (C, A)],
        ids=[
            "nowhere in particular",
            "where the data is expected",
            "on the LAN",
            "where data is forwarded to",
        ],
    )
    def test_an_application_reserves_where_it_joined(self, node, joined, interface):
        """Cases 1 and 2 of section 3.9."""
        node.feed(e.OpenSession(1, GROUP))
        out = node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),), interface=joined))
        assert [s.interface for s in of(out, e.Send)] == [interface]
        assert sends(node.feed(e.Release(1)), ResvTear) != []

    def test_local_only_state_serves_where_there_is_no_other(self, node):
        node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A)
        node.feed(e.OpenSession(1, GROUP))
        out = node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        assert [s.interface for s in of(out, e.Send)] == [B]

    def test_another_place_to_join_is_another_reservation(self, node):
        node.feed(e.OpenSession(1, GROUP))
        node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        out = node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),), interface=B))
        assert {(s.interface, type(s.message)) for s in of(out, e.Send)} == {(A, ResvTear), (B, Resv)}

    def test_who_joined_elsewhere_is_asked_for_apart(self, node):
        """ "Should only match a reservation from the local application": that which gets the data there."""
        for handle, rate, joined in ((1, 4000, None), (2, 1000, B)):
            node.feed(e.OpenSession(handle, GROUP))
            node.feed(e.Reserve(handle, FF, (Flow(load(rate), (S1,)),), interface=joined))
        assert asked(node) == {(A, (str(S1),)): 4000.0, (B, (str(S1),)): 1000.0}

    def test_applications_are_told_of_the_sender_once(self, node):
        """ "Only on the first occurrence or when the information to be reported changes" (section 3.11.1)."""
        events = node.feed(e.OpenSession(1, GROUP))
        assert len(of(events, e.PathEvent)) == 1
        assert of(node.receive(path(S1, to=GROUP, hop="10.3.0.7"), C), e.PathEvent) == []
        assert of(node.receive(path_tear(S1, to=GROUP, hop="10.2.0.7"), B), e.PathGone | e.PathEvent) == []
        changed = path(S1, to=GROUP, hop="10.3.0.7", spec=tspec(5000))
        assert len(of(node.receive(changed, C), e.PathEvent)) == 1
        (back,) = of(node.receive(path_tear(S1, to=GROUP, hop="10.3.0.7"), C), e.PathEvent)
        assert back.sender.tspec == tspec()
        assert len(of(node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A), e.PathGone)) == 1

    def test_it_goes_on_where_routing_lets_both_through(self):
        """A PathTear of one is not the end of what the other forwards."""
        node = router(A, B, C, D)
        node.route(G, B, C, D)
        for interface in (A, B):
            node.receive(path(S1, to=GROUP, hop=f"10.{interface}.0.1"), interface)
        tears = of(node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A), e.Send)
        assert [s.interface for s in tears if isinstance(s.message, PathTear)] == [B]

    def test_routing_that_turns_makes_the_other_one_forward(self, node):
        """Rt_InIf changes: the flags and the OutInterface_list change places (RFC 2209)."""
        reserve(node, C, FF, (load(), (S1,)), refresh=1e6)
        out = node.feed(e.RouteResolved(a(G), S1.address, (A, C), B))
        assert {(s.interface, type(s.message)) for s in of(out, e.Send)} == {(B, Resv), (B, PathTear)}, (
            "the new one hears at once, and that nothing comes this way any more"
        )
        later = node.advance(0.0)
        assert {s.interface for s in of(later, e.Send) if isinstance(s.message, Path)} == {A, C}
        assert {s.message.hop.lih for s in of(later, e.Send) if isinstance(s.message, Path)} == {A, C}
        tears = [s.interface for s in of(node.advance(100), e.Send) if isinstance(s.message, ResvTear)]
        assert tears == [A], "the old one is asked no more"
        assert node.installed == {(C, (str(S1),), 1000.0)}

    def test_an_application_is_served_from_what_is_left_at_once(self, node):
        """Upstream of there nobody knows of the reservation yet (section 3.9)."""
        node.feed(e.OpenSession(1, GROUP))
        node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        out = node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A)
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, Resv)] == [B]
        refreshed = [s.interface for s in of(node.advance(45), e.Send) if isinstance(s.message, Resv)]
        assert set(refreshed) == {B}

    def test_and_where_it_joined_as_soon_as_the_sender_is_heard_there(self):
        """What was asked for elsewhere until then is given back, however many previous hops there are."""
        node = router(A, B, C)
        node.tree(G, "10.1.0.1", A)
        node.tree(G, "10.2.0.1", C)
        node.feed(e.OpenSession(1, GROUP))
        node.feed(e.Reserve(1, WF, (Flow(load()),), interface=B))
        node.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
        node.receive(path(S2, to=GROUP, hop="10.3.0.1"), C)
        assert asked(node) == {(A, ()): 1000.0, (C, ()): 1000.0}
        out = node.receive(path(S1, to=GROUP, hop="10.2.0.7"), B)
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, ResvTear)] == [A]
        assert asked(node) == {(B, ()): 1000.0, (C, ()): 1000.0}

    @pytest.mark.parametrize("first", [A, B])
    def test_routing_that_turns_lets_applications_ask_there_only(self, first):
        """Whichever of the two was heard first."""
        node, expected, other = router(A, B, C), A, B
        node.tree(G, "10.1.0.1", expected)
        for iif in (first, A + B - first):
            node.receive(path(S1, to=GROUP, hop=f"10.{iif}.0.1", refresh=1e6), iif)
        node.receive(path(S2, to=GROUP, hop="10.3.0.1"), C)
        node.feed(e.OpenSession(1, GROUP))
        node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        assert {interface for interface, _ in asked(node)} == {expected}
        out = node.feed(e.RouteResolved(a(G), S1.address, (), other))
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, Resv)] == [other]
        out += node.advance(100)  # what was asked for before may be held for a while (section 3.6)
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, ResvTear)] == [expected]
        assert {interface for interface, _ in asked(node)} == {other}

    def test_a_sender_that_moves_to_a_previous_hop_leaves_alone_what_that_was_asked_for(self):
        """Also what it is only asked for still, as the way of its other sender has changed (section 3.6)."""
        node = router(A, B, C)
        node.tree(G, "10.1.0.1", A, C)
        node.tree(G, "10.2.0.1", A)
        node.receive(path(S1, to=GROUP, hop="10.1.0.8"), A)
        node.receive(path(S2, to=GROUP, hop="10.1.0.9"), A)
        reserve(node, C, WF, (load(), ()))
        node.feed(e.InterfaceDown(C))
        assert asked(node) == {(A, ()): 1000.0}, "held"
        node.receive(path(S2, to=GROUP, hop="10.1.0.8"), A)
        assert asked(node) == {(A, ()): 1000.0}
        assert len(sends(node.advance(100), ResvTear)) == 1


class TestConfirmations:
    """ "forwarded towards a fixed unicast receiver address" (section 3.4): not always along the tree."""

    RECEIVER = "10.8.0.8"

    @pytest.fixture
    def node(self):
        r = router(A, B, C, D)
        r.tree(G, "10.1.0.1", A, C, D)
        r.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
        return r

    def conf(self, out):
        return [(s.destination, s.interface) for s in of(out, e.Send) if isinstance(s.message, ResvConf)]

    def test_routing_decides_for_one_that_is_made_here(self, node):
        reserve(node, C, FF, (load(2000), (S1,)))
        out = reserve(node, D, FF, (load(1000), (S1,)), confirm=self.RECEIVER)
        assert self.conf(out) == [(a(self.RECEIVER), None)]

    def test_and_for_one_that_passes(self, node):
        (onward,) = sends(reserve(node, C, FF, (load(), (S1,)), confirm=self.RECEIVER), Resv)
        message = ResvConf(
            session=GROUP,
            error=ErrorSpec(a("10.1.0.1"), 0, 0),
            confirm=onward.confirm,
            style=FF,
            flows=onward.flows,
            send_ttl=9,
        )
        assert self.conf(node.receive(message, A, to=self.RECEIVER)) == [(a(self.RECEIVER), None)]

    def test_a_receiver_that_is_the_next_hop_hears_it_on_its_branch(self, node):
        reserve(node, C, FF, (load(2000), (S1,)))
        asked = reserve(node, D, FF, (load(1000), (S1,)), confirm="10.4.0.1")
        assert self.conf(asked) == [(a("10.4.0.1"), D)]

    def test_a_link_local_receiver_is_on_the_branch(self):
        r = router(A)
        r.feed(e.InterfaceUp(e.Interface(C, "eth3", (a("fe80::3"),), bandwidth=1e6)))
        group, who = session("ff1e::1"), sender("2001:db8::1")
        r.route("ff1e::1", C)
        r.receive(path(who, to=group, hop="fe80::1"), A)
        r.receive(resv(FF, (load(2000), (who,)), to=group, hop="fe80::7", lih=C), C, to="fe80::3")
        asked = resv(FF, (load(1000), (who,)), to=group, hop="fe80::8", lih=C, confirm="fe80::8")
        assert self.conf(r.receive(asked, C, to="fe80::3")) == [(a("fe80::8"), C)]


class TestSendersHere:
    """An application that sends to a group from a node with several interfaces (section 3.9)."""

    @pytest.fixture
    def node(self):
        r = router(A, B, C)
        r.route(G, A, B, C)
        r.feed(e.OpenSession(1, GROUP))
        return r

    def test_its_paths_go_out_of_the_interface_whose_address_it_has(self, node):
        out = node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        assert [s.interface for s in of(out, e.Send)] == [B]

    def test_and_follow_it_to_another_interface(self, node):
        node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        for index, address in ((B, "10.2.0.7"), (C, "10.2.0.254")):
            node.feed(e.InterfaceUp(e.Interface(index, f"eth{index}", (a(address),))))
        assert {s.interface for s in of(node.advance(45), e.Send) if isinstance(s.message, Path)} == {C}

    def test_two_senders_two_interfaces(self, node):
        node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        node.feed(e.AddSender(1, sender("10.3.0.254"), tspec()))
        reserve(node, C, WF, (load(), ()))
        (flow,) = node.flows.values()
        assert (flow.interface, flow.tspec.rate) == (C, 1000.0)

    def test_where_routing_knows_better_it_is_believed(self, node):
        node.route(G, A)
        out = node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        assert [s.interface for s in of(out, e.Send)] == [A]

    def test_not_looped_back_to_itself(self, node):
        """ "not looped back to a receiver running in the same application process" (section 3.1.3)."""
        node.feed(e.OpenSession(2, GROUP))
        out = node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        assert [event.handle for event in of(out, e.PathEvent)] == [2]

    def test_a_receiver_on_the_same_node_reserves_without_a_message(self, node):
        node.feed(e.OpenSession(2, GROUP))
        node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        out = node.feed(e.Reserve(2, WF, (Flow(load()),)))
        assert [type(o) for o in out] == [e.ResvEvent]

    def test_a_path_of_ours_that_comes_back_is_dropped(self, node):
        """By its hop, and by its sender."""
        (send,) = of(node.feed(e.AddSender(1, sender("10.2.0.254"), tspec())), e.Send)
        assert node.receive(send.message, A) == [e.Dropped("own message", A, 1)]
        assert node.receive(path(sender("10.2.0.254"), to=GROUP), A) == [e.Dropped("own sender", A, 1)]

    def test_a_resv_of_ours_as_well(self, node):
        out = node.receive(resv(WF, (load(), ()), to=GROUP, hop="10.2.0.254"), B)
        assert out == [e.Dropped("own message", B, 2)]

    def test_a_sender_whose_address_has_gone_is_still_nobody_elses(self, node):
        node.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        unicast = session()
        node.route("10.9.0.9", B)
        node.feed(e.OpenSession(3, unicast))
        node.feed(e.AddSender(3, sender("10.2.0.254"), tspec()))
        node.feed(e.InterfaceUp(e.Interface(B, "eth2", (a("10.2.0.99"),))))
        out = node.receive(path(sender("10.2.0.254"), to=unicast), A)
        assert out == [e.Dropped("own sender", A, 1)]
        with pytest.raises(LocalError):
            node.feed(e.AddSender(3, sender("10.2.0.254", 9), tspec()))


class TestNews:
    """What is told at once, and to whom (sections 2.3, 3.3, 3.11.1)."""

    @pytest.fixture
    def node(self):
        r = router(A, C)
        r.route(G, C)
        r.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
        r.feed(e.OpenSession(1, GROUP))
        return r

    def test_a_change_between_neighbours_only_is_nobody_elses_news(self, node):
        assert node.receive(path(S1, to=GROUP, hop="10.1.0.1", refresh=60), A) == []

    def test_a_previous_hop_that_changes_is_told_downstream_but_not_to_applications(self, node):
        """RFC 2209: Path_Refresh_Needed."""
        out = node.receive(path(S1, to=GROUP, hop="10.1.0.2"), A)
        assert [type(o) for o in out] == [e.Send]

    def test_a_ttl_that_changes_is_told_downstream_only(self, node):
        out = node.receive(path(S1, to=GROUP, hop="10.1.0.1", ttl=33), A)
        assert [type(o) for o in out] == [e.Send]

    def test_a_sender_that_changes_is_told_to_both(self, node):
        out = node.receive(path(S1, to=GROUP, hop="10.1.0.1", spec=tspec(1.0)), A)
        assert {type(o) for o in out} == {e.Send, e.PathEvent}

    def test_a_resv_that_changes_is_told_to_a_local_sender_once(self):
        host = router(C)
        host.route(G, C)
        host.feed(e.OpenSession(1, GROUP))
        host.feed(e.AddSender(1, sender("10.3.0.254"), tspec()))
        first = [len(of(reserve(host, C, WF, (load(rate), ())), e.ResvEvent)) for rate in (1, 1, 2, 2)]
        assert first == [1, 0, 1, 0]

    def test_a_fixed_filter_resv_makes_an_event_for_each_flow(self):
        """ "may result in multiple RESV_EVENT upcalls, one for each flow descriptor" (section 3.11.1)."""
        host = router(C)
        host.route(G, C)
        host.feed(e.OpenSession(1, GROUP))
        mine = [sender("10.3.0.254", port) for port in (1, 2)]
        for one in mine:
            host.feed(e.AddSender(1, one, tspec()))
        out = reserve(host, C, FF, *((load(), (one,)) for one in mine))
        assert [event.filters for event in of(out, e.ResvEvent)] == [(one,) for one in mine]
