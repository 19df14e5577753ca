"""ADSPECs hop by hop, and read by receivers: RFC 2215, RFC 2210 sections 2.3 and 3.3."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp.iana import LATENCY_UNKNOWN, Service
from rsvp.intserv import (
    DEFAULT_ADSPEC,
    Adspec,
    ControlledLoadAdvert,
    General,
    GuaranteedAdvert,
    HopCharacter,
    Offer,
    OtherAdvert,
    Overrides,
    Tspec,
    advertise,
    fit,
    offer,
)

from .draw import adspecs, hops, tspecs

HOP = HopCharacter(1e6, 1500, 100, 1500, 50)
FULL = 2**32 - 1


class TestGeneral:
    """RFC 2215 section 3."""

    def test_hops_count_bandwidth_shrinks_latency_adds_mtu_shrinks(self):
        first = advertise(DEFAULT_ADSPEC, HopCharacter(1e6, 9000, 100, 9000, 50))
        second = advertise(first, HopCharacter(2e6, 1500, 30, 1500, 20))
        assert second.general == General(2, 1e6, 130, 1500, False)
        assert second.guaranteed == GuaranteedAdvert(10_500, 70, 10_500, 70)

    def test_a_bandwidth_that_one_hop_does_not_know_is_unknown_from_then_on(self):
        """Section 3.3: zero says so."""
        adspec = advertise(advertise(DEFAULT_ADSPEC, HopCharacter(0.0, 1500)), HOP)
        assert adspec.general.bandwidth == 0.0
        assert offer(adspec, Service.CONTROLLED_LOAD).bandwidth is None

    @pytest.mark.parametrize(
        ("so_far", "hop", "total"),
        [
            (0, 7, 7),
            (2**32 - 3, 1, 2**32 - 2),
            (2**32 - 3, 2, LATENCY_UNKNOWN),  # the sum exceeds (2**32)-2
            (LATENCY_UNKNOWN, 7, LATENCY_UNKNOWN),
            (7, LATENCY_UNKNOWN, LATENCY_UNKNOWN),
            (LATENCY_UNKNOWN, LATENCY_UNKNOWN, LATENCY_UNKNOWN),
        ],
    )
    def test_latency_is_a_sum_that_may_be_indeterminate(self, so_far, hop, total):
        """Section 3.4."""
        adspec = advertise(Adspec(General(latency=so_far)), HopCharacter(1e6, 1500, hop))
        assert adspec.general.latency == total

    def test_the_global_break_bit_stays(self):
        """RFC 2205 section 3.8, RFC 2215 section 3.1: composed by OR."""
        broken = advertise(DEFAULT_ADSPEC, HOP, non_rsvp=True)
        assert broken.general.broken
        assert advertise(broken, HOP).general.broken
        assert not broken.guaranteed.broken, "whether a service is offered is another question"

    def test_counts_do_not_run_over(self):
        full = Adspec(General(is_hops=FULL), GuaranteedAdvert(*[FULL] * 4))
        composed = advertise(full, HOP)
        assert composed.general.is_hops == FULL
        assert composed.guaranteed == GuaranteedAdvert(*[FULL] * 4)

    @given(adspecs, st.lists(hops, max_size=4), st.randoms())
    def test_what_a_receiver_reads_does_not_depend_on_the_order_of_the_hops(self, adspec, path, random):
        """Sums, minima and OR: but for C_sum and D_sum no order is in them."""

        def behind(way: list[HopCharacter]) -> list[Offer | None]:
            composed = adspec
            for hop in way:
                composed = advertise(composed, hop)
            return [offer(composed, service) for service in (Service.GUARANTEED, Service.CONTROLLED_LOAD)]

        plain = [HopCharacter(h.bandwidth, h.mtu, h.latency, h.c, h.d) for h in path]
        assert behind(plain) == behind(random.sample(plain, len(plain)))

    @given(st.floats(0.0, 1e13), st.none() | st.floats(0.0, 1e13))
    def test_a_bandwidth_is_rounded_so_that_it_can_be_had(self, bandwidth, of_service):
        """Who asks for all that was offered is not to be refused for what a single cannot say."""
        own = None if of_service is None else Overrides(bandwidth=of_service)
        adspec = advertise(DEFAULT_ADSPEC, HopCharacter(bandwidth, 1500, guaranteed=own))
        for service, most in ((5, bandwidth), (2, bandwidth if of_service is None else of_service)):
            said = offer(adspec, service).bandwidth or 0.0
            assert most * (1 - 2**-23) - 1e-37 <= said <= most

    @given(adspecs, hops)
    def test_a_longer_path_never_offers_more(self, adspec, hop):
        onward = advertise(adspec, hop)
        for service in (Service.GUARANTEED, Service.CONTROLLED_LOAD):
            before, behind = offer(adspec, service), offer(onward, service)
            assert (before is None) == (behind is None)
            if before is None or behind is None:
                continue
            assert behind.whole <= before.whole
            if service in hop.services:
                assert behind.mtu <= before.mtu
                assert (behind.bandwidth or 0.0) <= (before.bandwidth or math.inf)
                if behind.latency is not None:
                    assert before.latency is not None
                    assert behind.latency >= before.latency


class TestServices:
    """RFC 2210 sections 3.3.3 and 3.3.4."""

    def test_one_nobody_asked_for_stays_out(self):
        bare = Adspec(General())
        for hop in (HOP, HopCharacter(1e6, 1500, services=frozenset())):
            assert advertise(bare, hop).guaranteed is None
            assert advertise(bare, hop).controlled_load is None

    def test_an_empty_guaranteed_fragment_is_filled_and_stays_broken(self):
        adspec = Adspec(General(), GuaranteedAdvert(broken=True, empty=True))
        assert advertise(adspec, HOP).guaranteed == GuaranteedAdvert(1500, 50, 1500, 50, broken=True)

    def test_one_that_is_not_implemented_gets_its_break_bit_and_nothing_else(self):
        hop = HopCharacter(1e6, 1500, 100, 1500, 50, services=frozenset())
        before = Adspec(General(), GuaranteedAdvert(1, 2, 3, 4), ControlledLoadAdvert(), ())
        onward = advertise(before, hop)
        assert onward.guaranteed == GuaranteedAdvert(1, 2, 3, 4, broken=True)
        assert onward.controlled_load == ControlledLoadAdvert(broken=True)
        assert onward.general == General(1, 1e6, 100, 1500), "RSVP is spoken here: this is still right"
        empty = Adspec(General(), GuaranteedAdvert(broken=True, empty=True))
        assert advertise(empty, hop).guaranteed == GuaranteedAdvert(broken=True, empty=True)

    def test_each_has_a_break_bit_of_its_own(self):
        onward = advertise(DEFAULT_ADSPEC, HopCharacter(1e6, 1500, services=frozenset({5})))
        assert onward.guaranteed.broken
        assert not onward.controlled_load.broken

    def test_one_that_we_do_not_know_gets_its_break_bit(self):
        """RFC 2210 section 3.3."""
        adspec = Adspec(General(), others=(OtherAdvert(77, False, b"abcd"),))
        once = advertise(adspec, HOP)
        assert once.others == (OtherAdvert(77, True, b"abcd"),)
        assert advertise(once, HOP).others == once.others


class TestReshaping:
    """RFC 2212, "Policing": C_sum and D_sum count from the last reshaping point."""

    def test_starts_the_sums_anew_and_leaves_the_totals(self):
        adspec = advertise(Adspec(General(), GuaranteedAdvert(10, 20, 10, 20)), HOP, reshaped=True)
        assert adspec.guaranteed == GuaranteedAdvert(1510, 70, 1500, 50)
        assert advertise(adspec, HOP).guaranteed == GuaranteedAdvert(3010, 120, 3000, 100)


class TestOverrides:
    """A service's own values: RFC 2210 section 3.3.5, RFC 2215 section 2, steps 3 to 6."""

    CAME = Overrides(is_hops=1, bandwidth=5e5, latency=3, mtu=1400, unknown=((99, 0, b"abcd"),))

    def test_3_both_have_one(self):
        hop = HopCharacter(1e6, 1500, 10, controlled_load=Overrides(None, 2e5, 20, 1300))
        adspec = Adspec(General(), controlled_load=ControlledLoadAdvert(overrides=self.CAME))
        composed = advertise(adspec, hop).controlled_load.overrides
        assert composed == Overrides(2, 2e5, 23, 1300, ((99, 0, b"abcd"),))

    def test_4_only_the_path_has_one(self):
        hop = HopCharacter(1e5, 1350, 10)
        adspec = Adspec(General(), controlled_load=ControlledLoadAdvert(overrides=self.CAME))
        composed = advertise(adspec, hop).controlled_load.overrides
        assert composed == Overrides(2, 1e5, 13, 1350, ((99, 0, b"abcd"),))

    def test_5_only_the_hop_has_one(self):
        """It is composed with the general value that came, and 6: so is the hop's general one."""
        hop = HopCharacter(1e6, 1500, 10, 1, 1, guaranteed=Overrides(mtu=250))
        adspec = Adspec(General(2, 3e5, 5, 9000), GuaranteedAdvert(), ControlledLoadAdvert())
        onward = advertise(adspec, hop)
        assert onward.guaranteed.overrides == Overrides(mtu=250)
        assert onward.general == General(3, 3e5, 15, 1500)
        assert onward.controlled_load == ControlledLoadAdvert()
        all_ = HopCharacter(1e6, 1500, 10, guaranteed=Overrides(None, 4e5, 7, 9999))
        assert advertise(adspec, all_).guaranteed.overrides == Overrides(None, 3e5, 12, 9000)

    def test_a_service_that_is_not_implemented_keeps_them_as_they_came(self):
        hop = HopCharacter(1e5, 1350, 10, services=frozenset())
        adspec = Adspec(General(), controlled_load=ControlledLoadAdvert(overrides=self.CAME))
        assert advertise(adspec, hop).controlled_load == ControlledLoadAdvert(True, self.CAME)

    @given(adspecs, hops)
    def test_none_that_came_gets_lost(self, adspec, hop):
        came, goes = adspec.guaranteed.overrides, advertise(adspec, hop).guaranteed.overrides
        for name in ("is_hops", "bandwidth", "latency", "mtu"):
            if came is not None and getattr(came, name) is not None:
                assert getattr(goes, name) is not None


