"""What SET_QOS refuses: each of the WSA_QOS_E* errors, and the rules of flowspecs behind them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from rsvp.gqos import (
    DescriptorFlowspecError,
    DestAddr,
    Diffserv,
    Direction,
    DsClass,
    Extended,
    FilterCountError,
    FilterSpecError,
    FilterSpecV4,
    FilterSpecV4Gpi,
    FilterSpecV6,
    FilterStyleError,
    FilterTypeError,
    FlowCountError,
    FlowDescriptor,
    FlowDescriptorError,
    FlowSpec,
    FlowspecError,
    GqosError,
    Place,
    PolicyElement,
    PolicyInfo,
    PolicyObjectError,
    ProviderBufferError,
    Qos,
    QosObject,
    ReservationStyle,
    ReservedPolicyError,
    ReserveInfo,
    SdMode,
    ServiceFlag,
    ServiceType,
    ServiceTypeError,
    ShapeModeError,
    ShapingRate,
    ShapingRateError,
    StatusInfo,
    TcpTraffic,
    TrafficClass,
    UnknownObject,
    UnknownObjectError,
)
from rsvp.gqos.checks import check_flowspec, sizes
from rsvp.gqos.constants import POSITIVE_INFINITY_RATE, QOS_NOT_SPECIFIED
from rsvp.gqos.matching import Address
from rsvp.gqos.settings import Settings

from .world import LOAD, TCP, UDP, WANT

S = ServiceType
SEND, RECEIVE = Direction.SENDING, Direction.RECEIVING
UNCONNECTED = Place(UDP, 4, Address(ip_address("0.0.0.0"), 5150), Address(ip_address("0.0.0.0"), 5150))
PEER = Address(ip_address("10.0.1.1"), 4000)
CONNECTED = replace(UNCONNECTED, peer=PEER)
STREAM = Place(TCP, 4, None, Address(ip_address("10.0.3.2"), 80), PEER)
A = FilterSpecV4(ip_address("10.0.1.1"), 4000)
B = FilterSpecV4(ip_address("10.0.1.1"), 4001)


def refused(error: type[GqosError], call: Any, *arguments: Any) -> GqosError:
    with pytest.raises(error) as caught:
        call(*arguments)
    assert type(caught.value) is error
    assert str(caught.value)
    return caught.value


# --- flowspecs (1.1, 2.1, 2.2) -------------------------------------------------------------------------


@pytest.mark.parametrize("service", [S.CONTROLLEDLOAD, S.GUARANTEED, S.GENERAL_INFORMATION])
def test_a_sender_says_its_rate(service: ServiceType):
    """1.1 rule 1: mandatory, not 0, not NOT_SPECIFIED."""
    for rate in (0, QOS_NOT_SPECIFIED, POSITIVE_INFINITY_RATE):
        error = refused(FlowspecError, check_flowspec, FlowSpec(rate, service_type=service), SEND)
        assert (error.code, error.extended) == (11017, Extended.SETQOS_BADFLOWSPEC)
    check_flowspec(FlowSpec(1, service_type=service), SEND)


@pytest.mark.parametrize("service", [S.BESTEFFORT, S.QUALITATIVE, S.NETWORK_CONTROL])
def test_a_sender_without_a_rate(service: ServiceType):
    """1.1 rule 1: these may leave it out."""
    check_flowspec(FlowSpec(service_type=service), SEND)


def test_a_receiver_of_controlled_load_names_its_service_only():
    """1.1 rule 2."""
    check_flowspec(WANT, RECEIVE)
    refused(FlowspecError, check_flowspec, replace(WANT, token_rate=0), RECEIVE)


@pytest.mark.parametrize(
    ("names", "right"),
    [
        ((), True),
        (("token_rate",), True),
        (("latency",), True),
        (("delay_variation",), True),
        (("token_rate", "delay_variation"), True),
        (("delay_variation", "latency"), True),
        (("token_rate", "latency"), False),
        (("token_rate", "latency", "delay_variation"), True),
    ],
)
def test_a_receiver_of_guaranteed_service_chooses_two_of_three(names: tuple[str, ...], right: bool):
    """1.1 rule 3: TokenRate+Latency is refused."""
    spec = FlowSpec(service_type=S.GUARANTEED, **dict.fromkeys(names, 5000))
    if right:
        check_flowspec(spec, RECEIVE)
    else:
        refused(FlowspecError, check_flowspec, spec, RECEIVE)


def test_a_peak_is_not_below_the_rate():
    """1.1 rule 4."""
    refused(FlowspecError, check_flowspec, replace(LOAD, peak_bandwidth=8499), SEND)
    refused(FlowspecError, check_flowspec, FlowSpec(2, peak_bandwidth=1, service_type=2), RECEIVE)
    for peak in (8500, POSITIVE_INFINITY_RATE):
        check_flowspec(replace(LOAD, peak_bandwidth=peak), SEND)


def test_sizes_that_go_together():
    """1.1 rule 5: m is not 0 where RSVP signals, and not above M."""
    refused(FlowspecError, check_flowspec, replace(LOAD, minimum_policed_size=0), SEND)
    refused(FlowspecError, check_flowspec, replace(LOAD, minimum_policed_size=341), SEND)
    refused(FlowspecError, check_flowspec, replace(LOAD, max_sdu_size=0), SEND)
    refused(FlowspecError, check_flowspec, replace(LOAD, token_bucket_size=0), SEND)
    check_flowspec(FlowSpec(service_type=S.BESTEFFORT, minimum_policed_size=0), SEND)


def test_sizes_that_are_left_out():
    """1.1 defaults: 1500 and 128; one that is left out makes room for the other."""
    assert sizes(FlowSpec()) == (128, 1500)
    assert sizes(FlowSpec(max_sdu_size=100)) == (100, 100)
    assert sizes(FlowSpec(minimum_policed_size=2000)) == (2000, 2000)
    assert sizes(FlowSpec(max_sdu_size=400, minimum_policed_size=300)) == (300, 400)


@pytest.mark.parametrize("number", [4, 7, 8, 11, 12, 14, 0xFFF])
def test_service_types_that_cannot_be_asked_for(number: int):
    """2.1: NETWORK_UNAVAILABLE is reported only; 7, 8, 11 and 12 are not assigned."""
    for direction in Direction:
        error = refused(ServiceTypeError, check_flowspec, FlowSpec(1000, service_type=number), direction)
        assert error.code == 11016


@pytest.mark.parametrize("service", [S.GENERAL_INFORMATION, S.NONCONFORMING, S.NETWORK_CONTROL])
def test_service_types_for_senders_only(service: ServiceType):
    """2.1."""
    check_flowspec(FlowSpec(1000, service_type=service), SEND)
    refused(ServiceTypeError, check_flowspec, FlowSpec(service_type=service), RECEIVE)


@pytest.mark.parametrize(
    "flag",
    [ServiceFlag.BESTEFFORT, ServiceFlag.CONTROLLEDLOAD, ServiceFlag.GUARANTEED, ServiceFlag.QUALITATIVE],
)
def test_the_bit_forms_are_not_supported(flag: ServiceFlag):
    """2.2."""
    refused(ServiceTypeError, check_flowspec, FlowSpec(1000, service_type=flag), SEND)


def test_flags_that_may_accompany_a_service():
    """2.2: NO_QOS_SIGNALING with 0, 1, 2, 3, 5, 6 and 13; the old IMMEDIATE flag is ignored."""
    quiet = ServiceFlag.NO_QOS_SIGNALING
    for service in (0, 1, 2, 3, 5, 6, 13):
        check_flowspec(FlowSpec(1000, service_type=service | quiet), SEND)
    for service in (9, 10):
        refused(ServiceTypeError, check_flowspec, FlowSpec(1000, service_type=service | quiet), SEND)
    for flag in (ServiceFlag.NO_TRAFFIC_CONTROL, ServiceFlag.IMMEDIATE_TRAFFIC_CONTROL):
        check_flowspec(replace(LOAD, service_type=S.CONTROLLEDLOAD | flag), SEND)


# --- objects (1.3, 2.5) --------------------------------------------------------------------------------


def change(*objects: QosObject, place: Place = UNCONNECTED, receiving: FlowSpec = WANT) -> Settings:
    return Settings().changed(Qos(receiving=receiving, provider_specific=objects), place)


def test_shape_discard_and_borrow():
    """2.5, ESDMODEOBJ, ESHAPERATEOBJ."""
    for mode in (0, 1, 2):
        change(SdMode(mode))
    for mode in (3, 4, 0xFFFFFFFF):
        assert refused(ShapeModeError, change, SdMode(mode)).code == 11029
    change(SdMode(1), ShapingRate(8500))
    for objects in ((ShapingRate(8500),), (SdMode(2), ShapingRate(8500)), (SdMode(1), ShapingRate(0))):
        assert refused(ShapingRateError, change, *objects).code == 11030


@pytest.mark.parametrize(
    "one", [UnknownObject(1004), UnknownObject(3004), UnknownObject(2000), StatusInfo(11005), Diffserv()]
)
def test_objects_that_no_application_may_give(one: QosObject):
    """1.3, EUNKNOWNPSOBJ: unknown, reserved and reported ones, and DIFFSERV, which Linux cannot do."""
    assert refused(UnknownObjectError, change, one).code == 11024


def test_objects_out_of_range_or_out_of_place():
    """1.3, EPROVSPECBUF."""
    for objects in (
        (DsClass(64),),
        (TrafficClass(8),),
        (TcpTraffic(),),
        (DsClass(1), DsClass(2)),
        (DestAddr(ip_address("0.0.0.0"), 5150),),
        (DestAddr(ip_address("10.0.0.1"), 0),),
        (DestAddr(ip_address("239.0.0.1"), 5150),),
        (DestAddr(ip_address("::1"), 5150),),
    ):
        assert refused(ProviderBufferError, change, *objects).code == 11018
    for place in (CONNECTED, STREAM):
        one = DestAddr(ip_address("10.0.0.1"), 5150)
        error = refused(ProviderBufferError, lambda: change(one, place=place))  # noqa: B023
        assert error.extended == Extended.SETQOS_ILLEGALOP
    change(TcpTraffic(), place=STREAM)


def test_policy_elements():
    """1.3, 2.8, EPOLICYOBJ, RESERVED_PETYPE."""
    for element in (PolicyElement(1, bytes(4)), PolicyElement(2, bytes(4)), PolicyElement(3, b"\0\x05\1\1")):
        assert refused(PolicyObjectError, change, PolicyInfo((element,))).code == 11025
        info = ReserveInfo(policy_elements=(element,))
        assert refused(PolicyObjectError, change, info).code == 11025
    assert refused(ReservedPolicyError, change, PolicyInfo((PolicyElement(0),))).code == 11031
    identity = PolicyElement(3, b"\0\x09\1\1APP=\0\0\0\0"[:12])
    for element in (PolicyElement(1, bytes(8)), PolicyElement(53248, b"ours"), identity):
        change(PolicyInfo((element,)))


def test_objects_stay_until_another_of_their_kind():
    settings = change(SdMode(1), DsClass(10)).changed(Qos(provider_specific=(SdMode(2),)), UNCONNECTED)
    assert settings.objects == (DsClass(10), SdMode(2))


# --- reserve info (2.3) --------------------------------------------------------------------------------


def reserve(style: int, *flows: FlowDescriptor, place: Place = UNCONNECTED) -> Settings:
    return change(ReserveInfo(style, flow_descriptors=flows), place=place)


def one(*filters: Any, spec: FlowSpec | None = None) -> FlowDescriptor:
    return FlowDescriptor(filters=filters) if spec is None else FlowDescriptor(spec, filters)


def test_styles():
    """EFILTERSTYLE: unknown ones; SE where there is one sender only."""
    assert refused(FilterStyleError, reserve, 4).code == 11019
    for place in (CONNECTED, STREAM):
        refused(FilterStyleError, lambda: reserve(3, one(A), place=place))  # noqa: B023
    joined = replace(UNCONNECTED, groups=(Address(ip_address("239.1.2.3"), 5150),))
    for place in (UNCONNECTED, joined):
        reserve(3, one(A, B), place=place)
        reserve(2, one(A), one(B), place=place)
        reserve(1, place=place)


def test_how_many_flow_descriptors():
    """EFLOWCOUNT, EFLOWDESC: WF has none, SE one, FF of a connected socket at most one."""
    for style in (ReservationStyle.WILDCARD, ReservationStyle.DEFAULT):
        assert refused(FlowCountError, reserve, style, one(A)).code == 11023
    refused(FlowCountError, reserve, 3, one(A), one(B))
    for place in (CONNECTED, STREAM):
        refused(FlowCountError, lambda: reserve(2, one(A), one(B), place=place))  # noqa: B023
        reserve(2, place=place)
        reserve(2, one(A), place=place)
    for style in (2, 3):
        error = refused(FlowDescriptorError, reserve, style)
        assert (error.code, error.extended) == (11026, Extended.SETQOS_MISSINGFLOWDESC)


def test_how_many_filters():
    """EFILTERCOUNT: FF one for each descriptor, SE fewer than 100."""
    assert refused(FilterCountError, reserve, 2, one(A, B)).code == 11021
    refused(FilterCountError, reserve, 2, one())
    refused(FilterCountError, reserve, 3, one())
    many = [FilterSpecV4(ip_address("10.0.1.1"), port) for port in range(1, 101)]
    reserve(3, one(*many[:99]))
    refused(FilterCountError, reserve, 3, one(*many))


def test_filters():
    """EFILTERTYPE, EPSFILTERSPEC."""
    six = FilterSpecV6(ip_address("2001:db8::1"), 4000)
    for wrong in (six, FilterSpecV4Gpi(ip_address("10.0.1.1"), 5)):
        assert refused(FilterTypeError, reserve, 2, one(wrong)).code == 11020
    nobody = FilterSpecV4(ip_address("0.0.0.0"), 4000)
    assert refused(FilterSpecError, reserve, 2, one(nobody)).code == 11028
    refused(FilterSpecError, reserve, 3, one(A, A))
    refused(FilterSpecError, lambda: reserve(2, one(B), place=CONNECTED))


def test_flowspecs_in_descriptors():
    """EPSFLOWSPEC."""
    bad = (
        FlowSpec(0, service_type=S.CONTROLLEDLOAD),
        FlowSpec(service_type=7),
        FlowSpec(service_type=S.GUARANTEED),
    )
    for spec in bad:
        assert refused(DescriptorFlowspecError, reserve, 2, one(A, spec=spec)).code == 11027
    reserve(2, one(A, spec=FlowSpec(1000, service_type=S.CONTROLLEDLOAD)), one(B, spec=FlowSpec(2000)))
