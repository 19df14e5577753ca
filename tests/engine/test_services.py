"""Integrated services in the engine: merging, installing, slack, reshaping points, what a hop advertises.

RFC 2205 sections 2.2, 3.5 and 3.8, RFC 2210 sections 2.2 and 2.3.2, RFC 2211 section 8, RFC 2212 and
RFC 2215.
"""

from __future__ import annotations

import math

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError
from rsvp.iana import AdmissionError, ErrorCode, Service, TrafficControlCode
from rsvp.intserv import (
    DEFAULT_ADSPEC,
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    Rspec,
    Tspec,
    controlled_load,
    effective,
    guaranteed,
    tspec_sum,
)
from rsvp.messages import Flow, Path, Resv, ResvErr
from rsvp.objects import FF, SE, WF, ErrorSpec, Hop

from .fabric import (
    a,
    line,
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

GROUP = session("224.1.1.1")
ALICE, BOB = sender(port=1), sender(port=2)
TSPEC = Tspec(1000.0, 3000.0, M=1500)


def branching(*interfaces: int, **fields: object) -> object:
    """A router whose group goes out of all interfaces but the first."""
    node = router(1, *interfaces, **fields)
    node.route("224.1.1.1", *interfaces)
    return node


def announce(node, who=ALICE, spec=TSPEC, adspec=DEFAULT_ADSPEC):
    return node.receive(path(who, to=GROUP, spec=spec, adspec=adspec), 1)


def ask(node, oi, flowspec, style=WF, *who, host=1):
    hop = f"10.{oi}.0.{host}"
    return node.receive(resv(style, (flowspec, who), to=GROUP, hop=hop, lih=oi), oi)


def asked(outputs) -> Flowspec:
    (message,) = sends(outputs, Resv)
    (flow,) = message.flows
    return flow.flowspec


class TestMerging:
    def test_incomparable_flowspecs_make_a_third(self):
        """RFC 2205 section 2.2."""
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(Tspec(2000.0, 100.0)))
        assert asked(ask(node, 3, controlled_load(Tspec(1000.0, 9000.0)))).tspec == Tspec(2000.0, 9000.0)

    def test_the_smaller_packet_goes_upstream_and_stands_here(self):
        """RFC 2210 section 2.3.2: the smaller of two M parameters is forwarded."""
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(Tspec(2000.0, 3000.0, M=1500)))
        assert asked(ask(node, 3, controlled_load(Tspec(1000.0, 3000.0, M=576)))).tspec.M == 576
        assert asked(ask(node, 2, controlled_load(Tspec(1000.0, 3000.0, M=400)), host=2)).tspec == Tspec(
            2000.0, 3000.0, M=400
        )
        assert {flow.interface: flow.flowspec.tspec.M for flow in node.flows.values()} == {2: 400, 3: 576}

    def test_guaranteed_service_takes_the_largest_rate_and_the_smallest_slack(self):
        """RFC 2212, "Ordering and Merging"."""
        node = branching(2, 3)
        announce(node)
        ask(node, 2, guaranteed(TSPEC, 4000.0, slack=10))
        assert asked(ask(node, 3, guaranteed(TSPEC, 2000.0, slack=5))).rspec == Rspec(4000.0, 5)

    def test_a_change_that_the_merge_hides_sends_nothing(self):
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(Tspec(2000.0, 9000.0, M=576)))
        assert not sends(ask(node, 3, controlled_load(Tspec(1000.0, 9000.0, M=1500))), Resv)

    def test_where_all_are_blockaded_the_greatest_lower_bound_is_tried(self):
        """RFC 2205 section 3.5."""
        node = branching(2, 3)
        announce(node)
        big = controlled_load(Tspec(2000.0, 100.0))
        ask(node, 2, big)
        bursty = controlled_load(Tspec(1000.0, 9000.0))
        ask(node, 3, bursty)
        outputs = node.receive(
            ResvErr(
                session=GROUP,
                hop=path(to=GROUP).hop,
                error=ErrorSpec(a("10.1.0.1"), ErrorCode.ADMISSION_CONTROL_FAILURE, 2),
                style=WF,
                flow=Flow(controlled_load(Tspec(1000.0, 100.0))),
                send_ttl=63,
            ),
            1,
        )
        assert not sends(outputs, Resv), "all are blockaded: what fails is not sent again at once"
        (again,) = sends(node.advance(46), Resv)
        assert again.flows[0].flowspec.tspec == Tspec(1000.0, 100.0)


