"""A dry run says what a Resv would then meet, and leaves no trace (RFC 2205 section 2.5)."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import engine as e
from rsvp.engine.views import PoolView, VerdictView
from rsvp.iana import AdmissionError, ErrorCode
from rsvp.intserv import Adspec, Flowspec, GuaranteedAdvert, Tspec, controlled_load, guaranteed
from rsvp.messages import Flow, ResvErr
from rsvp.objects import FF, SE, WF, FilterSpec, Style

from .fabric import Router, a, load, of, path, resv, router, sender, sends, session, tspec

ALICE, BOB = sender(port=1), sender(port=2)
LIMIT = 10_000.0


def unicast(*senders: FilterSpec, **fields: Any) -> Router:
    """A router with path state of some senders, whose data leaves through interface 2."""
    node = router(1, 2, bandwidth=LIMIT, **fields)
    node.route("10.9.0.9", 2)
    for one in senders:
        node.receive(path(one), 1)
    return node


def ask(node: Router, style: Style, *flows: tuple[Flowspec, tuple[FilterSpec, ...]]) -> list[VerdictView]:
    """A dry run, after which everything is as it was before, to the last byte."""
    before = pickle.dumps(node.engine._core)
    verdicts = node.engine.verdicts(session(), style, tuple(Flow(*one) for one in flows))
    assert pickle.dumps(node.engine._core) == before
    return verdicts


def test_accepted_with_what_remains():
    (verdict,) = ask(unicast(ALICE), FF, (load(1000.0), (ALICE,)))
    assert verdict.accepted
    assert (verdict.interface, verdict.filters) == (2, (ALICE,))
    assert (verdict.rate, verdict.held, verdict.remains) == (1000.0, 0.0, LIMIT - 1000.0)


def test_merged_with_what_stands():
    """Another receiver's reservation is merged, not added; and at the Tspec of its senders."""
    node = unicast(ALICE)
    node.receive(resv(FF, (load(600.0), (ALICE,))), 2)
    (verdict,) = ask(node, FF, (load(900.0), (ALICE,)))
    assert (verdict.rate, verdict.held, verdict.remains) == (900.0, 600.0, LIMIT - 900.0)
    (verdict,) = ask(node, FF, (load(5000.0), (ALICE,)))
    assert verdict.rate == 1000.0, "the sender sends no more than that"


def test_flows_of_one_request_add_up():
    node = unicast(ALICE, BOB, reservable=0.15)
    first, second = ask(node, FF, (load(1000.0), (ALICE,)), (load(1000.0), (BOB,)))
    assert first.accepted
    assert not second.accepted
    assert (second.limit, second.asked, second.available) == ("link", 1000.0, 500.0)


@pytest.mark.parametrize(
    ("fields", "limit", "available"),
    [
        ({"reservable": 0.05}, "link", 500.0),
        ({"per_flow": 300.0}, "flow", 300.0),
        ({"controlled_load": 0.02}, "pool", 200.0),
    ],
)
def test_refused_with_the_number_that_stands_in_the_way(fields, limit, available):
    (verdict,) = ask(unicast(ALICE, **fields), FF, (load(1000.0), (ALICE,)))
    assert (verdict.code, verdict.value) == (
        ErrorCode.ADMISSION_CONTROL_FAILURE,
        AdmissionError.BANDWIDTH_UNAVAILABLE,
    )
    assert (verdict.limit, verdict.asked, verdict.available) == (limit, 1000.0, available)
    assert verdict.section == "RFC 2205 section 2.5"
    assert "bandwidth" in verdict.text


def test_refused_where_others_would_wait_too_long():
    node = unicast(ALICE, BOB, c=100, d=0, turn=0.5, spare=0.0)
    node.receive(resv(FF, (guaranteed(tspec(), 2000.0), (ALICE,))), 2)
    (verdict,) = ask(node, FF, (guaranteed(tspec(), 1000.0), (BOB,)))
    assert (verdict.code, verdict.value) == (
        ErrorCode.ADMISSION_CONTROL_FAILURE,
        AdmissionError.DELAY_BOUND,
    )
    assert (verdict.limit, verdict.asked, verdict.available) == ("delay", 0.5, 0.05)


def test_packets_too_large_for_the_link():
    (verdict,) = ask(unicast(ALICE, mtu=1400), FF, (controlled_load(tspec(M=1500)), (ALICE,)))
    assert (verdict.limit, verdict.asked, verdict.available) == ("mtu", 1500, 1400)


