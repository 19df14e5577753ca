"""Which QOS may be set: everything that SIO_SET_QOS, WSAConnect and WSAJoinLeaf refuse at once.

Pure: each function returns, or raises the exception of one WSA_QOS_E* code. What no rule of GQoS's speaks
of is refused where RSVP could not carry it (RFC 2210 section 3, RFC 2212).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable
from enum import Enum
from typing import TypeVar

from ..iana_policy import IDENTITY_TYPES, PolicyElementType
from .constants import (
    MAX_SDU_SIZE,
    MINIMUM_POLICED_SIZE,
    POSITIVE_INFINITY_RATE,
    QOS_NOT_SPECIFIED,
    SERVICE_TYPE_MASK,
    PolicyOwner,
    ServiceFlag,
    ServiceType,
    ShapeMode,
)
from .errors import (
    FlowspecError,
    PolicyObjectError,
    ProviderBufferError,
    ReservedPolicyError,
    ServiceTypeError,
    ShapeModeError,
    ShapingRateError,
    UnknownObjectError,
)
from .structures import (
    AdspecInfo,
    DestAddr,
    DsClass,
    FlowSpec,
    FriendlyName,
    PolicyElement,
    PolicyInfo,
    QosObject,
    ReserveInfo,
    SdMode,
    ShapingRate,
    TcpTraffic,
    TrafficClass,
)

T = TypeVar("T")


class Direction(Enum):
    """One of the two flows that a socket may have."""

    SENDING = "sending"
    RECEIVING = "receiving"


SIGNALLED = frozenset(
    {
        ServiceType.CONTROLLEDLOAD,
        ServiceType.GUARANTEED,
        ServiceType.GENERAL_INFORMATION,
        ServiceType.QUALITATIVE,
    }
)
"""The service types that RSVP is told of."""

NO_RATE = frozenset({ServiceType.BESTEFFORT, ServiceType.QUALITATIVE, ServiceType.NETWORK_CONTROL})
"""The service types that a sender may ask for without a token rate."""

_NOT_FOR_RECEIVERS = frozenset(
    {ServiceType.GENERAL_INFORMATION, ServiceType.NONCONFORMING, ServiceType.NETWORK_CONTROL}
)
_WITHOUT_SIGNALS = SIGNALLED | {ServiceType.NOTRAFFIC, ServiceType.BESTEFFORT, ServiceType.NOCHANGE}
_KNOWN_FLAGS = ServiceFlag.NO_QOS_SIGNALING | ServiceFlag.NO_TRAFFIC_CONTROL


def check_flowspec(spec: FlowSpec, direction: Direction) -> None:
    """Refuse what cannot be sent, or received. Raises ServiceTypeError, FlowspecError."""
    service = _service(spec, direction)
    if service in (ServiceType.NOCHANGE, ServiceType.NOTRAFFIC):
        return
    rate, peak = amount(spec.token_rate), amount(spec.peak_bandwidth)
    if rate == 0:
        raise FlowspecError("a token rate is at least 1 byte/s: leave it at QOS_NOT_SPECIFIED, or say more")
    if direction is Direction.SENDING:
        if rate is None and service not in NO_RATE:
            raise FlowspecError(f"a sender of {service.name} says its token rate")
        if rate == math.inf and service in SIGNALLED:
            raise FlowspecError("a token rate that is announced has a bound")
    if peak is not None and rate is not None and peak < rate:
        raise FlowspecError(f"a peak of {peak} bytes/s is below the token rate, {rate}")
    if spec.token_bucket_size == 0 and service in SIGNALLED:
        raise FlowspecError("a token bucket holds at least 1 byte")
    _check_sizes(spec, service)
    if direction is Direction.RECEIVING and service == ServiceType.GUARANTEED:
        given = {name for name in _CHOICES if getattr(spec, name) != QOS_NOT_SPECIFIED}
        if given == {"token_rate", "latency"}:
            raise FlowspecError(
                "guaranteed service takes a token rate or a latency: give the token rate alone or with a "
                "delay variation, or a latency with a delay variation"
            )


_CHOICES = ("token_rate", "delay_variation", "latency")


def _service(spec: FlowSpec, direction: Direction) -> ServiceType:
    if spec.service_type & ~SERVICE_TYPE_MASK & ~_KNOWN_FLAGS:
        raise ServiceTypeError(f"the service type {spec.service_type:#010x} has flags that are not supported")
    try:
        service = ServiceType(spec.service)
    except ValueError:
        raise ServiceTypeError(f"there is no service type {spec.service}") from None
    if service == ServiceType.NETWORK_UNAVAILABLE:
        raise ServiceTypeError("NETWORK_UNAVAILABLE is reported, not asked for")
    if direction is Direction.RECEIVING and service in _NOT_FOR_RECEIVERS:
        raise ServiceTypeError(f"{service.name} is for senders: a receiver names the service that it wants")
    if spec.has(ServiceFlag.NO_QOS_SIGNALING) and service not in _WITHOUT_SIGNALS:
        raise ServiceTypeError(f"{service.name} is never signalled: leave NO_QOS_SIGNALING out")
    return service


def _check_sizes(spec: FlowSpec, service: ServiceType) -> None:
    largest = given(spec.max_sdu_size, MAX_SDU_SIZE)
    if largest == 0:
        raise FlowspecError("the largest packet has at least 1 byte")
    if spec.minimum_policed_size == QOS_NOT_SPECIFIED:
        return
    if spec.minimum_policed_size == 0 and service in SIGNALLED:
        raise FlowspecError("the minimum policed size is at least 1 byte where RSVP signals")
    # What is left out follows the other one: only two sizes that were given can disagree.
    if spec.max_sdu_size != QOS_NOT_SPECIFIED and spec.minimum_policed_size > largest:
        raise FlowspecError(
            f"the minimum policed size {spec.minimum_policed_size} is above the largest packet, {largest}"
        )


def given(value: int, default: int) -> int:
    """A field of a flowspec, or what stands for it where it is not specified."""
    return default if value == QOS_NOT_SPECIFIED else value


def amount(value: int) -> float | None:
    """A rate in bytes/s, infinite or not; None where it is not specified."""
    if value == QOS_NOT_SPECIFIED:
        return None
    return math.inf if value == POSITIVE_INFINITY_RATE else float(value)


def sizes(spec: FlowSpec) -> tuple[int, int]:
    """(MinimumPolicedSize, MaxSduSize) of a Path: 128 and 1500 where not specified, the former no larger."""
    largest = given(spec.max_sdu_size, MAX_SDU_SIZE)
    if spec.minimum_policed_size == QOS_NOT_SPECIFIED:
        return min(MINIMUM_POLICED_SIZE, largest), largest
    if spec.max_sdu_size == QOS_NOT_SPECIFIED:
        largest = max(largest, spec.minimum_policed_size)
    return spec.minimum_policed_size, largest


# --- objects -------------------------------------------------------------------------------------------

TAKEN = (
    ReserveInfo,
    AdspecInfo,
    PolicyInfo,
    SdMode,
    ShapingRate,
    DestAddr,
    DsClass,
    TrafficClass,
    TcpTraffic,
    FriendlyName,
)
"""What an application may put into a provider-specific buffer here."""


def check_objects(objects: tuple[QosObject, ...], tcp: bool) -> None:
    """Refuse objects that no application may give, doubled ones, and values out of range.

    Raises UnknownObjectError, ProviderBufferError, ShapeModeError, ShapingRateError, PolicyObjectError.
    """
    for one in objects:
        if not isinstance(one, TAKEN):
            raise UnknownObjectError(f"an object of type {int(one.object_type)} cannot be set here")
    for kind in TAKEN:
        if kind is not DestAddr and sum(isinstance(one, kind) for one in objects) > 1:
            raise ProviderBufferError(f"there is more than one {kind.__name__}")
    _check_shaping(find(objects, SdMode), find(objects, ShapingRate))
    if (marking := find(objects, DsClass)) is not None and marking.dscp > 0x3F:
        raise ProviderBufferError(f"a DSCP is 0 to 63, not {marking.dscp}")
    if (traffic := find(objects, TrafficClass)) is not None and traffic.priority > 7:
        raise ProviderBufferError(f"an 802.1p priority is 0 to 7, not {traffic.priority}")
    if find(objects, TcpTraffic) is not None and not tcp:
        raise ProviderBufferError("TcpTraffic is for TCP sockets")
    if (policy := find(objects, PolicyInfo)) is not None:
        check_policy(policy.elements)
    if (adspec := find(objects, AdspecInfo)) is not None:
        for service in adspec.services:
            if service.service not in SIGNALLED:
                raise ProviderBufferError(f"a sender cannot be limited to service {service.service}")


def find(objects: Iterable[QosObject], kind: type[T]) -> T | None:
    """The object of one kind, None where there is none."""
    return next((one for one in objects if isinstance(one, kind)), None)


def _check_shaping(mode: SdMode | None, rate: ShapingRate | None) -> None:
    if mode is not None and mode.mode not in (ShapeMode.BORROW, ShapeMode.SHAPE, ShapeMode.DISCARD):
        raise ShapeModeError(f"a shape and discard mode is BORROW, SHAPE or DISCARD, not {mode.mode}")
    if rate is None:
        return
    if mode is None or mode.mode != ShapeMode.SHAPE:
        raise ShapingRateError("a shaping rate goes with mode SHAPE")
    if rate.rate in (0, QOS_NOT_SPECIFIED, POSITIVE_INFINITY_RATE):
        raise ShapingRateError("a shaping rate is a number of bytes/s, 1 at least")


def check_policy(elements: tuple[PolicyElement, ...]) -> None:
    """Refuse policy elements that no policy server could read. Raises PolicyObjectError."""
    for one in elements:
        if one.type < PolicyOwner.STANDARD:
            raise ReservedPolicyError("policy element type 0 is reserved")
        if one.type == PolicyElementType.PREEMPTION_PRI and len(one.data) not in (0, 8):
            raise PolicyObjectError("a preemption priority has 8 bytes (RFC 3181 section 4)")
        if one.type in IDENTITY_TYPES and not _is_identity(one.data):
            raise PolicyObjectError("the attributes of an identity do not fill it (RFC 3182 section 3.3)")


def _is_identity(data: bytes) -> bool:
    at = 0
    while at < len(data):
        (length,) = struct.unpack_from("!H", data, at)
        if length < 4:
            return False
        at += -(-length // 4) * 4
    return at == len(data)