class TestServices:
    """RFC 2210 section 2.2: all receivers of a session choose the same service."""

    def test_another_service_is_refused(self):
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(TSPEC))
        (error,) = sends(ask(node, 3, guaranteed(TSPEC, 2000.0)), ResvErr)
        assert (error.error.code, error.error.value) == (
            ErrorCode.TRAFFIC_CONTROL_ERROR,
            TrafficControlCode.SERVICE_CONFLICT,
        )
        assert [flow.flowspec.service for flow in node.flows.values()] == [Service.CONTROLLED_LOAD]

    def test_the_only_receiver_may_choose_anew(self):
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(TSPEC))
        assert asked(ask(node, 2, guaranteed(TSPEC, 2000.0))).service == Service.GUARANTEED

    def test_a_fixed_filter_reservation_is_of_one_service_for_all_its_senders(self):
        node = branching(2, 3)
        announce(node)
        announce(node, BOB)
        ask(node, 2, controlled_load(TSPEC), FF, ALICE)
        (error,) = sends(ask(node, 2, guaranteed(TSPEC, 2000.0), FF, BOB), ResvErr)
        assert error.error.value == TrafficControlCode.SERVICE_CONFLICT

    def test_and_the_only_receiver_changes_all_of_it_in_one_message(self):
        """Else it never could: for each of its flows the others would be in the way."""
        node = branching(2, 3)
        announce(node)
        announce(node, BOB)
        for spec in (controlled_load(TSPEC), guaranteed(TSPEC, 2000.0)):
            out = node.receive(resv(FF, (spec, (ALICE,)), (spec, (BOB,)), to=GROUP), 2)
            assert sends(out, ResvErr) == []
            (onward,) = sends(out, Resv)
            assert [flow.flowspec for flow in onward.flows] == [spec, spec]
        assert {flow.flowspec.service for flow in node.flows.values()} == {Service.GUARANTEED}

    def test_but_not_where_others_stay_with_the_first_service(self):
        node = branching(2, 3)
        announce(node)
        announce(node, BOB)
        load, delay = controlled_load(TSPEC), guaranteed(TSPEC, 2000.0)
        node.receive(resv(FF, (load, (ALICE,)), (load, (BOB,)), to=GROUP), 2)
        out = node.receive(resv(FF, (delay, (ALICE,)), (load, (BOB,)), to=GROUP), 2)
        assert [error.flow.filters for error in sends(out, ResvErr)] == [(ALICE,)]
        ask(node, 3, load, FF, BOB)
        out = node.receive(resv(FF, (delay, (ALICE,)), (delay, (BOB,)), to=GROUP), 2)
        assert [error.error.value for error in sends(out, ResvErr)] == [
            TrafficControlCode.SERVICE_CONFLICT
        ] * 2
        assert {flow.flowspec.service for flow in node.flows.values()} == {Service.CONTROLLED_LOAD}

    @pytest.mark.parametrize(
        "flowspec",
        [
            controlled_load(Tspec(0.0, 3000.0)),
            controlled_load(Tspec(1000.0, 0.0)),
            controlled_load(Tspec(math.inf, 3000.0)),
            controlled_load(Tspec(1000.0, 3000.0, m=1501)),
            guaranteed(TSPEC, 999.0),
            guaranteed(Tspec(1000.0, 3000.0, 999.0)),
        ],
    )
    def test_what_nobody_could_honour_is_refused(self, flowspec):
        """RFC 2211 section 5, RFC 2212 "Invocation Information": error 21/3."""
        node = branching(2)
        announce(node)
        (error,) = sends(ask(node, 2, flowspec), ResvErr)
        assert (error.error.code, error.error.value) == (
            ErrorCode.TRAFFIC_CONTROL_ERROR,
            TrafficControlCode.BAD_FLOWSPEC,
        )
        assert not node.flows

    def test_packets_larger_than_the_link_takes_are_refused(self):
        """RFC 2211 section 5, RFC 2212: error 1/3."""
        node = branching(2)
        announce(node)
        (error,) = sends(ask(node, 2, controlled_load(Tspec(1000.0, 3000.0, M=1501))), ResvErr)
        assert (error.error.code, error.error.value) == (
            ErrorCode.ADMISSION_CONTROL_FAILURE,
            AdmissionError.MTU_TOO_LARGE,
        )

    def test_an_application_hears_at_once_what_is_wrong_with_its_flowspec(self):
        net = line()
        net.feed("h2", e.OpenSession(1, session("10.3.0.2")))
        with pytest.raises(LocalError, match="R is from"):
            net.feed("h2", e.Reserve(1, WF, (Flow(guaranteed(TSPEC, 10.0)),)))


