"""Ordering, bounds, merging, sums and minima of Tspecs and flowspecs.

RFC 2205 section 2.2, RFC 2210 sections 2.2, 2.3.2 and 3.2.1, RFC 2211 section 8, RFC 2212 "Ordering
and Merging".
"""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rsvp.intserv import (
    Flowspec,
    NullTspec,
    Rspec,
    Tspec,
    at_most,
    controlled_load,
    effective,
    flaw,
    glb,
    guaranteed,
    lub,
    merge,
    rate_needed,
    reduced,
    same_service,
    single,
    strictly_less,
    tspec_at_most,
    tspec_glb,
    tspec_lub,
    tspec_merge,
    tspec_minimum,
    tspec_sum,
)
from rsvp.intserv.contents import bits_of, single_of

from .draw import alike, guarantees, loads, tspecs

FAST = Tspec(2000.0, 100.0, 4000.0, 64, 1500)
BURSTY = Tspec(1000.0, 9000.0, 8000.0, 100, 576)
"""Neither is as good as the other: FAST has the rate and M, BURSTY bucket and peak."""


class TestOrder:
    """RFC 2211 section 8, points (1) to (5)."""

    @pytest.mark.parametrize(
        "worse",
        [
            Tspec(1999.0, 100.0, 4000.0, 64, 1500),
            Tspec(2000.0, 99.0, 4000.0, 64, 1500),
            Tspec(2000.0, 100.0, 3999.0, 64, 1500),
            Tspec(2000.0, 100.0, 4000.0, 65, 1500),
            Tspec(2000.0, 100.0, 4000.0, 64, 1499),
        ],
    )
    def test_each_parameter_counts(self, worse):
        assert tspec_at_most(worse, FAST)
        assert not tspec_at_most(FAST, worse)
        assert strictly_less(controlled_load(worse), controlled_load(FAST))

    def test_some_cannot_be_ordered(self):
        assert not tspec_at_most(FAST, BURSTY)
        assert not tspec_at_most(BURSTY, FAST)

    @given(alike(2))
    def test_order_is_partial(self, pair):
        a, b = pair
        assert at_most(a, a)
        assert not strictly_less(a, a)
        if at_most(a, b) and at_most(b, a):
            assert a == b
        assert at_most(a, b) == (lub(a, b) == b)

    @given(alike(3))
    def test_order_is_transitive(self, triple):
        for a, b, c in itertools.permutations(triple):
            if at_most(a, b) and at_most(b, c):
                assert at_most(a, c)

    def test_less_slack_is_more(self):
        """RFC 2212: an Rspec with a larger R or a smaller S is a substitute."""
        assert strictly_less(guaranteed(FAST, 3e3, slack=10), guaranteed(FAST, 3e3, slack=5))
        assert strictly_less(guaranteed(FAST, 3e3, slack=5), guaranteed(FAST, 4e3, slack=5))
        assert not at_most(guaranteed(FAST, 3e3, slack=5), guaranteed(FAST, 4e3, slack=10))

    @given(loads, guarantees())
    def test_services_do_not_mix(self, load, guarantee):
        """RFC 2210 section 2.2: all receivers of a session choose the same service."""
        assert not same_service(load, guarantee)
        assert not at_most(load, guarantee)
        assert not at_most(guarantee, load)
        for operation in (lub, glb, merge):
            with pytest.raises(ValueError, match="cannot be merged"):
                operation(load, guarantee)


class TestBounds:
    """RFC 2205 sections 2.2 and 3.5: LUB and GLB."""

    @given(alike(2))
    def test_lub_is_an_upper_bound(self, pair):
        a, b = pair
        assert at_most(a, lub(a, b))
        assert at_most(b, lub(a, b))

    @given(alike(3))
    def test_lub_is_the_least(self, triple):
        a, b, c = triple
        above = lub(lub(a, b), c)
        assert at_most(a, above)
        assert at_most(b, above)
        assert at_most(lub(a, b), above)
        if at_most(a, c) and at_most(b, c):
            assert at_most(lub(a, b), c)

    @given(alike(2))
    def test_glb_is_a_lower_bound(self, pair):
        """Where there is one at all: m of the one may be above M of the other."""
        a, b = pair
        least = glb(a, b)
        if max(a.tspec.m, b.tspec.m) <= min(a.tspec.M, b.tspec.M):
            assert at_most(least, a)
            assert at_most(least, b)

    @given(alike(3))
    def test_glb_is_the_greatest(self, triple):
        a, b, c = triple
        assert at_most(c, glb(lub(a, c), lub(b, c)))
        if at_most(c, a) and at_most(c, b):
            assert at_most(c, glb(a, b))

    @given(alike(2))
    def test_they_absorb_each_other(self, pair):
        a, b = pair
        assert glb(a, lub(a, b)) == a
        if at_most(a, b):
            assert (lub(a, b), glb(a, b)) == (b, a)

    def test_worked_example(self):
        assert tspec_lub(FAST, BURSTY) == Tspec(2000.0, 9000.0, 8000.0, 64, 1500)
        assert tspec_glb(FAST, BURSTY) == Tspec(1000.0, 100.0, 4000.0, 100, 576)

    def test_what_has_no_lower_bound_gets_the_nearest_that_can_be_sent(self):
        small, large = Tspec(1e3, 1e3, m=64, M=100), Tspec(1e3, 1e3, m=500, M=1500)
        assert tspec_glb(small, large) == Tspec(1e3, 1e3, m=100, M=100)


