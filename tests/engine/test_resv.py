"""Reservation state: RFC 2205 sections 2.5, 2.6, 3.1.4, 3.1.6, 3.1.8, 3.1.9 and RFC 2209."""

from __future__ import annotations

import math

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError, StyleConflict, UnknownSession
from rsvp.iana import AdmissionError, ErrorCode, ErrorFlag, TrafficControlCode
from rsvp.intserv import Flowspec, NullTspec, Rspec, controlled_load, guaranteed
from rsvp.messages import Flow, Resv, ResvConf, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF, ErrorSpec, Opaque, ResvConfirm, Scope, Style

from .fabric import (
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

S1, S2 = sender(port=1), sender(port=2)


@pytest.fixture
def node():
    """A router with two senders upstream on 1; next hops on 2 and, elsewhere, 3."""
    r = router(1, 2, 3)
    r.route("10.9.0.9", 2)
    r.receive(path(S1), 1)
    r.receive(path(S2), 1)
    return r


def errors(outputs):
    return [(m.error.code, m.error.value, m.error.flags) for m in sends(outputs, ResvErr)]


class TestArrival:
    def test_is_installed_and_asked_of_the_previous_hop_at_once(self, node):
        out = node.receive(resv(FF, (load(), (S1,))), 2)
        assert node.installed == {(2, (str(S1),), 1000.0)}
        (send,) = of(out, e.Send)
        assert (send.destination, send.interface, send.router_alert) == (a("10.1.0.1"), 1, False)
        assert send.source == send.message.hop.address == a("10.1.0.254")
        assert send.message.hop.lih == 7, "the previous hop's own handle, unchanged"
        assert send.ttl == send.message.send_ttl == 63

    def test_a_refresh_of_the_same_sends_nothing(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        node.advance(1)
        assert node.receive(resv(FF, (load(), (S1,))), 2) == []

    def test_path_te_is_the_sum_of_the_senders(self, node):
        node.receive(resv(SE, (load(5000), (S1, S2))), 2)
        (flow,) = node.flows.values()
        assert flow.tspec.rate == 2000.0
        assert flow.police == e.Police.MERGE

    def test_change_modifies_in_place(self, node):
        node.receive(resv(FF, (load(1000), (S1,))), 2)
        out = node.receive(resv(FF, (load(2000), (S1,))), 2)
        assert [type(order) for order in traffic(out)] == [e.ModifyFlow]
        assert len(sends(out, Resv)) == 1

    def test_more_filters_are_added_to_a_shared_one(self, node):
        node.receive(resv(SE, (load(), (S1,))), 2)
        out = node.receive(resv(SE, (load(), (S1, S2))), 2)
        assert e.AddFilter(1, 2, session(), S2) in traffic(out)
        assert not of(out, e.InstallFlow)
        assert not of(out, e.RemoveFlow)

    def test_senders_that_are_not_there_are_left_out_of_se(self, node):
        node.receive(resv(SE, (load(), (S1, sender(port=9)))), 2)
        assert node.installed == {(2, (str(S1),), 1000.0)}

    def test_a_sender_who_grows_lets_the_reservation_follow(self, node):
        node.receive(resv(FF, (load(5000), (S1,))), 2)
        assert node.engine.interfaces()[1].reserved == 1000.0, "no more than the sender sends"
        out = node.receive(path(S1, spec=tspec(3000.0)), 1)
        assert [type(order) for order in traffic(out)] == [e.ModifyFlow]
        assert node.engine.interfaces()[1].reserved == 3000.0

    def test_unknown_objects_travel_on(self, node):
        strange = (Opaque(240, 1, b"abcd"),)
        (onward,) = sends(node.receive(resv(FF, (load(), (S1,)), extra=strange), 2), Resv)
        assert onward.extra == strange

    def test_lih_decides_on_the_interface(self, node):
        node.feed(e.RouteResolved(a("10.9.0.9"), None, (3,)))
        node.receive(resv(FF, (load(), (S1,)), lih=3), 2)
        assert {interface for interface, *_ in node.installed} == {3}


class TestRefusal:
    def test_no_path_information(self):
        node = router(1, 2)
        out = node.receive(resv(FF, (load(), (S1,)), (load(), (S2,))), 2)
        assert errors(out) == [(ErrorCode.NO_PATH_INFORMATION, 0, 0)] * 2, "one for each flow"
        (first, _) = of(out, e.Send)
        assert (first.destination, first.interface) == (a("10.2.0.1"), 2)
        assert first.message.flow == Flow(load(), (S1,))
        assert first.message.error.node == a("10.2.0.254")

    def test_no_sender_information(self, node):
        out = node.receive(resv(FF, (load(), (sender(port=9),)), (load(), (S1,))), 2)
        assert errors(out) == [(ErrorCode.NO_SENDER_INFORMATION, 0, 0)]
        assert node.installed == {(2, (str(S1),), 1000.0)}, "the other flow stands"

    def test_conflicting_style(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.receive(resv(WF, (load(), ()), hop="10.2.0.3"), 2)
        assert errors(out) == [(ErrorCode.CONFLICTING_STYLE, FF.option_vector, 0)]

    def test_unknown_style(self, node):
        out = node.receive(resv(Style(0b11001), (load(), ())), 2)
        assert errors(out) == [(ErrorCode.UNKNOWN_STYLE, 0, 0)]

    def test_conflicting_destination_ports(self, node):
        out = node.receive(resv(FF, (load(), (sender(port=0),)), to=session(port=0)), 2)
        assert errors(out) == [(ErrorCode.CONFLICTING_DEST_PORTS, 0, 0)]

    def test_admission(self):
        node = router(1, 2, bandwidth=1000.0, reservable=0.5)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, spec=tspec(9e9)), 1)
        out = node.receive(resv(FF, (load(501), (S1,))), 2)
        assert errors(out) == [(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE, 0)]
        assert node.installed == set()
        assert node.engine.reservations(0.0) == []
        assert sends(out, Resv) == []
        assert errors(node.receive(resv(FF, (load(500), (S1,))), 2)) == []

    def test_one_flows_limit(self):
        node = router(1, 2, per_flow=100.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, spec=tspec(9e9)), 1)
        assert len(errors(node.receive(resv(FF, (load(101), (S1,))), 2))) == 1
        assert errors(node.receive(resv(FF, (load(100), (S1,))), 2)) == []

    def test_a_failed_increase_leaves_the_old_one_in_place(self):
        """The first killer reservation problem (section 2.5) and InPlace (section 3.1.8)."""
        node = router(1, 2, bandwidth=1000.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, spec=tspec(9e9)), 1)
        node.receive(resv(FF, (load(600), (S1,))), 2)
        out = node.receive(resv(FF, (load(1200), (S1,))), 2)
        assert [flags for _, _, flags in errors(out)] == [ErrorFlag.IN_PLACE]
        assert traffic(out) == []
        assert node.installed == {(2, (str(S1),), 600.0)}
        (view,) = node.engine.reservations(node.now)
        assert view.flowspec.rate == 600.0
        node.advance(150)
        node.receive(resv(FF, (load(600), (S1,))), 2)
        assert node.installed == {(2, (str(S1),), 600.0)}

    def test_a_merge_that_does_not_fit_leaves_what_was_there(self):
        node = router(1, 2, bandwidth=1000.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, spec=tspec(9e9)), 1)
        node.receive(resv(FF, (load(600), (S1,))), 2)
        out = node.receive(resv(FF, (load(1200), (S1,)), hop="10.2.0.3"), 2)
        (error,) = of(out, e.Send)
        assert error.destination == a("10.2.0.3"), "only who asked hears of it"
        assert len(node.engine.reservations(node.now)) == 1

    def test_mtu(self, node):
        out = node.receive(resv(FF, (controlled_load(tspec(M=1501)), (S1,))), 2)
        assert errors(out) == [(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.MTU_TOO_LARGE, 0)]

    @pytest.mark.parametrize(
        ("flowspec", "value"),
        [
            (controlled_load(tspec(math.inf)), TrafficControlCode.BAD_FLOWSPEC),
            (controlled_load(tspec(bucket=math.inf)), TrafficControlCode.BAD_FLOWSPEC),
            (controlled_load(tspec(m=200, M=100)), TrafficControlCode.BAD_FLOWSPEC),
        ],
    )
    def test_unreasonable(self, node, flowspec, value):
        out = node.receive(resv(FF, (flowspec, (S1,))), 2)
        assert errors(out) == [(ErrorCode.TRAFFIC_CONTROL_ERROR, value, 0)]

    def test_two_services_in_one_session(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.receive(resv(FF, (guaranteed(tspec()), (S1,)), hop="10.2.0.3"), 2)
        assert errors(out) == [(ErrorCode.TRAFFIC_CONTROL_ERROR, TrafficControlCode.SERVICE_CONFLICT, 0)]
        assert len(node.engine.reservations(node.now)) == 1

    def test_the_same_hop_may_change_its_service(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.receive(resv(FF, (guaranteed(tspec(), 2000.0), (S1,))), 2)
        assert errors(out) == []
        assert node.installed == {(2, (str(S1),), 2000.0)}

    def test_unknown_class_is_rejected(self, node):
        out = node.receive(resv(FF, (load(), (S1,)), extra=(Opaque(99, 1, b""),)), 2)
        assert errors(out) == [(ErrorCode.UNKNOWN_OBJECT_CLASS, 99 << 8 | 1, 0)]
        assert node.installed == set()

    def test_kernel_refusal_goes_the_way_of_admission_failure(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.feed(e.FlowRejected(1, ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR, 0))
        assert errors(out) == [(ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR, 0, 0)]
        assert node.installed == set()
        assert len(sends(out, ResvTear)) == 1, "what was asked upstream is taken back"

    def test_a_sender_who_grows_too_large_is_told_to_the_receivers(self):
        node = router(1, 2, bandwidth=1000.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, spec=tspec(500.0)), 1)
        node.receive(resv(FF, (load(5000), (S1,))), 2)
        out = node.receive(path(S1, spec=tspec(5000.0)), 1)
        assert [flags for _, _, flags in errors(out)] == [ErrorFlag.IN_PLACE]
        assert node.engine.interfaces()[1].reserved == 500.0


class TestTime:
    def test_lives_for_its_lifetime_and_tears_upstream_then(self, node):
        node.receive(path(S1, refresh=1e6), 1)
        node.receive(resv(FF, (load(), (S1,)), refresh=10), 2)
        out = node.advance(52.4)
        assert sends(out, ResvTear) == []
        out = node.advance(0.2)
        (tear,) = sends(out, ResvTear)
        assert [flow.filters for flow in tear.flows] == [(S1,)]
        assert node.installed == set()
        assert sends(node.advance(100), Resv) == []

    def test_each_filter_of_se_lives_by_itself(self, node):
        for who in (S1, S2):
            node.receive(path(who, refresh=1e6), 1)
        node.receive(resv(SE, (load(), (S1, S2)), refresh=10), 2)
        node.advance(30)
        node.receive(resv(SE, (load(), (S1,)), refresh=10), 2)
        out = node.advance(30)
        assert node.installed == {(2, (str(S1),), 1000.0)}
        (tear,) = sends(out, ResvTear)
        assert [flow.filters for flow in tear.flows] == [(S2,)]
        node.advance(30)
        assert node.installed == set()

    def test_wildcard_state_times_out_as_well(self, node):
        node.receive(path(S1, refresh=1e6), 1)
        node.receive(resv(WF, (load(), ()), refresh=10), 2)
        node.advance(52.6)
        assert node.installed == set()

    def test_refreshes_upstream_keep_coming(self, node):
        node.receive(path(S1, refresh=1e6), 1)
        node.receive(resv(FF, (load(), (S1,)), refresh=1e6), 2)
        messages = sends(node.advance(3000), Resv)
        assert 80 < len(messages) < 120, "one every 30 s in the mean"
        assert len(set(messages)) == 1

    def test_refresh_period_of_zero_is_dropped(self, node):
        out = node.receive(resv(FF, (load(), (S1,)), refresh=0), 2)
        assert out == [e.Dropped("refresh period of zero", 2, 2)]


class TestTear:
    def test_one_of_two_filters_of_se(self, node):
        node.receive(resv(SE, (load(), (S1, S2))), 2)
        out = node.receive(resv_tear(SE, (S1,)), 2)
        assert node.installed == {(2, (str(S2),), 1000.0)}
        (tear,) = sends(out, ResvTear)
        assert [flow.filters for flow in tear.flows] == [(S1,)]
        assert sends(out, Resv) == [], "the tear says it all"

    @pytest.mark.parametrize("style", [FF, SE], ids=["FF", "SE"])
    def test_what_is_torn_is_not_asked_for_again_by_the_refreshes_of_the_rest(self, node, style):
        flows = [(load(), (S1,)), (load(), (S2,))] if style is FF else [(load(), (S1, S2))]
        node.receive(resv(style, *flows, refresh=1e6), 2)
        for who in (S1, S2):
            node.receive(path(who, refresh=1e6), 1)
        node.receive(resv_tear(style, (S1,)), 2)
        refreshes = sends(node.advance(100), Resv)
        assert refreshes
        assert all([flow.filters for flow in again.flows] == [(S2,)] for again in refreshes)

    def test_wildcard_without_a_flowspec(self, node):
        node.receive(resv(WF, (load(), ())), 2)
        message = ResvTear(session=session(), hop=resv(WF).hop, style=WF, send_ttl=63)
        out = node.feed(e.Received(message, 2, a("10.2.0.1"), a("10.2.0.254"), 63))
        assert node.installed == set()
        assert len(sends(out, ResvTear)) == 1

    @pytest.mark.parametrize(
        "message",
        [
            resv_tear(FF, (S1,)),
            resv_tear(FF, (S2,)),
            resv_tear(FF, (S1,), hop="10.2.0.77"),
            resv_tear(FF, (S1,), to=session(port=77)),
            resv_tear(WF, ()),
        ],
    )
    def test_for_nothing_is_dropped(self, node, message):
        if message.flows[0].filters != (S1,):
            node.receive(resv(FF, (load(), (S1,))), 2)
        assert node.receive(message, 2) == [e.Dropped("tear without state", 2, 6)]

    def test_after_a_tear_of_a_shared_one_the_next_is_asked_at_once(self, node):
        """Not only with the next refresh."""
        node.receive(resv(SE, (load(3000), (S1,))), 2)
        node.receive(resv_tear(SE, (S1,)), 2)
        out = node.receive(resv(SE, (load(1000), (S1,))), 2)
        assert [m.flows[0].flowspec.rate for m in sends(out, Resv)] == [1000.0]


class TestConfirmation:
    """Sections 2.6 and 3.1.4."""

    def test_goes_upstream_with_the_only_reservation(self, node):
        out = node.receive(resv(FF, (load(), (S1,)), confirm="10.9.0.9"), 2)
        (onward,) = sends(out, Resv)
        assert onward.confirm == ResvConfirm(a("10.9.0.9"))
        assert sends(out, ResvConf) == []

    def test_is_asked_once_and_not_with_every_refresh(self, node):
        node.receive(path(S1, refresh=1e6), 1)
        node.receive(resv(FF, (load(), (S1,)), confirm="10.9.0.9", refresh=1e6), 2)
        assert {m.confirm for m in sends(node.advance(100), Resv)} == {None}

    def test_is_answered_here_where_as_much_is_in_place(self, node):
        node.receive(resv(FF, (load(2000), (S1,))), 2)
        out = node.receive(resv(FF, (load(2000), (S1,)), hop="10.2.0.3", confirm="10.9.0.8"), 2)
        (send,) = of(out, e.Send)
        conf = send.message
        assert isinstance(conf, ResvConf)
        assert (send.destination, send.router_alert) == (a("10.9.0.8"), True)
        assert conf.confirm == ResvConfirm(a("10.9.0.8"))
        assert conf.error == ErrorSpec(a("10.2.0.254"), 0, 0)
        assert conf.flows == (Flow(load(2000), (S1,)),)

    def test_goes_upstream_with_the_largest(self, node):
        node.receive(resv(FF, (load(1000), (S1,))), 2)
        out = node.receive(resv(FF, (load(2000), (S1,)), hop="10.2.0.3", confirm="10.9.0.8"), 2)
        assert [m.confirm for m in sends(out, Resv)] == [ResvConfirm(a("10.9.0.8"))]

    def test_asked_again_for_what_stands_still_travels(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.receive(resv(FF, (load(), (S1,)), confirm="10.9.0.9"), 2)
        assert [m.confirm for m in sends(out, Resv)] == [ResvConfirm(a("10.9.0.9"))]

    @pytest.mark.parametrize("receiver", ["224.0.0.1", "0.0.0.0", "2001:db8::1"])
    def test_to_an_address_that_cannot_be_is_dropped(self, node, receiver):
        message = resv(FF, (load(), (S1,)), confirm=receiver)
        assert node.receive(message, 2) == [e.Dropped("bad confirm address", 2, 2)]
        assert node.engine.reservations(0.0) == []

    def test_refused_is_not_confirmed(self):
        node = router(1, 2, bandwidth=10.0)
        node.route("10.9.0.9", 2)
        node.receive(path(S1), 1)
        out = node.receive(resv(FF, (load(), (S1,)), confirm="10.9.0.9"), 2)
        assert sends(out, ResvConf) == []

    def test_is_passed_on_hop_by_hop(self, node):
        message = ResvConf(
            session=session(),
            error=ErrorSpec(a("10.1.0.1"), 0, 0),
            confirm=ResvConfirm(a("10.9.0.9")),
            style=FF,
            flows=(Flow(load(), (S1,)),),
            send_ttl=63,
        )
        (send,) = of(node.receive(message, 1), e.Send)
        assert (send.destination, send.ttl, send.router_alert) == (a("10.9.0.9"), 62, True)
        assert node.receive(message, 1, ttl=1) == [e.Dropped("TTL used up", 1, 7)]


class TestResvErr:
    def error(self, flow=None, code=1, value=2, flags=0, style=FF, scope=None):
        return ResvErr(
            session=session(),
            hop=path().hop,
            error=ErrorSpec(a("10.1.0.1"), code, value, flags),
            style=style,
            flow=flow or Flow(load(), (S1,)),
            scope=scope,
            send_ttl=63,
        )

    def test_goes_to_the_next_hops_it_concerns(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        node.receive(resv(FF, (load(), (S2,)), hop="10.2.0.3"), 2)
        (send,) = of(node.receive(self.error(), 1), e.Send)
        assert (send.destination, send.interface) == (a("10.2.0.1"), 2)
        assert send.message.hop.address == a("10.2.0.254")
        assert send.message.error.node == a("10.1.0.1"), "where it was detected"
        assert send.message.flow.filters == (S1,)

    def test_changes_no_state(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        assert traffic(node.receive(self.error(), 1)) == []
        assert len(node.engine.reservations(node.now)) == 1

    def test_a_failed_increase_spares_who_asked_for_less(self, node):
        """InPlace: only next hops that asked for too much hear of it (section 3.5)."""
        node.receive(resv(FF, (load(500), (S1,))), 2)
        node.receive(resv(FF, (load(1000), (S1,)), hop="10.2.0.3"), 2)
        out = node.receive(self.error(flags=int(ErrorFlag.IN_PLACE)), 1)
        told = [s.destination for s in of(out, e.Send) if isinstance(s.message, ResvErr)]
        assert told == [a("10.2.0.3")]
        assert [m.flows[0].flowspec.rate for m in sends(out, Resv)] == [500.0], "which may still succeed"

    def test_without_path_state_is_dropped(self):
        assert router(1, 2).receive(self.error(), 1) == [e.Dropped("ResvErr without path state", 1, 4)]

    def test_scope_shrinks_and_ends_the_way(self, node):
        node.receive(resv(WF, (load(), ())), 2)
        inside = Scope((a("10.1.0.1"), a("10.77.0.1")))
        (send,) = of(node.receive(self.error(Flow(load()), style=WF, scope=inside), 1), e.Send)
        assert send.message.scope == Scope((a("10.1.0.1"),))
        outside = Scope((a("10.77.0.1"),))
        assert of(node.receive(self.error(Flow(load()), style=WF, scope=outside), 1), e.Send) == []


class TestEndToEnd:
    """h1 - r1 - r2 - h2, applications at both ends."""

    def reserved(self, style=FF, rate=1000.0, **fields):
        net = line(**fields)
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec(rate)))
        filters = (S1,) if style.explicit else ()
        net.feed("h2", e.Reserve(2, style, (Flow(load(rate), filters),), confirm=True))
        return net

    @pytest.mark.parametrize("style", [FF, SE, WF])
    def test_reserved_on_every_link_and_confirmed(self, style):
        net = self.reserved(style)
        filters = (str(S1),) if style.explicit else ()
        assert [net.nodes[n].installed for n in ("h1", "r1", "r2")] == [{(2, filters, 1000.0)}] * 3
        assert net.nodes["h2"].installed == set(), "the data has arrived"
        (confirmed,) = net.events("h2", e.ResvConfirmed)
        assert confirmed.node == a("10.1.0.1"), "the sender's host"
        (event,) = net.events("h1", e.ResvEvent)
        assert (event.style, event.flowspec, event.filters) == (style, load(), (S1,) if filters else ())

    def test_adspec_tells_the_receiver_of_three_hops(self):
        net = self.reserved()
        (event,) = net.events("h2", e.PathEvent)
        assert event.sender.adspec.general.is_hops == 3

    def test_stands_through_many_refresh_periods_without_events(self):
        net = self.reserved()
        before = {name: len(events) for name, events in net.upcalls.items()}
        net.advance(30 * 100)
        assert len(net.nodes["r2"].flows) == 1
        assert {name: len(events) for name, events in net.upcalls.items()} == before

    def test_release_frees_every_link(self):
        net = self.reserved()
        net.feed("h2", e.Release(2))
        assert all(not node.flows for node in net.nodes.values())
        assert [event.filters for event in net.events("h1", e.ResvGone)] == [(S1,)]
        net.feed("h1", e.CloseSession(1))
        net.feed("h2", e.CloseSession(2))
        assert net.empty

    def test_one_end_dies(self):
        net = self.reserved()
        net.dead.add("h2")
        net.advance(157.5 - 45)
        assert net.nodes["r2"].flows
        net.advance(45 + 1)
        assert not any(node.flows for name, node in net.nodes.items() if name != "h2")
        assert len(net.events("h1", e.ResvGone)) == 1

    def test_the_sender_dies(self):
        net = self.reserved()
        net.dead.add("h1")
        net.advance(157.5 + 1)
        assert not any(node.flows for name, node in net.nodes.items() if name != "h1")
        assert [gone.template for gone in net.events("h2", e.PathGone)] == [S1]

    def test_a_receiver_that_asked_early_gets_it_when_the_sender_comes(self):
        net = line()
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),)))
        assert net.log == []
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        assert len(net.nodes["r1"].flows) == 1

    def test_and_again_after_the_sender_went_and_came_back(self):
        net = self.reserved()
        net.feed("h1", e.RemoveSender(1, S1))
        assert not any(node.flows for node in net.nodes.values())
        net.feed("h1", e.AddSender(1, S1, tspec()))
        assert len(net.nodes["r1"].flows) == 1

    def test_admission_failure_on_the_way_reaches_the_application(self):
        net = line(bandwidth=900.0)
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), confirm=True))
        (error,) = net.events("h2", e.ResvError)
        assert (error.code, error.value, error.node) == (1, 2, a("10.3.0.1"))
        assert error.filters == (S1,)
        assert not error.flags & ErrorFlag.NOT_GUILTY
        assert net.events("h2", e.ResvConfirmed) == []

    def test_a_lost_confirmation_is_asked_for_again(self):
        net = line()
        lost = []

        def drop(n, message):
            if isinstance(message, ResvConf) and not lost:
                lost.append(n)
                return True
            return False

        net.drop = drop
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), confirm=True))
        assert lost
        assert net.events("h2", e.ResvConfirmed) == []
        net.advance(45)
        assert len(net.events("h2", e.ResvConfirmed)) == 1
        net.advance(300)
        assert len(net.events("h2", e.ResvConfirmed)) == 1

    def test_while_it_waits_for_one_nothing_is_sent_that_nothing_changed(self):
        """ "Resv messages must be sent immediately when the state changes" (section 3.3): and else not."""
        net = self.waiting()
        net.log.clear()
        net.feed("h2", e.OpenSession(3, session("10.3.0.2")))
        net.feed("h2", e.Reserve(3, FF, (Flow(load(400), (S1,)),)))
        net.feed("h2", e.Release(3))
        net.feed("h1", e.AddSender(1, S1, tspec(900)))
        assert [s.message for _, who, s in net.log if who == "h2"] == []
        net.feed("h2", e.Reserve(2, FF, (Flow(load(800), (S1,)),), confirm=True))
        assert [s.message.confirm for _, who, s in net.log if who == "h2"] == [ResvConfirm(a("10.3.0.2"))]

    def test_who_asks_for_one_again_is_heard_at_once(self):
        net = self.waiting()
        net.log.clear()
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), confirm=True))
        assert len([s for _, who, s in net.log if who == "h2"]) == 1

    def waiting(self):
        """A receiver whose confirmation does not come."""
        net = line()
        net.drop = lambda n, message: isinstance(message, ResvConf)
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), confirm=True))
        return net

    def test_any_one_lost_message_is_repaired(self):
        whole = self.reserved(refresh=1.0)
        count = len(whole.log)
        assert count >= 9
        for lost in range(count):
            net = line(refresh=1.0)
            net.drop = lambda n, message, lost=lost: n == lost
            net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
            net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
            net.feed("h1", e.AddSender(1, S1, tspec()))
            net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),), confirm=True))
            net.advance(1.5)
            assert [len(node.flows) for node in net.nodes.values()] == [1, 1, 1, 0], lost
            assert len(net.events("h2", e.ResvConfirmed)) == 1, lost

    @pytest.mark.parametrize("style", [FF, SE])
    def test_each_of_two_senders_is_confirmed(self, style):
        net = line()
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        for who in (S1, S2):
            net.feed("h1", e.AddSender(1, who, tspec()))
        both = (Flow(load(), (S1, S2)),) if style.shared else (Flow(load(), (S1,)), Flow(load(), (S2,)))
        net.feed("h2", e.Reserve(2, style, both, confirm=True))
        confirmed = [one for event in net.events("h2", e.ResvConfirmed) for one in event.filters]
        assert sorted(confirmed, key=str) == [S1, S2]
        net.advance(300)
        assert len(net.events("h2", e.ResvConfirmed)) == len(both), "and no more are asked for"

    def test_a_sender_that_is_not_there_does_not_hold_up_the_others(self):
        net = line()
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        net.feed("h2", e.Reserve(2, SE, (Flow(load(), (S1, S2)),), confirm=True))
        assert [event.filters for event in net.events("h2", e.ResvConfirmed)] == [(S1,)]
        mark = len(net.log)
        net.advance(100)
        assert not [s for _, _, s in net.log[mark:] if isinstance(s.message, ResvConf)]
        net.feed("h1", e.AddSender(1, S2, tspec()))
        assert [event.filters for event in net.events("h2", e.ResvConfirmed)] == [(S1,), (S2,)]

    def test_a_late_confirmation_is_not_taken_for_the_new_one(self):
        net = self.reserved()
        (first,) = net.events("h2", e.ResvConfirmed)
        net.drop = lambda n, message: isinstance(message, ResvConf)
        net.feed("h2", e.Reserve(2, FF, (Flow(load(2000), (S1,)),), confirm=True))
        net.drop = lambda n, message: False
        stale = ResvConf(
            session=session("10.3.0.2"),
            error=ErrorSpec(first.node, 0, 0),
            confirm=ResvConfirm(a("10.3.0.2")),
            style=FF,
            flows=(Flow(load(1000), (S1,)),),
            send_ttl=60,
        )
        net.feed("h2", e.Received(stale, 1, a("10.3.0.1"), a("10.3.0.2"), 60))
        assert len(net.events("h2", e.ResvConfirmed)) == 1
        net.advance(45)
        assert [event.flowspec for event in net.events("h2", e.ResvConfirmed)] == [load(), load(2000)]

    def test_style_changes_from_wf_to_ff(self):
        """Torn, then made anew (as a receiver that connects to its sender does)."""
        net = self.reserved(WF)
        mark = len(net.log)
        net.feed("h2", e.Reserve(2, FF, (Flow(load(), (S1,)),)))
        from_h2 = [send.message for _, who, send in net.log[mark:] if who == "h2"]
        assert [type(m) for m in from_h2] == [ResvTear, Resv]
        assert net.nodes["r1"].installed == {(2, (str(S1),), 1000.0)}

    def test_two_receivers_on_one_host_are_merged(self):
        net = self.reserved()
        net.feed("h2", e.OpenSession(3, session("10.3.0.2")))
        net.feed("h2", e.Reserve(3, FF, (Flow(load(5000), (S1,)),)))
        assert {node.installed.pop()[2] for node in net.nodes.values() if node.flows} == {5000.0}
        net.feed("h2", e.Release(3))
        assert net.nodes["r1"].installed == {(2, (str(S1),), 1000.0)}

    def test_guaranteed_service_all_the_way(self):
        net = line()
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h2", e.OpenSession(2, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, S1, tspec()))
        spec = guaranteed(tspec(), R=4000.0, slack=10)
        net.feed("h2", e.Reserve(2, FF, (Flow(spec, (S1,)),)))
        assert [v.flowspec.rspec for v in net.nodes["r1"].engine.requests()] == [Rspec(4000.0, 10)]
        assert net.nodes["r1"].engine.interfaces()[1].reserved == 4000.0


