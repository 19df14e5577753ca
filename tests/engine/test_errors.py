"""Errors, tears and confirmations on their way: RFC 2205 sections 3.1.5 to 3.1.9, appendix B, RFC 2209."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.iana import ErrorCode, ErrorFlag, TrafficControlCode
from rsvp.intserv import guaranteed
from rsvp.messages import Flow, Path, PathErr, Resv, ResvConf, ResvErr, ResvTear
from rsvp.objects import FF, SE, WF, ErrorSpec, Hop, Opaque, ResvConfirm, Style

from .fabric import (
    a,
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
HERE, FAR = a("10.2.0.254"), a("10.77.0.1")
STRANGE = (Opaque(240, 1, b"abcd"),)


@pytest.fixture
def node():
    """Three senders behind 1; next hops on 2."""
    r = router(1, 2, 3)
    r.route("10.9.0.9", 2)
    for who in (S1, S2, S3):
        r.receive(path(who), 1)
    return r


def path_err(code, value=0, who=S1, flags=0, **fields):
    error = ErrorSpec(FAR, code, value, flags)
    return PathErr(session=session(), error=error, sender=path(who).sender, send_ttl=63, **fields)


def resv_err(code, value=0, flags=0, style=FF, filters=(S1,), rate=1000.0, hop="10.1.0.1", **fields):
    return ResvErr(
        session=session(),
        hop=Hop(a(hop), 7),
        error=ErrorSpec(FAR, code, value, flags),
        style=style,
        flow=Flow(load(rate), filters),
        send_ttl=63,
        **fields,
    )


IN_PATH_ERR = [
    (2, 4),
    (7, 0),
    (8, 0),
    (13, 100 << 8 | 1),
    (14, 0x0D09),
    (20, 5),
    (21, 4),
    (21, 5),
    (23, 9),
    (24, 5),
]
IN_RESV_ERR = [
    (1, 1),
    (1, 2),
    (1, 3),
    (1, 0x8007),
    (1, 0xC007),
    *((2, value) for value in range(20)),
    (2, 102),
    (2, 0x8001),
    (3, 0),
    (4, 0),
    (5, 10),
    (6, 0),
    (7, 0),
    (12, 1),
    (13, 100 << 8 | 1),
    (14, 9 << 8 | 1),
    *((21, value) for value in range(1, 6)),
    (22, 0xABCD),
    (23, 0x1234),
    (36, 0x0101),
]


class TestEveryCodeTravels:
    """Appendix B: nobody on the way has to understand it."""

    @pytest.mark.parametrize(("code", "value"), IN_PATH_ERR)
    def test_upstream(self, node, code, value):
        (send,) = of(node.receive(path_err(code, value), 2), e.Send)
        assert (send.destination, send.interface) == (a("10.1.0.1"), 1)
        assert send.message.error == ErrorSpec(FAR, code, value)

    @pytest.mark.parametrize(("code", "value"), IN_PATH_ERR)
    def test_to_the_sender(self, code, value):
        host = router(2)
        host.route("10.9.0.9", 2)
        host.feed(e.OpenSession(1, session()))
        mine = sender("10.2.0.254")
        host.feed(e.AddSender(1, mine, tspec()))
        (event,) = of(host.receive(path_err(code, value, mine, flags=1), 2), e.PathError)
        assert (event.handle, event.node, event.code, event.value, event.flags) == (1, FAR, code, value, 1)
        assert event.sender.template == mine
        assert len(host.engine.senders(0.0)) == 1, "PathErr changes no state"

    @pytest.mark.parametrize(("code", "value"), IN_RESV_ERR)
    def test_downstream(self, node, code, value):
        node.receive(resv(FF, (load(), (S1,))), 2)
        told = [
            s for s in of(node.receive(resv_err(code, value), 1), e.Send) if isinstance(s.message, ResvErr)
        ]
        (send,) = told
        assert (send.destination, send.interface) == (a("10.2.0.1"), 2)
        assert send.message.error == ErrorSpec(FAR, code, value)
        assert send.message.hop.address == HERE
        assert len(node.engine.reservations(0.0)) == 1

    @pytest.mark.parametrize(("code", "value"), IN_RESV_ERR)
    def test_to_the_receiver(self, code, value):
        host = router(1)
        host.route("10.1.0.254", local=True)
        mine = session("10.1.0.254")
        host.feed(e.OpenSession(1, mine))
        host.receive(path(S1, to=mine), 1)
        host.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        (event,) = of(host.receive(replace(resv_err(code, value), session=mine), 1), e.ResvError)
        assert (event.handle, event.node, event.code, event.value) == (1, FAR, code, value)
        assert (event.style, event.flowspec, event.filters) == (FF, load(), (S1,))


class TestPathErr:
    def test_goes_to_the_one_sender_it_is_about(self, node):
        node.receive(path(S2, hop="10.1.0.77"), 1)
        assert [s.destination for s in of(node.receive(path_err(2, who=S2), 2), e.Send)] == [a("10.1.0.77")]

    def test_from_upstream_is_no_answer_to_our_path(self, node):
        assert node.receive(path_err(2), 1) == [e.Dropped("PathErr without path state", 1, 3)]

    def test_without_a_sender_goes_nowhere(self, node):
        out = node.receive(replace(path_err(2), sender=None), 2)
        assert out == [e.Dropped("PathErr without path state", 2, 3)]

    def test_of_an_unknown_session(self):
        assert router(1, 2).receive(path_err(2), 2) == [e.Dropped("PathErr without path state", 2, 3)]

    def test_unknown_objects_go_on(self, node):
        """Forwarded immediately in the same message (section 3.10)."""
        (onward,) = sends(node.receive(path_err(2, extra=STRANGE), 2), PathErr)
        assert onward.extra == STRANGE

    @pytest.mark.parametrize(
        ("spec", "value"),
        [
            (tspec(float("inf")), TrafficControlCode.BAD_TSPEC),
            (tspec(bucket=float("inf")), TrafficControlCode.BAD_TSPEC),
            (tspec(m=1501), TrafficControlCode.BAD_TSPEC),
        ],
    )
    def test_bad_tspec(self, node, spec, value):
        """21/4: "Malformed or unreasonable request"; the Path cannot be forwarded."""
        out = node.receive(path(sender(port=9), spec=spec), 1)
        (error,) = sends(out, PathErr)
        assert (error.error.code, error.error.value) == (ErrorCode.TRAFFIC_CONTROL_ERROR, value)
        assert (error.error.node, error.sender.template) == (a("10.1.0.254"), sender(port=9))
        assert sends(out, Path) == []
        assert len(node.engine.senders(0.0)) == 3

    def test_what_was_known_of_the_sender_stands(self, node):
        node.receive(path(S1, spec=tspec(m=1501)), 1)
        assert {view.tspec for view in node.engine.senders(0.0)} == {tspec()}


class TestResvErr:
    def test_one_for_each_flow_descriptor_in_error(self, node):
        """ "a Resv message that contains N > 1 flow descriptors may create up to N" (section 3.1.8)."""
        node.receive(
            resv(FF, (load(9e9), (sender(port=8),)), (load(), (S1,)), (load(), (sender(port=9),))), 2
        )
        bad = sends(node.outputs, ResvErr)
        assert [m.flow.filters for m in bad] == [(sender(port=8),), (sender(port=9),)]
        assert {view.filters for view in node.engine.reservations(0.0)} == {(S1,)}

    def test_of_a_shared_one_names_the_filters_of_each_next_hop(self, node):
        """ "should carry the FILTER_SPEC(s) from the corresponding reservation state"."""
        node.receive(resv(SE, (load(), (S1, S2))), 2)
        node.receive(resv(SE, (load(), (S2, S3)), hop="10.2.0.2"), 2)
        out = node.receive(resv_err(2, style=SE, filters=(S1, S2)), 1)
        told = {str(s.destination): s.message.flow.filters for s in of(out, e.Send)}
        assert told == {"10.2.0.1": (S1, S2), "10.2.0.2": (S2,)}

    def test_not_to_who_reserved_for_others(self, node):
        node.receive(resv(FF, (load(), (S2,))), 2)
        assert of(node.receive(resv_err(2), 1), e.Send) == []

    def test_policy_errors_go_to_all_next_hops(self, node):
        """ "deliver the policy ResvErr to ALL downstream hops" (RFC 2750 section 4.3)."""
        node.receive(resv(FF, (load(500), (S1,))), 2)
        node.receive(resv(FF, (load(1000), (S1,)), hop="10.2.0.2"), 2)
        out = node.receive(resv_err(2, 3, flags=int(ErrorFlag.IN_PLACE)), 1)
        assert [s.destination for s in of(out, e.Send)] == [a("10.2.0.1"), a("10.2.0.2")]

    def test_unknown_objects_go_on(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        (onward,) = sends(node.receive(resv_err(2, extra=STRANGE), 1), ResvErr)
        assert onward.extra == STRANGE

    def test_for_a_reservation_on_this_node_and_beyond(self, node):
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, FF, (Flow(load(), (S1,)),)))
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.receive(resv_err(2), 1)
        assert len(of(out, e.ResvError)) == len(sends(out, ResvErr)) == 1

    def test_without_a_flow_goes_to_all_who_asked_that_previous_hop(self, node):
        """Where it could not be read which flow is in error, none of that Resv stands."""
        far = sender("10.3.0.1")
        node.receive(path(far, hop="10.3.0.1"), 3)
        node.receive(resv(FF, (load(), (S1,))), 2)
        node.receive(resv(FF, (load(), (far,)), hop="10.2.0.2"), 2)
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, FF, (Flow(load(), (S2,)),)))
        out = node.receive(replace(resv_err(21, 3), flow=None), 1)
        assert [s.destination for s in of(out, e.Send)] == [a("10.2.0.1")]
        (event,) = of(out, e.ResvError)
        assert (event.code, event.value, event.filters) == (21, 3, (S2,))

    @pytest.mark.parametrize("code", [1, 21])
    def test_an_error_about_a_style_that_is_not_there_any_more(self, node, code):
        """The receiver has changed its mind meanwhile: what failed is nobody's."""
        node.receive(resv(WF, (load(), ())), 2)
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, WF, (Flow(load()),)))
        out = node.receive(resv_err(code, 2, style=FF), 1)
        assert not sends(out, ResvErr)
        assert not of(out, e.ResvError)

    def test_without_a_flow_blocks_nothing(self, node):
        node.receive(resv(WF, (load(), ())), 2)
        out = node.receive(replace(resv_err(1, 2, style=WF, filters=()), flow=None), 1)
        assert [m.flow for m in sends(out, ResvErr)] == [None]
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, WF, (Flow(load()),)))
        (event,) = of(node.receive(replace(resv_err(1, 2, style=WF, filters=()), flow=None), 1), e.ResvError)
        assert event.flowspec is None

    def test_too_many_reservations(self, node):
        """Error 23, RSVP system error; its values are the implementation's own."""
        node.engine._core.config = e.Config(max_reservations_per_session=1)
        node.receive(resv(FF, (load(), (S1,))), 2)
        (error,) = sends(node.receive(resv(FF, (load(), (S2,))), 2), ResvErr)
        assert (error.error.code, error.error.value) == (ErrorCode.RSVP_SYSTEM_ERROR, 1)
        assert sends(node.receive(resv(FF, (load(2000), (S1,))), 2), ResvErr) == []

    @pytest.mark.parametrize(("code", "value"), [(1, 2), (12, 1), (21, 3), (22, 99)])
    def test_traffic_control_that_says_no_afterwards(self, node, code, value):
        """Also TC_Preempt (section 3.11.2), with code 12."""
        node.receive(resv(FF, (load(), (S1,))), 2)
        node.receive(resv(FF, (load(), (S1,)), hop="10.2.0.2"), 2)
        out = node.feed(e.FlowRejected(1, code, value))
        assert [
            (s.destination, s.message.error.code, s.message.error.value)
            for s in of(out, e.Send)
            if isinstance(s.message, ResvErr)
        ] == [
            (a("10.2.0.1"), code, value),
            (a("10.2.0.2"), code, value),
        ]
        assert len(sends(out, ResvTear)) == 1
        assert node.engine.reservations(0.0) == []

    def test_of_a_style_from_the_future(self, node):
        (error,) = sends(node.receive(resv(Style(0b01001), (load(), ())), 2), ResvErr)
        assert (error.error.code, error.style) == (ErrorCode.UNKNOWN_STYLE, Style(0b01001))
        assert error.error.node == HERE

    def test_conflicting_styles_whoever_came_first(self, node):
        for first, filters in ((WF, ()), (SE, (S1,)), (FF, (S1,))):
            node.receive(resv(first, (load(), filters)), 2)
            for second, others in ((WF, ()), (SE, (S1,)), (FF, (S1,))):
                out = node.receive(resv(second, (load(), others), hop="10.2.0.9"), 2)
                expected = [] if second is first else [(ErrorCode.CONFLICTING_STYLE, first.option_vector)]
                assert [(m.error.code, m.error.value) for m in sends(out, ResvErr)] == expected
            for hop in ("10.2.0.1", "10.2.0.9"):
                node.receive(resv_tear(first, filters, hop=hop), 2)
            assert node.engine.reservations(0.0) == []

    def test_an_application_on_this_node_sets_the_style_as_well(self, node):
        node.feed(e.OpenSession(1, session()))
        node.feed(e.Reserve(1, SE, (Flow(load(), (S1,)),)))
        (error,) = sends(node.receive(resv(WF, (load(), ())), 2), ResvErr)
        assert error.error.value == SE.option_vector

    def test_a_service_that_nobody_here_offers(self, node):
        """21/2, 21/1 and 21/3 are those of a Resv."""
        unknown = resv(FF, (replace(load(), service=77), (S1,)))  # no codec would let it in
        (error,) = sends(node.feed(e.Received(unknown, 2, a("10.2.0.1"), HERE, 63)), ResvErr)
        assert (error.error.code, error.error.value) == (21, TrafficControlCode.SERVICE_UNSUPPORTED)
        node.receive(resv(FF, (load(), (S1,))), 2)
        (error,) = sends(node.receive(resv(FF, (guaranteed(tspec()), (S2,))), 2), ResvErr)
        assert (error.error.code, error.error.value) == (21, TrafficControlCode.SERVICE_CONFLICT)