class TestShared:
    """A shared reservation and the senders behind it: RFC 2205 section 2.2, RFC 2211 section 8."""

    def test_path_te_is_the_sum_of_the_senders(self):
        node = branching(2)
        small, large = Tspec(400.0, 1000.0, 800.0, 64, 576), Tspec(500.0, 2000.0, 900.0, 100, 1500)
        announce(node, ALICE, small)
        announce(node, BOB, large)
        ask(node, 2, controlled_load(Tspec(5000.0, 9000.0, M=1500)))
        (flow,) = node.flows.values()
        assert flow.tspec == tspec_sum(small, large) == Tspec(900.0, 3000.0, 1700.0, 64, 1500)
        assert node.engine.interfaces()[1].reserved == 900.0, "no more than is sent is admitted"

    @pytest.mark.parametrize(("style", "who"), [(WF, ()), (SE, (ALICE, BOB))])
    def test_what_is_booked_is_the_minimum(self, style, who):
        node = branching(2)
        announce(node, ALICE, Tspec(400.0, 1000.0))
        announce(node, BOB, Tspec(500.0, 2000.0))
        ask(node, 2, controlled_load(Tspec(700.0, 9000.0)), style, *who)
        (flow,) = node.flows.values()
        least = effective(flow.flowspec, flow.tspec).tspec
        assert (least.rate, least.bucket) == (700.0, 9000.0), "unordered: the smaller r, the larger b"
        node.receive(path_tear(BOB, to=GROUP), 1)
        assert node.engine.interfaces()[1].reserved == 400.0

    def test_senders_in_any_order_make_the_same_sum(self):
        specs = [Tspec(16_777_216.0, 1e3), Tspec(1.0, 1e3), Tspec(1.0, 1e3)]
        totals = set()
        for order in ((0, 1, 2), (1, 2, 0)):
            node = branching(2, bandwidth=1e9)
            for n in order:
                announce(node, sender(port=n + 1), specs[n])
            ask(node, 2, controlled_load(Tspec(1e6, 3e3)))
            (flow,) = node.flows.values()
            totals.add(flow.tspec)
        assert totals == {Tspec(16_777_218.0, 3e3)}


