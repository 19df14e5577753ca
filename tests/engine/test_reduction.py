"""Links that promised more than they carry: RFC 4495, RFC 3181, TC_ModFlowspec of RFC 2205 3.11.2."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from rsvp import engine as e
from rsvp.iana import AdmissionError, ErrorCode, ErrorFlag, Service
from rsvp.iana_policy import PreemptionError
from rsvp.intserv import controlled_load, guaranteed, reduced
from rsvp.messages import Flow, Resv, ResvConf, ResvErr, ResvTear
from rsvp.objects import FF, SE, ErrorSpec, Hop, Opaque, PolicyData
from rsvp.policy import PreemptionPriority

from .fabric import (
    Router,
    Twins,
    a,
    line,
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

S1, S2, S3 = (sender(port=n) for n in (1, 2, 3))
LONG = 1e6
PREEMPTED, PARTLY = (ErrorCode.POLICY_CONTROL_FAILURE, 5), (ErrorCode.POLICY_CONTROL_FAILURE, 102)


def link(bandwidth, **fields):
    return e.InterfaceUp(
        e.Interface(2, "eth2", (a("10.2.0.254"),), bandwidth=bandwidth, reservable=1.0, **fields)
    )


@pytest.fixture
def node():
    """1,000 bytes/s for each of three senders, on a link of 3,000."""
    r = router(1, 2, bandwidth=3000.0)
    r.route("10.9.0.9", 2)
    for who in (S1, S2, S3):
        r.receive(path(who, refresh=LONG), 1)
    return r


def reserve(node, who, rate=1000.0, priority=None, host=1, **fields):
    message = resv(FF, (fields.pop("spec", load(rate)), (who,)), hop=f"10.2.0.{host}", refresh=LONG)
    if priority is not None:
        message = replace(message, policy=(PolicyData(elements=(PreemptionPriority(0, priority),)),))
    return node.receive(message, 2)


def errors(outputs):
    return [
        ((m.error.code, m.error.value), m.flow.filters, m.flow.flowspec.rate) for m in sends(outputs, ResvErr)
    ]


def installed(node):
    return {str(flow.filters[0]): flow.flowspec.rate for flow in node.flows.values()}


class TestShrinking:
    def test_the_newest_is_reduced_by_what_is_missing(self, node):
        for who in (S1, S2, S3):
            reserve(node, who)
        out = node.feed(link(2400.0))
        assert errors(out) == [(PARTLY, (S3,), pytest.approx(400.0))]
        assert installed(node) == {str(S1): 1000.0, str(S2): 1000.0, str(S3): pytest.approx(400.0)}
        assert node.engine.interfaces()[1].reserved <= 2400.0

    def test_nothing_is_torn(self, node):
        """ "The ResvTear message MUST NOT be sent" (section 5)."""
        reserve(node, S1, 3000.0, spec=load(3000.0))
        node.receive(path(S1, spec=tspec(3000.0), refresh=LONG), 1)
        out = node.feed(link(2000.0))
        assert sends(out, ResvTear) == sends(out, Resv) == []
        assert [type(order) for order in traffic(out)] == [e.ModifyFlow]
        assert [v.flowspec.rate for v in node.engine.requests()] == [3000.0], (
            "that is the receiver's to change"
        )
        assert [v.flowspec.rate for v in node.engine.installed()] == [2000.0]

    def test_the_error_says_what_is_left_and_that_it_is_in_place(self, node):
        reserve(node, S1)
        (error,) = sends(node.feed(link(600.0)), ResvErr)
        assert error.flow.flowspec == reduced(load(1000.0), 600.0, 600.0)
        assert error.flow.flowspec.tspec.peak == 600.0, "the highest average and peak rates (section 5.2)"
        assert error.error.flags == ErrorFlag.IN_PLACE
        (policy,) = error.policy
        assert policy.elements == (PreemptionPriority(0, 0, error=PreemptionError.PREEMPTION),)

    def test_the_least_defended_goes_first(self, node):
        """RFC 3181: what nobody ranks is worth 0."""
        reserve(node, S1, priority=5)
        reserve(node, S2, priority=3)
        reserve(node, S3, priority=4)
        (error,) = sends(node.feed(link(2999.0)), ResvErr)
        assert error.flow.filters == (S2,)
        assert error.policy[0].elements == (PreemptionPriority(0, 3, error=PreemptionError.PREEMPTION),)

    def test_two_are_not_reduced_where_one_is_enough(self, node):
        """Section 5.6."""
        for who in (S1, S2, S3):
            reserve(node, who)
        assert len(errors(node.feed(link(2100.0)))) == 1

    def test_one_that_would_be_left_nothing_is_preempted_and_torn(self, node):
        for who in (S1, S2, S3):
            reserve(node, who)
        out = node.feed(link(1500.0))
        assert [(kind, filters) for kind, filters, _ in errors(out)] == [(PREEMPTED, (S3,)), (PARTLY, (S2,))]
        assert [flow.filters for m in sends(out, ResvTear) for flow in m.flows] == [(S3,)]
        assert installed(node) == {str(S1): 1000.0, str(S2): pytest.approx(500.0)}

    @pytest.mark.parametrize(
        ("bandwidth", "kind"), [(2000.0, PREEMPTED), (2000.9, PREEMPTED), (2001.0, PARTLY)]
    )
    def test_less_than_one_byte_a_second_is_nothing(self, node, bandwidth, kind):
        """No flowspec can ask for that (RFC 2210 section 3.1)."""
        for who in (S1, S2, S3):
            reserve(node, who)
        assert [found for found, _, _ in errors(node.feed(link(bandwidth)))] == [kind]

    def test_who_says_nothing_is_defended_least(self, node):
        """Whoever came last."""
        reserve(node, S1)
        reserve(node, S2, priority=1)
        reserve(node, S3, priority=1)
        assert [filters for _, filters, _ in errors(node.feed(link(2500.0)))] == [(S1,)]

    def test_who_is_preempted_learns_it_from_its_priority_as_well(self, node):
        for who, priority in ((S1, 7), (S2, None), (S3, None)):
            reserve(node, who, priority=priority)
        told = sends(node.feed(link(500.0)), ResvErr)
        assert [m.policy[0].elements[0].error for m in told] == [PreemptionError.PREEMPTION] * 3
        assert [m.flow.filters for m in told] == [(S3,), (S2,), (S1,)], "those that nobody ranks go first"

    def test_what_upstream_refused_a_while_ago_is_nobodys_any_more(self, node):
        """Torn though the time of its blockade has not come."""
        reserve(node, S1)
        reserve(node, S1, 500.0, host=2)
        message = ResvErr(
            session=session(),
            hop=Hop(a("10.1.0.1"), 0),
            error=ErrorSpec(a("10.77.0.1"), 1, 2),
            style=FF,
            flow=Flow(load(1000.0), (S1,)),
            send_ttl=63,
        )
        assert [m.flows[0].flowspec.rate for m in sends(node.receive(message, 1), Resv)] == [500.0]
        out = node.feed(link(0.5))
        assert [kind for kind, _, _ in errors(out)] == [PREEMPTED] * 2
        assert len(sends(out, ResvTear)) == 1

    def test_who_asked_for_as_much_as_is_left_hears_nothing(self, node):
        reserve(node, S1, 500.0)
        reserve(node, S1, 1000.0, host=2)
        assert [s.destination for s in of(node.feed(link(500.0)), e.Send)] == [a("10.2.0.2")]

    def test_what_a_sender_sends_counts_not_what_is_asked_for(self, node):
        """And all that traffic control knew of the flow stands, but the flowspec."""
        reserve(node, S1, 2500.0)
        out = node.feed(link(600.0))
        (order,) = traffic(out)
        left = reduced(load(2500.0), 600.0, 600.0)
        assert order == e.ModifyFlow(1, 2, left, tspec(), e.Police.NONE)
        assert node.engine.interfaces()[1].reserved == 600.0
        assert [order.flowspec for order in traffic(node.feed(link(1000.0)))] == [load(2500.0)]
        assert node.engine.interfaces()[1].reserved == 1000.0

    def test_where_the_policy_says_so_it_is_torn_at_once(self):
        node = Router(Twins(e.Config(partial_preemption=False), rng=Random(1)))
        node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),))))
        node.feed(link(3000.0))
        node.route("10.9.0.9", 2)
        node.receive(path(S1), 1)
        reserve(node, S1)
        out = node.feed(link(999.0))
        assert errors(out) == [(PREEMPTED, (S1,), 1000.0)]
        assert len(sends(out, ResvTear)) == 1
        assert node.installed == set()

    def test_what_a_service_has_too_much_of_goes_first(self, node):
        """The newest would have been in the way of what the link cannot carry, but need not be."""
        node.receive(path(S1, to=session(port=7), refresh=LONG), 1)
        reserve(node, S1, spec=guaranteed(tspec(), R=1000.0))
        node.receive(resv(FF, (load(), (S1,)), to=session(port=7), refresh=LONG), 2)
        out = node.feed(link(1700.0, guaranteed=0.25))
        assert errors(out) == [(PARTLY, (S1,), 425.0)]
        assert sorted(flow.flowspec.rate for flow in node.flows.values()) == [425.0, 1000.0]
        out = node.feed(link(1200.0, guaranteed=0.25))
        assert [rate for _, _, rate in errors(out)] == [300.0, 900.0]

    def test_who_was_torn_for_its_service_is_not_looked_at_again(self, node):
        node.receive(path(S1, to=session(port=7), refresh=LONG), 1)
        node.receive(resv(FF, (load(), (S1,)), to=session(port=7), refresh=LONG), 2)
        for who in (S1, S2):
            reserve(node, who, spec=guaranteed(tspec(600.0), R=600.0))
        out = node.feed(link(900.0, guaranteed=0.5))
        assert [kind for kind, filters, _ in errors(out) if filters == (S2,)] == [PREEMPTED]
        assert sum(flow.flowspec.rate for flow in node.flows.values()) == pytest.approx(900.0)

    @pytest.mark.parametrize("important", [True, False])
    def test_the_most_important_gets_back_first(self, node, important):
        reserve(node, S1, spec=guaranteed(tspec(), R=1000.0), priority=9 if important else 0)
        other = session(port=7)
        node.receive(path(S1, to=other, refresh=LONG), 1)
        policy = (PolicyData(elements=(PreemptionPriority(0, 5),)),)
        node.receive(replace(resv(FF, (load(), (S1,)), to=other, refresh=LONG), policy=policy), 2)
        node.feed(link(1500.0, guaranteed=0.5))
        assert {flow.session.port: flow.flowspec.rate for flow in node.flows.values()} == (
            {5000: 750.0, 7: 750.0} if important else {5000: 500.0, 7: 1000.0}
        )
        node.feed(link(1750.0))
        assert {flow.session.port: flow.flowspec.rate for flow in node.flows.values()} == (
            {5000: 1000.0, 7: 750.0} if important else {5000: 500.0, 7: 1000.0}
        )

    def test_only_who_asked_for_more_hears_of_it(self, node):
        reserve(node, S1, 500.0)
        reserve(node, S1, 1000.0, host=2)
        out = node.feed(link(600.0))
        assert [s.destination for s in of(out, e.Send)] == [a("10.2.0.2")]

    def test_guaranteed_service(self, node):
        reserve(node, S1, spec=guaranteed(tspec(), R=2000.0, slack=7))
        (error,) = sends(node.feed(link(500.0)), ResvErr)
        assert error.flow.flowspec.rspec.rate == error.flow.flowspec.tspec.rate == 500.0
        assert error.flow.flowspec.rspec.slack == 7
        assert node.engine.interfaces()[1].reserved == 500.0

    def test_a_smaller_share_shrinks_a_link_as_well(self, node):
        reserve(node, S1)
        change = link(3000.0)
        out = node.feed(e.InterfaceUp(replace(change.interface, reservable=0.1)))
        assert errors(out) == [(PARTLY, (S1,), pytest.approx(300.0))]

    def test_a_link_that_still_carries_all_changes_nothing(self, node):
        reserve(node, S1)
        out = node.feed(link(1000.0))
        assert errors(out) == traffic(out) == []

    def test_other_interfaces_are_not_concerned(self, node):
        reserve(node, S1)
        out = node.feed(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),), bandwidth=10.0)))
        assert errors(out) == traffic(out) == []


class TestAfterwards:
    @pytest.fixture
    def reduced_node(self, node):
        reserve(node, S1)
        node.feed(link(600.0))
        return node

    def test_a_refresh_that_asks_too_much_is_told_again_and_the_same(self, reduced_node):
        """A lost indication is repeated and reduces nothing further (requirement 4)."""
        for _ in range(3):
            assert errors(reserve(reduced_node, S1)) == [(PARTLY, (S1,), 600.0)]
            assert installed(reduced_node) == {str(S1): 600.0}

    def test_one_that_wants_a_confirmation_is_told_so_instead(self, reduced_node):
        """A receiver asks for it with each refresh until it comes, and is not to wait for both."""
        message = resv(FF, (load(), (S1,)), refresh=LONG, confirm="10.2.0.9")
        out = reduced_node.receive(message, 2)
        assert errors(out) == [(PARTLY, (S1,), 600.0)]
        assert sends(out, ResvConf) == sends(out, Resv) == []
        out = reduced_node.receive(replace(message, flows=(Flow(load(600.0), (S1,)),)), 2)
        assert [m.confirm is not None for m in sends(out, Resv)] == [True]

    def test_another_next_hop_that_asks_for_too_much_hears_at_once(self, reduced_node):
        assert errors(reserve(reduced_node, S1, host=2)) == [(PARTLY, (S1,), 600.0)]
        assert errors(reserve(reduced_node, S1, 600.0, host=3)) == []

    def test_and_gets_all_of_it_where_there_is_room(self, reduced_node):
        reserve(reduced_node, S2, 100.0)
        reduced_node.feed(link(1000.0))
        assert installed(reduced_node) == {str(S1): 1000.0}
        reduced_node.feed(link(600.0))
        reserve(reduced_node, S1, 600.0)
        reserve(reduced_node, S1, 500.0)
        reserve(reduced_node, S2, 100.0)
        reduced_node.feed(link(550.0))
        assert installed(reduced_node) == {str(S1): 500.0, str(S2): pytest.approx(50.0)}
        reserve(reduced_node, S1, 450.0)
        assert errors(reserve(reduced_node, S2, 100.0, host=2)) == []
        assert installed(reduced_node) == {str(S1): 450.0, str(S2): 100.0}

    def test_the_receiver_follows(self, reduced_node):
        out = reserve(reduced_node, S1, spec=reduced(load(1000.0), 600.0, 600.0))
        assert errors(out) == []
        assert [m.flows[0].flowspec.rate for m in sends(out, Resv)] == [600.0], "and upstream hears of it"
        assert errors(reserve(reduced_node, S1, spec=reduced(load(1000.0), 600.0, 600.0))) == []

    def test_less_than_is_left_is_fine_too(self, reduced_node):
        assert errors(reserve(reduced_node, S1, 100.0)) == []
        assert installed(reduced_node) == {str(S1): 100.0}

    def test_more_than_before_fails_in_place(self, reduced_node):
        out = reserve(reduced_node, S1, 1000.0, spec=controlled_load(tspec(1000.0, bucket=9000.0)))
        (error,) = sends(out, ResvErr)
        assert (error.error.code, error.error.flags) == (1, ErrorFlag.IN_PLACE)
        assert installed(reduced_node) == {str(S1): 600.0}

    def test_a_link_that_grows_again_gives_back(self, reduced_node):
        out = reduced_node.feed(link(999.0))
        assert traffic(out) == [], "not yet all of it"
        out = reduced_node.feed(link(1000.0))
        assert [order.flowspec.rate for order in of(out, e.ModifyFlow)] == [1000.0]
        assert errors(reserve(reduced_node, S1)) == []

    def test_what_ends_meanwhile_is_free(self, reduced_node):
        reduced_node.feed(e.InterfaceDown(2))
        assert reduced_node.installed == set()


def test_the_application_learns_of_it():
    """And answers with a smaller reservation (section 5.3)."""
    net = line()
    to = session("10.3.0.2")
    net.feed("h1", e.OpenSession(1, to))
    net.feed("h2", e.OpenSession(2, to))
    net.feed("h1", e.AddSender(1, S1, tspec()))
    net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),)))
    shrunk = e.Interface(2, "eth2", (a("10.2.0.1"),), bandwidth=700.0, reservable=1.0)
    net.feed("r1", e.InterfaceUp(shrunk))
    (error,) = net.events("h2", e.ResvError)
    assert ((error.code, error.value), error.flowspec.rate, error.filters) == (PARTLY, 700.0, (S1,))
    assert error.policy[0].elements[0].error == PreemptionError.PREEMPTION
    assert [n.installed.pop()[2] for n in net.nodes.values() if n.flows] == [1000.0, 700.0, 1000.0]
    net.feed("h2", e.Reserve(2, FF, (Flow(error.flowspec, (S1,)),)))
    assert [n.installed.pop()[2] for n in net.nodes.values() if n.flows] == [700.0] * 3
    net.advance(300)
    assert len(net.events("h2", e.ResvError)) == 1


def test_a_local_receivers_own_link():
    """The sending host's link shrinks; it tells the next hop, not its own application."""
    host = router(2, bandwidth=3000.0)
    host.route("10.9.0.9", 2)
    host.feed(e.OpenSession(1, session()))
    host.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
    reserve(host, sender("10.2.0.254"))
    out = host.feed(link(100.0))
    assert [kind for kind, _, _ in errors(out)] == [PARTLY]
    assert of(out, e.ResvEvent) == []


