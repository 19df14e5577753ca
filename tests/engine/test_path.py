"""Path state: RFC 2205 sections 3.1.3, 3.1.5, 3.2, 3.7, 3.8, 3.10 and RFC 2209 PATH/PTEAR ARRIVES."""

from __future__ import annotations

import itertools

import pytest

from rsvp import engine as e
from rsvp.iana import LATENCY_UNKNOWN, ApiError, ErrorCode, SessionFlag
from rsvp.intserv import DEFAULT_ADSPEC, General
from rsvp.messages import Path, PathErr, PathTear, Resv
from rsvp.objects import FF, ErrorSpec, Opaque, Session

from .fabric import a, line, load, of, path, path_tear, resv, router, sender, sends, session, tspec


@pytest.fixture
def node():
    """A router whose interface 1 looks upstream and 2 downstream."""
    r = router(1, 2)
    r.route("10.9.0.9", 2)
    return r


class TestArrival:
    def test_new_sender_is_forwarded_at_once(self, node):
        (send,) = of(node.receive(path(), 1), e.Send)
        assert send.destination == a("10.9.0.9")
        assert send.source == a("10.1.0.1"), "the sender's own address (section 3.1.3)"
        assert (send.interface, send.router_alert, send.trigger) == (2, True, True)
        assert send.message.hop.address == a("10.2.0.254")
        assert send.message.hop.lih == 2, "the LIH is the outgoing interface"
        assert send.message.time_values.refresh_ms == 30_000, "our own R, not the neighbour's"

    def test_ttl_goes_down_by_one(self, node):
        (send,) = of(node.receive(path(ttl=60), 1), e.Send)
        assert send.ttl == send.message.send_ttl == 59

    @pytest.mark.parametrize("ttl", [0, 1])
    def test_ttl_of_one_is_not_forwarded_but_kept(self, node, ttl):
        assert sends(node.receive(path(ttl=ttl), 1), Path) == []
        assert len(node.engine.senders(0.0)) == 1
        assert sends(node.advance(45), Path) == [], "nor refreshed"
        assert sends(node.receive(path_tear(), 1), PathTear) == []

    def test_refresh_that_says_nothing_new_is_silent(self, node):
        node.receive(path(), 1)
        node.advance(10)
        assert node.receive(path(), 1) == []

    @pytest.mark.parametrize("change", [{"spec": tspec(2000.0)}, {"lih": 9}, {"ttl": 50}])
    def test_change_is_forwarded_at_once(self, node, change):
        node.receive(path(), 1)
        assert len(sends(node.receive(path(**change), 1), Path)) == 1

    def test_never_back_where_it_came_from(self, node):
        node.route("10.9.0.9", 1)
        assert sends(node.receive(path(), 1), Path) == []

    def test_two_senders_make_two_states(self, node):
        node.receive(path(sender(port=1)), 1)
        node.receive(path(sender(port=2)), 1)
        assert len(node.engine.senders(0.0)) == 2
        assert node.engine.sessions()[0].senders == 2

    def test_no_route_keeps_the_state(self, node):
        node.route("10.9.0.9")
        assert sends(node.receive(path(), 1), Path) == []
        assert len(node.engine.senders(0.0)) == 1

    def test_route_that_comes_later_forwards_then(self, node):
        node.routes.clear()
        assert sends(node.receive(path(), 1), Path) == []
        answer = e.RouteResolved(a("10.9.0.9"), None, (2,))
        assert len(sends(node.feed(answer), Path)) == 1

    def test_routing_is_asked_once_for_a_destination_and_told_when_done(self, node):
        out = node.receive(path(sender(port=1)), 1)
        assert len(of(out, e.ResolveRoute)) == 1
        assert of(node.receive(path(sender(port=2)), 1), e.ResolveRoute) == []
        assert of(node.receive(path_tear(sender(port=1)), 1), e.ForgetRoute) == []
        assert of(node.receive(path_tear(sender(port=2)), 1), e.ForgetRoute) == [
            e.ForgetRoute(a("10.9.0.9"), None)
        ]


