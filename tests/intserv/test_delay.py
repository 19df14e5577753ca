"""Guaranteed service's arithmetic: RFC 2212, with its formulas written out once more."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rsvp.iana import LATENCY_UNKNOWN
from rsvp.intserv import (
    Adspec,
    General,
    GuaranteedAdvert,
    Overrides,
    Rspec,
    Tspec,
    buffer_needed,
    controlled_load,
    delay_bound,
    fluid_delay,
    guaranteed,
    guaranteed_within,
    least_rate,
    rate_for_delay,
    single,
    spend_slack,
)
from rsvp.intserv.contents import MOST_RATE

TSPEC = Tspec(rate=1000.0, bucket=5000.0, peak=10_000.0, m=100, M=1000)
PATH = Adspec(General(), GuaranteedAdvert(c_tot=500, d_tot=10_000))

real_tspecs = st.builds(
    lambda rate, factor, bucket, largest: Tspec(rate, bucket, rate * factor, 64, largest),
    st.floats(100, 1e8, width=32),
    st.sampled_from([1.0, 1.5, 10.0, math.inf]),
    st.floats(100, 1e7, width=32),
    st.integers(64, 65535),
)
paths = st.builds(
    lambda c, d: Adspec(General(), GuaranteedAdvert(c, d)), st.integers(0, 10**6), st.integers(0, 10**6)
)


class TestBound:
    """ "End-to-End Behavior": the two cases of the formula."""

    def test_peak_above_the_reserved_rate(self):
        expected = (5000 - 1000) / 2000 * (10_000 - 2000) / (10_000 - 1000) + (1000 + 500) / 2000 + 0.01
        assert delay_bound(TSPEC, Rspec(2000.0), PATH) == pytest.approx(expected)

    def test_reserved_rate_above_the_peak(self):
        assert delay_bound(TSPEC, Rspec(20_000.0), PATH) == pytest.approx(1500 / 20_000 + 0.01)

    def test_both_cases_meet_at_the_peak(self):
        below, above = (delay_bound(TSPEC, Rspec(rate), PATH) for rate in (9999.999, 10_000.0))
        assert below == pytest.approx(above)

    def test_a_peak_that_nobody_knows(self):
        """ "Guidelines for Implementors": b/R + C_tot/R + D_tot."""
        assert delay_bound(Tspec(1000.0, 5000.0), Rspec(2000.0), PATH) == pytest.approx(5500 / 2000 + 0.01)

    def test_a_constant_rate(self):
        assert delay_bound(Tspec(1000.0, 5000.0, 1000.0, 64, 1000), Rspec(1000.0), PATH) == pytest.approx(
            1.51
        )

    def test_a_bucket_of_less_than_a_packet_makes_nothing_faster(self):
        assert delay_bound(Tspec(1000.0, 10.0, M=1000), Rspec(2000.0), PATH) == pytest.approx(
            1500 / 2000 + 0.01
        )

    def test_below_the_token_rate_there_is_no_bound(self):
        assert fluid_delay(TSPEC, 999.0, 0, 0) == math.inf
        assert fluid_delay(Tspec(0.0, 1.0), 0.0, 0, 0) == math.inf

    def test_slack_may_be_used_up(self):
        assert delay_bound(TSPEC, Rspec(2000.0, 700), PATH) - delay_bound(
            TSPEC, Rspec(2000.0), PATH
        ) == pytest.approx(700e-6)

    @given(real_tspecs, st.floats(1, 1e4), st.floats(1, 1e4), paths)
    def test_more_bandwidth_never_takes_longer(self, tspec, a, b, path):
        slow, fast = (Rspec(tspec.rate * factor) for factor in sorted((a, b)))
        slowly = delay_bound(tspec, slow, path)
        assert delay_bound(tspec, fast, path) <= slowly * (1 + 1e-9)

    @given(
        real_tspecs, st.floats(1, 1e4), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6)
    )
    def test_a_longer_path_and_a_larger_burst_never_take_less(self, tspec, factor, c, d, more):
        rate = single(tspec.rate * factor)
        short = fluid_delay(tspec, rate, c, d)
        assert fluid_delay(tspec, rate, c + more, d) >= short
        assert fluid_delay(tspec, rate, c, d + more) >= short
        burstier = Tspec(tspec.rate, tspec.bucket + more, tspec.peak, tspec.m, tspec.M)
        assert fluid_delay(burstier, rate, c, d) >= short

    def test_a_service_that_is_not_offered_has_no_bound(self):
        for ask in (
            lambda: delay_bound(TSPEC, Rspec(2e3), Adspec()),
            lambda: rate_for_delay(TSPEC, 1, Adspec()),
        ):
            with pytest.raises(ValueError, match="does not offer"):
                ask()


class TestRate:
    """What to reserve for a delay: the formula the other way round."""

    def test_below_the_peak(self):
        rate = (4000 / 9000 * 10_000 + 1500) / (1.0 - 0.01 + 4000 / 9000)
        assert rate_for_delay(TSPEC, 1.0, PATH).rate == pytest.approx(rate, rel=1e-6)

    def test_above_the_peak(self):
        assert rate_for_delay(TSPEC, 0.05, PATH).rate == pytest.approx(1500 / 0.04, rel=1e-6)

    def test_what_is_left_at_the_token_rate_is_slack(self):
        """ "Guidelines for Implementors": S = D_req - (b/r + C_tot/r + D_tot)."""
        rspec = rate_for_delay(Tspec(1000.0, 5000.0), 6.0, PATH)
        assert rspec.rate == 1000.0
        assert rspec.slack == pytest.approx((6.0 - 5.5 - 0.01) * 1e6, abs=1)

    def test_there_is_no_rate_for_less_than_the_path_itself_takes(self):
        with pytest.raises(ValueError, match=r"no rate is enough: whatever .* may queue for 10 ms"):
            rate_for_delay(TSPEC, 0.009, PATH)
        with pytest.raises(ValueError, match="no rate is enough"):
            rate_for_delay(TSPEC, 0.01, PATH)

    def test_whoever_does_not_mind_waiting_reserves_no_more_than_is_sent(self):
        assert rate_for_delay(TSPEC, math.inf, PATH) == Rspec(1000.0, 2**32 - 1)

    @pytest.mark.parametrize("delay", [math.nan, -math.inf, -1.0, 0.0])
    def test_what_is_no_time_at_all_cannot_be_had(self, delay):
        with pytest.raises(ValueError, match="no rate is enough"):
            rate_for_delay(TSPEC, delay, PATH)

    @pytest.mark.parametrize("delay", [1.0, math.inf])
    def test_nor_can_any_for_more_than_can_be_reserved(self, delay):
        """RFC 2212: R is at most 40 TB/s, and at least r."""
        with pytest.raises(ValueError, match="no rate is enough"):
            rate_for_delay(Tspec(1e14, 5000.0), delay, PATH)
        assert rate_for_delay(Tspec(MOST_RATE, 5000.0), 1.0, PATH).rate == MOST_RATE

    @given(real_tspecs, st.floats(0.001, 100), paths)
    def test_inverse_of_the_delay(self, tspec, delay, path):
        """No later than asked for, and no single below R would do."""
        assume(path.guaranteed.d_tot / 1e6 < delay * 0.999)
        rspec = rate_for_delay(tspec, delay, path)
        assert delay_bound(tspec, rspec, path) <= delay * (1 + 1e-9)
        assert rspec.rate >= tspec.rate
        if rspec.rate > tspec.rate:
            assert delay_bound(tspec, Rspec(rspec.rate * (1 - 1e-6)), path) > delay * (1 - 1e-9)
            assert rspec.slack <= delay * 1e6
        else:
            assert delay_bound(tspec, rspec, path) >= min(delay - 2e-6, (2**32 - 1) / 1e6)

    @given(real_tspecs, st.floats(1, 1e4), paths)
    def test_the_rate_for_a_rates_delay_is_that_rate(self, tspec, factor, path):
        rate = single(tspec.rate * factor)
        assume(rate <= 1e13)
        again = rate_for_delay(tspec, delay_bound(tspec, Rspec(rate), path), path)
        assert again.rate <= rate
        assert delay_bound(tspec, again, path) == pytest.approx(
            delay_bound(tspec, Rspec(rate), path), rel=1e-6
        )


class TestWithin:
    """A receiver that knows only how late its packets may be."""

    def test_packets_are_those_that_the_path_takes(self):
        adspec = Adspec(General(mtu=1500), GuaranteedAdvert(500, 10_000, overrides=Overrides(mtu=800)))
        asked = guaranteed_within(TSPEC, 1.0, adspec)
        fitting = Tspec(1000.0, 5000.0, 10_000.0, 100, 800)
        assert asked == guaranteed(fitting, rate_for_delay(fitting, 1.0, adspec).rate)

    def test_the_latency_comes_off_the_delay(self):
        far = Adspec(General(latency=400_000), GuaranteedAdvert(500, 10_000))
        assert guaranteed_within(TSPEC, 1.4, far) == guaranteed_within(TSPEC, 1.0, PATH)
        unknown = Adspec(General(latency=LATENCY_UNKNOWN), GuaranteedAdvert(500, 10_000))
        assert guaranteed_within(TSPEC, 1.0, unknown) == guaranteed_within(TSPEC, 1.0, PATH)

    @pytest.mark.parametrize(
        ("adspec", "why"),
        [
            (Adspec(), "the sender does not offer guaranteed service"),
            (Adspec(General(broken=True), GuaranteedAdvert()), "some hop on the way does not offer"),
            (Adspec(General(), GuaranteedAdvert(broken=True)), "some hop on the way does not offer"),
            (Adspec(General(latency=1_000_000), GuaranteedAdvert()), "the way alone takes 1000 ms"),
            (Adspec(General(latency=5), GuaranteedAdvert(0, 1_000_000)), "packets may queue for 1000 ms"),
            (Adspec(General(bandwidth=3000), GuaranteedAdvert()), "takes R = 3769.23 bytes/s, .* has 3000"),
        ],
    )
    def test_what_cannot_be_had_is_told(self, adspec, why):
        with pytest.raises(ValueError, match=why):
            guaranteed_within(TSPEC, 1.0, adspec)


class TestSlack:
    """ "Ordering and Merging": S_out + (b + C_tot)/R_out <= S_in + (b + C_tot)/R_in, r <= R_out <= R_in."""

    PLAIN = Tspec(1000.0, 5000.0, M=1000)
    ASKED = guaranteed(PLAIN, 4000.0, slack=2_000_000)

    def test_pays_for_a_lower_rate(self):
        spent = spend_slack(self.ASKED, 2000.0, 1000)
        assert spent == guaranteed(self.PLAIN, 2000.0, slack=2_000_000 - 1_500_000)

    def test_too_little_of_it(self):
        assert spend_slack(self.ASKED, 1500.0, 1000) is None, "2.5 s would be needed, 2 are there"

    def test_never_below_the_token_rate(self):
        rich = guaranteed(TSPEC, 1000.0, slack=2**32 - 1)
        assert spend_slack(rich, 999.0, 0) is None
        assert spend_slack(rich, 0.0, 0) is None
        assert spend_slack(guaranteed(Tspec(0.0, 1.0), 1.0, slack=9), 0.0, 0) is None

    def test_never_more_than_was_asked_for(self):
        assert spend_slack(self.ASKED, 9000.0, 1000) == self.ASKED

    def test_controlled_load_has_none(self):
        assert spend_slack(controlled_load(TSPEC), 500.0, 0) is None

    @given(
        real_tspecs, st.floats(1, 100), st.floats(0.01, 1), st.integers(0, 2**32 - 1), st.integers(0, 10**6)
    )
    def test_the_delay_stays_within_what_was_asked_for(self, tspec, factor, share, slack, c_tot):
        asked = guaranteed(tspec, tspec.rate * factor, slack=slack)
        spent = spend_slack(asked, asked.rspec.rate * share, c_tot)
        if spent is None:
            return
        assert tspec.rate <= spent.rspec.rate <= asked.rspec.rate * share or spent == asked
        before, after = (
            one.rspec.slack / 1e6 + (tspec.bucket + c_tot) / one.rspec.rate for one in (asked, spent)
        )
        assert after <= before * (1 + 1e-12)
        assert spend_slack(asked, spent.rspec.rate, c_tot) == spent, "refreshes spend the same once more"
        path = Adspec(General(), GuaranteedAdvert(c_tot, 0))
        assert delay_bound(tspec, spent.rspec, path) <= delay_bound(tspec, asked.rspec, path) * (1 + 1e-9)

    def test_a_burst_that_arrives_at_its_peak_rate_costs_more(self):
        """The rule leaves the peak out; the bound that the receiver computed holds all the same."""
        asked = guaranteed(Tspec(100.0, 100.0, 1000.0, 64, 64), 200.0, slack=166_667)
        assert spend_slack(asked, 150.0, 0) is None
        assert spend_slack(guaranteed(Tspec(100.0, 100.0, M=64), 200.0, slack=166_667), 150.0, 0) is not None

    def test_the_least_that_may_be_reserved(self):
        assert least_rate(self.ASKED) == 1000.0
        assert least_rate(guaranteed(TSPEC, 4000.0)) == 4000.0
        assert least_rate(controlled_load(TSPEC)) == 1000.0


class TestBuffer:
    """ "Guidelines for Implementors": M + (b-M)(p-X)/(p-r) + (C_sum/R + D_sum)X."""

    def test_short_burst(self):
        """(b-M)/(p-r) is less than C_sum/R + D_sum: X is r."""
        assert buffer_needed(TSPEC, Rspec(2000.0), 500, 300_000) == pytest.approx(1000 + 4000 + 0.55 * 1000)

    def test_long_burst(self):
        """Else, with p > R, X is R."""
        expected = 1000 + 4000 * 8000 / 9000 + (0.25 + 0.1) * 2000
        assert buffer_needed(TSPEC, Rspec(2000.0), 500, 100_000) == pytest.approx(expected)

    def test_rate_above_the_peak(self):
        """Else X is p, and the burst never queues."""
        assert buffer_needed(TSPEC, Rspec(20_000.0), 500, 100_000) == pytest.approx(1000 + 0.125 * 10_000)

    def test_unknown_peak(self):
        """b + C_sum + D_sum * R."""
        assert buffer_needed(Tspec(1000.0, 5000.0), Rspec(2000.0), 500, 100_000) == pytest.approx(5700)

    def test_constant_rate(self):
        assert buffer_needed(Tspec(1e3, 1e3, 1e3, M=1000), Rspec(1e3), 0, 0) == 1000.0

    @given(real_tspecs, st.floats(1, 100), st.integers(0, 10**6), st.integers(0, 10**6))
    def test_ignoring_the_peak_only_overestimates(self, tspec, factor, c_sum, d_sum):
        rspec = Rspec(tspec.rate * factor)
        unknown = Tspec(tspec.rate, max(tspec.bucket, tspec.M), math.inf, tspec.m, tspec.M)
        assert buffer_needed(tspec, rspec, c_sum, d_sum) <= buffer_needed(unknown, rspec, c_sum, d_sum) * (
            1 + 1e-9
        )

    def test_slack_that_is_left_counts_as_delay(self):
        assert buffer_needed(Tspec(1e3, 5e3), Rspec(2e3, 500_000), 0, 0) == pytest.approx(5000 + 1000)