class TestUnreadable:
    """Section 3.10, 2: what the shell could read of a message whose C-Type nobody knows."""

    def event(self, message_type, hop="10.2.0.1", style=FF, flow=None, **fields):
        return e.Undecodable(
            2,
            message_type,
            "unknown C-Type",
            14,
            9 << 8 | 77,
            session(),
            Hop(a(hop), 2),
            None,
            style,
            flow,
            **fields,
        )

    def test_resv(self, node):
        out = node.feed(self.event(2, flow=Flow(load(), (S1,))))
        (send,) = of(out, e.Send)
        assert (send.destination, send.message.error.code, send.message.error.value) == (
            a("10.2.0.1"),
            14,
            9 << 8 | 77,
        )
        assert send.message.flow == Flow(load(), (S1,))
        assert of(out, e.Dropped) == [e.Dropped("unknown C-Type", 2, 2)]

    @pytest.mark.parametrize(
        "event",
        [
            replace(
                e.Undecodable(2, 2, "unknown C-Type", 14, 0, session(), Hop(a("10.2.0.1"), 2)), style=None
            ),
            e.Undecodable(2, 2, "unknown C-Type", 14, 0, None, Hop(a("10.2.0.1"), 2), style=FF),
            e.Undecodable(2, 2, "unknown C-Type", 14, 0, session(), None, style=FF),
            e.Undecodable(2, 2, "unknown C-Type", 14, 0, session(), Hop(a("10.2.0.254"), 2), style=FF),
            e.Undecodable(2, 2, "unknown C-Type", 14, 0, session(), Hop(a("fe80::1"), 2), style=FF),
            e.Undecodable(9, 2, "unknown C-Type", 14, 0, session(), Hop(a("10.2.0.1"), 2), style=FF),
            e.Undecodable(2, 4, "unknown C-Type", 14, 0, session(), Hop(a("10.2.0.1"), 2), style=FF),
        ],
        ids=["no style", "no session", "no hop", "own", "other family", "interface off", "ResvErr"],
    )
    def test_nobody_to_tell(self, node, event):
        out = node.feed(event)
        assert out == [e.Dropped("unknown C-Type", event.interface, event.message_type)]