def test_what_needs_no_number():
    node = unicast(ALICE)
    (unknown,) = ask(node, FF, (load(), (BOB,)))
    assert (unknown.code, unknown.interface) == (ErrorCode.NO_SENDER_INFORMATION, 0)
    node.receive(resv(FF, (load(), (ALICE,))), 2)
    (style,) = ask(node, WF, (load(), ()))
    assert style.code == ErrorCode.CONFLICTING_STYLE
    (service,) = ask(node, FF, (guaranteed(tspec(), 1000.0), (ALICE,)))
    assert (service.code, service.limit) == (ErrorCode.TRAFFIC_CONTROL_ERROR, None)


def test_slack_is_spent_as_it_would_be():
    adspec = Adspec(guaranteed=GuaranteedAdvert())
    node = router(1, 2, bandwidth=LIMIT, reservable=0.15)
    node.route("10.9.0.9", 2)
    node.receive(path(ALICE, adspec=adspec), 1)
    (verdict,) = ask(node, FF, (guaranteed(tspec(), 2000.0, 10_000_000), (ALICE,)))
    assert verdict.accepted
    assert verdict.rate == pytest.approx(1500.0)
    assert verdict.flowspec.rspec is not None
    assert verdict.flowspec.rspec.slack < 10_000_000


def test_a_group_is_judged_on_each_interface():
    node = router(1, 2, 3, bandwidth=LIMIT)
    node.route("224.1.1.1", 2, 3)
    node.receive(path(ALICE, to=session("224.1.1.1")), 1)
    node.receive(resv(WF, (load(), ()), to=session("224.1.1.1")), 2)
    verdicts = node.engine.verdicts(session("224.1.1.1"), WF, (Flow(load(), ()),))
    assert [(one.interface, one.held) for one in verdicts] == [(2, 1000.0), (3, 0.0)]


def test_before_any_path_the_route_says_where():
    node = router(1, 2, bandwidth=LIMIT)
    flows = (Flow(load(), (ALICE,)),)
    assert node.engine.verdicts(session(), FF, flows) == []
    (verdict,) = node.engine.verdicts(session(), FF, flows, (2,))
    assert (verdict.accepted, verdict.rate) == (True, 1000.0)
    assert node.engine.sessions() == []


def test_data_that_ends_here_needs_nothing_here():
    node = router(1, 2)
    node.route("10.9.0.9", local=True)
    node.receive(path(ALICE), 1)
    assert ask(node, FF, (load(), (ALICE,))) == []


STYLES = st.sampled_from([FF, SE, WF])
RATES = st.sampled_from([400.0, 900.0, 1500.0, 6000.0, 20_000.0])


@given(STYLES, st.lists(RATES, max_size=3), RATES, st.sampled_from([0.1, 0.5, 1.0]), st.booleans())
def test_what_a_dry_run_says_comes_true(style, standing, rate, pool, per_flow):
    """Whatever stands: the verdict is what the same request of a further next hop meets."""
    node = router(
        1, 2, bandwidth=LIMIT, reservable=0.6, controlled_load=pool, per_flow=3000.0 if per_flow else LIMIT
    )
    node.route("10.9.0.9", 2)
    for one in (ALICE, BOB):
        node.receive(path(one, spec=Tspec(5000.0, 3000.0)), 1)
    filters = {FF: (ALICE,), SE: (ALICE, BOB), WF: ()}[style]
    for number, each in enumerate(standing, 10):
        node.receive(resv(style, (load(each), filters), hop=f"10.2.0.{number}"), 2)
    (verdict,) = ask(node, style, (load(rate), filters))
    out = node.receive(resv(style, (load(rate), filters), hop="10.2.0.99"), 2)
    refusals = sends(out, ResvErr)
    assert verdict.accepted == (not refusals)
    (interface,) = [one for one in node.engine.interfaces() if one.index == 2]
    if verdict.accepted:
        (installed,) = node.engine.installed()
        assert (verdict.filters, verdict.flowspec) == (installed.filters, installed.flowspec)
        assert interface.reserved == verdict.rate
    else:
        assert (refusals[0].error.code, refusals[0].error.value) == (verdict.code, verdict.value)
        assert (verdict.asked or 0.0) > (verdict.available or 0.0)
    assert node.engine.sessions()[0].session.destination == a("10.9.0.9")


