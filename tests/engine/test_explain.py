"""Why state is what it is: messages, rules and sections (RFC 2205 sections 1.3 to 3.11)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.engine.refusals import _RULES, rule
from rsvp.engine.views import Explanation, InstalledView, RequestView, ReservationView, SenderView, Source
from rsvp.iana import AdmissionError, ClassNum, CType, ErrorCode, MessageType, TrafficControlCode
from rsvp.iana_errors import PolicyControlError, RsvpSystemError
from rsvp.intserv import (
    Adspec,
    General,
    GuaranteedAdvert,
    NullTspec,
    Tspec,
    controlled_load,
    guaranteed,
)
from rsvp.messages import Path, Resv, ResvErr, Sender
from rsvp.objects import FF, SE, WF, ErrorSpec, GpiFilter, Hop, Opaque, Style

from .fabric import Router, a, load, path, resv, router, sender, session

ONE, TWO = sender("10.1.0.1"), sender("10.1.0.7")
GROUP = session("224.1.1.1")


def transit(**fields: object) -> Router:
    """Two senders behind interface 1; the session's data leaves through 2."""
    node = router(1, 2, 3, **fields)
    node.route("10.9.0.9", 2)
    node.receive(path(ONE), 1)
    node.receive(path(TWO), 1)
    return node


def spread() -> Router:
    """Two senders behind interface 1 to a group behind 2 and 3."""
    node = router(1, 2, 3)
    node.route("224.1.1.1", 2, 3)
    node.receive(path(ONE, to=GROUP), 1)
    node.receive(path(TWO, to=GROUP), 1)
    return node


View = SenderView | ReservationView | RequestView | InstalledView


def why(node: Router, view: View) -> tuple[Explanation, ...]:
    return node.engine.explain(view, node.now)


def sections(node: Router, view: View) -> list[str]:
    return [one.section.removeprefix("RFC 2205 section ") for one in why(node, view)]


def text(node: Router, view: View) -> str:
    return " / ".join(one.text for one in why(node, view))


# --- senders --------------------------------------------------------------------------------------


def test_a_sender_says_which_path_made_it_and_where_it_goes():
    node = transit()
    first, _ = node.engine.senders(node.now)
    made, goes = why(node, first)
    assert made.sources == (Source("Path", a("10.1.0.1"), 1, (ONE,), path(ONE).sender.tspec),)
    assert (made.section, goes.section) == ("RFC 2205 section 3.1.3",) * 2
    assert "eth2" in goes.text


def test_a_sender_without_a_route():
    node = router(1)
    node.receive(path(ONE), 1)
    assert "not forwarded" in text(node, node.engine.senders(node.now)[0])


def test_a_path_whose_ttl_ends_says_so():
    node = router(1, 2)
    node.route("10.9.0.9", 2)
    node.receive(path(ONE, ttl=1), 1, ttl=1)
    _, goes, ends = why(node, node.engine.senders(node.now)[0])
    assert "eth2" in goes.text
    assert (ends.text, ends.section) == (
        "its Path came with the last of its TTL, and is not forwarded",
        "RFC 2209 section 2, PATH REFRESH",
    )
    node.receive(path(ONE, ttl=2), 1, ttl=2)
    assert "TTL" not in text(node, node.engine.senders(node.now)[0])


def test_a_path_that_came_the_wrong_way_is_local_only():
    node = router(1, 2, 3)
    node.route("224.1.1.1", 2, incoming=3)
    node.receive(path(ONE, to=GROUP), 1)
    (view,) = node.engine.senders(node.now)
    assert sections(node, view) == ["3.1.3", "3.9"]


def test_a_hop_without_rsvp_shows_in_the_ttl():
    node = router(1, 2)
    node.receive(path(ONE, ttl=60), 1, ttl=58)
    (view,) = node.engine.senders(node.now)
    assert "3.8" in sections(node, view)
    assert "IP TTL 58 and Send_TTL 60" in text(node, view)


def test_an_applications_own_sender():
    node = router(2)
    node.route("10.9.0.9", 2)
    node.feed(e.OpenSession(1, session()))
    node.feed(e.AddSender(1, sender("10.2.0.254"), Tspec(1000.0, 3000.0)))
    (view,) = node.engine.senders(node.now)
    assert sections(node, view)[0] == "3.11.1"
    assert why(node, view)[0].sources[0].neighbor is None