class TestSlack:
    """RFC 2212, "Ordering and Merging" and "Guidelines for Implementors"."""

    PATH = Adspec(General(1, 1e6, 0, 1500), GuaranteedAdvert(1500, 15_000, 1500, 15_000), None)

    def crowded(self, left: float, slack: int, adspec: Adspec | None = PATH):
        """A link with `left` bytes/s to spare, and what comes of asking it for 4000 with some slack."""
        node = branching(2, 3, bandwidth=10_000.0)
        other = session("224.1.1.2")
        node.route("224.1.1.2", 2)
        node.receive(path(to=other, spec=tspec(20_000.0)), 1)
        node.receive(resv(WF, (controlled_load(tspec(10_000.0 - left)), ()), to=other), 2)
        announce(node, adspec=adspec)
        return node, ask(node, 2, guaranteed(TSPEC, 4000.0, slack=slack))

    def test_buys_admission_where_the_link_is_nearly_full(self):
        node, outputs = self.crowded(2000.0, 2_000_000)
        # (b + C_tot upstream + C here) / R_out - the same / R_in = 6000/2000 - 6000/4000 s
        less = guaranteed(TSPEC, 2000.0, slack=500_000)
        assert asked(outputs) == less
        assert of(outputs, e.InstallFlow)[0].flowspec == less
        assert node.engine.interfaces()[1].reserved == 10_000.0

    def test_is_spent_only_as_far_as_it_goes(self):
        node, outputs = self.crowded(2000.0, 1_499_999)
        (error,) = sends(outputs, ResvErr)
        assert error.error.value == AdmissionError.DELAY_BOUND, "who waits longer fits in"
        assert len(node.flows) == 1

    def test_what_is_spent_stays_spent_in_blockade_state(self):
        """What was refused upstream is tried again there as it was, Fwd_Flowspec (RFC 2205 section 3.5)."""
        node, _ = self.crowded(2000.0, 2_000_000)
        ask(node, 2, guaranteed(TSPEC, 4000.0, slack=2_000_000), host=2)
        less = guaranteed(TSPEC, 2000.0, slack=500_000)
        self.refuse(node, less)
        node.advance(100)
        (view,) = node.engine.requests(GROUP)
        assert view.flowspec == less

    def test_what_is_spent_makes_nothing_less_blockaded(self):
        """That goes by TC_Flowspec, for requests and for their confirmations (RFC 2209, RESV REFRESH)."""
        node, _ = self.crowded(2000.0, 2_000_000)
        self.refuse(node, guaranteed(TSPEC, 3000.0, slack=400_000))
        node.feed(e.OpenSession(1, GROUP))
        mine = guaranteed(TSPEC, 1500.0, slack=600_000)
        outputs = node.feed(e.Reserve(1, WF, (Flow(mine),), confirm=True))
        assert asked(outputs) == mine
        assert [str(m.confirm.receiver) for m in sends(outputs, Resv)] == ["10.1.0.254"]
        assert of(outputs, e.ResvConfirmed) == []

    def refuse(self, node, flowspec):
        error = ErrorSpec(a("10.77.0.1"), ErrorCode.ADMISSION_CONTROL_FAILURE, 2)
        message = ResvErr(session=GROUP, hop=Hop(a("10.1.0.1")), error=error, style=WF, flow=Flow(flowspec))
        node.receive(message, 1)

    def test_a_confirmation_is_for_who_asks_for_more_than_is_left_of_others(self):
        """What an application here asks for is merged with Fwd_Flowspec (RFC 2209): it is the largest."""
        node, _ = self.crowded(2000.0, 2_000_000)
        node.feed(e.OpenSession(1, GROUP))
        outputs = node.feed(e.Reserve(1, WF, (Flow(guaranteed(TSPEC, 3000.0, slack=400_000)),), confirm=True))
        assert [str(m.confirm.receiver) for m in sends(outputs, Resv)] == ["10.1.0.254"]
        assert of(outputs, e.ResvConfirmed) == []

    def test_and_one_for_a_host_without_rsvp_goes_by_what_is_left_of_its_own(self):
        node, _ = self.crowded(2000.0, 2_000_000)
        node.receive(resv_tear(WF, (), to=GROUP), 2)
        ask(node, 3, guaranteed(TSPEC, 3000.0, slack=2_500_000))
        node.feed(e.OpenSession(1, GROUP))
        mine = Flow(guaranteed(TSPEC, 4000.0, slack=2_000_000))
        outputs = node.feed(e.Reserve(1, WF, (mine,), confirm=True, outgoing=2))
        assert asked(outputs).rspec == Rspec(3000.0, 500_000)
        assert [m.confirm for m in sends(outputs, Resv)] == [None]
        assert of(outputs, e.ResvConfirmed)

    def test_never_below_the_token_rate(self):
        _, outputs = self.crowded(900.0, 2**32 - 1)
        (error,) = sends(outputs, ResvErr)
        assert error.error.value == AdmissionError.BANDWIDTH_UNAVAILABLE, "whatever the delay"

    def test_room_for_the_token_rate_but_not_for_the_delay(self):
        """Sub-code 1 of error 1 (RFC 2205 appendix B): the receiver may ask for a longer delay."""
        node, outputs = self.crowded(1000.0, 0)
        (error,) = sends(outputs, ResvErr)
        assert error.error.value == AdmissionError.DELAY_BOUND
        assert asked(ask(node, 2, guaranteed(TSPEC, 1000.0))) == guaranteed(TSPEC, 1000.0)

    @pytest.mark.parametrize("adspec", [None, Adspec(General(), None, ControlledLoadAdvert())])
    def test_is_left_alone_where_c_tot_is_not_known(self, adspec):
        _, outputs = self.crowded(2000.0, 2**32 - 1, adspec)
        assert sends(outputs, ResvErr)

    def test_is_left_alone_where_one_of_several_paths_did_not_tell_its_c_tot(self):
        node, _ = self.crowded(2000.0, 0)
        announce(node, BOB, adspec=None)
        assert sends(ask(node, 2, guaranteed(TSPEC, 4000.0, slack=2**32 - 1), SE, ALICE, BOB), ResvErr)
        announce(node, BOB, adspec=self.PATH)
        assert not sends(ask(node, 2, guaranteed(TSPEC, 4000.0, slack=2**32 - 1), SE, ALICE, BOB), ResvErr)

    def test_is_left_alone_where_there_is_room(self):
        _, outputs = self.crowded(4000.0, 2**32 - 1)
        assert asked(outputs) == guaranteed(TSPEC, 4000.0, slack=2**32 - 1)

    def test_refreshes_spend_the_same_again(self):
        """ "The network element MUST use the same slack without any further computation"."""
        node, _ = self.crowded(2000.0, 2_000_000)
        node.receive(resv_tear(WF, (), to=session("224.1.1.2")), 2)
        outputs = ask(node, 2, guaranteed(TSPEC, 4000.0, slack=2_000_000))
        assert not traffic(outputs)
        assert not sends(outputs, Resv)

    def test_is_reckoned_anew_when_the_path_grows_longer(self):
        node, _ = self.crowded(2000.0, 2_000_000)
        longer = Adspec(General(2, 1e6, 0, 1500), GuaranteedAdvert(1700, 15_000, 1500, 15_000), None)
        outputs = announce(node, adspec=longer)
        assert asked(outputs) == guaranteed(TSPEC, 2000.0, slack=2_000_000 - 1_550_000)
        (order,) = of(outputs, e.ModifyFlow)
        assert order.flowspec == asked(outputs)

    def test_what_goes_upstream_is_the_merge_of_what_stands(self):
        """RFC 2209, RESV REFRESH: Fwd_Flowspec where there is one."""
        node, _ = self.crowded(2000.0, 2_000_000)
        outputs = ask(node, 3, guaranteed(TSPEC, 1500.0, slack=400_000))
        assert asked(outputs).rspec == Rspec(2000.0, 400_000)

    def test_several_nodes_share_it_and_the_receiver_is_confirmed(self):
        net = line(bandwidth=10_000.0)
        crowd = net.nodes["r1"]
        crowd.route("10.8.0.8", 2)
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, sender("10.1.0.1"), Tspec(1000.0, 3000.0)))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        (heard,) = net.events("h2", e.PathEvent)
        assert heard.sender.adspec.guaranteed.c_tot == 3 * 1500
        # r1's link to r2 is filled up with another flow.
        crowd.receive(path(to=session("10.8.0.8"), hop="10.1.0.9", spec=tspec(20_000.0)), 1)
        crowd.receive(
            resv(WF, (controlled_load(tspec(8000.0)), ()), to=session("10.8.0.8"), hop="10.2.0.2"),
            2,
            to="10.2.0.1",
        )
        spec = guaranteed(TSPEC, 4000.0, slack=3_000_000)
        net.feed("h2", e.Reserve(2, FF, (Flow(spec, (sender("10.1.0.1"),)),), confirm=True))
        rates = {
            name: [f.flowspec.rspec.rate for f in net.nodes[name].flows.values() if f.flowspec.rspec]
            for name in ("h1", "r1", "r2")
        }
        assert rates == {"r2": [4000.0], "r1": [2000.0], "h1": [2000.0]}
        assert len(net.events("h2", e.ResvConfirmed)) == 1


