"""Rules of RFC 2205 that have no room of their own: sections 2.1, 3.1.2, 3.1.5, 3.10, 3.11.4, appendix C."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError
from rsvp.iana import ClassNum, ErrorCode
from rsvp.intserv import DEFAULT_ADSPEC, guaranteed
from rsvp.messages import Flow, Path, PathErr, PathTear, Resv, ResvConf, ResvErr, ResvTear, Sender
from rsvp.objects import FF, SE, WF, ErrorSpec, Hop, Integrity, Opaque, ResvConfirm

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

S1, S2 = sender(port=1), sender(port=2)
LONG = 1e6
STRANGE, ODD = Opaque(240, 1, b"abcd"), Opaque(241, 2, b"efgh")


@pytest.fixture
def node():
    r = router(1, 2, 3)
    r.route("10.9.0.9", 2)
    r.receive(path(S1), 1)
    return r


def test_a_path_without_a_tspec(node):
    """Section 2.1: "required to carry a Sender Tspec"; and so is a Resv a flowspec."""
    bare = replace(path(S2), sender=Sender(S2, None))
    out = node.feed(e.Received(bare, 1, a("10.1.0.1"), a("10.9.0.9"), 60))
    assert out == [e.Dropped("Path without a Tspec", 1, 1)]
    message = resv(FF, (load(), (S1,)))
    bare = replace(message, flows=(replace(message.flows[0], flowspec=None),))
    out = node.feed(e.Received(bare, 2, a("10.2.0.1"), a("10.2.0.254"), 63))
    assert out == [e.Dropped("Resv without a flowspec", 2, 2)]


def test_what_many_messages_have_in_common_is_not_kept_without_bound(monkeypatch):
    monkeypatch.setattr("rsvp.engine.core.MADE_AT_MOST", 5)
    node = router(1, 2)
    node.route("10.9.0.9", 2)
    for handle in range(20):
        node.receive(path(lih=handle), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        assert len(node.engine._core.made) <= 5


def test_a_null_object_is_ignored(node):
    """Section 3.1.2."""
    null = Opaque(ClassNum.NULL, 0, b"whatever")
    message = path(S2, extra=(null,))
    (onward,) = sends(node.feed(e.Received(message, 1, a("10.1.0.1"), a("10.9.0.9"), 60)), Path)
    assert onward.extra == ()


def test_what_else_a_path_tear_says_is_ignored(node):
    tear = replace(path_tear(S1), sender=Sender(S1, tspec(77.0), DEFAULT_ADSPEC))
    (onward,) = sends(node.receive(tear, 1), PathTear)
    assert onward.sender == path(S1).sender, "what was in place"


def test_without_an_ip_ttl_send_ttl_stands_for_it(node):
    """Appendix C: UDP sockets do not tell it."""
    message = path(S2, ttl=44, adspec=DEFAULT_ADSPEC)
    out = node.feed(e.Received(message, 1, a("10.1.0.1"), a("10.9.0.9"), None))
    (onward,) = sends(out, Path)
    assert onward.send_ttl == 43
    assert not onward.sender.adspec.general.broken
    assert node.feed(e.Received(message, 1, a("10.1.0.1"), a("10.9.0.9"), None)) == []
    passing = resv(FF, (load(), (S1,)))
    (send,) = node.feed(e.Received(passing, 2, a("10.2.0.1"), a("10.5.0.5"), None))
    assert send.ttl == passing.send_ttl - 1


def test_a_confirmation_in_udp_is_for_the_first_router_to_take_on(node):
    """Appendix C: a host sends there what is for somebody off its link."""
    message = ResvConf(
        session=session(),
        error=ErrorSpec(a("10.2.0.1"), ErrorCode.CONFIRMATION, 0),
        confirm=ResvConfirm(a("10.9.0.9")),
        style=FF,
        flows=(Flow(load(), (S1,)),),
        send_ttl=60,
    )
    out = node.feed(e.Received(message, 1, a("10.1.0.1"), a("10.1.0.254"), None))
    (onward,) = of(out, e.Send)
    assert (onward.destination, onward.ttl) == (a("10.9.0.9"), 59)


def test_unknown_objects_of_merged_reservations_are_united(node):
    """ "Only one copy of each unique unknown-class object should be included" (section 3.10)."""
    node.receive(resv(SE, (load(), (S1,)), extra=(STRANGE, ODD)), 2)
    node.receive(resv(SE, (load(), (S1,)), extra=(ODD,), hop="10.2.0.2"), 2)
    assert {m.extra for m in sends(node.advance(45), Resv)} == {(STRANGE, ODD)}


def test_a_disabled_interface(node):
    """Section 3.11.4: no Path goes out, what comes in is discarded."""
    node.receive(resv(FF, (load(), (S1,))), 2)
    node.feed(e.InterfaceUp(e.Interface(2, "eth2", (a("10.2.0.254"),), enabled=False)))
    assert {s.interface for s in of(node.advance(45), e.Send)} == {1}
    assert node.receive(resv(FF, (load(), (S1,))), 2) == [e.Dropped("interface disabled", 2, 2)]
    node.feed(e.InterfaceUp(e.Interface(2, "eth2", (a("10.2.0.254"),))))
    assert {s.interface for s in of(node.advance(45), e.Send) if isinstance(s.message, Path)} == {2}


def test_no_error_goes_out_of_one_that_is_disabled_or_gone(node):
    """Towards senders and towards receivers."""
    node.receive(resv(FF, (load(), (S1,))), 2)
    refused = Flow(load(), (S1,))
    error = ErrorSpec(a("10.77.0.1"), 2, 0)
    resv_err = ResvErr(session=session(), hop=Hop(a("10.1.0.1")), error=error, style=FF, flow=refused)
    path_err = PathErr(session=session(), error=error, sender=path(S1).sender)
    node.feed(e.InterfaceUp(e.Interface(2, "eth2", (a("10.2.0.254"),), enabled=False)))
    assert node.receive(resv_err, 1) == []
    node.feed(e.InterfaceDown(1))
    assert node.receive(path_err, 3) == []


def test_flags_of_the_common_header_are_the_last_hops_own(node):
    """None is defined in RFC 2205, and bit 1 in RFC 2961 is about what the node that sends can do."""
    flow, error = Flow(load(), (S1,)), ErrorSpec(a("10.77.0.1"), 2, 0)
    conf = ResvConf(
        session=session(),
        error=ErrorSpec(a("10.1.0.1"), 0, 0),
        confirm=ResvConfirm(a("10.8.0.8")),
        style=FF,
        flows=(flow,),
        send_ttl=9,
    )
    for message, interface in (
        (path(S1, spec=tspec(2000.0)), 1),
        (resv(FF, (load(), (S1,))), 2),
        (PathErr(session=session(), error=error, sender=path(S1).sender), 2),
        (ResvErr(session=session(), hop=Hop(a("10.1.0.1")), error=error, style=FF, flow=flow), 1),
        (conf, 1),
        (resv_tear(FF, (S1,)), 2),
        (path_tear(S1), 1),
    ):
        (onward,) = sends(node.receive(replace(message, flags=1), interface), type(message))
        assert onward.flags == 0


def test_a_handle_that_is_none_of_ours(node):
    """RFC 2209: then it is learned from the address that the message is for, else from where it came in."""
    strange = resv(FF, (load(), (S1,)), lih=4711)
    node.receive(strange, 2)
    assert node.installed == {(2, (str(S1),), 1000.0)}
    node.receive(resv_tear(FF, (S1,), lih=4711), 3, to="10.2.0.254")
    assert node.installed == set()
    node.receive(strange, 3, to="10.2.0.254")
    assert node.installed == {(2, (str(S1),), 1000.0)}
    assert sends(node.receive(strange, 3, to="224.0.0.14"), ResvErr) != [], "no sender's data leaves there"


class TestAddresses:
    """What this node calls itself on an interface."""

    def test_one_without_an_address_borrows_another_ones(self):
        node = router(1)
        node.feed(e.InterfaceUp(e.Interface(2, "ppp0", ())))
        node.route("10.9.0.9", 2)
        (onward,) = sends(node.receive(path(S1), 1), Path)
        assert onward.hop == Hop(a("10.1.0.254"), 2)

    def test_none_at_all_is_the_unspecified_one(self):
        node = router()
        node.feed(e.InterfaceUp(e.Interface(1, "eth1", ())))
        (error,) = sends(node.receive(resv(FF, (load(), (S1,)), lih=1), 1, to="224.0.0.14"), ResvErr)
        assert error.error.node == a("0.0.0.0")

    def test_a_link_local_one_is_the_last_choice(self):
        node = router(1)
        both = (a("fe80::254"), a("2001:db8::254"), a("2001:db8::255"))
        node.feed(e.InterfaceUp(e.Interface(2, "eth2", both)))
        node.route("2001:db8::9", 2)
        six = path(sender("2001:db8::1"), to=session("2001:db8::9"), hop="fe80::1")
        (onward,) = sends(node.receive(six, 1), Path)
        assert onward.hop.address == a("2001:db8::254")

    def test_one_that_changes_goes_out_after_w(self, node):
        """Neighbours go on answering the old one until they hear of it."""
        node.receive(resv(FF, (load(), (S1,))), 2)
        for index in (1, 2):
            node.feed(e.InterfaceUp(e.Interface(index, f"eth{index}", (a(f"10.{index}.0.99"),))))
        assert of(node.advance(1.9), e.Send) == []
        messages = [s.message for s in of(node.advance(0.1), e.Send)]
        assert {type(m) for m in messages} == {Path, Resv}
        assert {str(m.hop.address) for m in messages} == {"10.1.0.99", "10.2.0.99"}

    def test_and_no_later_than_with_the_next_refresh(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        for index in (1, 2):
            changed = e.Interface(index, f"eth{index}", (a(f"10.{index}.0.99"),), route_delay=100.0)
            node.feed(e.InterfaceUp(changed))
        assert {type(s.message) for s in of(node.advance(45), e.Send)} == {Path, Resv}


class TestInterfacesThatGo:
    def test_the_senders_that_came_in_there_time_out(self, node):
        """Nothing is asked for where there is no way to ask, and downstream nothing happens yet."""
        node.receive(resv(WF, (load(), ()), refresh=LONG), 2)
        assert of(node.feed(e.InterfaceDown(1)), e.Send) == []
        assert {type(s.message) for s in of(node.advance(157.4), e.Send)} == {Path}
        assert node.installed
        assert node.engine.requests() == []
        (tear,) = sends(node.advance(0.2), PathTear)
        assert tear.sender.template == S1
        assert node.installed == set()
        assert node.engine.sessions() == []

    def test_or_are_heard_of_elsewhere_and_asked_there(self, node):
        node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
        node.feed(e.InterfaceDown(1))
        out = node.receive(path(S1, hop="10.3.0.1", refresh=LONG), 3)
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, Resv)] == [3]
        assert traffic(out) == [], "downstream all stood, and stands"

    def test_or_there_again(self, node):
        """The neighbour may have lost all it knew, so it is asked at once."""
        node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
        node.feed(e.InterfaceDown(1))
        out = node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),))))
        assert [s.interface for s in of(out, e.Send) if isinstance(s.message, Resv)] == [1]
        assert {s.interface for s in of(node.advance(45), e.Send) if isinstance(s.message, Resv)} == {1}

    def test_a_reservation_made_meanwhile_waits_for_the_way_back(self, node):
        node.feed(e.InterfaceDown(1))
        out = node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
        assert of(out, e.Send) == []
        assert of(node.receive(resv_tear(FF, (S1,)), 2), e.Send) == []
        node.receive(resv(FF, (load(), (S1,)), refresh=LONG), 2)
        out = node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),))))
        assert len(sends(out, Resv)) == 1

    def test_one_that_was_never_there(self, node):
        assert node.feed(e.InterfaceDown(9)) == []
        assert len(node.engine.senders(0.0)) == 1

    def test_with_what_is_reserved_there_only(self, node):
        node.route("10.9.0.8", 3)
        node.receive(path(S2, to=session("10.9.0.8")), 1)
        node.receive(resv(FF, (load(), (S1,))), 2)
        node.receive(resv(FF, (load(), (S2,)), to=session("10.9.0.8"), hop="10.3.0.1", lih=3), 3)
        node.feed(e.InterfaceDown(2))
        assert {interface for interface, *_ in node.installed} == {3}

    def test_other_ways_are_asked_for(self, node):
        assert len(of(node.feed(e.InterfaceDown(3)), e.ResolveRoute)) == 1


def test_a_previous_hop_may_change_before_routing_has_answered(node):
    """The state is there, only its way is not known."""
    node.routes.clear()
    to = session("10.9.0.7")
    node.receive(path(S1, to=to), 1)
    assert of(node.receive(path(S1, to=to, hop="10.1.0.55"), 1), e.Send) == []
    (send,) = of(node.feed(e.RouteResolved(to.destination, None, (2,))), e.Send)
    assert send.interface == 2


def test_two_sessions_of_one_destination_come_and_go_apart(node):
    other = session(port=5001)
    node.receive(path(S1, to=other), 1)
    node.receive(path_tear(S1, to=other), 1)
    assert [view.session.port for view in node.engine.sessions()] == [5000]
    refused = node.receive(path(sender(port=0), to=session(port=0)), 1)
    assert [m.error.code for m in sends(refused, PathErr)] == [7]


class TestVerbs:
    """What applications may ask (section 3.11.1)."""

    @pytest.fixture
    def host(self):
        r = router(2)
        r.route("10.9.0.9", 2)
        r.feed(e.OpenSession(1, session()))
        return r

    def test_the_session_of_a_handle(self, host):
        assert host.engine.session_of(1) == session()

    def test_saying_the_same_again_is_nothing(self, host):
        mine = sender("10.2.0.254")
        host.feed(e.AddSender(1, mine, tspec()))
        assert host.feed(e.AddSender(1, mine, tspec())) == []
        node = router(1, 2)
        node.feed(e.OpenSession(1, session()))
        node.receive(path(S1), 1)
        reserve = e.Reserve(1, FF, (Flow(load(), (S1,)),))
        assert len(sends(node.feed(reserve), Resv)) == 1
        assert node.feed(reserve) == []

    @pytest.mark.parametrize(
        ("flow", "message"),
        [
            (Flow(load(), (sender("2001:db8::1"),)), "address of the session's family"),
            (Flow(guaranteed(tspec()), (S1,)), "reserved with controlled-load service"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, host, flow, message):
        host.feed(e.OpenSession(2, session()))
        host.feed(e.Reserve(2, FF, (Flow(load(), (S1,)),)))
        with pytest.raises(LocalError, match=message):
            host.feed(e.Reserve(1, FF, (flow,)))

    def test_some_senders_may_be_given_back(self, node):
        node.receive(path(S2), 1)
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)), Flow(load(), (S2,)))))
        out = node.feed(e.Release(1, (S2,)))
        assert [m.flows[0].filters for m in sends(out, ResvTear)] == [(S2,)]
        node.feed(e.Release(1))
        node.feed(e.Reserve(1, SE, (Flow(load(), (S1, S2)),)))
        out = node.feed(e.Release(1, (S2, sender(port=3))))
        assert [m.flows[0].filters for m in sends(out, ResvTear)] == [(S2,)]
        assert [view.filters for view in node.engine.reservations(0.0)] == [(S1,)]

    def test_a_wildcard_one_has_no_senders_to_give_back(self, node):
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, WF, (Flow(load()),)))
        assert node.feed(e.Release(1, (S1,))) == []
        assert len(sends(node.feed(e.Release(1)), ResvTear)) == 1

    @pytest.mark.parametrize("style", [FF, WF])
    def test_a_receiver_beside_its_sender_is_confirmed_without_a_message(self, host, style):
        mine = sender("10.2.0.254")
        group = session("224.1.1.1")
        host.route("224.1.1.1", 2)
        for handle in (3, 4):
            host.feed(e.OpenSession(handle, group))
        host.feed(e.AddSender(3, mine, tspec()))
        filters = (mine,) if style.explicit else ()
        out = host.feed(e.Reserve(4, style, (Flow(load(), filters),), confirm=True))
        assert [(c.handle, c.filters) for c in of(out, e.ResvConfirmed)] == [(4, filters)]
        assert of(out, e.Send) == []

    def test_one_who_sends_to_this_very_node_is_confirmed_once(self, host):
        mine = sender("10.2.0.254")
        host.route("10.2.0.254", local=True)
        for handle in (3, 4):
            host.feed(e.OpenSession(handle, session("10.2.0.254")))
        host.feed(e.AddSender(3, mine, tspec()))
        out = host.feed(e.Reserve(4, SE, (Flow(load(), (mine,)),), confirm=True))
        assert [(c.handle, c.filters) for c in of(out, e.ResvConfirmed)] == [(4, (mine,))]

    @pytest.mark.parametrize("mine_first", [True, False])
    def test_a_receiver_beside_one_of_its_senders_waits_for_the_others(self, host, mine_first):
        """What this node itself sends makes it no merge point for what comes from elsewhere (section 2.6)."""
        mine, theirs, group = sender("10.2.0.254"), sender("10.2.0.1"), session("224.1.1.1")
        host.route("224.1.1.1", 2)
        for handle in (3, 4):
            host.feed(e.OpenSession(handle, group))
        announce = e.AddSender(3, mine, tspec())
        if mine_first:
            host.feed(announce)
        host.receive(path(theirs, to=group, hop="10.2.0.1"), 2)
        host.feed(announce)
        out = host.feed(e.Reserve(4, WF, (Flow(load()),), confirm=True))
        (asked,) = sends(out, Resv)
        assert asked.confirm == ResvConfirm(a("10.2.0.254"))
        assert of(out, e.ResvConfirmed) == []
        error = ErrorSpec(a("10.2.0.1"), 0, 0)
        conf = ResvConf(
            session=group, error=error, confirm=asked.confirm, style=WF, flows=asked.flows, send_ttl=63
        )
        assert [(c.handle, c.node) for c in of(host.receive(conf, 2), e.ResvConfirmed)] == [
            (4, a("10.2.0.1"))
        ]

    def test_a_confirmation_that_nobody_waits_for(self, host):
        conf = ResvConf(
            session=session(port=77),
            error=ErrorSpec(a("10.1.0.1"), 0, 0),
            confirm=ResvConfirm(a("10.2.0.254")),
            style=FF,
            flows=(Flow(load(), (S1,)),),
            send_ttl=63,
        )
        assert host.receive(conf, 2) == [e.Dropped("confirmation without a session", 2, 7)]

    def test_a_sender_hears_at_once_that_its_way_has_no_reservation(self, host):
        """Unlike a neighbour, which goes on being asked for a while."""
        mine = sender("10.2.0.254")
        host.feed(e.AddSender(1, mine, tspec()))
        host.receive(resv(FF, (load(), (mine,))), 2)
        out = host.feed(e.RouteResolved(a("10.9.0.9"), None, ()))
        assert [gone.filters for gone in of(out, e.ResvGone)] == [(mine,)]


def test_a_refresh_under_integrity_is_a_refresh(node):
    """A new digest is no news."""
    for sequence in (1, 2, 3):
        message = replace(path(S2), integrity=Integrity(1, sequence, b"0123456789abcdef"))
        out = node.receive(message, 1)
        assert len(out) == (1 if sequence == 1 else 0)
    assert [m.integrity for m in sends(node.outputs, Path)] == [None, None]


def test_a_sender_through_two_interfaces_that_leaves_one(node):
    """Routing does not say where the data is expected: what is reserved stands as long as one is left."""
    group = session("224.1.1.1")
    node.route("224.1.1.1", 2)
    for iif in (1, 3):
        node.receive(path(S1, to=group, hop=f"10.{iif}.0.1"), iif)
    node.receive(resv(SE, (load(), (S1,)), to=group), 2)
    node.receive(path_tear(S1, to=group, hop="10.1.0.1"), 1)
    assert node.installed == {(2, (str(S1),), 1000.0)}
    node.receive(path_tear(S1, to=group, hop="10.3.0.1"), 3)
    assert node.installed == set()


def test_refreshes_go_on_when_an_interface_is_enabled_again(node):
    """Towards previous hops as well."""
    node.receive(path(S1, refresh=1e6), 1)
    node.receive(resv(FF, (load(), (S1,)), refresh=1e6), 2)
    node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),), enabled=False)))
    assert sends(node.advance(100), Resv) == []
    node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),))))
    assert len(sends(node.advance(45), Resv)) >= 1


def test_what_is_made_once_for_all_sessions_does_not_pile_up(monkeypatch):
    """Hops and ADSPECs that many sessions share are forgotten when there are too many, and made again."""
    monkeypatch.setattr("rsvp.engine.core.MADE_AT_MOST", 3)
    node = router(1, 2)
    for host in range(1, 20):
        node.route(f"10.9.0.{host}", 2)
        onward = sends(node.receive(path(S1, to=session(f"10.9.0.{host}")), 1), Path)
        assert [m.hop for m in onward] == [Hop(a("10.2.0.254"), 2)]
        assert len(node.engine._core.made) <= 3