class TestPassingThrough:
    """ "forward the message to IP destination address and return" (RFC 2209, MESSAGE ARRIVES)."""

    @pytest.mark.parametrize(
        "message", [resv(FF, (load(), (S1,))), resv_tear(FF, (S1,)), path_err(2), resv_err(1)]
    )
    def test_what_is_for_another_node_is_not_acted_on(self, node, message):
        before = node.engine.reservations(0.0)
        (send,) = node.receive(message, 2, source="10.2.0.1", to="10.5.0.5", ttl=20)
        assert (send.destination, send.source, send.ttl, send.interface) == (
            a("10.5.0.5"),
            a("10.2.0.1"),
            19,
            None,
        )
        assert send.message == message, "Send_TTL and all, unchanged"
        assert node.engine.reservations(0.0) == before

    def test_no_further_than_its_ttl(self, node):
        out = node.receive(resv(FF, (load(), (S1,))), 2, to="10.5.0.5", ttl=1)
        assert out == [e.Dropped("TTL used up", 2, 2)]

    def test_any_address_of_this_node_will_do(self, node):
        """The wrong interface: the LIH says which is meant (section 2.9)."""
        node.receive(resv(FF, (load(), (S1,)), lih=2), 3, to="10.3.0.254")
        assert node.installed == {(2, (str(S1),), 1000.0)}

    def test_to_a_group_is_for_everybody(self, node):
        assert node.receive(resv(FF, (load(), (S1,))), 2, to="224.0.0.14") != []
        assert len(node.installed) == 1