class TestRefusal:
    """What is dropped, counted by reason, and what is answered."""

    @pytest.mark.parametrize(
        ("message", "interface", "reason"),
        [
            (path(hop="10.2.0.254"), 1, "own message"),
            (path(sender("10.2.0.254")), 1, "own sender"),
            (path(sender("224.1.1.1")), 1, "bad sender address"),
            (path(hop="224.0.0.14"), 1, "bad hop address"),
            (path(hop="0.0.0.0"), 1, "bad hop address"),
            (path(hop="255.255.255.255"), 1, "bad hop address"),
            (path(hop="fe80::1"), 1, "bad hop address"),
            (path(refresh=0), 1, "refresh period of zero"),
            (path(), 9, "interface disabled"),
            (path(to=session(port=0)), 1, "bad source port"),
        ],
    )
    def test_dropped(self, node, message, interface, reason):
        assert node.receive(message, interface) == [e.Dropped(reason, interface, 1)]
        assert node.engine.sessions() == []

    def test_conflicting_destination_ports(self, node):
        """Section 3.2 rule 1, error 7."""
        node.receive(path(), 1)
        (error,) = sends(node.receive(path(sender(port=0), to=session(port=0)), 1), PathErr)
        assert error.error == ErrorSpec(a("10.1.0.254"), ErrorCode.CONFLICTING_DEST_PORTS, 0)

    def test_conflicting_source_ports(self, node):
        """Section 3.2 rule 3, error 8."""
        node.receive(path(sender(port=4000)), 1)
        (error,) = sends(node.receive(path(sender(port=0)), 1), PathErr)
        assert error.error.code == ErrorCode.CONFLICTING_SENDER_PORTS

    def test_ports_may_change_once_the_old_sessions_are_gone(self, node):
        node.receive(path(), 1)
        node.receive(path_tear(), 1)
        out = node.receive(path(sender(port=0), to=session(port=0)), 1)
        assert sends(out, PathErr) == []
        assert len(sends(out, Path)) == 1

    def test_limits_hold(self):
        node = router(1, 2)
        node.engine._core.config = e.Config(max_sessions=1, max_senders_per_session=1)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        assert node.receive(path(sender(port=1)), 1) == [e.Dropped("too many senders", 1, 1)]
        other = path(to=session(port=5001))
        assert node.receive(other, 1) == [e.Dropped("too many sessions", 1, 1)]


class TestUnknownObjects:
    """Section 3.10: the top two bits decide."""

    def test_class_0bbbbbbb_is_rejected(self, node):
        (error,) = sends(node.receive(path(extra=(Opaque(100, 3, b"abcd"),)), 1), PathErr)
        assert error.error.code == ErrorCode.UNKNOWN_OBJECT_CLASS
        assert error.error.value == 100 << 8 | 3
        assert node.engine.sessions() == []

    def test_class_10bbbbbb_stops_here(self, node):
        (onward,) = sends(node.receive(path(extra=(Opaque(160, 1, b"abcd"),)), 1), Path)
        assert onward.extra == ()

    def test_class_11bbbbbb_travels_on_with_every_refresh(self, node):
        strange = (Opaque(240, 1, b"abcd"),)
        (onward,) = sends(node.receive(path(extra=strange), 1), Path)
        assert onward.extra == strange
        assert sends(node.advance(45), Path)[0].extra == strange

    def test_unknown_c_type_is_answered(self, node):
        """The shell found SESSION and RSVP_HOP, but another object's C-Type is not known."""
        event = e.Undecodable(1, 1, "unknown C-Type", 14, 13 << 8 | 9, session(), path().hop, path().sender)
        out = node.feed(event)
        (error,) = sends(out, PathErr)
        assert (error.error.code, error.error.value) == (14, 13 << 8 | 9)
        assert of(out, e.Send)[0].destination == a("10.1.0.1")
        assert of(out, e.Dropped)[0].reason == "unknown C-Type"


class TestTime:
    """Section 3.7."""

    def test_refreshes_come_between_half_and_one_and_a_half_r(self, node):
        node.receive(path(refresh=10_000), 1)
        times = []
        for _ in range(200):
            node.advance(node.engine.next_timeout() - node.now)
            times.append(node.now)
        gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
        assert min(gaps) >= 15.0
        assert max(gaps) <= 45.0
        assert max(gaps) - min(gaps) > 15.0, "spread out, not in step"

    def test_refreshes_are_no_triggers(self, node):
        node.receive(path(), 1)
        assert next(send.trigger for send in of(node.advance(45), e.Send)) is False

    @pytest.mark.parametrize(("refresh", "keep"), [(30.0, 3), (1.0, 3), (5.0, 6)])
    def test_state_lives_for_its_lifetime_and_not_longer(self, refresh, keep):
        node = router(1, 2, keep=keep)
        node.route("10.9.0.9", 2)
        node.receive(path(refresh=refresh), 1)
        lifetime = (keep + 0.5) * 1.5 * refresh
        assert sends(node.advance(lifetime - 0.001), PathTear) == []
        assert len(sends(node.advance(0.002), PathTear)) == 1, "a timeout tears downstream"
        assert node.engine.sessions() == []

    def test_a_refresh_prolongs_it(self, node):
        node.receive(path(refresh=10), 1)
        for _ in range(20):
            node.advance(50)
            node.receive(path(refresh=10), 1)
        assert len(node.engine.senders(node.now)) == 1
        node.advance(52.4)
        assert len(node.engine.senders(node.now)) == 1
        node.advance(0.2)
        assert node.engine.senders(node.now) == []


