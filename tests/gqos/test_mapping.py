"""From flowspecs to RSVP's objects and back, against numbers worked out by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rsvp import decode, encode
from rsvp.gqos import (
    AdspecInfo,
    ControlService,
    Extended,
    FlowSpec,
    FlowspecError,
    GeneralParams,
    GuaranteedParams,
    PolicyElement,
    PolicyInfo,
    ServiceType,
    Status,
)
from rsvp.gqos.constants import POSITIVE_INFINITY_RATE, QOS_NOT_SPECIFIED
from rsvp.gqos.mapping import adspec_info, announced, reservation, reserved, sender_adspec, sender_tspec
from rsvp.gqos.policies import policy_data, policy_info
from rsvp.gqos.status import status_of
from rsvp.intserv import (
    Adspec,
    ControlledLoadAdvert,
    Flowspec,
    General,
    GuaranteedAdvert,
    NullTspec,
    OtherAdvert,
    Overrides,
    Rspec,
    Tspec,
    controlled_load,
    guaranteed,
)
from rsvp.messages import Path, Sender
from rsvp.objects import FilterSpec, Hop, Session, TimeValues

S = ServiceType
WHO = FilterSpec(ip_address("10.0.1.1"), 4000)
PATH = Tspec(8500.0, 1700.0, 17000.0, 100, 340)


def sender(tspec: Tspec = PATH, adspec: Adspec | None = None) -> Sender:
    return Sender(WHO, tspec, adspec)


def test_flowspec_to_tspec():
    """3.2: every field where it belongs; Latency and DelayVariation are not carried."""
    spec = FlowSpec(8500, 680, 17000, 5, 6, S.CONTROLLEDLOAD, 340, 100)
    assert sender_tspec(spec) == Tspec(8500.0, 680.0, 17000.0, 100, 340)


def test_what_is_left_out_of_a_path():
    """1.1 defaults: m 128, M 1500, b max(M, 1500), p infinite."""
    spec = FlowSpec(8500, service_type=S.CONTROLLEDLOAD)
    assert sender_tspec(spec) == Tspec(8500.0, 1500.0, math.inf, 128, 1500)
    assert sender_tspec(replace(spec, max_sdu_size=9000)).bucket == 9000.0
    assert sender_tspec(replace(spec, max_sdu_size=100)).bucket == 1500.0
    assert sender_tspec(replace(spec, peak_bandwidth=POSITIVE_INFINITY_RATE)).peak == math.inf


def test_singles_lose_integers_above_2_to_the_24():
    """3.2."""
    assert sender_tspec(FlowSpec(16_777_217, service_type=2)).rate == 16_777_216.0


@pytest.mark.parametrize(
    ("service", "load", "rate"),
    [(S.CONTROLLEDLOAD, True, False), (S.GUARANTEED, False, True), (S.GENERAL_INFORMATION, True, True)],
)
def test_the_adspec_offers_what_the_sender_named(service: ServiceType, load: bool, rate: bool):
    """2.1, 3.2: one service, or all for GENERAL_INFORMATION."""
    adspec = sender_adspec(FlowSpec(1, service_type=service))
    assert (adspec.controlled_load is not None, adspec.guaranteed is not None) == (load, rate)
    assert adspec.general == General(0)


def test_an_adspec_object_restricts_services():
    """1.3: RSVP_ADSPEC from a sender."""
    only = AdspecInfo(services=(ControlService(S.GUARANTEED, guaranteed=GuaranteedParams()),))
    adspec = sender_adspec(FlowSpec(1, service_type=S.GENERAL_INFORMATION), only)
    assert (adspec.controlled_load, adspec.guaranteed) == (None, GuaranteedAdvert())
    everything = AdspecInfo(services=(ControlService(S.GENERAL_INFORMATION),))
    assert sender_adspec(FlowSpec(1, service_type=5), everything).controlled_load is not None


def test_the_null_service_has_one_number():
    """3.2, RFC 2997: M and nothing else."""
    spec = FlowSpec(service_type=S.QUALITATIVE, max_sdu_size=576)
    assert sender_tspec(spec) == NullTspec(M=576)
    assert reservation(spec, [sender()]) == Flowspec(6, NullTspec(M=340))
    assert announced(sender(NullTspec(M=576))) == spec
    assert reserved(Flowspec(6, NullTspec(M=576))) == spec


# --- receivers (3.3) -----------------------------------------------------------------------------------


def test_controlled_load_takes_the_path_s_values():
    assert reservation(FlowSpec(service_type=2), [sender()]) == controlled_load(PATH)


def test_controlled_load_with_values_of_its_own():
    spec = FlowSpec(9000, 2000, 20000, service_type=2, max_sdu_size=300, minimum_policed_size=50)
    assert reservation(spec, [sender()]) == controlled_load(Tspec(9000.0, 2000.0, 20000.0, 50, 300))
    partly = FlowSpec(service_type=2, token_bucket_size=5000)
    assert reservation(partly, [sender()]).tspec == replace(PATH, bucket=5000.0)


def test_packets_are_no_larger_than_the_path_takes():
    """3.3: M capped by the Adspec's path MTU (RFC 2210)."""
    adspec = Adspec(General(mtu=250), GuaranteedAdvert(), ControlledLoadAdvert())
    for service in (2, 3):
        assert reservation(FlowSpec(service_type=service), [sender(adspec=adspec)]).tspec.M == 250