class TestPolicing:
    """RFC 2205 section 3.8."""

    def test_a_smaller_reservation_than_elsewhere_is_policed_at_the_branch(self):
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(Tspec(2000.0, 3000.0)))
        ask(node, 3, controlled_load(Tspec(1000.0, 3000.0)))
        assert {f.interface: bool(f.police & e.Police.BRANCH) for f in node.flows.values()} == {
            2: False,
            3: True,
        }

    def test_incomparable_ones_both_are(self):
        node = branching(2, 3)
        announce(node)
        ask(node, 2, controlled_load(Tspec(2000.0, 3000.0)))
        ask(node, 3, controlled_load(Tspec(1000.0, 9000.0)))
        assert all(f.police & e.Police.BRANCH for f in node.flows.values())

    def test_what_is_reserved_for_other_senders_is_another_matter(self):
        """The flag is for the same FILTER_SPEC."""
        node = branching(2, 3)
        announce(node, ALICE)
        announce(node, BOB)
        ask(node, 2, controlled_load(Tspec(2000.0, 3000.0)), SE, ALICE)
        ask(node, 3, controlled_load(Tspec(1000.0, 3000.0)), SE, BOB)
        assert not any(f.police & e.Police.BRANCH for f in node.flows.values())


class TestReshapingPoints:
    """RFC 2212, "Policing": C_sum and D_sum begin anew where flows merge or branch."""

    BEFORE = Adspec(General(), GuaranteedAdvert(9000, 90, 5000, 50), ControlledLoadAdvert())

    def refreshed(self, node) -> dict[int, GuaranteedAdvert]:
        """What the next Paths say, by interface."""
        sent = [o for o in node.advance(46) if isinstance(o, e.Send) and isinstance(o.message, Path)]
        return {send.interface: send.message.sender.adspec.guaranteed for send in sent}

    @pytest.mark.parametrize("reshapes", [True, False])
    def test_at_a_branch(self, reshapes):
        node = branching(2, 3, reshapes=reshapes, bandwidth=1.5e9)
        announce(node, adspec=self.BEFORE)
        ask(node, 2, guaranteed(TSPEC, 4000.0))
        ask(node, 3, guaranteed(TSPEC, 2000.0))
        through = GuaranteedAdvert(10_500, 91, 6500, 51)
        anew = GuaranteedAdvert(10_500, 91, 1500, 1) if reshapes else through
        assert self.refreshed(node) == {2: through, 3: anew}

    def test_of_distinct_reservations_each_by_itself(self):
        node = branching(2, 3, reshapes=True, bandwidth=1.5e9)
        for who in (ALICE, BOB):
            announce(node, who, adspec=self.BEFORE)
        ask(node, 2, guaranteed(TSPEC, 4000.0), FF, ALICE)
        ask(node, 3, guaranteed(TSPEC, 2000.0), FF, ALICE)
        outputs = node.advance(46)
        sent = {
            (o.interface, o.message.sender.template): o.message.sender.adspec.guaranteed.c_sum
            for o in of(outputs, e.Send)
            if isinstance(o.message, Path)
        }
        assert sent == {(2, ALICE): 6500, (3, ALICE): 1500, (2, BOB): 6500, (3, BOB): 6500}

    def test_only_as_long_as_there_is_one(self):
        node = branching(2, 3, reshapes=True, bandwidth=1.5e9)
        announce(node, adspec=self.BEFORE)
        ask(node, 3, guaranteed(TSPEC, 2000.0))
        assert self.refreshed(node)[3].c_sum == 6500
        announce(node, adspec=self.BEFORE)
        ask(node, 2, guaranteed(TSPEC, 4000.0))
        ask(node, 3, guaranteed(TSPEC, 2000.0))
        assert self.refreshed(node)[3].c_sum == 1500
        node.receive(resv_tear(WF, (), to=GROUP), 2)
        announce(node, adspec=self.BEFORE)
        ask(node, 3, guaranteed(TSPEC, 2000.0))
        assert self.refreshed(node)[3].c_sum == 6500

    def test_where_senders_merge_and_only_for_those(self):
        node = branching(2, reshapes=True, bandwidth=1.5e9)
        carol = sender(port=3)
        for who in (ALICE, BOB, carol):
            announce(node, who, adspec=self.BEFORE)
        ask(node, 2, guaranteed(TSPEC, 4000.0), SE, ALICE, BOB)
        sent = {m.sender.template: m.sender.adspec.guaranteed.c_sum for m in sends(node.advance(46), Path)}
        assert sent == {ALICE: 1500, BOB: 1500, carol: 6500}

    def test_controlled_load_is_not_reshaped(self):
        node = branching(2, 3, reshapes=True, bandwidth=1.5e9)
        announce(node, adspec=self.BEFORE)
        ask(node, 2, controlled_load(Tspec(4000.0, 3000.0)))
        ask(node, 3, controlled_load(TSPEC))
        assert {advert.c_sum for advert in self.refreshed(node).values()} == {6500}


