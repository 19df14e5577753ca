"""Applications that speak for hosts without RSVP behind an interface (RFC 5945 section 2)."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError
from rsvp.iana import ErrorCode
from rsvp.messages import Flow, Path, PathTear, Resv, ResvConf, ResvErr, ResvTear
from rsvp.objects import FF, WF, ErrorSpec, ResvConfirm

from .fabric import a, line, load, of, path, path_tear, resv, router, sender, sends, session, tspec

HOST = sender("10.1.0.1")


@pytest.fixture
def node():
    """The destination is behind interface 3; an application takes part in the session."""
    r = router(1, 2, 3)
    r.route("10.9.0.9", 3)
    r.feed(e.OpenSession(1, session()))
    return r


class TestSender:
    """The host 10.1.0.1 behind interface 1 sends, and an application announces it."""

    @pytest.fixture
    def announced(self, node):
        node.feed(e.AddSender(1, HOST, tspec(), 9, incoming=1))
        return node

    def test_its_path_goes_on_as_if_the_host_had_sent_it(self, announced):
        (send,) = [one for one in of(announced.outputs, e.Send) if isinstance(one.message, Path)]
        assert (send.interface, str(send.source), str(send.destination)) == (3, "10.1.0.1", "10.9.0.9")
        assert (send.ttl, send.message.hop.address, send.message.sender.tspec) == (
            8,
            a("10.3.0.254"),
            tspec(),
        )
        assert sends(announced.advance(100), Path), "and is refreshed, though nobody refreshes it here"
        (view,) = announced.engine.senders(announced.now)
        assert (view.phop, view.interface, view.expires_in) == (None, 1, None)

    def test_reservations_for_it_end_here(self, announced):
        wanted = resv(FF, (load(), (HOST,)), hop="10.3.0.1", lih=3, confirm="10.9.0.9")
        out = announced.receive(wanted, 3)
        assert of(out, e.ResvEvent)
        assert sends(out, ResvConf)
        assert not sends(out, Resv)
        assert announced.installed == {(3, ("10.1.0.1:4000",), 1000.0)}

    def test_the_session_is_policed_from_here_on(self, announced):
        announced.receive(resv(FF, (load(), (HOST,)), hop="10.3.0.1", lih=3), 3)
        assert [flow.police for flow in announced.flows.values()] == [e.Police.ENTRY]

    def test_a_path_of_its_own_is_not_listened_to(self, announced):
        out = announced.receive(path(HOST, spec=tspec(5.0)), 1)
        assert [drop.reason for drop in of(out, e.Dropped)] == ["own sender"]

    def test_it_is_torn_when_it_is_taken_back(self, announced):
        assert sends(announced.feed(e.RemoveSender(1, HOST)), PathTear)
        assert not announced.engine.senders(announced.now)

    def test_a_group_is_served_as_routing_has_it_for_that_host(self):
        """What comes in from where the tree does not expect it is forwarded to nobody (RFC 2205 3.9)."""
        for incoming, goes in ((1, [2, 3]), (2, [])):
            r = router(1, 2, 3)
            r.tree("224.1.1.1", "10.1.0.1", incoming, 2, 3)
            r.feed(e.OpenSession(1, session("224.1.1.1")))
            out = r.feed(e.AddSender(1, HOST, tspec(), incoming=1))
            assert [one.interface for one in of(out, e.Send)] == goes

    def test_an_interface_that_goes_takes_nothing_along(self, announced):
        announced.feed(e.InterfaceDown(1))
        assert announced.engine.senders(announced.now)
        assert sends(announced.feed(e.CloseSession(1)), PathTear)

    def test_mistakes(self, node):
        for address in ("10.3.0.254", "224.1.1.1"):
            with pytest.raises(LocalError, match="not the address of a host behind"):
                node.feed(e.AddSender(1, sender(address), tspec(), incoming=1))
        node.feed(e.AddSender(1, HOST, tspec(), incoming=1))
        with pytest.raises(LocalError, match="from elsewhere already"):
            node.feed(e.AddSender(1, HOST, tspec(), incoming=2))

    def test_a_host_that_speaks_for_itself_needs_no_proxy(self, node):
        node.receive(path(HOST), 1)
        with pytest.raises(LocalError, match="another node already sends"):
            node.feed(e.AddSender(1, HOST, tspec(), incoming=1))


class TestReservation:
    """The host 10.9.0.9 behind interface 3 receives, and an application reserves for it."""

    @pytest.fixture
    def reserved(self, node):
        node.receive(path(HOST), 1)
        node.feed(e.Reserve(1, FF, (Flow(load(), (HOST,)),), True, outgoing=3))
        return node

    def test_it_stands_on_the_last_link_and_goes_upstream(self, reserved):
        """RFC 5945 section 4.1: as if a Resv was received on the downstream interface."""
        assert reserved.installed == {(3, ("10.1.0.1:4000",), 1000.0)}
        (message,) = sends(reserved.outputs, Resv)
        assert (message.style, message.confirm) == (FF, ResvConfirm(a("10.1.0.254")))
        (view,) = reserved.engine.reservations(reserved.now)
        assert (view.nhop, view.interface, view.expires_in) == (None, 3, None)
        assert sends(reserved.advance(50), Resv)
        assert reserved.installed

    def test_what_the_last_link_has_no_room_for_is_refused(self):
        r = router(1, 3, bandwidth=900.0)
        r.route("10.9.0.9", 3)
        r.feed(e.OpenSession(1, session()))
        r.receive(path(HOST), 1)
        out = r.feed(e.Reserve(1, FF, (Flow(load(), (HOST,)),), outgoing=3))
        assert [event.code for event in of(out, e.ResvError)] == [ErrorCode.ADMISSION_CONTROL_FAILURE]
        assert not sends(out, Resv)
        assert not sends(out, ResvErr)
        assert not r.installed

    def test_it_waits_for_its_sender(self, node):
        node.feed(e.Reserve(1, WF, (Flow(load(), ()),), outgoing=3))
        assert not node.installed
        assert sends(node.receive(path(HOST), 1), Resv)
        assert node.installed

    def test_it_goes_with_its_sender_and_comes_back_with_it(self, reserved):
        reserved.receive(path_tear(HOST), 1)
        assert not reserved.installed
        assert sends(reserved.receive(path(HOST), 1), Resv)
        assert reserved.installed

    def test_the_confirmation_is_for_the_application(self, reserved):
        (asked,) = sends(reserved.outputs, Resv)
        (flow,) = asked.flows
        told = ResvConf(
            session=session(),
            error=ErrorSpec(a("10.1.0.1"), ErrorCode.CONFIRMATION, 0),
            confirm=asked.confirm,
            style=FF,
            flows=(flow,),
            send_ttl=9,
        )
        assert of(reserved.receive(told, 1), e.ResvConfirmed)
        assert {message.confirm for message in sends(reserved.advance(100), Resv)} == {None}

    def test_one_for_a_receiver_elsewhere_goes_where_there_is_an_interface(self, reserved):
        """Not where the application's reservation waits for one that is gone."""
        message = ResvConf(
            session=session(),
            error=ErrorSpec(a("10.1.0.1"), 0, 0),
            confirm=ResvConfirm(a("10.7.0.7")),
            style=FF,
            flows=(Flow(load(), (HOST,)),),
            send_ttl=9,
        )
        for interface in (3, None):
            (send,) = of(reserved.receive(message, 1), e.Send)
            assert send.interface == interface
            reserved.feed(e.InterfaceDown(3))

    def test_neighbours_on_the_same_link_merge_with_it(self, reserved):
        out = reserved.receive(resv(FF, (load(3000.0), (HOST,)), hop="10.3.0.1", lih=3), 3)
        assert [message.flows[0].flowspec.rate for message in sends(out, Resv)] == [3000.0]
        assert reserved.installed == {(3, ("10.1.0.1:4000",), 3000.0)}

    def test_it_moves_when_the_application_says_so(self, reserved):
        reserved.feed(e.Reserve(1, FF, (Flow(load(), (HOST,)),), outgoing=2))
        assert not reserved.installed, "no data of that sender leaves there"
        reserved.feed(e.Reserve(1, FF, (Flow(load(), (HOST,)),), outgoing=3))
        assert reserved.installed

    def test_it_is_torn_when_it_is_given_back(self, reserved):
        assert sends(reserved.feed(e.Release(1)), ResvTear)
        assert not reserved.installed

    def test_it_waits_for_an_interface_that_is_gone(self, reserved):
        up = reserved.engine._core.interfaces[3]
        reserved.feed(e.InterfaceDown(3))
        assert not reserved.installed
        assert reserved.engine.reservations(reserved.now)
        reserved.feed(e.InterfaceUp(up))
        assert reserved.installed == {(3, ("10.1.0.1:4000",), 1000.0)}

    def test_a_group_whose_branch_is_cut_leaves_it_waiting(self):
        r = router(1, 2, 3)
        to = session("224.1.1.1")
        r.tree("224.1.1.1", "10.1.0.1", 1, 3)
        r.feed(e.OpenSession(1, to))
        r.receive(path(HOST, to=to), 1)
        r.feed(e.Reserve(1, FF, (Flow(load(), (HOST,)),), outgoing=3))
        assert r.installed
        r.feed(e.RouteResolved(a("224.1.1.1"), a("10.1.0.1"), (), 1))
        assert not r.installed
        r.feed(e.RouteResolved(a("224.1.1.1"), a("10.1.0.1"), (3,), 1))
        assert r.installed


def test_both_ends_by_proxy():
    """Two routers make a whole reservation for hosts that know nothing of it."""
    net = line()
    to, host = session("10.3.0.2"), sender("10.1.0.1")
    net.feed("r1", e.OpenSession(1, to))
    net.feed("r2", e.OpenSession(2, to))
    net.feed("r1", e.AddSender(1, host, tspec(), incoming=1))
    net.feed("r2", e.Reserve(2, FF, (Flow(load(), (host,)),), True, outgoing=2))
    assert net.events("r2", e.PathEvent)
    assert net.events("r2", e.ResvConfirmed)
    assert net.events("r1", e.ResvEvent)
    assert net.nodes["r1"].installed == net.nodes["r2"].installed == {(2, ("10.1.0.1:4000",), 1000.0)}
    net.feed("r2", e.CloseSession(2))
    assert net.events("r1", e.ResvGone)
    net.feed("r1", e.CloseSession(1))
    assert not any(node.engine.sessions() for node in net.nodes.values() if node is not net.nodes["h2"])