@pytest.mark.parametrize(
    ("spec", "rspec"),
    [
        (FlowSpec(service_type=3), Rspec(8500.0, 0)),
        (FlowSpec(10_000, service_type=3), Rspec(10_000.0, 0)),
        (FlowSpec(10_000, delay_variation=700, service_type=3), Rspec(10_000.0, 700)),
        (FlowSpec(10_000, latency=1, delay_variation=700, service_type=3), Rspec(10_000.0, 700)),
        (FlowSpec(5_000, service_type=3), Rspec(8500.0, 0)),
        (FlowSpec(delay_variation=700, service_type=3), Rspec(8500.0, 700)),
        (FlowSpec(latency=50_000, service_type=3), Rspec(8500.0, 0)),
    ],
    ids=["nothing", "rate", "rate and slack", "latency ignored", "at least r", "slack", "latency alone"],
)
def test_guaranteed_rates(spec: FlowSpec, rspec: Rspec):
    """3.3, the combination rules; r, b, p, m and M are the Path's."""
    asked = reservation(replace(spec, token_bucket_size=9), [sender()])
    assert (asked.tspec, asked.rspec) == (PATH, rspec)


def rate_by_hand(t: Tspec, latency: int, way: int, c: int, d: int) -> float:
    """3.3, the formula as it is printed there."""
    budget, terms = (latency - way) / 1e6, d / 1e6
    if math.isinf(t.peak):
        return max((t.bucket + c) / (budget - terms), t.rate)
    k = (t.bucket - t.M) / (t.peak - t.rate)
    first = (k * t.peak + t.M + c) / (budget - terms + k)
    if t.rate <= first <= t.peak:
        return first
    return max((t.M + c) / (budget - terms), t.rate)


@pytest.mark.parametrize("peak", [17000.0, math.inf])
@given(latency=st.integers(30_000, 300_000), c=st.integers(0, 3000), d=st.integers(0, 20_000))
def test_a_rate_for_a_latency(peak: float, latency: int, c: int, d: int):
    """3.3: R from DelayVariation and Latency, C and D, RFC 2212."""
    tspec = replace(PATH, peak=peak)
    adspec = Adspec(General(latency=4000), GuaranteedAdvert(c, d, c, d), None)
    spec = FlowSpec(latency=latency, delay_variation=100, service_type=3)
    asked = reservation(spec, [sender(tspec, adspec)]).rspec
    assert asked is not None
    assert asked.rate == pytest.approx(rate_by_hand(tspec, latency, 4000, c, d), rel=1e-6)
    assert asked.slack == 100


def test_a_latency_that_cannot_be_had():
    """3.3: D <= Dt is an impossible request: EFLOWSPEC."""
    adspec = Adspec(General(latency=4000), GuaranteedAdvert(0, 20_000), None)
    spec = FlowSpec(latency=24_000, delay_variation=0, service_type=3)
    with pytest.raises(FlowspecError) as caught:
        reservation(spec, [sender(adspec=adspec)])
    assert caught.value.code == 11017


# --- what is told (2.7, 3.3 reverse) -------------------------------------------------------------------


def test_what_a_path_says():
    both = Adspec(General(), GuaranteedAdvert(), ControlledLoadAdvert())
    load = replace(both, guaranteed=None)
    rate = replace(both, controlled_load=None)
    for adspec, service in ((both, 5), (load, 2), (rate, 3), (None, 5)):
        assert announced(sender(adspec=adspec)) == FlowSpec(
            8500, 1700, 17000, service_type=service, max_sdu_size=340, minimum_policed_size=100
        )
    endless = announced(sender(replace(PATH, peak=math.inf, rate=1e12)))
    assert (endless.peak_bandwidth, endless.token_rate) == (POSITIVE_INFINITY_RATE, 0xFFFFFFFD)


def test_what_a_resv_says():
    plain = FlowSpec(8500, 1700, 17000, service_type=2, max_sdu_size=340, minimum_policed_size=100)
    assert reserved(controlled_load(PATH)) == plain
    rate = replace(plain, service_type=3, token_rate=12_000, delay_variation=77)
    assert reserved(guaranteed(PATH, 12_000.0, 77)) == rate


