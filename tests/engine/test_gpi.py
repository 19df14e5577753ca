"""IPsec flows: sessions with a virtual port, senders told apart by their SPI (RFC 2207 sections 3, 4)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.errors import LocalError
from rsvp.iana import ErrorCode
from rsvp.messages import Flow, Path, PathErr, PathTear, Resv, ResvErr, ResvTear
from rsvp.objects import (
    FF,
    SE,
    WF,
    ErrorSpec,
    Filter,
    FlowLabelFilterSpec,
    GpiFilter,
    GpiSession,
    Session,
    Style,
)

from .fabric import Router, a, load, of, path, resv, router, sender, sends, session, tspec

ESP, AH = 50, 51


def flow(version: int, protocol: int = ESP, port: int = 5000) -> GpiSession:
    return GpiSession(a({4: "10.9.0.9", 6: "2001:db8:9::9"}[version]), protocol, port)


def spi(version: int, number: int) -> GpiFilter:
    return GpiFilter(a({4: "10.1.0.1", 6: "2001:db8:1::1"}[version]), number)


def heard(version: int, who: Filter, to: Session | None = None, hop: int = 1) -> Path:
    near = {4: f"10.1.0.{hop}", 6: f"2001:db8:1::{hop}"}[version]
    message = path(to=to or flow(version), hop=near)
    return replace(message, sender=replace(message.sender, template=who))


def asked(version: int, style: Style, *flows: tuple[object, tuple[Filter, ...]], hop: int = 9) -> Resv:
    near = {4: f"10.2.0.{hop}", 6: f"2001:db8:2::{hop}"}[version]
    return resv(style, *flows, to=flow(version), hop=near)


ADDRESSES = {4: ("10.1.0.254", "10.2.0.254"), 6: ("2001:db8:1::254", "2001:db8:2::254")}


def node(version: int = 4) -> Router:
    """A router whose interface 1 looks upstream and 2 downstream."""
    r = router()
    for index, address in enumerate(ADDRESSES[version], 1):
        r.feed(
            e.InterfaceUp(
                e.Interface(index, f"eth{index}", (a(address),), bandwidth=100_000.0, reservable=1.0)
            )
        )
    r.route(str(flow(version).destination), 2)
    return r


def reasons(out: list[e.Output]) -> list[str]:
    return [one.reason for one in of(out, e.Dropped)]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("protocol", [ESP, AH])
def test_from_path_to_tear(version: int, protocol: int) -> None:
    r, to, one = node(version), flow(version, protocol), spi(version, 0xFFFF0001)
    (onward,) = sends(r.receive(heard(version, one, to), 1), Path)
    assert (onward.session, onward.sender.template) == (to, one)
    request = replace(asked(version, FF, (load(), (one,))), session=to)
    (upstream,) = sends(r.receive(request, 2, to=ADDRESSES[version][1]), Resv)
    assert (upstream.session, upstream.flows[0].filters) == (to, (one,))
    assert r.installed == {(2, (str(one),), 1000.0)}
    (installed,) = r.flows.values()
    assert installed.session == to
    first = heard(version, one, to)
    tear = PathTear(session=to, hop=first.hop, sender=replace(first.sender, tspec=None, adspec=None))
    (gone,) = sends(r.receive(tear, 1), PathTear)
    assert (gone.session, gone.sender.template) == (to, one)
    assert r.installed == set()
    assert r.engine.sessions() == []


def test_two_spis_of_one_host_are_two_senders() -> None:
    """Section 4.2: a sender is (SrcAddress, GPI)."""
    r = node()
    one, two = spi(4, 1), spi(4, 2)
    for who in (two, one):
        r.receive(heard(4, who), 1)
    (upstream,) = sends(r.receive(asked(4, FF, (load(), (one,)), (load(2000.0), (two,))), 2), Resv)
    assert {f.filters: f.flowspec.rate for f in upstream.flows} == {(one,): 1000.0, (two,): 2000.0}
    assert r.installed == {(2, (str(one),), 1000.0), (2, (str(two),), 2000.0)}


@pytest.mark.parametrize("style", [SE, WF])
def test_shared_styles_merge_as_ever(style: Style) -> None:
    """Sections 4.2.1 and 4.2.2; a WF Resv has no filter, and is for any SPI of the session."""
    r = node()
    for number in (1, 2):
        r.receive(heard(4, spi(4, number)), 1)
    filters = (spi(4, 1), spi(4, 2)) if style.explicit else ()
    r.receive(asked(4, style, (load(), filters)), 2)
    (upstream,) = sends(r.receive(asked(4, style, (load(3000.0), filters), hop=8), 2), Resv)
    assert [(f.flowspec.rate, f.filters) for f in upstream.flows] == [(3000.0, filters)]
    assert {(oi, rate) for oi, _, rate in r.installed} == {(2, 3000.0)}


def test_an_spi_that_nobody_sends_with_has_no_sender_information() -> None:
    """Section 4.1: the GPI of the FILTER_SPEC must match that of the SENDER_TEMPLATE."""
    r = node()
    r.receive(heard(4, spi(4, 1)), 1)
    (error,) = sends(r.receive(asked(4, FF, (load(), (spi(4, 2),))), 2), ResvErr)
    assert (error.error.code, error.session) == (ErrorCode.NO_SENDER_INFORMATION, flow(4))
    assert error.flow is not None
    assert error.flow.filters == (spi(4, 2),)


def test_resv_tear_and_errors_are_of_their_session() -> None:
    r, one = node(), spi(4, 1)
    r.receive(heard(4, one), 1)
    r.receive(asked(4, FF, (load(), (one,))), 2)
    about = asked(4, FF, (load(), (one,)))
    other = replace(about, session=flow(4, port=5001))
    gone = ResvTear(session=other.session, hop=other.hop, style=FF, flows=other.flows)
    assert reasons(r.receive(gone, 2)) == ["tear without state"]
    refusal = ErrorSpec(a("10.2.0.7"), 0, ErrorCode.ADMISSION_CONTROL_FAILURE, 2)
    error = ResvErr(session=about.session, hop=about.hop, error=refusal, style=FF, flow=about.flows[0])
    assert reasons(r.receive(replace(error, session=other.session), 1)) == ["ResvErr without path state"]
    (onward,) = sends(r.receive(replace(error, hop=heard(4, one).hop), 1), ResvErr)
    assert onward.session == flow(4)
    (torn,) = sends(r.receive(replace(gone, session=about.session), 2), ResvTear)
    assert (torn.session, torn.flows[0].filters) == (flow(4), (one,))
    assert r.installed == set()


def test_sessions_with_and_without_gpi_stand_side_by_side() -> None:
    """Section 4.1: "a non-GPI SESSION object will never merge with a GPI SESSION object"."""
    r = node()
    plain, portless = session(port=5000, protocol=ESP), session(port=0, protocol=AH)
    r.receive(heard(4, spi(4, 1)), 1)
    r.receive(heard(4, spi(4, 1), flow(4, AH)), 1)
    for to, who in ((plain, sender(port=4000)), (portless, sender(port=0))):
        assert sends(r.receive(heard(4, who, to), 1), PathErr) == []
    assert len(r.engine.sessions()) == 4
    assert len({view.session.key for view in r.engine.senders(0.0)}) == 4
    r.receive(asked(4, WF, (load(), ())), 2)
    (installed,) = r.flows.values()
    assert installed.session == flow(4)


def test_flags_are_no_part_of_the_session() -> None:
    r, one = node(), spi(4, 1)
    r.receive(heard(4, one, replace(flow(4), flags=1)), 1)
    r.receive(heard(4, one), 1)
    (view,) = r.engine.senders(0.0)
    assert view.session == flow(4)


@pytest.mark.parametrize(
    ("to", "who"),
    [
        (flow(4), sender(port=4000)),
        (flow(4), sender(port=0)),
        (flow(6), FlowLabelFilterSpec(a("2001:db8:1::1"), 7)),  # type: ignore[arg-type]
        (session(), spi(4, 1)),
    ],
)
def test_a_path_with_a_sender_of_the_other_kind_is_answered(to: Session, who: Filter) -> None:
    """Section 4.1: "only the GPI SENDER_TEMPLATE may be used"."""
    version = to.destination.version
    r = node(version)
    (error,) = sends(r.receive(heard(version, who, to), 1), PathErr)
    assert error.error.code == ErrorCode.UNKNOWN_OBJECT_CTYPE
    assert error.error.value >> 8 == 11
    assert r.engine.sessions() == []


def test_a_resv_with_filters_of_the_other_kind_reserves_nothing() -> None:
    """Section 4.1: a GPI FILTER_SPEC elsewhere "is a message formatting error", which nobody answers."""
    r = node()
    r.receive(heard(4, spi(4, 1)), 1)
    r.receive(path(), 1)
    (error,) = sends(r.receive(asked(4, FF, (load(), (sender(),))), 2), ResvErr)
    assert error.error.code == ErrorCode.UNKNOWN_OBJECT_CTYPE
    out = r.receive(replace(asked(4, FF, (load(), (spi(4, 1),))), session=session()), 2)
    assert reasons(out) == ["GPI filter in a session with ports"]
    assert sends(out, ResvErr) == []
    assert r.installed == set()


def test_a_virtual_port_of_zero_is_not_acted_on() -> None:
    r = node()
    assert reasons(r.receive(heard(4, spi(4, 1), flow(4, port=0)), 1)) == ["bad destination port"]
    assert r.engine.sessions() == []


def test_applications_at_both_ends() -> None:
    r = router(1)
    r.route("10.9.0.9", 1)
    here = GpiFilter(a("10.1.0.254"), 77)
    r.feed(e.OpenSession(1, flow(4)))
    r.feed(e.AddSender(1, here, tspec()))
    (message,) = sends(r.outputs, Path)
    assert (message.session.key, message.sender.template) == (flow(4).key, here)
    back = resv(FF, (load(), (here,)), to=flow(4), hop="10.1.0.9", lih=message.hop.lih)
    (told,) = of(r.receive(back, 1, to="10.1.0.254"), e.ResvEvent)
    assert told.session == flow(4)
    r.outputs.clear()
    r.feed(e.CloseSession(1))
    assert len(sends(r.outputs, PathTear)) == 1
    assert r.engine.sessions() == []


@pytest.mark.parametrize(
    ("to", "sentence"),
    [(flow(4, 17), "protocol 17 has no SPI"), (flow(4, port=0), "needs a virtual port")],
)
def test_an_application_hears_at_once_that_no_such_session_can_be(to: GpiSession, sentence: str) -> None:
    with pytest.raises(LocalError, match=sentence):
        router(1).feed(e.OpenSession(1, to))


@pytest.mark.parametrize(("to", "who"), [(flow(4), sender()), (session(), spi(4, 1))])
def test_an_application_hears_at_once_that_a_sender_is_of_the_other_kind(to: Session, who: Filter) -> None:
    r = router(1)
    r.feed(e.OpenSession(1, to))
    with pytest.raises(LocalError, match="belong to a GPI session"):
        r.feed(e.AddSender(1, who, tspec()))
    with pytest.raises(LocalError, match="belong to a GPI session"):
        r.feed(e.Reserve(1, FF, (Flow(load(), (who,)),)))


def test_routing_is_asked_for_a_flow_without_ports() -> None:
    """The virtual port is in no packet, so no rule for packets can depend on it."""
    asked_for = e.DataFlow.of(flow(4), spi(4, 7), 3)
    assert asked_for == e.DataFlow(ESP, 0, 0, 0, 3)