# --- reservations, requests and what is installed ---------------------------------------------------


def test_a_merged_request_names_the_reservations_it_came_from():
    node = spread()
    node.receive(resv(WF, (load(1000.0), ()), to=GROUP), 2)
    node.receive(resv(WF, (load(2000.0), ()), to=GROUP, hop="10.3.0.1", lih=3), 3)
    (view,) = node.engine.requests()
    merged = why(node, view)[0]
    assert (merged.text, merged.section) == (
        "the least upper bound of 2 reservations",
        "RFC 2205 section 2.2",
    )
    assert merged.sources == (
        Source("Resv", a("10.2.0.1"), 2, (), load(1000.0)),
        Source("Resv", a("10.3.0.1"), 3, (), load(2000.0)),
    )


def test_a_request_that_nothing_was_merged_for():
    node = transit()
    node.receive(resv(FF, (load(), (ONE,))), 2)
    (view,) = node.engine.requests()
    (only,) = why(node, view)
    assert only.sources == (Source("Resv", a("10.2.0.1"), 2, (ONE,), load()),)


def test_senders_share_as_much_as_the_largest_needs():
    node = transit()
    node.receive(resv(SE, (load(), (ONE, TWO))), 2)
    (view,) = node.engine.requests()
    assert sections(node, view)[-1] == "1.3"


def test_a_scope_is_there_against_loops():
    node = router(1, 2, 3)
    node.route("224.1.1.1", 3)
    node.receive(path(ONE, to=GROUP), 1)
    node.receive(path(sender("10.2.0.5"), to=GROUP, hop="10.2.0.1"), 2)
    node.receive(resv(WF, (load(), ()), to=GROUP, hop="10.3.0.1", lih=3), 3)
    assert all("3.4" in sections(node, view) for view in node.engine.requests())
    node.receive(resv(WF, (load(), ()), to=GROUP, hop="10.3.0.1", lih=3, scope=("10.1.0.1",)), 3)
    (view,) = node.engine.reservations(node.now)
    assert "3.4" in sections(node, view)


def refuse(node: Router, flowspec: float, style: Style = WF) -> None:
    """The previous hop refuses as much."""
    (request,) = node.engine.requests()
    error = ErrorSpec(
        a("10.1.0.1"), ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE
    )
    message = ResvErr(
        session=request.session,
        hop=path().hop,
        error=error,
        style=style,
        flow=resv(style, (load(flowspec), request.filters)).flows[0],
        send_ttl=63,
    )
    node.receive(replace(message, hop=replace(message.hop, address=a("10.1.0.1"))), 1)


def test_what_is_blockaded_says_so_and_until_when():
    node = spread()
    node.receive(resv(WF, (load(1000.0), ()), to=GROUP), 2)
    node.receive(resv(WF, (load(2000.0), ()), to=GROUP, hop="10.3.0.1", lih=3), 3)
    refuse(node, 2000.0)
    (request,) = node.engine.requests()
    assert request.flowspec == load(1000.0)
    assert sections(node, request) == ["RFC 2209 section 2", "3.5", "3.5"]
    assert [(one.text, one.sources) for one in why(node, request)[:2]] == [
        (
            "the only reservation that is not blockaded",
            (Source("Resv", a("10.2.0.1"), 2, (), load(1000.0)),),
        ),
        (
            "blockaded, and so left out of the merge",
            (Source("Resv", a("10.3.0.1"), 3, (), load(2000.0)),),
        ),
    ]
    small, large = node.engine.reservations(node.now)
    assert "3.5" not in sections(node, small)
    (blockade,) = (one for one in why(node, large) if one.section.endswith("3.5"))
    assert blockade.sources[0].message == "ResvErr"
    assert blockade.sources[0].spec == load(2000.0)
    assert "another 120 s" in blockade.text
    assert "3.5" in sections(node, node.engine.senders(node.now)[0])


def test_where_all_are_blockaded_the_least_is_tried():
    node = spread()
    node.receive(resv(WF, (load(1000.0), ()), to=GROUP), 2)
    node.receive(resv(WF, (load(2000.0), ()), to=GROUP, hop="10.3.0.1", lih=3), 3)
    refuse(node, 500.0)
    node.advance(60.0)
    (request,) = node.engine.requests()
    assert request.flowspec == load(1000.0)
    tried = why(node, request)[0]
    assert tried.text.startswith("all reservations are blockaded: their greatest lower")
    assert [one.spec for one in tried.sources] == [load(1000.0), load(2000.0)]