class TestRefusedChange:
    """TC_ModFlowspec is rejected: the current flowspec is left in force (section 3.11.2)."""

    def test_the_old_one_stands_and_who_asked_for_more_hears(self, node):
        reserve(node, S1, 500.0)
        reserve(node, S1, 800.0, host=2)
        out = node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        (send,) = of(out, e.Send)
        assert (send.destination, send.message.error.code, send.message.error.value) == (a("10.2.0.2"), 22, 7)
        assert send.message.error.flags == ErrorFlag.IN_PLACE
        assert [v.flowspec.rate for v in node.engine.installed()] == [500.0]
        assert node.engine.interfaces()[1].reserved == 500.0
        assert node.engine._core.budgets[2].pooled(Service.CONTROLLED_LOAD) == 500.0
        assert len(node.engine.reservations(node.now)) == 2

    def test_it_takes_no_more_of_the_link_than_its_sender_sends(self, node):
        reserve(node, S1, 1500.0)
        reserve(node, S1, 2000.0)
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert node.engine.interfaces()[1].reserved == 1000.0

    def test_and_is_tried_again_with_the_next_change(self, node):
        reserve(node, S1, 500.0)
        reserve(node, S1, 800.0)
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        out = reserve(node, S1, 900.0)
        assert [order.flowspec.rate for order in of(out, e.ModifyFlow)] == [900.0]

    def test_and_with_the_next_refresh_which_is_no_repetition(self, node):
        reserve(node, S1, 500.0)
        for _ in range(3):
            reserve(node, S1, 800.0)
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert [v.flowspec.rate for v in node.engine.installed()] == [500.0]
        assert [order.flowspec.rate for order in of(reserve(node, S1, 800.0), e.ModifyFlow)] == [800.0]

    def test_one_that_was_never_changed_goes(self, node):
        reserve(node, S1, 500.0)
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert node.installed == set()

    def test_an_unknown_handle_is_nothing(self, node):
        assert node.feed(e.FlowRejected(99, 22, 7, in_place=True)) == []