class TestHop:
    """What one interface adds to an ADSPEC."""

    def adspec(self, **fields) -> Adspec:
        node = branching(2, **fields)
        (onward,) = sends(announce(node), Path)
        return onward.sender.adspec

    def test_bandwidth_is_what_one_reservation_may_hope_for(self):
        assert self.adspec(bandwidth=1e6, reservable=0.5).general.bandwidth == 5e5
        assert self.adspec(bandwidth=1e6, reservable=0.5, per_flow=1e5).general.bandwidth == 1e5

    @pytest.mark.parametrize("bandwidth", [math.inf, 0.0])
    def test_no_delay_is_guaranteed_on_a_link_whose_rate_nobody_knows(self, bandwidth):
        """RFC 2215 section 3.3: an unknown bandwidth is told as zero, infinity must not be sent."""
        adspec = self.adspec(bandwidth=bandwidth)
        assert adspec.general.bandwidth == 0.0
        assert adspec.guaranteed.broken
        assert not adspec.controlled_load.broken
        assert not adspec.general.broken

    def test_without_traffic_control_no_service_is_offered(self):
        """RFC 2210 sections 3.3.3 and 3.3.4: supports RSVP, but does not implement the service."""
        adspec = self.adspec(controls_traffic=False)
        assert adspec.guaranteed == GuaranteedAdvert(broken=True)
        assert adspec.controlled_load.broken
        assert not adspec.general.broken

    def test_error_terms(self):
        """RFC 2212, "Guidelines for Implementors": C is M, D the MTU divided by the bandwidth."""
        adspec = self.adspec(bandwidth=1.5e6, mtu=1000)
        assert (adspec.guaranteed.c_tot, adspec.guaranteed.d_tot) == (1000, 667)
        assert self.adspec(bandwidth=1.0, mtu=1500).guaranteed.d_tot == 2**28, "no hop may say more"