def test_an_installed_reservation_says_why_these_filters_and_what_is_policed():
    node = spread()
    node.receive(resv(SE, (load(1000.0), (ONE, TWO)), to=GROUP), 2)
    node.receive(resv(SE, (load(2000.0), (ONE,)), to=GROUP, hop="10.3.0.1", lih=3), 3)
    small, _ = node.engine.installed()
    merged, filters, *policed = why(node, small)
    assert merged.sources == (Source("Resv", a("10.2.0.1"), 2, (ONE, TWO), load(1000.0)),)
    assert filters.section == "RFC 2205 section 1.3"
    assert [one.section for one in policed] == ["RFC 2205 section 3.8"] * 2
    assert "several senders share" in policed[0].text
    assert "branches" in policed[1].text


def test_a_reservation_that_nothing_is_installed_for():
    node = router(2)
    node.feed(e.OpenSession(1, session("10.2.0.254")))
    node.feed(e.Reserve(1, FF, resv(FF, (load(), (ONE,))).flows))
    (view,) = node.engine.reservations(node.now)
    assert "nothing is installed for it" in text(node, view)


def test_a_request_that_outlives_a_change_of_the_route():
    node = transit()
    node.receive(resv(FF, (load(), (ONE,))), 2)
    node.feed(e.RouteResolved(a("10.9.0.9"), None, (3,)))
    assert "3.6" in sections(node, node.engine.requests()[0])
    assert "3.6" in sections(node, node.engine.senders(node.now)[0])


def test_a_sender_whose_data_ends_here():
    node = router(1, 2)
    node.route("10.2.0.254", local=True)
    node.receive(path(ONE, to=session("10.2.0.254")), 1)
    assert "applications here" in text(node, node.engine.senders(node.now)[0])


def test_what_was_reduced_says_so():
    node = transit()
    reserved(node)
    shrink(node, 500.0)
    (reservation,), (installed,) = node.engine.reservations(node.now), node.engine.installed()
    assert "RFC 4495 section 5" in sections(node, reservation)
    assert "RFC 4495 section 5" in sections(node, installed)


def test_slack_that_was_spent_says_so():
    adspec = Adspec(General(1, 1e6, 0, 1500), GuaranteedAdvert(1500, 15_000, 1500, 15_000), None)
    node = router(1, 2, bandwidth=2000.0)
    node.route("10.9.0.9", 2)
    node.receive(path(ONE, adspec=adspec), 1)
    node.receive(resv(WF, (guaranteed(1000.0, 4000.0, slack=3_000_000), ())), 2)
    (installed,) = node.engine.installed()
    assert installed.flowspec.rate == 2000.0
    assert "a wildcard reservation is for every sender" in text(node, installed)
    assert sections(node, installed)[-1] == "RFC 2212, Guidelines for Implementors"


def test_of_state_that_is_gone_there_is_nothing_to_say():
    node = transit()
    node.receive(resv(FF, (load(), (ONE,))), 2)
    views = [
        node.engine.senders(0.0)[0],
        node.engine.reservations(0.0)[0],
        node.engine.requests()[0],
        node.engine.installed()[0],
    ]
    node.advance(1000.0)
    assert [why(node, view) for view in views] == [()] * 4


# --- what was refused -------------------------------------------------------------------------------


def too_much(node: Router) -> None:
    node.receive(path(ONE, spec=Tspec(200_000.0, 3000.0)), 1)
    node.receive(resv(FF, (load(200_000.0), (ONE,))), 2)


def unsupported(node: Router) -> None:
    node.receive(replace(path(ONE), sender=Sender(ONE, NullTspec(M=1500))), 1)


def other_service(node: Router) -> None:
    node.receive(resv(FF, (load(), (ONE,))), 2)
    node.receive(resv(FF, (guaranteed(1000.0), (TWO,))), 2)


def reserved(node: Router) -> None:
    node.receive(resv(FF, (load(), (ONE,))), 2)


def shrink(node: Router, bandwidth: float) -> None:
    node.feed(e.InterfaceUp(e.Interface(2, "eth2", (a("10.2.0.254"),), bandwidth=bandwidth, reservable=1.0)))


def too_many(node: Router) -> None:
    node.feed(e.Configure(e.Config(max_reservations_per_session=1)))
    node.receive(resv(FF, (load(), (ONE,)), (load(), (TWO,))), 2)


