"""The worked examples of RFC 2205 section 1.4, figures 4 to 8.

A router with previous hops behind (a) and (b) and next hops behind (c) and (d): sender S1 is behind
(a), S2 and S3 behind (b); receiver R1 is behind (c), R2 and R3 on a LAN behind (d). B is 1000 bytes/s.
"""

from __future__ import annotations

import pytest

from rsvp.messages import Resv, ResvTear
from rsvp.objects import FF, SE, WF

from .fabric import load, path, path_tear, resv, resv_tear, router, sender, sends, session, traffic

A, B, C, D = 1, 2, 3, 4
GROUP = session("224.1.1.1")
S1, S2, S3 = sender("10.1.0.1"), sender("10.2.0.1"), sender("10.2.0.2")
R1, R2, R3 = "10.3.0.1", "10.4.0.1", "10.4.0.2"


@pytest.fixture
def node():
    r = router(A, B, C, D)
    r.route("224.1.1.1", C, D)
    r.receive(path(S1, to=GROUP, hop="10.1.0.1", lih=71), A)
    r.receive(path(S2, to=GROUP, hop="10.2.0.1", lih=72), B)
    r.receive(path(S3, to=GROUP, hop="10.2.0.1", lih=72), B)
    return r


def reserve(node, interface, hop, style, *flows, **fields):
    return node.receive(resv(style, *flows, to=GROUP, hop=hop, lih=interface, **fields), interface)


def asked(node):
    """{interface: [(style, filters, rate)]} of what goes upstream, from the state shown."""
    requests = {}
    for view in node.engine.requests():
        entry = (view.style.name, tuple(str(f) for f in view.filters), view.flowspec.rate)
        requests.setdefault(view.interface, []).append(entry)
    return requests


def last_sent(outputs):
    """The Resv content that each previous hop was sent last."""
    return {
        str(m.hop.address): [(tuple(str(f) for f in flow.filters), flow.flowspec.rate) for flow in m.flows]
        for m in sends(outputs, Resv)
    }


def test_figure_5_wildcard_filter(node):
    reserve(node, C, R1, WF, (load(4000), ()))
    reserve(node, D, R2, WF, (load(3000), ()))
    reserve(node, D, R3, WF, (load(2000), ()))
    assert node.installed == {(C, (), 4000.0), (D, (), 3000.0)}
    assert asked(node) == {A: [("WF", (), 4000.0)], B: [("WF", (), 4000.0)]}


def test_figure_6_fixed_filter(node):
    reserve(node, C, R1, FF, (load(4000), (S1,)), (load(5000), (S2,)))
    reserve(node, D, R2, FF, (load(3000), (S1,)), (load(1000), (S3,)))
    reserve(node, D, R3, FF, (load(1000), (S1,)))
    assert node.installed == {
        (C, (str(S1),), 4000.0),
        (C, (str(S2),), 5000.0),
        (D, (str(S1),), 3000.0),
        (D, (str(S3),), 1000.0),
    }
    assert asked(node) == {
        A: [("FF", (str(S1),), 4000.0)],
        B: [("FF", (str(S2),), 5000.0), ("FF", (str(S3),), 1000.0)],
    }
    # The three cases of section 3.1.6: a tear goes on, changes a Resv, or is hidden by merging.
    out = node.receive(resv_tear(FF, (S3,), to=GROUP, hop=R2, lih=D), D)
    (tear,) = sends(out, ResvTear)
    assert [flow.filters for flow in tear.flows] == [(S3,)]
    assert sends(out, Resv) == []
    out = node.receive(resv_tear(FF, (S1,), to=GROUP, hop=R1, lih=C), C)
    assert last_sent(out) == {"10.1.0.254": [((str(S1),), 3000.0)]}
    assert sends(out, ResvTear) == []
    assert node.receive(resv_tear(FF, (S1,), to=GROUP, hop=R3, lih=D), D) == []


