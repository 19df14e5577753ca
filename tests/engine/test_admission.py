"""Link budgets (RFC 2205 section 2, RFC 2210 section 2.2)."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.engine.admission import Budget, Limit
from rsvp.engine.interfaces import Interface
from rsvp.engine.reject import Reject
from rsvp.iana import Service

LOAD, RATE = Service.CONTROLLED_LOAD, Service.GUARANTEED
LINK = Interface(1, "eth0", (), bandwidth=1000.0, reservable=0.75, per_flow=500.0)


def test_up_to_the_limit_and_not_beyond():
    budget = Budget()
    budget.admit(LINK, 1, 500.0, LOAD)
    budget.admit(LINK, 2, 250.0, LOAD)
    with pytest.raises(Reject) as refusal:
        budget.admit(LINK, 3, 1.0, LOAD)
    assert (refusal.value.code, refusal.value.value) == (1, 2)
    assert budget.reserved == 750.0
    assert len(budget) == 2


def test_per_flow():
    budget = Budget()
    with pytest.raises(Reject):
        budget.admit(LINK, 1, 501.0, LOAD)


def test_change_counts_the_difference_only():
    budget = Budget()
    budget.admit(LINK, 1, 400.0, LOAD)
    budget.admit(LINK, 1, 500.0, LOAD)
    assert budget.reserved == 500.0


def test_a_failed_change_keeps_the_old():
    budget = Budget()
    budget.admit(LINK, 1, 400.0, LOAD)
    budget.admit(LINK, 2, 350.0, LOAD)
    with pytest.raises(Reject):
        budget.admit(LINK, 1, 401.0, LOAD)
    assert budget.reserved == 750.0


def test_giving_some_back_is_never_refused():
    """Also where the link has shrunk below what stands on it."""
    budget = Budget()
    budget.admit(LINK, 1, 500.0, LOAD)
    small = Interface(1, "eth0", (), bandwidth=100.0)
    budget.admit(small, 1, 500.0, LOAD)
    assert budget.reserved == 500.0, "nor is what stands"
    budget.admit(small, 1, 400.0, LOAD)
    assert budget.reserved == 400.0


def test_the_room_for_one_counts_what_it_has():
    budget = Budget()
    budget.admit(LINK, 1, 400.0, LOAD)
    budget.admit(LINK, 2, 300.0, LOAD)
    assert budget.room(LINK, 1, LOAD) == 450.0
    assert budget.room(LINK, 2, LOAD) == 350.0
    assert budget.room(LINK, 3, LOAD) == 50.0
    budget.release(1)
    assert budget.room(LINK, 3, LOAD) == 450.0
    budget.release(2)
    assert budget.room(LINK, 3, LOAD) == 500.0, "per flow"
    budget.book(3, 900.0, LOAD)
    assert budget.room(LINK, 3, LOAD) == 900.0


def test_booking_asks_nobody():
    budget = Budget()
    budget.book(1, 900.0, LOAD)
    budget.book(1, 800.0, LOAD)
    assert (budget.reserved, budget.held(1), budget.held(2)) == (800.0, 800.0, 0.0)
    assert (budget.over(LINK), budget.over(LINK, LOAD), budget.over(LINK, RATE)) == (50.0, 50.0, 0.0)
    budget.book(1, 750.0, LOAD)
    assert (budget.over(LINK), budget.over(LINK, LOAD)) == (0.0, 0.0)
    budget.book(1, 750.0 * (1 + 5e-10), LOAD)
    assert budget.over(LINK) == 0.0, "singles are rounded"
    budget.book(1, 750.0 * (1 + 2e-9), LOAD)
    assert budget.over(LINK) > 0.0


def test_unknown_bandwidth_admits_everything():
    Budget().admit(Interface(1, "eth0", ()), 1, 1e30, LOAD)
    assert Interface(1, "eth0", ()).limit == math.inf


@given(st.lists(st.tuples(st.integers(1, 5), st.one_of(st.none(), st.floats(0, 600))), max_size=60))
def test_never_more_than_the_link_and_exact_in_the_end(changes):
    budget, held = Budget(), {}
    for handle, rate in changes:
        if rate is None:
            budget.release(handle)
            held.pop(handle, None)
            continue
        try:
            budget.admit(LINK, handle, rate, LOAD)
            held[handle] = rate
        except Reject:
            assert rate > 500.0 or sum(held.values()) - held.get(handle, 0) + rate > 750.0
        assert budget.reserved <= 750.0 * (1 + 1e-8)
        assert budget.reserved == pytest.approx(sum(held.values()))
    for handle in list(held):
        budget.release(handle)
    assert budget.reserved == 0.0


def test_each_service_has_its_pool_within_what_all_may_take():
    link = replace(LINK, per_flow=math.inf, guaranteed=0.3, controlled_load=0.6)
    budget = Budget()
    budget.admit(link, 1, 300.0, RATE)
    with pytest.raises(Reject):
        budget.admit(link, 2, 1.0, RATE)
    budget.admit(link, 3, 450.0, LOAD)
    with pytest.raises(Reject):
        budget.admit(link, 4, 1.0, LOAD)
    budget.release(1)
    budget.admit(link, 4, 150.0, LOAD)
    with pytest.raises(Reject):
        budget.admit(link, 5, 1.0, LOAD)
    budget.admit(link, 5, 150.0, RATE)
    assert (budget.pooled(LOAD), budget.pooled(RATE), budget.reserved) == (600.0, 150.0, 750.0)
    budget.release(4)
    assert budget.pooled(LOAD) == 450.0


def test_what_each_limit_would_let_one_book():
    """Whatever is booked already counts, but not one's own; it leaves its pool where its service changes."""
    link = replace(LINK, guaranteed=0.4, controlled_load=0.3)
    budget = Budget()
    budget.admit(link, 1, 100.0, RATE)
    budget.admit(link, 2, 150.0, RATE)
    budget.admit(link, 3, 200.0, LOAD)
    assert budget.rooms(link, 1, RATE) == {Limit.LINK: 400.0, Limit.POOL: 250.0, Limit.FLOW: 500.0}
    assert budget.rooms(link, 1, LOAD) == {Limit.LINK: 400.0, Limit.POOL: 100.0, Limit.FLOW: 500.0}
    assert budget.rooms(link, 9, LOAD) == {Limit.LINK: 300.0, Limit.POOL: 100.0, Limit.FLOW: 500.0}
    assert (budget.room(link, 1, RATE), budget.room(link, 9, LOAD)) == (250.0, 100.0)
    assert budget.room(link, 3, LOAD) == 300.0
    smaller = replace(link, guaranteed=0.2)
    assert (budget.over(smaller, RATE), budget.over(smaller, LOAD)) == (50.0, 0.0)