REFUSED: list[tuple[Callable[[Router], object], int, int | None, str]] = [
    (
        too_much,
        ErrorCode.ADMISSION_CONTROL_FAILURE,
        AdmissionError.BANDWIDTH_UNAVAILABLE,
        "RFC 2205 section 2.5",
    ),
    (
        lambda node: node.receive(resv(FF, (controlled_load(1000.0, M=9000), (ONE,))), 2),
        ErrorCode.ADMISSION_CONTROL_FAILURE,
        AdmissionError.MTU_TOO_LARGE,
        "RFC 2210 section 2.3.2",
    ),
    (
        lambda node: node.receive(resv(FF, (load(), (ONE,)), to=session("10.9.0.8")), 2),
        ErrorCode.NO_PATH_INFORMATION,
        None,
        "RFC 2205 section 3.1.4",
    ),
    (
        lambda node: node.receive(resv(FF, (load(), (sender("10.1.0.9"),))), 2),
        ErrorCode.NO_SENDER_INFORMATION,
        None,
        "RFC 2209 section 2, RESV MESSAGE ARRIVES",
    ),
    (
        lambda node: (
            node.receive(resv(FF, (load(), (ONE,))), 2),
            node.receive(resv(WF, (load(), ())), 2),
        ),
        ErrorCode.CONFLICTING_STYLE,
        FF.option_vector & 0xFFFF,
        "RFC 2205 section 1.3",
    ),
    (
        lambda node: node.receive(resv(Style(0b11001), (load(), (ONE,))), 2),
        ErrorCode.UNKNOWN_STYLE,
        None,
        "RFC 2205 section 1.3",
    ),
    (
        lambda node: node.receive(path(sender(port=0), to=session(port=0)), 1),
        ErrorCode.CONFLICTING_DEST_PORTS,
        None,
        "RFC 2205 section 3.2",
    ),
    (
        lambda node: node.receive(path(sender("10.1.0.1", 0)), 1),
        ErrorCode.CONFLICTING_SENDER_PORTS,
        None,
        "RFC 2205 section 3.2",
    ),
    (
        lambda node: node.receive(path(ONE, extra=(Opaque(99, 1, b"\0\0\0\0"),)), 1),
        ErrorCode.UNKNOWN_OBJECT_CLASS,
        99 << 8 | 1,
        "RFC 2205 section 3.10",
    ),
    (
        lambda node: node.receive(path(GpiFilter(ONE.address, 7)), 1),
        ErrorCode.UNKNOWN_OBJECT_CTYPE,
        ClassNum.SENDER_TEMPLATE << 8 | CType.FILTER_IPV4_GPI,
        "RFC 2205 section 3.10",
    ),
    (
        lambda node: node.feed(
            e.Undecodable(
                1,
                MessageType.PATH,
                "unknown C-Type",
                ErrorCode.UNKNOWN_OBJECT_CTYPE,
                ClassNum.SENDER_TSPEC << 8 | 9,
                session=session(),
                hop=Hop(a("10.1.0.1"), 1),
            )
        ),
        ErrorCode.UNKNOWN_OBJECT_CTYPE,
        ClassNum.SENDER_TSPEC << 8 | 9,
        "RFC 2205 section 3.10",
    ),
    (
        too_many,
        ErrorCode.RSVP_SYSTEM_ERROR,
        RsvpSystemError.TOO_MANY_RESERVATIONS,
        "RFC 2205 appendix B",
    ),
    (
        lambda node: (reserved(node), shrink(node, 0.0)),
        ErrorCode.POLICY_CONTROL_FAILURE,
        PolicyControlError.PREEMPTED,
        "RFC 3181 section 4",
    ),
    (
        lambda node: (reserved(node), shrink(node, 500.0)),
        ErrorCode.POLICY_CONTROL_FAILURE,
        PolicyControlError.PARTIALLY_PREEMPTED,
        "RFC 4495 section 5",
    ),
    (
        lambda node: (reserved(node), node.feed(e.FlowRejected(1, ErrorCode.SERVICE_PREEMPTED, 0))),
        ErrorCode.SERVICE_PREEMPTED,
        None,
        "RFC 2205 section 3.11.2",
    ),
    (
        lambda node: (
            reserved(node),
            node.feed(e.FlowRejected(1, ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR, 7)),
        ),
        ErrorCode.TRAFFIC_CONTROL_SYSTEM_ERROR,
        7,
        "RFC 2205 section 3.11.2",
    ),
    (
        lambda node: (
            node.feed(e.OpenSession(1, session())),
            node.feed(e.RefuseSender(1, ONE, ErrorCode.SERVICE_PREEMPTED, 0)),
        ),
        ErrorCode.RECEIVER_PROXY,
        None,
        "RFC 5946 section 3.1.2",
    ),
    (
        unsupported,
        ErrorCode.TRAFFIC_CONTROL_ERROR,
        TrafficControlCode.SERVICE_UNSUPPORTED,
        "RFC 2205 appendix B",
    ),
    (
        other_service,
        ErrorCode.TRAFFIC_CONTROL_ERROR,
        TrafficControlCode.SERVICE_CONFLICT,
        "RFC 2205 appendix B",
    ),
    (
        lambda node: node.receive(path(ONE, spec=Tspec(float("inf"), 3000.0)), 1),
        ErrorCode.TRAFFIC_CONTROL_ERROR,
        TrafficControlCode.BAD_TSPEC,
        "RFC 2205 appendix B",
    ),
    (
        lambda node: node.receive(resv(FF, (controlled_load(Tspec(float("inf"), 3000.0)), (ONE,))), 2),
        ErrorCode.TRAFFIC_CONTROL_ERROR,
        TrafficControlCode.BAD_FLOWSPEC,
        "RFC 2205 appendix B",
    ),
]


