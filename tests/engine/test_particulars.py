"""Rules of RFC 2205 that have no room of their own: sections 2.1, 3.1.2, 3.1.5, 3.10, 3.11.4, appendix C."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.iana import ClassNum
from rsvp.intserv import DEFAULT_ADSPEC
from rsvp.messages import Path, PathTear, Resv, ResvErr, Sender
from rsvp.objects import FF, SE, WF, Hop, Opaque

from .fabric import a, load, of, path, path_tear, resv, router, sender, sends, session, tspec

S1, S2 = sender(port=1), sender(port=2)
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


def test_a_handle_that_is_none_of_ours(node):
    """RFC 2209: then it can be learned from where the message came in."""
    node.receive(resv(FF, (load(), (S1,)), lih=4711), 2)
    assert node.installed == {(2, (str(S1),), 1000.0)}


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

    def test_a_link_local_one_is_preferred_for_ipv6(self):
        node = router(1)
        both = (a("2001:db8::254"), a("fe80::254"), a("2001:db8::255"))
        node.feed(e.InterfaceUp(e.Interface(2, "eth2", both)))
        node.route("2001:db8::9", 2)
        six = path(sender("2001:db8::1"), to=session("2001:db8::9"), hop="fe80::1")
        (onward,) = sends(node.receive(six, 1), Path)
        assert onward.hop.address == a("fe80::254")

    def test_one_that_changes_goes_out_with_the_next_refresh(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        for index in (1, 2):
            node.feed(e.InterfaceUp(e.Interface(index, f"eth{index}", (a(f"10.{index}.0.99"),))))
        messages = [m for kind in (Path, Resv) for m in sends(node.advance(45), kind)]
        assert {str(m.hop.address) for m in messages} == {"10.1.0.99", "10.2.0.99"}


class TestInterfacesThatGo:
    def test_with_the_senders_that_came_in_there(self, node):
        node.receive(resv(WF, (load(), ())), 2)
        out = node.feed(e.InterfaceDown(1))
        assert [s.interface for s in of(out, e.Send)] == [2], "a PathTear"
        assert node.installed == set()
        assert node.engine.sessions() == []

    def test_one_that_was_never_there(self, node):
        assert node.feed(e.InterfaceDown(9)) == []
        assert len(node.engine.senders(0.0)) == 1

    def test_other_ways_are_asked_for(self, node):
        assert len(of(node.feed(e.InterfaceDown(3)), e.ResolveRoute)) == 1