def test_another_service_takes_all_that_it_gets_from_its_own_pool():
    """Also where it is no more than what the same flow had before of another one."""
    link = replace(LINK, guaranteed=0.05, controlled_load=0.5)
    budget = Budget()
    budget.admit(link, 1, 100.0, LOAD)
    assert budget.room(link, 1, RATE) == 50.0
    for rate in (51.0, 100.0, 101.0):
        with pytest.raises(Reject):
            budget.admit(link, 1, rate, RATE)
    assert (budget.pooled(LOAD), budget.pooled(RATE)) == (100.0, 0.0)
    budget.admit(link, 1, 50.0, RATE)
    budget.admit(link, 2, 500.0, LOAD)
    with pytest.raises(Reject):
        budget.admit(link, 1, 50.0, LOAD)
    assert (budget.pooled(LOAD), budget.pooled(RATE)) == (500.0, 50.0)


def test_a_link_that_has_shrunk_does_not_hinder_one_that_takes_less_of_another_service():
    link = replace(LINK, per_flow=math.inf, guaranteed=0.25, controlled_load=0.25)
    budget = Budget()
    for handle in (1, 2, 3):
        budget.admit(replace(LINK), handle, 200.0, LOAD)
    budget.admit(link, 1, 200.0, RATE)
    with pytest.raises(Reject):
        budget.admit(link, 2, 51.0, RATE)
    budget.admit(replace(link, bandwidth=500.0, guaranteed=1.0), 2, 50.0, RATE)
    assert (budget.reserved, budget.pooled(LOAD), budget.pooled(RATE)) == (450.0, 200.0, 250.0)


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from([LOAD, RATE]), st.floats(0, 600) | st.none()),
        max_size=40,
    )
)
def test_no_pool_gives_more_than_it_has(changes):
    link, budget, held = replace(LINK, guaranteed=0.3, controlled_load=0.6), Budget(), {}
    for handle, service, rate in changes:
        if rate is None:
            budget.release(handle)
            held.pop(handle, None)
            continue
        try:
            budget.admit(link, handle, rate, service)
            held[handle] = (rate, service)
        except Reject:
            pass
        for one in (LOAD, RATE):
            booked = sum(rate for rate, service in held.values() if service == one)
            assert budget.pooled(one) == pytest.approx(booked)
            assert budget.pooled(one) <= link.pool(one) * (1 + 1e-8)