def test_a_refresh_gets_back_what_others_left(node):
    for who in (S1, S2, S3):
        reserve(node, who)
    node.feed(link(2400.0))
    node.receive(resv_tear(FF, (S1,)), 2)
    assert installed(node) == {str(S2): 1000.0, str(S3): pytest.approx(400.0)}
    assert errors(reserve(node, S3)) == []
    assert installed(node) == {str(S2): 1000.0, str(S3): 1000.0}


class TestWhatStoodBefore:
    """What traffic control refuses to change is what its last order was about, whatever that was for."""

    def test_what_grows_back_and_is_refused_stays_reduced(self, node):
        reserve(node, S1, 900.0)
        reserve(node, S1, 500.0)
        node.feed(link(300.0))
        node.feed(link(600.0))
        assert installed(node) == {str(S1): 500.0}
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert [v.flowspec.rate for v in node.engine.installed()] == [300.0]
        assert node.engine.interfaces()[1].reserved == 300.0

    def test_what_is_not_reduced_stands_whole(self, node):
        reserve(node, S1, 500.0)
        reserve(node, S1, 900.0)
        node.feed(link(600.0))
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert [v.flowspec.rate for v in node.engine.installed()] == [900.0]
        assert node.engine.interfaces()[1].reserved == 900.0

    def test_nor_does_another_flag_or_object_bring_back_what_was_long_ago(self, node):
        reserve(node, S1, 500.0)
        reserve(node, S1, 900.0)
        message = resv(FF, (load(900.0), (S1,)), refresh=LONG, extra=(Opaque(0xF9, 1, b"news"),))
        assert len(of(node.receive(message, 2), e.ModifyFlow)) == 1
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert [v.flowspec.rate for v in node.engine.installed()] == [900.0]

    def test_nor_does_policing_at_a_branch(self):
        group = session("224.1.1.1")
        node = router(1, 2, 3)
        node.route("224.1.1.1", 2, 3)
        node.receive(path(S1, to=group, spec=tspec(9000.0), refresh=LONG), 1)
        for oi, rate in ((2, 500.0), (2, 900.0), (3, 2000.0)):
            out = node.receive(
                resv(FF, (load(rate), (S1,)), to=group, hop=f"10.{oi}.0.1", lih=oi, refresh=LONG), oi
            )
        assert [order.police for order in of(out, e.ModifyFlow)] == [e.Police.BRANCH]
        node.feed(e.FlowRejected(1, 22, 7, in_place=True))
        assert [v.flowspec.rate for v in node.engine.installed()] == [900.0, 2000.0]