class TestConfirmation:
    """Sections 2.6, 3.1.4, 3.1.9."""

    def test_of_the_largest_across_interfaces(self, node):
        """Merged with another interface's: the larger goes on, the smaller is answered here."""
        node.feed(e.RouteResolved(a("10.9.0.9"), None, (2, 3)))
        node.receive(resv(FF, (load(3000), (S1,))), 2)
        out = node.receive(resv(FF, (load(1000), (S1,)), hop="10.3.0.1", lih=3, confirm="10.9.0.8"), 3)
        (conf,) = sends(out, ResvConf)
        assert conf.error == ErrorSpec(a("10.3.0.254"), 0, 0), "the address of OI"
        assert sends(out, Resv) == []
        out = node.receive(resv(FF, (load(5000), (S1,)), hop="10.3.0.1", lih=3, confirm="10.9.0.8"), 3)
        assert [m.confirm for m in sends(out, Resv)] == [ResvConfirm(a("10.9.0.8"))]
        assert sends(out, ResvConf) == []

    def test_an_equal_one_is_answered(self, node):
        node.feed(e.RouteResolved(a("10.9.0.9"), None, (2, 3)))
        node.receive(resv(FF, (load(3000), (S1,))), 2)
        out = node.receive(resv(FF, (load(3000), (S1,)), hop="10.3.0.1", lih=3, confirm="10.9.0.8"), 3)
        assert len(sends(out, ResvConf)) == 1

    def test_an_incomparable_one_is_answered_though_more_is_asked_upstream(self, node):
        node.receive(resv(FF, (guaranteed(tspec(), R=2000.0), (S1,))), 2)
        other = guaranteed(tspec(bucket=9000.0), R=1000.0)
        out = node.receive(resv(FF, (other, (S1,)), hop="10.2.0.2", confirm="10.9.0.8"), 2)
        assert len(sends(out, ResvConf)) == len(sends(out, Resv)) == 1
        assert [m.confirm for m in sends(out, Resv)] == [None]

    def test_tells_what_was_asked_for_and_no_more(self, node):
        """ "A subset of the flow descriptor list of the Resv that requested the confirmation" (3.1.9)."""
        node.receive(path(S2), 1)
        node.receive(resv(SE, (load(4000), (S1,))), 2)
        out = node.receive(resv(SE, (load(), (S2,)), hop="10.2.0.2", confirm="10.9.0.8"), 2)
        (conf,) = sends(out, ResvConf)
        assert conf.flows == (Flow(load(), (S2,)),)

    def test_is_asked_of_the_senders_that_it_is_for(self, node):
        """Though the other one, whose previous hop is another, is of the same reservation."""
        node.receive(path(S2, hop="10.1.0.77"), 1)
        node.receive(resv(SE, (load(), (S1,))), 2)
        out = node.receive(resv(SE, (load(4000), (S2,)), hop="10.2.0.2", confirm="10.9.0.8"), 2)
        asked = {(str(s.destination), s.message.confirm is not None) for s in of(out, e.Send)}
        assert asked == {("10.1.0.1", False), ("10.1.0.77", True)}

    def test_two_at_once_travel_each_in_a_message(self, node):
        """FF flows of one Resv to two previous hops, or two requests to one: a message holds one object."""
        node.receive(path(S2, hop="10.1.0.77"), 1)
        both = resv(FF, (load(), (S1,)), (load(), (S2,)), confirm="10.9.0.8")
        out = node.receive(both, 2)
        assert {(str(s.destination), s.message.confirm) for s in of(out, e.Send)} == {
            ("10.1.0.1", both.confirm),
            ("10.1.0.77", both.confirm),
        }

    def test_is_sent_hop_by_hop_with_router_alert(self, node):
        node.receive(resv(FF, (load(3000), (S1,))), 2)
        out = node.receive(resv(FF, (load(), (S1,)), hop="10.2.0.2", confirm="10.9.0.8"), 2)
        (send,) = of(out, e.Send)
        assert (send.router_alert, send.destination, send.interface) == (True, a("10.9.0.8"), 2)

    def test_from_the_sender_itself(self):
        host = router(2)
        host.route("10.9.0.9", 2)
        host.feed(e.OpenSession(1, session()))
        mine = sender("10.2.0.254")
        host.feed(e.AddSender(1, mine, tspec()))
        out = host.receive(resv(FF, (load(), (mine,)), confirm="10.9.0.9"), 2)
        (conf,) = sends(out, ResvConf)
        assert (conf.flows, conf.style, conf.error.code) == (
            (Flow(load(), (mine,)),),
            FF,
            ErrorCode.CONFIRMATION,
        )

    def test_for_somebody_else_than_it_was_addressed_to_is_dropped(self, node):
        """Appendix B: the destination has to be the receiver."""
        conf = ResvConf(
            session=session(),
            error=ErrorSpec(FAR, 0, 0),
            confirm=ResvConfirm(a("10.9.0.9")),
            style=FF,
            flows=(Flow(load(), (S1,)),),
            send_ttl=63,
        )
        out = node.feed(e.Received(conf, 1, FAR, a("10.9.0.8"), 63))
        assert out == [e.Dropped("confirmation for another receiver", 1, 7)]


