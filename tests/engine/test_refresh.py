"""Repeated messages put deadlines off, and do nothing else; whatever differs is looked at (RFC 2205 3.7)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rsvp import engine as e
from rsvp.iana import ErrorCode
from rsvp.messages import Flow, Path, Resv, ResvErr
from rsvp.objects import FF, SE, WF, Hop, TimeValues

from .fabric import Router, a, load, of, path, resv, router, sender, sends, session

ONE, TWO = sender("10.1.0.1"), sender("10.1.0.7")
LIFE = 157.5
"""L of the default R and K, seconds."""


def transit() -> Router:
    """Two senders behind interface 1, data for the session leaves through 2."""
    node = router(1, 2, 3)
    node.route("10.9.0.9", 2)
    node.receive(path(ONE), 1)
    node.receive(path(TWO), 1)
    return node


def left(node: Router) -> list[float | None]:
    """Seconds until the reservations run out."""
    return [view.expires_in for view in node.engine.reservations(node.now)]


def test_a_repeated_path_lives_on_and_says_nothing() -> None:
    node = transit()
    node.now = 100.0
    assert node.receive(path(ONE), 1) == []
    assert [view.expires_in for view in node.engine.senders(node.now)] == [LIFE, LIFE - 100.0]


@pytest.mark.parametrize(
    "changed",
    [
        replace(path(ONE), hop=Hop(a("10.1.0.1"), 8)),
        replace(path(ONE), hop=Hop(a("10.1.0.2"), 7)),
        replace(path(ONE), send_ttl=59),
        path(ONE, refresh=10.0),
        path(ONE, spec=load(2000.0).tspec),
    ],
)
def test_a_path_that_differs_in_anything_is_looked_at(changed: Path) -> None:
    node = transit()
    node.receive(changed, 1)
    (psb,) = [p for s in node.engine._core.sessions.values() for p in s.psbs.values() if p.template == ONE]
    assert psb.path == changed


def test_a_path_with_another_ip_ttl_came_another_way() -> None:
    node = transit()
    (sent,) = sends(node.receive(path(ONE), 1, ttl=50), Path)
    assert sent.send_ttl == 49


@pytest.mark.parametrize(
    "message",
    [
        resv(FF, (load(), (ONE,))),
        resv(FF, (load(), (ONE,)), (load(500.0), (TWO,))),
        resv(SE, (load(), (ONE, TWO))),
        resv(WF, (load(), ())),
    ],
)
def test_a_repeated_resv_lives_on_and_says_nothing(message: Resv) -> None:
    node = transit()
    node.receive(message, 2)
    node.now = 100.0
    assert node.receive(message, 2) == []
    assert set(left(node)) == {LIFE}


def test_each_filter_has_a_deadline_of_its_own() -> None:
    node = transit()
    node.receive(resv(SE, (load(), (ONE, TWO))), 2)
    node.now = 100.0
    assert node.receive(resv(SE, (load(), (ONE,))), 2) == []
    assert left(node) == [LIFE - 100.0]
    for who in (ONE, TWO):
        node.receive(path(who), 1)
    node.advance(60.0)
    assert [view.filters for view in node.engine.reservations(node.now)] == [(ONE,)]


def test_refreshes_have_the_ttl_of_the_applications_that_are_there_now() -> None:
    """Those that share a reservation may set one each; the largest is that of what goes upstream (3.11.1)."""
    node = transit()
    for handle, ttl in ((1, 5), (2, 90)):
        node.feed(e.OpenSession(handle, session()))
        node.feed(e.Reserve(handle, WF, (Flow(load()),), ttl=ttl))

    def refreshed() -> set[int]:
        return {message.send_ttl for message in sends(node.advance(45.0), Resv)}

    assert refreshed() == {90}
    node.feed(e.Reserve(2, WF, (Flow(load()),), ttl=7))
    assert refreshed() == {7}
    node.feed(e.CloseSession(2))
    assert refreshed() == {5}


def test_a_refresh_period_of_zero_is_no_refresh() -> None:
    node = transit()
    message = resv(FF, (load(), (ONE,)))
    node.receive(message, 2)
    node.now = 100.0
    (drop,) = node.receive(replace(message, time_values=TimeValues(0)), 2)
    assert isinstance(drop, e.Dropped)
    assert left(node) == [LIFE - 100.0]


def test_a_reservation_whose_sender_goes_another_way_now_is_refused() -> None:
    """RFC 2205 section 3.1.8: the next hop is told, and what it reserved is not kept alive."""
    node = transit()
    message = resv(FF, (load(), (ONE,)))
    node.receive(message, 2)
    node.feed(e.RouteResolved(a("10.9.0.9"), None, (3,)))
    node.now = 100.0
    (error,) = sends(node.receive(message, 2), ResvErr)
    assert error.error.code == ErrorCode.NO_SENDER_INFORMATION
    assert left(node) == [LIFE - 100.0]


def test_of_two_senders_one_went_another_way() -> None:
    """A branch that is cut is cut at once; what still stands lives on."""
    node = router(1, 2, 3)
    to = session("224.1.1.1")
    node.route("224.1.1.1", 2)
    for who in (ONE, TWO):
        node.receive(path(who, to=to), 1)
    message = resv(SE, (load(), (ONE, TWO)), to=to)
    node.receive(message, 2)
    node.feed(e.RouteResolved(to.destination, TWO.address, (3,)))
    node.now = 100.0
    assert of(node.receive(message, 2), e.Send) == []
    assert left(node) == [LIFE]
    assert node.installed == {(2, (str(ONE),), 1000.0)}


def test_a_reservation_with_a_wish_for_confirmation_is_no_refresh() -> None:
    node = transit()
    message = resv(FF, (load(), (ONE,)))
    node.receive(message, 2)
    (sent,) = sends(node.receive(replace(message, confirm=resv(FF, confirm="10.9.0.9").confirm), 2), Resv)
    assert sent.confirm is not None


def test_nothing_is_known_of_a_repeated_flow_in_another_style() -> None:
    node = transit()
    node.receive(resv(FF, (load(), (ONE,))), 2)
    (error,) = sends(node.receive(resv(WF, (load(), ())), 2), ResvErr)
    assert error.error.code == ErrorCode.CONFLICTING_STYLE