def test_what_is_left_is_no_more_than_is_asked_for_by_now(node):
    """Smaller bursts and packets, at as high a rate as before: that still does not fit."""
    reserve(node, S1, spec=controlled_load(tspec(1000.0, bucket=9000.0)))
    node.feed(link(600.0))
    smaller = controlled_load(tspec(1000.0, bucket=2000.0, m=100, M=500))
    for _ in range(2):
        (error,) = sends(reserve(node, S1, spec=smaller), ResvErr)
        (flow,) = node.flows.values()
        assert error.error.value == 102
        assert error.flow.flowspec == flow.flowspec == reduced(smaller, 600.0, 600.0)


def test_what_was_reduced_and_then_torn_gets_nothing_back(node):
    """Though there is room, by then, for all of it."""
    reserve(node, S1)
    reserve(node, S2)
    reserve(node, S3, 500.0)
    node.feed(link(2100.0))
    node.feed(e.Configure(e.Config(partial_preemption=False)))
    node.feed(link(1600.0))
    assert installed(node) == {str(S1): 1000.0}
    assert node.engine.interfaces()[1].reserved == 1000.0


def test_nor_does_one_whose_rate_would_have_it_wait_for_too_long():
    """RFC 2212: while it was slower, C and D had time for one more to take its turn."""
    fields = {"c": 100, "d": 0, "turn": 0.1}
    node = router(1, 2, bandwidth=3000.0, **fields)
    node.route("10.9.0.9", 2)
    for who in (S1, S2, S3):
        node.receive(path(who, spec=tspec(100.0), refresh=LONG), 1)
    reserve(node, S1, spec=guaranteed(100.0, 1000.0))
    node.feed(link(500.0, **fields))
    node.feed(link(750.0, **fields))
    for who in (S2, S3):
        assert errors(reserve(node, who, spec=guaranteed(100.0, 100.0))) == []
    node.feed(link(3000.0, **fields))
    assert installed(node)[str(S1)] == 500.0
    node.receive(resv_tear(FF, (S3,)), 2)
    assert errors(reserve(node, S1, spec=guaranteed(100.0, 1000.0))) == []
    assert installed(node)[str(S1)] == 1000.0


