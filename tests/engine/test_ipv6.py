"""Which of its IPv6 addresses a node puts into what (RFC 2205 sections 3.3, A.2, A.5, A.14)."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.iana import ErrorCode
from rsvp.messages import Flow, Path, PathErr, Resv, ResvErr
from rsvp.objects import FF

from .fabric import Router, a, load, path, resv, router, sender, sends, session, tspec

SESSION = session("2001:db8:9::9")
SENDER = sender("2001:db8:1::1")
FLOW = (load(), (SENDER,))


def interface(index: int, *addresses: str) -> e.InterfaceUp:
    return e.InterfaceUp(
        e.Interface(index, f"eth{index}", tuple(map(a, addresses)), bandwidth=100_000.0, reservable=1.0)
    )


def node(*upstream: str) -> Router:
    """A router whose interface 1, with these addresses, looks upstream and 2 downstream."""
    r = router()
    r.feed(interface(1, *upstream))
    r.feed(interface(2, "2001:db8:2::254", "fe80::2"))
    r.route("2001:db8:9::9", 2)
    return r


BOTH = ("2001:db8:1::254", "fe80::1")


@pytest.mark.parametrize("theirs", ["fe80::aa", "2001:db8:f::aa"])
def test_hops_are_addresses_that_can_be_routed_to(theirs):
    """A Resv goes "directly to the next RSVP-capable router" across a cloud without RSVP (section 2.9)."""
    r = node(*BOTH)
    out = r.receive(path(SENDER, to=SESSION, hop=theirs), 1)
    (forwarded,) = sends(out, Path)
    assert forwarded.hop.address == a("2001:db8:2::254")
    out = r.receive(resv(FF, FLOW, to=SESSION, hop="fe80::bb"), 2, to="2001:db8:2::254")
    (send,) = [one for one in out if isinstance(one, e.Send)]
    assert (send.destination, send.source, send.interface) == (a(theirs), a("2001:db8:1::254"), 1)
    assert isinstance(send.message, Resv)
    assert send.message.hop.address == a("2001:db8:1::254")


def test_an_interface_without_another_address_is_a_link_local_hop():
    """The hop is "the IP address of the interface" (section A.2), not another interface's."""
    r = node("fe80::1")
    r.receive(path(SENDER, to=SESSION, hop="fe80::aa"), 1)
    (message,) = sends(r.receive(resv(FF, FLOW, to=SESSION, hop="fe80::bb"), 2, to="fe80::2"), Resv)
    assert message.hop.address == a("fe80::1")


def test_what_an_error_bears_can_be_routed_to():
    r = node(*BOTH)
    r.receive(path(SENDER, to=SESSION, hop="fe80::aa", spec=tspec(1e6)), 1)
    (error,) = sends(
        r.receive(resv(FF, (load(1e6), (SENDER,)), to=SESSION, hop="fe80::bb"), 2, to="fe80::2"), ResvErr
    )
    assert error.error.code == ErrorCode.ADMISSION_CONTROL_FAILURE
    assert (error.hop.address, error.error.node) == (a("2001:db8:2::254"),) * 2
    clash = path(sender("2001:db8:1::1", 0), to=session("2001:db8:9::9", 0), hop="fe80::aa")
    (error,) = sends(r.receive(clash, 1), PathErr)
    assert error.error.node == a("2001:db8:1::254")


@pytest.mark.parametrize(
    ("upstream", "hop", "expected"),
    [
        (BOTH, "2001:db8:1::254", "2001:db8:1::254"),
        (BOTH[::-1], "2001:db8:1::254", "2001:db8:1::254"),
        (("fe80::1",), "fe80::1", "2001:db8:2::254"),  # another's: this one's leads nowhere from afar
        (("10.1.0.254", "fe80::1"), "fe80::1", "2001:db8:2::254"),
    ],
)
def test_a_confirmation_is_asked_for_where_it_can_be_routed_to(upstream, hop, expected):
    r = node(*upstream)
    r.feed(e.OpenSession(1, SESSION))
    r.route("2001:db8:9::9", local=True)
    r.receive(path(SENDER, to=SESSION, hop="fe80::aa"), 1)
    (asked,) = sends(r.feed(e.Reserve(1, FF, (Flow(*FLOW),), confirm=True)), Resv)
    assert asked.confirm is not None
    assert asked.confirm.receiver == a(expected)
    assert asked.hop.address == a(hop)


def test_a_node_without_any_other_address_goes_by_a_link_local_one():
    r = router()
    r.feed(interface(1, "fe80::1"))
    r.feed(interface(2, "fe80::2"))
    r.route("2001:db8:9::9", 2)
    r.receive(path(SENDER, to=SESSION, hop="fe80::aa", spec=tspec(1e6)), 1)
    (error,) = sends(
        r.receive(resv(FF, (load(1e6), (SENDER,)), to=SESSION, hop="fe80::bb"), 2, to="fe80::2"), ResvErr
    )
    assert error.error.node == a("fe80::2")


def test_an_interface_of_the_other_family_only_borrows_an_address():
    r = router()
    r.feed(interface(1, *BOTH))
    r.feed(interface(2, "10.2.0.254"))
    r.route("2001:db8:9::9", 2)
    (forwarded,) = sends(r.receive(path(SENDER, to=SESSION, hop="fe80::aa"), 1), Path)
    assert forwarded.hop.address == a("2001:db8:1::254")


def test_the_same_link_local_address_is_somebody_elses_on_another_link():
    """Interface 1 has fe80::1, and so has the neighbour behind 2: that is no message of our own."""
    r = node("fe80::1")
    r.route("2001:db8:1::1", 1)
    back = session("2001:db8:1::1")
    theirs = sender("2001:db8:9::9")
    assert sends(r.receive(path(theirs, to=back, hop="fe80::1"), 2), Path) != []
    r.receive(path(SENDER, to=SESSION, hop="fe80::aa"), 1)
    asked = resv(FF, FLOW, to=SESSION, hop="fe80::1", confirm="fe80::1")
    assert sends(r.receive(asked, 2, to="fe80::2"), Resv) != []
    again = resv(FF, (load(500.0), (SENDER,)), to=SESSION, hop="fe80::bb", confirm="fe80::1")
    (confirmed,) = [s for s in r.receive(again, 2, to="fe80::2") if isinstance(s, e.Send)]
    assert (confirmed.destination, confirmed.interface) == (a("fe80::1"), 2)


def test_and_our_own_on_its_link():
    r = node("fe80::1")
    assert r.receive(path(SENDER, to=SESSION, hop="fe80::1"), 1) == [e.Dropped("own message", 1, 1)]
    assert r.receive(path(SENDER, to=SESSION, hop="2001:db8:2::254"), 1) == [e.Dropped("own message", 1, 1)]