@pytest.mark.parametrize(("happens", "code", "value", "section"), REFUSED)
def test_every_refusal_names_its_rule(
    happens: Callable[[Router], object], code: int, value: int | None, section: str
) -> None:
    node = transit()
    happens(node)
    (view,) = node.engine.refusals()
    assert view.code == code
    assert value is None or view.value == value
    first, *_ = node.engine.explain(view, node.now)
    assert first.section == section
    assert first.sources == (
        Source(view.message, view.neighbor, view.interface, view.filters, view.flowspec),
    )
    assert view.text


def test_an_application_without_a_route_and_a_failed_increase():
    node = transit()
    node.feed(e.OpenSession(1, session("192.0.2.1")))
    node.feed(e.AddSender(1, sender("10.2.0.254"), Tspec(1000.0, 3000.0)))
    node.feed(e.RouteResolved(a("192.0.2.1"), None, ()))
    node.receive(resv(FF, (load(), (ONE,))), 2)
    too_much(node)
    node.receive(resv(FF, (load(200_000.0), (ONE,))), 2)
    no_route, increase = node.engine.refusals()
    assert (no_route.code, no_route.neighbor, no_route.times) == (ErrorCode.API, None, 1)
    assert (increase.neighbor, increase.in_place, increase.times) == (a("10.2.0.1"), True, 2)
    assert (increase.filters, increase.flowspec, no_route.flowspec) == ((ONE,), load(200_000.0), None)
    assert [one.section for one in node.engine.explain(increase, 0.0)][-1] == "RFC 2205 section 3.5"


def test_only_the_last_refusals_are_remembered():
    node = router(1, 2)
    for port in range(300):
        node.receive(resv(FF, (load(), (ONE,)), to=session(port=1000 + port)), 2)
    views = node.engine.refusals()
    assert len(views) == 256
    assert views[-1].session.port == 1299


def test_a_code_that_the_kernel_made_up():
    node = transit()
    reserved(node)
    node.feed(e.FlowRejected(1, 99, 7))
    (view,) = node.engine.refusals()
    (reason,) = node.engine.explain(view, 0.0)
    assert (reason.text, reason.section) == ("what was asked for could not be done", "RFC 2205 appendix B")


@pytest.mark.parametrize("code", set(ErrorCode) - {ErrorCode.CONFIRMATION})
def test_every_code_that_is_raised_here_has_a_rule_of_its_own(code: ErrorCode) -> None:
    values = [value for one, value in _RULES if one == code]
    assert values
    assert all(
        re.match(r"RFC \d+ (section \d|appendix [A-Z])", rule(code, value or 0)[1]) for value in values
    )


def test_messages_that_are_no_refusals_leave_none() -> None:
    node = transit()
    node.receive(resv(FF, (load(), (ONE,))), 2)
    assert node.engine.refusals() == []
    assert {Path, Resv} == {type(path()), type(resv(FF))}