class TestMerge:
    """RFC 2211 section 8 and RFC 2212, "merged TSpec": the smaller M goes upstream (RFC 2210 2.3.2)."""

    def test_worked_example(self):
        assert tspec_merge(FAST, BURSTY) == Tspec(2000.0, 9000.0, 8000.0, 64, 576)

    @given(alike(3))
    def test_commutative_associative_idempotent(self, triple):
        a, b, c = triple
        for operation in (merge, lub, glb):
            assert operation(a, b) == operation(b, a)
            assert operation(a, operation(b, c)) == operation(operation(a, b), c)
            assert operation(a, a) == a

    @given(alike(2))
    def test_an_upper_bound_for_packets_that_fit_both(self, pair):
        both = merge(*pair)
        for one in pair:
            assert at_most(Flowspec(one.service, _capped(one.tspec, both.tspec.M), one.rspec), both)
            assert both.tspec.M <= one.tspec.M

    @given(alike(3))
    def test_the_least_such_bound(self, triple):
        """What already has both in it is not changed by their merge."""
        a, b, c = triple
        c = merge(merge(a, c), b)
        assert merge(a, c) == merge(b, c) == merge(merge(a, b), c) == c

    @given(alike(2))
    def test_sound_ones_make_sound_ones(self, pair):
        a, b = pair
        if flaw(a) is None and flaw(b) is None:
            assert [flaw(operation(a, b)) for operation in (merge, lub, glb)] == [None] * 3

    def test_rspecs_take_the_largest_rate_and_the_smallest_slack(self):
        assert merge(guaranteed(FAST, 3e3, slack=10), guaranteed(FAST, 4e3, slack=20)) == guaranteed(
            FAST, 4e3, slack=10
        )

    def test_the_null_service_has_nothing_but_its_largest_packet(self):
        """RFC 2997 section 3.3."""
        assert merge(Flowspec(6, NullTspec(M=1500)), Flowspec(6, NullTspec(M=576))) == Flowspec(
            6, NullTspec(M=576)
        )


def _capped(tspec: Tspec, largest: int) -> Tspec:
    return Tspec(tspec.rate, tspec.bucket, tspec.peak, tspec.m, min(tspec.M, largest))


class TestSum:
    """RFC 2211 section 8: n flows that share one reservation."""

    def test_worked_example(self):
        assert tspec_sum(FAST, BURSTY, FAST) == Tspec(5000.0, 9200.0, 16_000.0, 64, 1500)

    @given(st.lists(tspecs(), min_size=1, max_size=5), st.randoms())
    def test_senders_in_any_order_make_the_same_sum(self, senders, random):
        total = tspec_sum(*senders)
        shuffled = random.sample(senders, len(senders))
        assert tspec_sum(*shuffled) == total
        assert total.rate == single(math.fsum(t.rate for t in senders))
        assert total.m == min(t.m for t in senders)
        assert max(t.M for t in senders) == total.M

    @given(tspecs())
    def test_of_one_is_itself(self, one):
        assert tspec_sum(one) is one


class TestMinimum:
    """RFC 2211 section 8, RFC 2212: what the senders send, and what was reserved."""

    def test_of_ordered_ones_the_smaller(self):
        less = Tspec(1000.0, 50.0, 4000.0, 100, 576)
        assert tspec_minimum(FAST, less) == less
        assert tspec_minimum(less, FAST) == less

    def test_of_unordered_ones_the_larger_bucket(self):
        assert tspec_minimum(FAST, BURSTY) == Tspec(1000.0, 9000.0, 4000.0, 64, 576)

    @given(tspecs(), tspecs())
    def test_commutative_and_idempotent(self, a, b):
        assert tspec_minimum(a, b) == tspec_minimum(b, a)
        assert tspec_minimum(a, a) == a

    @given(tspecs(), tspecs())
    def test_no_more_rate_and_no_larger_packets_than_either(self, a, b):
        least = tspec_minimum(a, b)
        assert least.rate == min(a.rate, b.rate)
        assert least.peak == min(a.peak, b.peak)
        assert min(a.M, b.M) == least.M