class TestMisuse:
    """What an application does wrong is its own error, and changes nothing."""

    @pytest.fixture
    def host(self):
        r = router(2)
        r.route("10.9.0.9", 2)
        r.feed(e.OpenSession(1, session()))
        return r

    @pytest.mark.parametrize(
        ("verb", "message"),
        [
            (e.OpenSession(1, session(port=1)), "handle 1 is in use"),
            (e.OpenSession(2, session(port=0)), "with and without a port"),
            (e.AddSender(1, sender("10.7.7.7"), tspec()), "not an address of this node"),
            (e.AddSender(1, sender("2001:db8::1"), tspec()), "address of the session's family"),
            (e.AddSender(1, sender("10.2.0.254"), tspec(), ttl=256), "TTL is 1 to 255"),
            (e.RemoveSender(1, sender()), "does not send"),
            (e.Reserve(1, FF, (Flow(load()),)), "lists its senders"),
            (e.Reserve(1, WF, (Flow(load(), (S1,)),)), "lists no senders"),
            (e.Reserve(1, SE, (Flow(load(), (S1,)), Flow(load(), (S2,)))), "exactly one flow"),
            (e.Reserve(1, FF, ()), "at least one flow"),
            (e.Reserve(1, Style(0x1B), (Flow(load()),)), "FF, WF or SE"),
            (e.Reserve(1, WF, (Flow(None),)), "needs a flowspec"),
            (e.Reserve(1, WF, (Flow(Flowspec(6, NullTspec())),)), "controlled-load or guaranteed"),
            (e.Reserve(1, FF, (Flow(load(), (S1,)), Flow(guaranteed(tspec()), (S2,)))), "all of one service"),
        ],
    )
    def test_is_refused(self, host, verb, message):
        before = (host.engine.sessions(), host.engine.reservations(0.0))
        with pytest.raises(LocalError, match=message):
            host.feed(verb)
        assert (host.engine.sessions(), host.engine.reservations(0.0)) == before

    @pytest.mark.parametrize(
        "verb", [e.CloseSession(9), e.Release(9), e.Reserve(9, WF, (Flow(load()),)), e.RemoveSender(9, S1)]
    )
    def test_unknown_handle(self, host, verb):
        with pytest.raises(UnknownSession):
            host.feed(verb)

    def test_style_conflict_between_applications(self, host):
        host.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        host.feed(e.OpenSession(2, session()))
        with pytest.raises(StyleConflict, match="reserved in style FF"):
            host.feed(e.Reserve(2, WF, (Flow(load()),)))

    def test_two_applications_cannot_be_the_same_sender(self, host):
        host.feed(e.AddSender(1, sender("10.2.0.254"), tspec()))
        host.feed(e.OpenSession(2, session()))
        with pytest.raises(LocalError, match="another application already sends"):
            host.feed(e.AddSender(2, sender("10.2.0.254"), tspec()))

    def test_ports_have_to_agree(self, host):
        host.feed(e.AddSender(1, sender("10.2.0.254", 5), tspec()))
        with pytest.raises(LocalError, match="source ports do not agree"):
            host.feed(e.AddSender(1, sender("10.2.0.254", 0), tspec()))


def test_path_tear_of_one_sender_leaves_the_others_reservation():
    node = router(1, 2)
    node.route("10.9.0.9", 2)
    for who in (S1, S2):
        node.receive(path(who), 1)
    node.receive(resv(FF, (load(), (S1,)), (load(2000), (S2,))), 2)
    node.receive(path_tear(S1), 1)
    assert node.installed == {(2, (str(S2),), 2000.0)}
    assert node.engine.interfaces()[1].reserved == 1000.0, "S2 sends no more than that"