class TestAdspec:
    """RFC 2215 composition and section 3.8."""

    def test_each_hop_composes(self, node):
        (onward,) = sends(node.receive(path(adspec=DEFAULT_ADSPEC), 1), Path)
        assert onward.sender.adspec.general == General(1, 100_000.0, LATENCY_UNKNOWN, 1500, False)
        assert onward.sender.adspec.guaranteed.c_tot == 1500
        assert onward.sender.adspec.guaranteed.d_tot == 15_000, "1500 bytes at 100 kB/s: 15 ms"

    def test_path_without_one_stays_without(self, node):
        """Also the message that killed a receiver elsewhere."""
        (onward,) = sends(node.receive(path(), 1), Path)
        assert onward.sender.adspec is None

    def test_non_rsvp_hop_sets_the_global_break_bit(self, node):
        (onward,) = sends(node.receive(path(adspec=DEFAULT_ADSPEC, ttl=60), 1, ttl=58), Path)
        assert onward.sender.adspec.general.broken
        assert onward.send_ttl == 57, "the TTL that is left, not the one that was sent"

    def test_and_one_before_the_last_node_is_told_to_its_applications(self):
        """When it comes and when it goes; nobody else would tell them (RFC 2210 section 3.3.2)."""
        node = router(1)
        node.route("10.9.0.9", 1, local=True)
        node.feed(e.OpenSession(1, session()))
        message, seen = path(adspec=DEFAULT_ADSPEC, ttl=60), []
        for ttl in (58, 58, 60):
            for event in of(node.receive(message, 1, ttl=ttl), e.PathEvent):
                seen.append(event.sender.adspec.general.broken)
        node.receive(message, 1, ttl=57)
        (latecomer,) = of(node.feed(e.OpenSession(2, session())), e.PathEvent)
        assert [*seen, latecomer.sender.adspec.general.broken] == [True, False, True]
        (bare,) = of(node.receive(path(), 1, ttl=57), e.PathEvent)[:1]
        assert bare.sender.adspec is None

    @pytest.mark.parametrize(("latency", "told"), [(700, 700), (LATENCY_UNKNOWN, LATENCY_UNKNOWN)])
    def test_latency_is_told_where_it_is_known(self, latency, told):
        """RFC 2215 section 3.4."""
        node = router(1, 2, latency=latency)
        node.route("10.9.0.9", 2)
        (onward,) = sends(node.receive(path(adspec=DEFAULT_ADSPEC), 1), Path)
        assert onward.sender.adspec.general.latency == told

    def test_e_police_ends_at_the_first_node_that_polices(self):
        flagged = path(to=Session(a("10.9.0.9"), 17, 5000, SessionFlag.E_POLICE))
        for controls, expected in ((True, False), (False, True)):
            node = router(1, 2, controls_traffic=controls)
            node.route("10.9.0.9", 2)
            (onward,) = sends(node.receive(flagged, 1), Path)
            assert onward.session.e_police is expected


class TestTear:
    """Section 3.1.5."""

    def test_goes_downstream_and_removes(self, node):
        node.receive(path(), 1)
        (send,) = of(node.receive(path_tear(), 1), e.Send)
        assert isinstance(send.message, PathTear)
        assert (send.destination, send.source, send.interface) == (a("10.9.0.9"), a("10.1.0.1"), 2)
        assert send.router_alert
        assert node.engine.sessions() == []
        assert node.advance(1000) == []

    def test_for_nothing_is_dropped(self, node):
        assert node.receive(path_tear(), 1) == [e.Dropped("tear without state", 1, 5)]

    def test_from_another_previous_hop_is_not_forwarded(self, node):
        node.receive(path(), 1)
        out = node.receive(path_tear(hop="10.1.0.77"), 1)
        assert out == [e.Dropped("tear from another previous hop", 1, 5)]
        assert len(node.engine.senders(0.0)) == 1

    def test_takes_the_reservation_along_without_a_resv_tear_or_error(self, node):
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        assert len(node.flows) == 1
        out = node.receive(path_tear(), 1)
        assert [type(m.message) for m in of(out, e.Send)] == [PathTear]
        assert node.flows == {}
        assert node.engine.interfaces()[1].reserved == 0.0
        assert node.engine.sessions() == []


class TestPreviousHop:
    def test_a_new_previous_hop_gets_a_resv_at_once(self, node):
        """Section 3.6."""
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        out = node.receive(path(hop="10.1.0.55", lih=44), 1)
        (send,) = [s for s in of(out, e.Send) if isinstance(s.message, Resv)]
        assert send.destination == a("10.1.0.55")
        assert send.message.hop.lih == 44
        assert [r.phop for r in node.engine.requests()] == [a("10.1.0.55")]

    def test_the_same_sender_through_another_interface(self):
        """Unicast path state follows the data's way (section 3.1.3)."""
        node = router(1, 2, 3)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        out = node.receive(path(hop="10.3.0.1"), 3)
        assert len(sends(out, Path)) == 1
        (state,) = node.engine.senders(node.now)
        assert (state.interface, state.phop) == (3, a("10.3.0.1"))