def test_what_an_adspec_says():
    """1.3: AD_GENERAL_PARAMS; break bits; a field that is not given is 0xFFFFFFFF."""
    nothing = QOS_NOT_SPECIFIED
    adspec = Adspec(
        General(3, 1.25e6, 40, 1500, True),
        GuaranteedAdvert(1, 2, 3, 4, False, False, Overrides(bandwidth=5e5, latency=30)),
        ControlledLoadAdvert(True),
    )
    assert adspec_info(adspec) == AdspecInfo(
        GeneralParams(3, 1_250_000, 40, 1500, 1),
        (
            ControlService(2, GeneralParams(nothing, nothing, nothing, nothing, 1)),
            ControlService(3, GeneralParams(nothing, 500_000, 30, nothing, 0), GuaranteedParams(1, 2, 3, 4)),
        ),
    )
    assert adspec_info(Adspec(General(bandwidth=0.0))).general.path_bandwidth_estimate == nothing


def test_what_says_nothing():
    """A Path without a Tspec, an error without a flowspec; the null service in an ADSPEC."""
    assert announced(Sender(WHO)) == reserved(None) == FlowSpec()
    adspec = Adspec(others=(OtherAdvert(6, True, b""), OtherAdvert(9, True, b"")))
    assert adspec_info(adspec).services == (ControlService(S.QUALITATIVE),)


def test_policy_elements_cross_the_wire():
    """1.3: RSVP_POLICY_INFO in and out, with elements that RSVP reads and others."""
    elements = (
        PolicyElement(1, bytes.fromhex("0001 0200 0005 0009")),
        PolicyElement(3, b"\0\x08\1\1APP=" + b"\0\x07\2\1abc\0" + b"\0\x08\4\0\0\0\0\5"),
        PolicyElement(53248, b"ours"),
        PolicyElement(2),
    )
    path = Path(
        session=Session(ip_address("10.0.3.2"), 17, 5150),
        hop=Hop(ip_address("10.0.1.1")),
        time_values=TimeValues(30000),
        sender=sender(),
        policy=policy_data(elements),
        send_ttl=63,
    )
    came = decode(encode(path))
    assert isinstance(came, Path)
    assert policy_info(came.policy) == PolicyInfo(elements)
    assert policy_data(()) == ()
    assert policy_info(()) is None


E = Extended
UNKNOWN = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("code", "value", "status", "category", "detail"),
    [
        (1, 0, Status.ADMISSION_FAILURE, 56100, 56101),
        (1, 1, Status.ADMISSION_FAILURE, 56100, 56102),
        (1, 2, Status.ADMISSION_FAILURE, 56100, 56103),
        (1, 3, Status.ADMISSION_FAILURE, 56100, 56104),
        (1, 0x8001, Status.ADMISSION_FAILURE, 56100, 56105),
        (1, 0x8003, Status.ADMISSION_FAILURE, 56100, 56106),
        (1, 0x8002, Status.ADMISSION_FAILURE, 56100, UNKNOWN),
        (2, 1, Status.POLICY_FAILURE, 56200, 56258),
        (2, 5, Status.POLICY_FAILURE, 56200, 56262),
        (2, 17, Status.POLICY_FAILURE, 56200, 56217),
        (2, 64, Status.POLICY_FAILURE, 56200, 56264),
        (2, 99, Status.POLICY_FAILURE, 56200, 56299),
        (2, 90, Status.POLICY_FAILURE, 56200, UNKNOWN),
        (2, 100, Status.POLICY_FAILURE, 56200, UNKNOWN),
        (3, 0, Status.GENERIC_ERROR, 56300, 56301),
        (4, 0, Status.GENERIC_ERROR, 56300, 56302),
        (5, 0, Status.BAD_STYLE, 56300, 56303),
        (6, 0, Status.BAD_STYLE, 56300, 56304),
        (7, 0, Status.GENERIC_ERROR, 56300, 56305),
        (8, 0, Status.GENERIC_ERROR, 56300, 56306),
        (9, 0, Status.GENERIC_ERROR, 56300, 56307),
        (12, 0, Status.GENERIC_ERROR, 56300, 56308),
        (13, 0x0101, Status.BAD_OBJECT, 56300, 56309),
        (14, 0x0101, Status.BAD_OBJECT, 56300, 56310),
        (20, 1, Status.GENERIC_ERROR, 56400, 56401),
        (21, 1, Status.TRAFFIC_CTRL_ERROR, 56700, 56701),
        (21, 5, Status.TRAFFIC_CTRL_ERROR, 56700, 56705),
        (22, 0, Status.TRAFFIC_CTRL_ERROR, 56500, 56501),
        (22, 13, Status.TRAFFIC_CTRL_ERROR, 56500, 56513),
        (22, 14, Status.TRAFFIC_CTRL_ERROR, 56500, UNKNOWN),
        (23, 0, Status.GENERIC_ERROR, 56600, 56601),
        (23, 2, Status.GENERIC_ERROR, 56600, 56602),
        (24, 1, Status.GENERIC_ERROR, UNKNOWN, UNKNOWN),
    ],
)
def test_error_codes(code: int, value: int, status: Status, category: int, detail: int):
    """2.6, 2.7, E9."""
    info = status_of(code, value)
    assert (info.status, info.extended_status1, info.extended_status2) == (status, category, detail)