def test_figure_6_goes_upstream_in_one_message_per_previous_hop(node):
    reserve(node, C, R1, FF, (load(4000), (S1,)), (load(5000), (S2,)))
    out = reserve(node, D, R2, FF, (load(3000), (S1,)), (load(1000), (S3,)))
    (message,) = sends(out, Resv)
    assert message.hop.lih == 72
    assert [(flow.filters, flow.flowspec.rate) for flow in message.flows] == [((S2,), 5000), ((S3,), 1000)]


def test_figure_7_shared_explicit(node):
    reserve(node, C, R1, SE, (load(1000), (S1, S2)))
    reserve(node, D, R2, SE, (load(3000), (S1, S3)))
    reserve(node, D, R3, SE, (load(2000), (S2,)))
    assert node.installed == {
        (C, (str(S1), str(S2)), 1000.0),
        (D, (str(S1), str(S3), str(S2)), 3000.0),
    } or node.installed == {
        (C, (str(S1), str(S2)), 1000.0),
        (D, (str(S1), str(S2), str(S3)), 3000.0),
    }
    assert asked(node) == {
        A: [("SE", (str(S1),), 3000.0)],
        B: [("SE", (str(S2), str(S3)), 3000.0)],
    }


def test_figure_8_wildcard_where_not_every_interface_gets_every_sender(node):
    """Figure 8's routing: packets from S2 and S3 are not forwarded to (c)."""
    other = router(A, B, C, D)
    other.route("224.1.1.1", D)
    other.receive(path(S2, to=GROUP, hop="10.2.0.1"), B)
    other.receive(path(S3, to=GROUP, hop="10.2.0.1"), B)
    other.route("224.1.1.1", C, D)
    other.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
    reserve(other, C, R1, WF, (load(4000), ()))
    reserve(other, D, R2, WF, (load(3000), ()))
    assert asked(other) == {A: [("WF", (), 4000.0)], B: [("WF", (), 3000.0)]}


def test_a_merge_that_hides_a_change_sends_and_installs_nothing(node):
    reserve(node, D, R2, FF, (load(3000), (S1,)))
    out = reserve(node, D, R3, FF, (load(1000), (S1,)))
    assert sends(out, Resv) == []
    assert traffic(out) == []


def test_scope_goes_along_where_there_are_several_previous_hops(node):
    """Section 3.4: each previous hop is told of its own senders only."""
    out = reserve(node, C, R1, WF, (load(4000), ()))
    scopes = {str(m.hop.address): [str(x) for x in m.scope.addresses] for m in sends(out, Resv)}
    assert scopes == {"10.1.0.254": ["10.1.0.1"], "10.2.0.254": ["10.2.0.1", "10.2.0.2"]}


def test_scope_that_arrives_limits_who_is_asked(node):
    out = reserve(node, C, R1, WF, (load(4000), ()), scope=("10.2.0.1",))
    (message,) = sends(out, Resv)
    assert [str(x) for x in message.scope.addresses] == ["10.2.0.1"]
    assert message.hop.address == node.engine.interfaces()[1].addresses[0]


def test_no_scope_with_one_previous_hop():
    single = router(A, C)
    single.route("224.1.1.1", C)
    single.receive(path(S1, to=GROUP, hop="10.1.0.1"), A)
    (message,) = sends(reserve(single, C, R1, WF, (load(4000), ())), Resv)
    assert message.scope is None


def test_a_sender_that_leaves_a_shared_reservation_leaves_its_filter_only(node):
    reserve(node, C, R1, SE, (load(1000), (S1, S2)))
    out = node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A)
    assert node.installed == {(C, (str(S2),), 1000.0)}
    assert sends(out, Resv) == []
    assert sends(out, ResvTear) == []
    assert asked(node) == {B: [("SE", (str(S2),), 1000.0)]}


def test_a_wildcard_reservation_lives_until_its_last_sender_leaves(node):
    reserve(node, C, R1, WF, (load(1000), ()))
    node.receive(path_tear(S1, to=GROUP, hop="10.1.0.1"), A)
    node.receive(path_tear(S2, to=GROUP, hop="10.2.0.1"), B)
    assert node.installed == {(C, (), 1000.0)}
    node.receive(path_tear(S3, to=GROUP, hop="10.2.0.1"), B)
    assert node.installed == set()
    assert node.engine.sessions() == []