def test_a_pool_that_shrinks_is_made_to_fit():
    """Reservations of that service give way, those of the other stay (RFC 4495)."""
    node = unicast(ALICE)
    node.receive(resv(FF, (load(1000.0), (ALICE,))), 2)
    other = session("10.9.0.9", 6000)
    node.receive(path(BOB, to=other), 1)
    node.receive(resv(FF, (guaranteed(tspec(), 2000.0), (BOB,)), to=other), 2)
    interface = node.engine._core.interfaces[2]
    node.feed(e.InterfaceUp(replace(interface, controlled_load=0.05)))
    assert {(service, rate) for _, service, rate in _installed(node)} == {(5, 500.0), (2, 2000.0)}
    (shown,) = [one for one in node.engine.interfaces() if one.index == 2]
    assert shown.pools == {"controlled-load": PoolView(500.0, 500.0)}, "the other is free"
    node.feed(e.InterfaceUp(interface))
    assert not any(one.pools for one in node.engine.interfaces())
    assert {(service, rate) for _, service, rate in _installed(node)} == {(5, 1000.0), (2, 2000.0)}


def _installed(node: Router) -> list[tuple[int, int, float]]:
    return [(one.interface, one.flowspec.service, one.flowspec.rate) for one in node.engine.installed()]


def test_before_any_path_ports_have_to_agree_already():
    node = router(1, 2, bandwidth=LIMIT)
    node.route("10.9.0.9", 2)
    node.receive(path(sender(port=0), to=session(port=0)), 1)
    (verdict,) = ask(node, WF, (load(1000.0), ()))
    assert (verdict.accepted, verdict.code) == (False, ErrorCode.CONFLICTING_DEST_PORTS)


@pytest.mark.parametrize(
    ("config", "limit", "asked", "available"),
    [
        (e.Config(max_reservations_per_session=2), "reservations", 3, 2),
        (e.Config(max_state_per_neighbor=1), "neighbor", 2, 1),
        (e.Config(max_state=4), "state", 5, 4),
    ],
)
def test_a_limit_of_what_the_node_keeps(config: e.Config, limit: str, asked: int, available: int):
    """Two senders' and one reservation's state is there; of two more reservations one or none has room."""
    node = unicast(ALICE, BOB)
    node.receive(resv(FF, (load(100.0), (ALICE,))), 2)
    node.feed(e.Configure(config))
    verdicts = ask(node, FF, (load(100.0), (ALICE,)), (load(100.0), (BOB,)))
    assert [one.accepted for one in verdicts] == [limit != "neighbor", False]
    assert (verdicts[1].limit, verdicts[1].asked, verdicts[1].available) == (limit, asked, available)
    assert verdicts[1].code == ErrorCode.RSVP_SYSTEM_ERROR
    hop = "10.2.0.1" if limit == "neighbor" else "10.2.0.2"
    out = node.receive(resv(FF, (load(100.0), (ALICE,)), (load(100.0), (BOB,)), hop=hop), 2)
    assert [error.error.code for error in sends(out, ResvErr)] == [ErrorCode.RSVP_SYSTEM_ERROR], "so it is"


def test_the_neighbour_with_most_room_counts():
    node = unicast(ALICE)
    for who in ("10.2.0.1", "10.2.0.2"):
        node.receive(resv(FF, (load(100.0), (ALICE,)), hop=who), 2)
    node.receive(path(BOB, hop="10.2.0.2"), 2)
    node.feed(e.Configure(e.Config(max_state_per_neighbor=2)))
    (verdict,) = ask(node, FF, (load(100.0), (ALICE,)))
    assert verdict.accepted
    node.feed(e.Configure(e.Config(max_state_per_neighbor=1)))
    (verdict,) = ask(node, FF, (load(100.0), (ALICE,)))
    assert (verdict.limit, verdict.asked) == ("neighbor", 2)


def test_no_room_for_another_session():
    node = unicast(ALICE)
    node.feed(e.Configure(e.Config(max_sessions=1)))
    other = session(port=5001)
    (verdict,) = node.engine.verdicts(other, FF, (Flow(load(), (ALICE,)),), (2,))
    assert (verdict.code, verdict.limit) == (ErrorCode.NO_PATH_INFORMATION, "sessions")
    assert (verdict.asked, verdict.available) == (2, 1)
    assert [drop.reason for drop in of(node.receive(path(BOB, to=other), 1), e.Dropped)] == [
        "too many sessions"
    ]
    (verdict,) = ask(node, FF, (load(), (ALICE,)))
    assert verdict.accepted, "of a session that is there"
