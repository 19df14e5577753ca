"""Laws of the integrated services arithmetic (RFC 2210, 2211, 2212, 2215)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.intserv import (
    DEFAULT_ADSPEC,
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    HopCharacter,
    OtherAdvert,
    Overrides,
    Rspec,
    Tspec,
    advertise,
    at_most,
    controlled_load,
    delay_bound,
    effective,
    glb,
    guaranteed,
    lub,
    single,
    tspec_sum,
)

rates = st.floats(0, 2.0**40, width=32)
sizes = st.integers(0, 2**32 - 1)
tspecs = st.builds(Tspec, rates, rates, st.one_of(rates, st.just(math.inf)), sizes, sizes)
loads = st.builds(Flowspec, st.just(5), tspecs)
guarantees = st.builds(Flowspec, st.just(2), tspecs, st.builds(Rspec, rates, sizes))
pairs = st.one_of(st.tuples(loads, loads), st.tuples(guarantees, guarantees))
triples = st.one_of(st.tuples(loads, loads, loads), st.tuples(guarantees, guarantees, guarantees))


@given(pairs)
def test_lub_is_an_upper_bound_and_glb_a_lower_one(pair):
    a, b = pair
    assert at_most(a, lub(a, b))
    assert at_most(b, lub(a, b))
    assert at_most(glb(a, b), a)
    assert at_most(glb(a, b), b)


@given(triples)
def test_lub_is_the_least(triple):
    a, b, c = triple
    if at_most(a, c) and at_most(b, c):
        assert at_most(lub(a, b), c)


@given(triples)
def test_merging_is_commutative_associative_idempotent(triple):
    a, b, c = triple
    for merge in (lub, glb):
        assert merge(a, b) == merge(b, a)
        assert merge(a, merge(b, c)) == merge(merge(a, b), c)
        assert merge(a, a) == a


@given(pairs)
def test_order_is_partial(pair):
    a, b = pair
    assert at_most(a, a)
    if at_most(a, b) and at_most(b, a):
        assert a == b
    assert at_most(a, b) == (lub(a, b) == b)


@given(loads, guarantees)
def test_services_do_not_mix(load, guarantee):
    assert not at_most(load, guarantee)
    assert not at_most(guarantee, load)
    with pytest.raises(ValueError, match="cannot be merged"):
        lub(load, guarantee)


def test_incomparable_flowspecs_merge_into_a_third():
    fast = controlled_load(2000.0, bucket=100.0)
    bursty = controlled_load(1000.0, bucket=9000.0)
    assert not at_most(fast, bursty)
    assert not at_most(bursty, fast)
    assert lub(fast, bursty) == controlled_load(2000.0, bucket=9000.0)


def test_less_slack_is_more():
    assert at_most(guaranteed(1e3, 2e3, slack=10, bucket=1), guaranteed(1e3, 2e3, slack=5, bucket=1))
    assert lub(
        guaranteed(1e3, 2e3, slack=10, bucket=1), guaranteed(1e3, 3e3, slack=20, bucket=1)
    ) == guaranteed(1e3, 3e3, slack=10, bucket=1)


@given(tspecs, tspecs)
def test_sum_of_senders(a, b):
    both = tspec_sum(a, b)
    assert both == tspec_sum(b, a)
    assert both.rate == single(a.rate + b.rate)
    assert max(a.M, b.M) == both.M
    assert both.m == min(a.m, b.m)


@given(loads, tspecs)
def test_never_more_than_is_sent(load, path):
    real = effective(load, path)
    assert real.tspec.rate == min(load.tspec.rate, path.rate)
    assert real.tspec.M <= path.M
    assert effective(load, None) == load


def test_guaranteed_rate_stands_whatever_is_sent():
    assert effective(guaranteed(1e3, 9e3), Tspec(10.0, 10.0)).rate == 9000.0


class TestAdspec:
    def test_hops_count_bandwidth_shrinks_latency_adds_mtu_shrinks(self):
        first = advertise(DEFAULT_ADSPEC, HopCharacter(1e6, 9000, 100, 9000, 50))
        second = advertise(first, HopCharacter(2e6, 1500, 30, 1500, 20))
        assert second.general == General(2, 1e6, 130, 1500, False)
        assert second.guaranteed == GuaranteedAdvert(10_500, 70, 10_500, 70)

    def test_the_break_bit_stays(self):
        broken = advertise(DEFAULT_ADSPEC, HopCharacter(1e6, 1500), non_rsvp=True)
        assert broken.general.broken
        assert advertise(broken, HopCharacter(1e6, 1500)).general.broken

    def test_a_service_nobody_asked_for_stays_out(self):
        bare = Adspec(General())
        assert advertise(bare, HopCharacter(1e6, 1500)).guaranteed is None
        assert advertise(bare, HopCharacter(1e6, 1500)).controlled_load is None

    def test_an_empty_guaranteed_fragment_is_filled_and_stays_broken(self):
        """RFC 2210 section 3.3.3."""
        adspec = Adspec(General(), GuaranteedAdvert(broken=True, empty=True))
        filled = advertise(adspec, HopCharacter(1e6, 1500, 0, 1500, 7)).guaranteed
        assert filled == GuaranteedAdvert(1500, 7, 1500, 7, broken=True, empty=False)

    def test_a_service_we_do_not_know_gets_its_break_bit(self):
        adspec = Adspec(General(), others=(OtherAdvert(77, False, b"abcd"),))
        assert advertise(adspec, HopCharacter(1e6, 1500)).others == (OtherAdvert(77, True, b"abcd"),)

    def test_overrides_are_composed_where_they_are(self):
        overrides = Overrides(is_hops=1, bandwidth=5e5, latency=3, mtu=1400, unknown=((99, 0, b"abcd"),))
        adspec = Adspec(General(), controlled_load=ControlledLoadAdvert(overrides=overrides))
        composed = advertise(adspec, HopCharacter(1e5, 1500, 10)).controlled_load.overrides
        assert composed == Overrides(2, 1e5, 13, 1400, ((99, 0, b"abcd"),))

    def test_terms_do_not_run_over(self):
        full = Adspec(General(is_hops=2**32 - 1), GuaranteedAdvert(*[2**32 - 1] * 4))
        composed = advertise(full, HopCharacter(1e6, 1500, 0, 1500, 1))
        assert composed.general.is_hops == 2**32 - 1
        assert composed.guaranteed.c_tot == 2**32 - 1


class TestDelayBound:
    """RFC 2212 section 6."""

    TSPEC = Tspec(rate=1000.0, bucket=5000.0, peak=10_000.0, m=100, M=1000)

    def test_peak_above_the_reserved_rate(self):
        bound = delay_bound(self.TSPEC, 2000.0, c_tot=500, d_tot=10_000)
        expected = (5000 - 1000) / 2000 * (10_000 - 2000) / (10_000 - 1000) + (1000 + 500) / 2000 + 0.01
        assert bound == pytest.approx(expected)

    def test_reserved_rate_above_the_peak(self):
        assert delay_bound(self.TSPEC, 20_000.0, 500, 10_000) == pytest.approx(1500 / 20_000 + 0.01)

    def test_infinite_peak(self):
        assert delay_bound(Tspec(1000.0, 5000.0), 2000.0, 500, 0) == pytest.approx(5500 / 2000)

    def test_below_the_token_rate_there_is_no_bound(self):
        assert delay_bound(self.TSPEC, 999.0, 0, 0) == math.inf

    @given(st.floats(1000, 1e6), st.floats(1000, 1e6))
    def test_more_bandwidth_never_takes_longer(self, a, b):
        slow, fast = sorted((a, b))
        assert delay_bound(self.TSPEC, fast, 500, 10) <= delay_bound(self.TSPEC, slow, 500, 10) + 1e-9


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tspec(-1.0, 1.0), "rate"),
        (lambda: Tspec(math.nan, 1.0), "rate"),
        (lambda: Tspec(1.0, 1.0, -1.0), "peak"),
        (lambda: Tspec(1.0, 1.0, m=-1), "m is"),
        (lambda: Tspec(1.0, 1.0, M=2**32), "M is"),
        (lambda: Rspec(math.nan), "rate"),
        (lambda: Rspec(1.0, -1), "slack"),
        (lambda: Flowspec(5, Tspec(1.0, 1.0), Rspec(1.0)), "Rspec"),
        (lambda: Flowspec(2, Tspec(1.0, 1.0)), "Rspec"),
    ],
)
def test_impossible_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