class TestErrors:
    def test_path_err_goes_to_the_previous_hop(self, node):
        node.receive(path(), 1)
        message = PathErr(
            session=session(), error=ErrorSpec(a("10.9.0.9"), 2, 7), sender=path().sender, send_ttl=63
        )
        (send,) = of(node.receive(message, 2), e.Send)
        assert (send.destination, send.interface) == (a("10.1.0.1"), 1)
        assert not send.router_alert
        assert send.message.error == message.error, "unchanged on its way"

    def test_path_err_without_state_is_dropped(self, node):
        message = PathErr(session=session(), error=ErrorSpec(a("10.9.0.9"), 2, 7), sender=path().sender)
        assert node.receive(message, 2) == [e.Dropped("PathErr without path state", 2, 3)]

    def test_path_err_reaches_the_application(self):
        net = line()
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, sender(), tspec()))
        message = PathErr(
            session=session("10.3.0.2"),
            error=ErrorSpec(a("10.3.0.2"), 2, 7),
            sender=path().sender,
            send_ttl=63,
        )
        net.feed("r2", e.Received(message, 2, a("10.3.0.2"), a("10.3.0.1"), 63))
        (error,) = net.events("h1", e.PathError)
        assert (error.handle, error.node, error.code, error.value) == (1, a("10.3.0.2"), 2, 7)


class TestApplication:
    def test_ttl_of_its_messages_is_the_applications_multicast_ttl(self):
        node = router(2)
        node.route("10.9.0.9", 2)
        node.feed(e.OpenSession(1, session()))
        for ttl in (3, 5):
            (send,) = of(node.feed(e.AddSender(1, sender("10.2.0.254"), tspec(), ttl=ttl)), e.Send)
            assert send.ttl == send.message.send_ttl == ttl

    def test_ttl_is_63_where_it_never_set_one(self):
        node = router(2)
        node.route("10.9.0.9", 2)
        node.feed(e.OpenSession(1, session()))
        (send,) = of(node.feed(e.AddSender(1, sender("10.2.0.254"), tspec())), e.Send)
        assert send.ttl == send.message.send_ttl == 63

    def test_no_route_is_told(self):
        node = router(2)
        node.route("10.9.0.9")
        node.feed(e.OpenSession(1, session()))
        (error,) = of(node.feed(e.AddSender(1, sender("10.2.0.254"), tspec())), e.PathError)
        assert (error.code, error.value) == (ErrorCode.API, ApiError.NO_ROUTE)

    def test_latecomers_hear_of_senders_that_are_there(self, node):
        node.receive(path(), 1)
        (event,) = of(node.feed(e.OpenSession(4, session())), e.PathEvent)
        assert event.sender == path().sender

    def test_path_event_only_on_change(self, node):
        node.feed(e.OpenSession(4, session()))
        assert len(of(node.receive(path(), 1), e.PathEvent)) == 1
        assert of(node.receive(path(), 1), e.PathEvent) == []
        assert len(of(node.receive(path(spec=tspec(9.0)), 1), e.PathEvent)) == 1
        assert [g.template for g in of(node.receive(path_tear(), 1), e.PathGone)] == [sender()]

    def test_leaving_tears_down(self):
        net = line()
        net.feed("h1", e.OpenSession(1, session("10.3.0.2")))
        net.feed("h1", e.AddSender(1, sender(), tspec()))
        assert all(len(node.engine.senders(0)) == 1 for node in net.nodes.values())
        net.feed("h1", e.CloseSession(1))
        assert net.empty


class TestLocalRepair:
    """Section 3.6."""

    def test_refreshes_along_the_new_way_after_w(self):
        node = router(1, 2, 3)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        out = node.feed(e.RouteResolved(a("10.9.0.9"), None, (3,)))
        assert sends(out, Path) == [], "wait for routing to settle"
        (send,) = of(node.advance(2.0), e.Send)
        assert (send.interface, send.message.hop.address) == (3, a("10.3.0.254"))

    def test_interface_that_goes_takes_its_reservations_along(self):
        node = router(1, 2, 3)
        node.route("10.9.0.9", 2)
        node.receive(path(), 1)
        node.receive(resv(FF, (load(), (sender(),))), 2)
        node.feed(e.InterfaceDown(2))
        assert node.flows == {}
        assert node.engine.reservations(node.now) == []
        assert len(node.engine.senders(node.now)) == 1