class TestMergedPriority:
    """RFC 3181 section 5.1: which priorities a merged reservation has."""

    LOW, HIGH = 100.0, 1000.0

    def first(self, node, *requests: tuple[float, int, int]) -> bool:
        """Whether what these make together goes before a reservation that is defended with 5."""
        reserve(node, S2, priority=5)
        for host, (rate, defending, strategy) in enumerate(requests, 1):
            message = resv(FF, (load(rate), (S1,)), hop=f"10.2.0.{host}", refresh=LONG)
            element = PreemptionPriority(0, defending, strategy)
            node.receive(replace(message, policy=(PolicyData(elements=(element,)),)), 2)
        return errors(node.feed(link(1999.0)))[0][1] == (S1,)

    @pytest.mark.parametrize(
        ("requests", "first"),
        [
            (((HIGH, 1, 1), (LOW, 9, 1)), True),
            (((HIGH, 9, 1), (LOW, 1, 1)), False),
            (((HIGH, 1, 1), (HIGH, 9, 1)), False),
            (((HIGH, 1, 2), (LOW, 9, 2)), False),
            (((HIGH, 1, 3), (HIGH, 9, 3)), False),
            (((HIGH, 9, 3), (LOW, 1, 1)), True),
            (((HIGH, 3, 1), (LOW, 4, 2), (LOW, 7, 1), (LOW, 9, 3)), True),  # appendix A.1: 4
            (((HIGH, 3, 1), (LOW, 6, 2), (LOW, 7, 1), (LOW, 9, 3)), False),
        ],
    )
    def test_by_strategy(self, node, requests, first):
        assert self.first(node, *requests) is first


