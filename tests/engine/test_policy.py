"""Policy data passes through a node that has no policy (RFC 2750 sections 4.2, 4.3).

And what a receiver proxy tells its senders (RFC 5946 section 3.1).
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError, UnknownSession
from rsvp.iana import ErrorCode, ErrorFlag
from rsvp.messages import Flow, Path, PathErr, Resv, ResvErr
from rsvp.objects import FF, SE, ErrorSpec, Hop, PolicyData
from rsvp.policy import PreemptionPriority, UnknownElement

from .fabric import a, line, load, of, path, resv, router, sender, sends, session, tspec

S1, S2 = sender("10.1.0.1", 1), sender("10.2.0.1", 2)
P1 = PolicyData(elements=(PreemptionPriority(1, 2),))
P2 = PolicyData(data=b"what no RFC describes...")
P3 = PolicyData(elements=(PreemptionPriority(3, 4),))


def with_policy(message, *policy):
    return replace(message, policy=policy)


@pytest.fixture
def node():
    r = router(1, 2, 3)
    r.route("10.9.0.9", 3)
    r.receive(path(S1), 1)
    r.receive(path(S2, hop="10.2.0.1"), 2)
    return r


class TestAsItCame:
    def test_downstream_to_every_branch(self):
        r = router(1, 2, 3)
        r.route("224.1.1.1", 2, 3)
        out = r.receive(with_policy(path(S1, to=session("224.1.1.1")), P2, P1), 1)
        assert [m.policy for m in sends(out, Path)] == [(P2, P1)] * 2

    def test_a_change_of_it_is_forwarded_at_once_and_told(self, node):
        node.feed(e.OpenSession(1, session()))
        out = node.receive(with_policy(path(S1), P1), 1)
        assert [m.policy for m in sends(out, Path)] == [(P1,)]
        assert [event.policy for event in of(out, e.PathEvent)] == [(P1,)]

    def test_upstream_all_of_it(self, node):
        """ "concatenate all of them (as a list of the original POLICY_DATA objects)"."""
        node.receive(with_policy(resv(SE, (load(), (S1,)), hop="10.3.0.1", lih=3), P1, P2), 3)
        out = node.receive(with_policy(resv(SE, (load(), (S1,)), hop="10.3.0.2", lih=3), P3), 3)
        assert [m.policy for m in sends(out, Resv)] == [(P1, P2, P3)], "at once: it is news"
        assert {m.policy for m in sends(node.advance(45), Resv)} == {(P1, P2, P3)}

    def test_with_what_it_came_for_only(self, node):
        """A next hop that reserves for S2 says nothing to the previous hop of S1."""
        out = node.receive(with_policy(resv(FF, (load(), (S1,)), hop="10.3.0.1", lih=3), P1), 3)
        out += node.receive(with_policy(resv(FF, (load(), (S2,)), hop="10.3.0.2", lih=3), P2), 3)
        assert {(str(s.destination), s.message.policy) for s in of(out, e.Send)} == {
            ("10.1.0.1", (P1,)),
            ("10.2.0.1", (P2,)),
        }

    def test_in_errors_both_ways(self, node):
        node.receive(resv(FF, (load(), (S1,)), hop="10.3.0.1", lih=3), 3)
        error = ErrorSpec(a("10.77.0.1"), ErrorCode.POLICY_CONTROL_FAILURE, 4)
        up = PathErr(session=session(), error=error, sender=path(S1).sender, policy=(P2,), send_ttl=9)
        assert [m.policy for m in sends(node.receive(up, 3), PathErr)] == [(P2,)]
        down = ResvErr(
            session=session(),
            hop=Hop(a("10.1.0.1"), 7),
            error=error,
            style=FF,
            flow=Flow(load(), (S1,)),
            policy=(P1, P3),
            send_ttl=9,
        )
        assert [m.policy for m in sends(node.receive(down, 1), ResvErr)] == [(P1, P3)]

    def test_refusals_carry_that_of_the_message_refused(self, node):
        bad = with_policy(resv(FF, (load(), (sender(port=9),)), hop="10.3.0.1", lih=3), P1)
        assert [m.policy for m in sends(node.receive(bad, 3), ResvErr)] == [(P1,)]
        bad = with_policy(path(sender("10.1.0.1", 0)), P2)
        assert [m.policy for m in sends(node.receive(bad, 1), PathErr)] == [(P2,)]

    def test_between_applications(self):
        net = line()
        to = session("10.3.0.2")
        net.feed("h1", e.OpenSession(1, to))
        net.feed("h2", e.OpenSession(2, to))
        net.feed("h1", e.AddSender(1, S1, tspec(), policy=(P1,)))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), policy=(P2, P3)))
        assert [event.policy for event in net.events("h2", e.PathEvent)] == [(P1,)]
        assert [event.policy for event in net.events("h1", e.ResvEvent)] == [(P2, P3)]

    def test_a_sender_hears_when_only_that_changes(self):
        """What is reported to it has changed (RFC 2205 section 3.11.1)."""
        net = line()
        to = session("10.3.0.2")
        net.feed("h1", e.OpenSession(1, to))
        net.feed("h2", e.OpenSession(2, to))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        for policy in (P2, P2, P3):
            net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), policy=(policy,)))
        assert [event.policy for event in net.events("h1", e.ResvEvent)] == [(P2,), (P3,)]

    def test_an_application_that_is_refused_gets_what_came_with_it(self):
        net = line(bandwidth=10.0)
        to = session("10.3.0.2")
        net.feed("h1", e.OpenSession(1, to))
        net.feed("h2", e.OpenSession(2, to))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), policy=(P2,)))
        assert [event.policy for event in net.events("h2", e.ResvError)] == [(P2,)]


class TestReceiverProxy:
    """RFC 5946 section 3.1: a sender learns by PathErr what its proxy could not reserve."""

    @pytest.fixture
    def net(self):
        """A proxy at h2 reserves when a Path comes; sender S1 is at h1."""
        net = line(bandwidth=900.0)
        to = session("10.3.0.2")
        net.feed("h1", e.OpenSession(1, to))
        net.feed("h2", e.OpenSession(2, to))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        return net

    def test_figure_3(self, net):
        """Path, Resv, ResvErr, PathErr: codes 1 and 2 as they are, the proxy being the error node."""
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),)))
        (error,) = net.events("h2", e.ResvError)
        net.feed("h2", e.RefuseSender(2, S1, error.code, error.value, error.flags, (P1,)))
        (told,) = net.events("h1", e.PathError)
        assert (told.code, told.value, told.node) == (1, 2, a("10.3.0.2"))
        assert told.sender.template == S1
        assert told.policy == (P1,), "reflected (section 3.1)"
        assert all(len(node.engine.senders(net.now)) == 1 for node in net.nodes.values()), "no state removed"

    @pytest.mark.parametrize(("code", "value"), [(1, 1), (2, 102)])
    def test_what_a_sender_can_do_something_about(self, net, code, value):
        net.feed("h2", e.RefuseSender(2, S1, code, value))
        assert [(x.code, x.value) for x in net.events("h1", e.PathError)] == [(code, value)]

    @pytest.mark.parametrize("code", [3, 5, 13, 22, 23])
    def test_all_else_is_unrecoverable(self, net, code):
        """Code 36, the original one in the low octet (section 3.1.2)."""
        net.feed("h2", e.RefuseSender(2, S1, code, 7))
        (told,) = net.events("h1", e.PathError)
        assert (told.code, told.value) == (ErrorCode.RECEIVER_PROXY, 0x0100 | code)

    @pytest.mark.parametrize("flags", [0, 1, 2, 3])
    def test_in_place_is_kept(self, net, flags):
        net.feed("h2", e.RefuseSender(2, S1, 1, 2, flags))
        assert [x.flags for x in net.events("h1", e.PathError)] == [flags & ErrorFlag.IN_PLACE]

    def test_nobody_to_tell(self, net):
        with pytest.raises(LocalError, match=r"no Path has come from 10\.2\.0\.1"):
            net.feed("h2", e.RefuseSender(2, S2, 1, 2))
        with pytest.raises(UnknownSession):
            net.feed("h2", e.RefuseSender(9, S1, 1, 2))
        with pytest.raises(LocalError, match="no Path has come"):
            net.feed("h1", e.RefuseSender(1, S1, 1, 2))


def test_elements_that_nobody_knows_are_kept():
    """ "The same rules apply to unrecognized policies" (section 4.2)."""
    r = router(1, 2)
    r.route("10.9.0.9", 2)
    strange = PolicyData(elements=(UnknownElement(0x7777, b"1234"), PreemptionPriority(1, 2)))
    (onward,) = sends(r.receive(with_policy(path(S1), strange), 1), Path)
    assert onward.policy == (strange,)