TURNS = replace(LINK, per_flow=math.inf, c=100, d=0, turn=0.1, spare=0.2)
"""C = 100 bytes lets a flow of R = 100 bytes/s wait for ten turns of others, and D for two more."""


def test_guaranteed_reservations_wait_no_longer_for_each_other():
    budget = Budget()
    budget.admit(TURNS, 0, 100.0, RATE)
    for handle in range(1, 13):
        budget.admit(TURNS, handle, 10.0, RATE)
    with pytest.raises(Reject) as refusal:
        budget.admit(TURNS, 13, 10.0, RATE)
    assert (refusal.value.code, refusal.value.value) == (1, 1), "the delay bound, not the bandwidth"
    assert budget.crowds(TURNS, 13, 10.0, RATE) == (pytest.approx(1.3), pytest.approx(1.2))
    budget.admit(TURNS, 13, 10.0, LOAD)
    with pytest.raises(Reject):
        budget.admit(TURNS, 13, 10.0, RATE)
    with pytest.raises(Reject):
        budget.admit(TURNS, 0, 200.0, RATE)
    budget.admit(TURNS, 0, 50.0, RATE)
    for handle in range(13, 20):
        budget.admit(TURNS, handle, 10.0, RATE)


def test_other_services_take_no_turns_among_them():
    budget = Budget()
    budget.admit(TURNS, 99, 400.0, LOAD)
    budget.admit(TURNS, 0, 100.0, RATE)
    for handle in range(1, 13):
        budget.admit(TURNS, handle, 10.0, RATE)
    with pytest.raises(Reject):
        budget.admit(TURNS, 13, 1.0, RATE)


def test_who_asks_for_no_more_than_before_is_never_in_the_way():
    """RFC 2212, "Invocation Information": also where turns have come to take longer."""
    budget, slower = Budget(), replace(TURNS, turn=5.0)
    for handle in (1, 2):
        budget.admit(TURNS, handle, 100.0, RATE)
    for rate in (100.0, 99.0):
        budget.admit(slower, 1, rate, RATE)
    with pytest.raises(Reject):
        budget.admit(slower, 1, 100.0, RATE)


@given(st.lists(st.floats(1.0, 400.0), max_size=40))
def test_whoever_comes_later_breaks_no_promise(rates):
    budget, admitted = Budget(), []
    for handle, rate in enumerate(rates):
        try:
            budget.admit(TURNS, handle, rate, RATE)
            admitted.append(rate)
        except Reject:
            pass
        for one in admitted:
            assert (len(admitted) - 1) * TURNS.turn <= (TURNS.c / one + TURNS.spare) * (1 + 1e-8)


def test_what_is_tried_on_a_copy_changes_nothing():
    budget = Budget()
    budget.admit(LINK, 1, 400.0, LOAD)
    trial = budget.copy()
    trial.admit(LINK, 2, 300.0, RATE)
    trial.release(1)
    assert (len(budget), budget.reserved, budget.pooled(LOAD), budget.pooled(RATE)) == (1, 400.0, 400.0, 0.0)


def test_a_link_of_unknown_rate_with_nothing_reservable_has_no_room():
    none = Interface(1, "eth0", (), reservable=0.0)
    with pytest.raises(Reject):
        Budget().admit(none, 1, 1.0, LOAD)
    assert Budget().room(none, 1, LOAD) == 0.0
    assert Budget().over(none) == 0.0, "nothing is no more than that"