class TestSendersOfAReducedReservation:
    """What is granted less than was asked for still follows its senders."""

    @pytest.fixture
    def shared(self, node):
        spec = guaranteed(1000.0, 3000.0)
        node.receive(resv(SE, (spec, (S1, S2)), refresh=LONG), 2)
        node.feed(link(2000.0))
        ((flow),) = node.flows.values()
        assert (flow.filters, flow.flowspec.rate) == ((S1, S2), pytest.approx(2000.0))
        return node

    def test_one_that_left_is_not_served_any_more(self, shared):
        out = shared.receive(path_tear(S1), 1)
        (flow,) = shared.flows.values()
        assert flow.filters == (S2,)
        assert flow.flowspec.rate == pytest.approx(2000.0)
        assert sends(out, ResvErr) == []

    def test_one_that_is_not_reserved_for_any_more_neither(self, shared):
        out = shared.receive(resv_tear(SE, (S2,)), 2)
        (flow,) = shared.flows.values()
        assert flow.filters == (S1,)
        assert flow.flowspec.rate == pytest.approx(2000.0)
        assert sends(out, ResvErr) == []

    def test_asking_for_more_is_refused_and_the_rest_stands(self, shared):
        out = shared.receive(resv(SE, (guaranteed(1000.0, 4000.0), (S1, S2)), refresh=LONG), 2)
        assert [code for code, _, _ in errors(out)] == [
            (ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.DELAY_BOUND)
        ]
        (flow,) = shared.flows.values()
        assert (flow.filters, flow.flowspec.rate) == ((S1, S2), pytest.approx(2000.0))

    def test_when_the_link_grows_they_get_all_of_it(self, shared):
        shared.receive(path_tear(S1), 1)
        shared.feed(link(3000.0))
        (flow,) = shared.flows.values()
        assert flow.flowspec.rate == pytest.approx(3000.0)
