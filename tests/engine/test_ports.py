"""Zero and non-zero ports: RFC 2205 section 3.2 with errors 7 and 8, RFC 2209 MESSAGE ARRIVES."""

from __future__ import annotations

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError
from rsvp.iana import ErrorCode
from rsvp.messages import Path, PathErr, Resv, ResvErr
from rsvp.objects import FF, SE, ErrorSpec, FlowLabelFilterSpec

from .fabric import a, load, path, path_tear, resv, resv_tear, router, sender, sends, session, tspec

ESP = 50
"""A protocol that has no ports."""

PORTLESS = session(port=0, protocol=ESP)
S0 = sender(port=0)
S1 = sender(port=1)


@pytest.fixture
def node():
    r = router(1, 2)
    r.route("10.9.0.9", 2)
    return r


def reasons(out):
    return [o.reason for o in out if isinstance(o, e.Dropped)]


def test_a_session_of_a_protocol_without_ports(node):
    (onward,) = sends(node.receive(path(S0, to=PORTLESS), 1), Path)
    assert (onward.session.protocol, onward.session.port, onward.sender.template) == (ESP, 0, S0)
    (asked,) = sends(node.receive(resv(FF, (load(), (S0,)), to=PORTLESS), 2), Resv)
    assert asked.flows[0].filters == (S0,)
    assert node.installed == {(2, (str(S0),), 1000.0)}


def test_ports_of_other_protocols_and_destinations_are_their_own_affair(node):
    """Rule 1 speaks of one DestAddress and ProtocolId."""
    node.route("10.9.0.8", 2)
    node.receive(path(S1), 1)
    for other in (PORTLESS, session("10.9.0.8", 0)):
        assert sends(node.receive(path(S0, to=other), 1), PathErr) == []
    assert len(node.engine.sessions()) == 3


def test_rule_1_the_other_way_round(node):
    node.receive(path(S0, to=session(port=0)), 1)
    (error,) = sends(node.receive(path(S1), 1), PathErr)
    assert error.error.code == ErrorCode.CONFLICTING_DEST_PORTS
    assert error.sender == path(S1).sender, "the sender descriptor is copied (section 3.1.7)"


def test_sessions_with_different_ports_stand_side_by_side(node):
    """Zero is no wildcard: nothing but zero and non-zero conflict."""
    node.receive(path(S1), 1)
    assert sends(node.receive(path(S1, to=session(port=5001)), 1), PathErr) == []
    node.receive(resv(FF, (load(), (S1,))), 2)
    assert len(node.engine.reservations(0.0)) == 1


@pytest.mark.parametrize(
    "message",
    [
        path(S1, to=PORTLESS),
        path_tear(S1, to=PORTLESS),
        PathErr(session=PORTLESS, error=ErrorSpec(a("10.9.0.9"), 2, 0), sender=path(S1).sender),
        resv(FF, (load(), (S1,)), to=PORTLESS),
        resv(SE, (load(), (S0, S1)), to=PORTLESS),
        resv_tear(FF, (S1,), to=PORTLESS),
    ],
    ids=lambda message: message.name,
)
def test_rule_2_a_source_port_without_a_destination_port_is_dropped_silently(node, message):
    """Whatever the message; RFC 2205 appendix B lists it among the errors that are only logged."""
    node.receive(path(S0, to=PORTLESS), 1)
    out = node.receive(message, 2)
    assert out == [e.Dropped("bad source port", 2, message.type)]


def test_rule_2_in_a_resv_err(node):
    node.receive(path(S0, to=PORTLESS), 1)
    node.receive(resv(FF, (load(), (S0,)), to=PORTLESS), 2)
    bad = ResvErr(
        session=PORTLESS,
        hop=path().hop,
        error=ErrorSpec(a("10.1.0.1"), 1, 2),
        style=FF,
        flow=resv(FF, (load(), (S1,))).flows[0],
    )
    assert reasons(node.receive(bad, 1)) == ["bad source port"]


def test_rule_3_for_each_sender_host(node):
    node.receive(path(S0), 1)
    out = node.receive(path(S1), 1)
    (error,) = sends(out, PathErr)
    assert error.error.code == ErrorCode.CONFLICTING_SENDER_PORTS
    assert sends(out, Path) == []
    assert len(node.engine.senders(0.0)) == 1
    assert sends(node.receive(path(sender("10.1.0.2", 1)), 1), PathErr) == [], (
        "another host is free to differ"
    )


def test_a_zero_source_port_is_one_that_matches_itself_only(node):
    """ "A zero port cannot match a non-zero port": the Resv finds no sender (error 4)."""
    node.receive(path(S0), 1)
    (error,) = sends(node.receive(resv(FF, (load(), (S1,))), 2), ResvErr)
    assert error.error.code == ErrorCode.NO_SENDER_INFORMATION


def test_flow_labels_have_no_ports_to_conflict(node):
    node.route("2001:db8::9", 2)
    node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"), a("fe80::1")))))
    node.feed(e.InterfaceUp(e.Interface(2, "eth2", (a("10.2.0.254"), a("fe80::2")))))
    six = session("2001:db8::9")
    labelled, ported = FlowLabelFilterSpec(a("2001:db8::1"), 7), sender("2001:db8::1", 0)
    assert sends(node.receive(path(labelled, to=six, hop="fe80::11"), 1), PathErr) == []
    assert sends(node.receive(path(ported, to=six, hop="fe80::11"), 1), PathErr) == []
    assert len(node.engine.senders(0.0)) == 2


@pytest.mark.parametrize(
    ("to", "port"), [(session(port=0), 5), (session(port=5000), 0)], ids=["rule 2", "rule 3"]
)
def test_applications_are_told_by_an_exception(to, port):
    host = router(2)
    host.route("10.9.0.9", 2)
    host.feed(e.OpenSession(1, to))
    mine = sender("10.2.0.254", 0 if port else 7)
    host.feed(e.AddSender(1, mine, tspec()))
    with pytest.raises(LocalError, match="source ports do not agree"):
        host.feed(e.AddSender(1, sender("10.2.0.254", port), tspec()))
