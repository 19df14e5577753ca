"""Link budgets (RFC 2205 section 2, RFC 2210 section 2.2)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.engine.admission import Budget
from rsvp.engine.interfaces import Interface
from rsvp.engine.reject import Reject

LINK = Interface(1, "eth0", (), bandwidth=1000.0, reservable=0.75, per_flow=500.0)


def test_up_to_the_limit_and_not_beyond():
    budget = Budget()
    budget.admit(LINK, 1, 500.0)
    budget.admit(LINK, 2, 250.0)
    with pytest.raises(Reject) as refusal:
        budget.admit(LINK, 3, 1.0)
    assert (refusal.value.code, refusal.value.value) == (1, 2)
    assert budget.reserved == 750.0
    assert len(budget) == 2


def test_per_flow():
    budget = Budget()
    with pytest.raises(Reject):
        budget.admit(LINK, 1, 501.0)


def test_change_counts_the_difference_only():
    budget = Budget()
    budget.admit(LINK, 1, 400.0)
    budget.admit(LINK, 1, 500.0)
    assert budget.reserved == 500.0


def test_a_failed_change_keeps_the_old():
    budget = Budget()
    budget.admit(LINK, 1, 400.0)
    budget.admit(LINK, 2, 350.0)
    with pytest.raises(Reject):
        budget.admit(LINK, 1, 401.0)
    assert budget.reserved == 750.0


def test_giving_some_back_is_never_refused():
    """Also where the link has shrunk below what stands on it."""
    budget = Budget()
    budget.admit(LINK, 1, 500.0)
    small = Interface(1, "eth0", (), bandwidth=100.0)
    budget.admit(small, 1, 400.0)
    assert budget.reserved == 400.0


def test_the_room_for_one_counts_what_it_has():
    budget = Budget()
    budget.admit(LINK, 1, 400.0)
    budget.admit(LINK, 2, 300.0)
    assert budget.room(LINK, 1) == 450.0
    assert budget.room(LINK, 2) == 350.0
    assert budget.room(LINK, 3) == 50.0
    budget.release(1)
    assert budget.room(LINK, 3) == 450.0
    budget.release(2)
    assert budget.room(LINK, 3) == 500.0, "per flow"
    budget.book(3, 900.0)
    assert budget.room(LINK, 3) == 900.0


def test_booking_asks_nobody():
    budget = Budget()
    budget.book(1, 900.0)
    budget.book(1, 800.0)
    assert (budget.reserved, budget.held(1), budget.held(2)) == (800.0, 800.0, 0.0)
    assert not budget.fits(LINK)
    budget.book(1, 750.0)
    assert budget.fits(LINK)
    assert not budget.fits(LINK, 1.0)


def test_unknown_bandwidth_admits_everything():
    Budget().admit(Interface(1, "eth0", ()), 1, 1e30)
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
            budget.admit(LINK, handle, rate)
            held[handle] = rate
        except Reject:
            assert rate > 500.0 or sum(held.values()) - held.get(handle, 0) + rate > 750.0
        assert budget.reserved <= 750.0 * (1 + 1e-8)
        assert budget.reserved == pytest.approx(sum(held.values()))
    for handle in list(held):
        budget.release(handle)
    assert budget.reserved == 0.0