class TestEffective:
    """RFC 2205 section 2.2: the minimum of Path_Te and Resv_Te is installed."""

    @given(loads, tspecs())
    def test_never_more_than_is_sent(self, load, path):
        real = effective(load, path)
        assert real.tspec.rate == min(load.tspec.rate, path.rate)
        assert path.M >= real.tspec.M
        assert effective(load, None) == load

    @given(loads, tspecs())
    def test_the_smaller_m_always(self, load, path):
        """RFC 2210 section 3.2.1: link overhead is reckoned with the smallest packets there may be."""
        assert effective(load, path).tspec.m == min(load.tspec.m, path.m)

    @given(loads | guarantees(), tspecs())
    def test_the_rate_alone_is_the_same(self, flowspec, path):
        assert rate_needed(flowspec, path) == effective(flowspec, path).rate

    def test_guaranteed_rate_stands_whatever_is_sent(self):
        """RFC 2212, the note on shared reservations: R buys delay."""
        assert effective(guaranteed(1e3, 9e3), Tspec(10.0, 10.0)).rate == 9000.0

    def test_the_null_service_stays_without_numbers(self):
        assert effective(Flowspec(6, NullTspec(M=1500)), Tspec(10.0, 10.0, M=576)).tspec == NullTspec(M=576)


class TestReduced:
    """RFC 4495 section 5.2: the highest rates that can be accepted, as the wire can carry them."""

    @given(st.floats(1.0, 1e38) | st.floats(1.0, 10.0) | st.sampled_from([1e39, 0.1, 1e-45, 1e-46, 0.0]))
    @example(float.fromhex("0x1.fffffefp+10"))
    def test_never_more_than_there_is_and_no_single_less(self, rate):
        most = reduced(controlled_load(Tspec(math.inf, 1.0)), rate).tspec.rate
        assert most <= rate
        assert most == single(most)
        following = single_of(bits_of(most) + 1)
        assert following > rate

    def test_nothing_is_made_larger(self):
        spec = guaranteed(FAST, 3e3, slack=5)
        assert reduced(spec, 1e6) == spec
        assert reduced(spec, 1500.0, 3500.0) == guaranteed(
            Tspec(1500.0, 100.0, 3500.0, 64, 1500), 1500.0, slack=5
        )


class TestFlaw:
    """What RFC 2211 section 5 and RFC 2212 "Invocation Information" refuse."""

    @pytest.mark.parametrize(
        ("flowspec", "about"),
        [
            (controlled_load(Tspec(0.5, 100.0)), "rate r"),
            (controlled_load(Tspec(5e13, 100.0)), "rate r"),
            (controlled_load(Tspec(math.inf, 100.0)), "rate r"),
            (controlled_load(Tspec(1.0, 0.5)), "bucket b"),
            (controlled_load(Tspec(1.0, 3e11)), "bucket b"),
            (controlled_load(Tspec(1.0, 100.0, m=2, M=1)), "smallest packet"),
            (guaranteed(Tspec(2.0, 100.0, 1.0)), "peak"),
            (guaranteed(Tspec(2.0, 100.0), 1.0), "R is from"),
            (guaranteed(Tspec(2.0, 100.0), math.inf), "R is from"),
        ],
    )
    def test_is_named(self, flowspec, about):
        assert about in flaw(flowspec)

    @pytest.mark.parametrize(
        "flowspec",
        [
            controlled_load(Tspec(1.0, 1.0, m=0, M=0)),
            controlled_load(Tspec(40e12, 250e9)),
            controlled_load(Tspec(2.0, 100.0, 1.0)),  # controlled load may ignore p (RFC 2211 section 5)
            guaranteed(Tspec(2.0, 100.0, 2.0), 2.0),
        ],
    )
    def test_of_a_sound_one_there_is_none(self, flowspec):
        assert flaw(flowspec) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Tspec(-1.0, 1.0), "rate"),
        (lambda: Tspec(math.nan, 1.0), "rate"),
        (lambda: Tspec(1.0, 1.0, -1.0), "peak"),
        (lambda: Tspec(1.0, 1.0, m=-1), "m is"),
        (lambda: Tspec(1.0, 1.0, M=2**32), "M is"),
        (lambda: Tspec(1.0, 1.0, null_M=2**32), "null_M"),
        (lambda: NullTspec(1.0), "no parameter but M"),
        (lambda: Rspec(math.nan), "rate"),
        (lambda: Rspec(1.0, -1), "slack"),
        (lambda: Flowspec(5, Tspec(1.0, 1.0), Rspec(1.0)), "Rspec"),
        (lambda: Flowspec(2, Tspec(1.0, 1.0)), "Rspec"),
        (lambda: Flowspec(6, Tspec(1.0, 1.0)), "NullTspec"),
        (lambda: Flowspec(5, Tspec(1.0, 1.0, null_M=9)), "null_M"),
    ],
)
def test_impossible_values_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_builders():
    assert controlled_load(1e3).tspec == Tspec(1e3, 3000.0)
    assert controlled_load(FAST, M=576).tspec == Tspec(2000.0, 100.0, 4000.0, 64, 576)
    assert guaranteed(FAST).rspec == Rspec(2000.0)
    assert single(1e39) == math.inf
    assert [controlled_load(1e3).service_name, Flowspec(99, FAST).service_name] == ["controlled-load", "99"]
    assert guaranteed(FAST, 9e3).rate == 9e3