class TestTears:
    """Sections 3.1.5, 3.1.6, 3.10."""

    def test_unknown_objects_go_on_with_a_resv_tear(self, node):
        node.receive(resv(FF, (load(), (S1,))), 2)
        out = node.receive(replace(resv_tear(FF, (S1,)), extra=STRANGE), 2)
        assert [m.extra for m in sends(out, ResvTear)] == [STRANGE]

    def test_and_with_a_path_tear(self, node):
        (onward,) = sends(node.receive(replace(path_tear(S1), extra=STRANGE), 1), type(path_tear()))
        assert onward.extra == STRANGE

    def test_what_a_reservation_carried_is_not_put_into_its_tear(self, node):
        node.receive(resv(FF, (load(), (S1,)), extra=STRANGE), 2)
        assert [m.extra for m in sends(node.receive(resv_tear(FF, (S1,)), 2), ResvTear)] == [()]

    def test_partly_overlapping_lists(self, node):
        node.receive(resv(SE, (load(), (S1, S2))), 2)
        node.receive(resv(SE, (load(), (S2, S3)), hop="10.2.0.2"), 2)
        out = node.receive(resv_tear(SE, (S1, S2, sender(port=99))), 2)
        assert [m.flows[0].filters for m in sends(out, ResvTear)] == [(S1,)], "S2 is wanted by another"
        assert node.installed == {(2, (str(S2), str(S3)), 1000.0)}
        out = node.receive(resv_tear(SE, (S1, S2, S3), hop="10.2.0.2"), 2)
        assert [m.flows[0].filters for m in sends(out, ResvTear)] == [(S2, S3)]
        assert node.installed == set()

    def test_some_flows_of_a_fixed_filter_one(self, node):
        node.receive(resv(FF, (load(), (S1,)), (load(), (S2,)), (load(), (S3,))), 2)
        out = node.receive(resv_tear(FF, (S3,), (S1,)), 2)
        assert {flow.filters for m in sends(out, ResvTear) for flow in m.flows} == {(S1,), (S3,)}
        assert node.installed == {(2, (str(S2),), 1000.0)}

    def test_a_flowspec_in_it_is_ignored(self, node):
        """ "Whatever flowspec is in place will be removed" (section 2.4)."""
        node.receive(resv(FF, (load(5000), (S1,))), 2)
        node.receive(resv_tear(FF, (S1,)), 2)
        assert node.installed == set()

    def test_of_a_wildcard_reservation_leaves_the_other_next_hops(self, node):
        node.receive(resv(WF, (load(3000), ())), 2)
        node.receive(resv(WF, (load(1000), ()), hop="10.2.0.2"), 2)
        out = node.receive(resv_tear(WF, ()), 2)
        assert [m.flows[0].flowspec.rate for m in sends(out, Resv)] == [1000.0], "less is news"
        assert sends(out, ResvTear) == []

    def test_with_another_handle_is_for_another_reservation(self, node):
        """ "as well as the LIH in the RSVP_HOP object" (section 3.1.6)."""
        node.receive(resv(FF, (load(), (S1,))), 2)
        assert of(node.receive(resv_tear(FF, (S1,), lih=3), 2), e.Dropped)
        assert len(node.installed) == 1

    def test_of_a_path_takes_no_reservation_of_others_along(self, node):
        node.receive(resv(SE, (load(), (S1, S2))), 2)
        out = node.receive(path_tear(S1), 1)
        assert traffic(out) != []
        assert node.installed == {(2, (str(S2),), 1000.0)}

    def test_a_path_without_ttl_left_has_no_tear_either(self):
        node = router(1, 2)
        node.route("10.9.0.9", 2)
        node.receive(path(S1, ttl=1), 1)
        assert of(node.receive(path_tear(S1), 1), e.Send) == []