class TestOffer:
    """RFC 2210 sections 2.2 and 2.3."""

    def test_default_values_hold_unless_the_service_has_its_own(self):
        own = Overrides(bandwidth=2e5, latency=40, mtu=250)
        adspec = Adspec(
            General(2, 1e6, 500, 1500), GuaranteedAdvert(overrides=own), ControlledLoadAdvert(broken=True)
        )
        assert offer(adspec, Service.GUARANTEED) == Offer(2e5, 40e-6, 250, True)
        assert offer(adspec, Service.CONTROLLED_LOAD) == Offer(1e6, 500e-6, 1500, False)

    def test_of_a_service_that_is_left_out_there_is_none(self):
        assert offer(Adspec(General()), Service.GUARANTEED) is None
        assert offer(DEFAULT_ADSPEC, 77) is None

    def test_a_non_rsvp_hop_breaks_every_service(self):
        adspec = advertise(DEFAULT_ADSPEC, HOP, non_rsvp=True)
        assert not offer(adspec, Service.GUARANTEED).whole
        assert not offer(adspec, Service.CONTROLLED_LOAD).whole

    def test_unknown_latency(self):
        assert offer(advertise(DEFAULT_ADSPEC, HopCharacter(1e6, 1500)), 5).latency is None


class TestFit:
    """RFC 2210 section 2.3.2: M of a reservation is the path's MTU for its service."""

    TSPEC = Tspec(1e3, 1e4, m=1000, M=9000)

    def test_packets_get_no_larger_than_the_path(self):
        adspec = Adspec(
            General(mtu=1500), GuaranteedAdvert(overrides=Overrides(mtu=250)), ControlledLoadAdvert()
        )
        assert fit(self.TSPEC, adspec, Service.CONTROLLED_LOAD) == Tspec(1e3, 1e4, m=1000, M=1500)
        assert fit(self.TSPEC, adspec, Service.GUARANTEED) == Tspec(1e3, 1e4, m=250, M=250)

    @pytest.mark.parametrize(
        "adspec", [None, Adspec(General()), Adspec(General(mtu=0), None, ControlledLoadAdvert())]
    )
    def test_where_the_path_says_nothing_the_sender_is_believed(self, adspec):
        assert fit(self.TSPEC, adspec, Service.CONTROLLED_LOAD) == self.TSPEC

    @given(tspecs(), adspecs)
    def test_m_stays_below_M(self, tspec, adspec):
        fitting = fit(tspec, adspec, Service.GUARANTEED)
        assert fitting.m <= fitting.M <= tspec.M
