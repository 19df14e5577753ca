"""What a QOS structure holds: two flowspecs and provider-specific objects, as frozen values.

Names are GQoS's own in lower case: TokenBucketSize is `token_bucket_size`. Rates are bytes/s, sizes bytes,
times microseconds; every number is an unsigned one of 32 bits and `QOS_NOT_SPECIFIED` stands for "you
choose". The bytes are `packing`'s business, and what goes together that of `checks`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar, TypeAlias

from ..objects import IPAddress, check_bits
from .constants import (
    INDETERMINATE_LATENCY,
    QOS_NOT_SPECIFIED,
    SERVICE_TYPE_MASK,
    FilterType,
    ObjectType,
    ReservationStyle,
    ServiceFlag,
    ServiceType,
    ShapeMode,
)


def _check_words(structure: object) -> None:
    """Raise ValueError where a number of a structure does not fit 32 bits."""
    for field in fields(structure):  # type: ignore[arg-type]
        value = getattr(structure, field.name)
        if isinstance(value, int):
            check_bits(value, 32, field.name)


@dataclass(frozen=True, slots=True)
class FlowSpec:
    """FLOWSPEC: what one direction of a flow sends, or wants.

    `token_rate` (bytes/s) and `token_bucket_size` (bytes) are a token bucket, `peak_bandwidth` its peak in
    bytes/s; `latency` and `delay_variation` microseconds; `service_type` a `ServiceType` with `ServiceFlag`s
    or-ed into it; `max_sdu_size` and `minimum_policed_size` bytes.
    """

    token_rate: int = QOS_NOT_SPECIFIED
    token_bucket_size: int = QOS_NOT_SPECIFIED
    peak_bandwidth: int = QOS_NOT_SPECIFIED
    latency: int = QOS_NOT_SPECIFIED
    delay_variation: int = QOS_NOT_SPECIFIED
    service_type: int = ServiceType.NOCHANGE
    max_sdu_size: int = QOS_NOT_SPECIFIED
    minimum_policed_size: int = QOS_NOT_SPECIFIED

    def __post_init__(self) -> None:
        _check_words(self)

    @property
    def service(self) -> int:
        """The service type without its flags."""
        return self.service_type & SERVICE_TYPE_MASK

    def has(self, flag: ServiceFlag) -> bool:
        """Whether all bits of a flag are set."""
        return self.service_type & flag == flag

    @property
    def unspecified(self) -> bool:
        """Whether no field but the service type says anything."""
        return self == replace(UNSPECIFIED, service_type=self.service_type)


UNSPECIFIED = FlowSpec()
"""What an untouched socket has in both directions."""


# --- parts of objects ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FilterSpecV4:
    """RSVP_FILTERSPEC_V4: a sender by IPv4 address and port."""

    address: IPv4Address
    port: int
    type: ClassVar[FilterType] = FilterType.V4

    def __post_init__(self) -> None:
        check_bits(self.port, 16, "a port")


@dataclass(frozen=True, slots=True)
class FilterSpecV6:
    """RSVP_FILTERSPEC_V6: a sender by IPv6 address and port."""

    address: IPv6Address
    port: int
    type: ClassVar[FilterType] = FilterType.V6

    def __post_init__(self) -> None:
        check_bits(self.port, 16, "a port")


@dataclass(frozen=True, slots=True)
class FilterSpecV6Flow:
    """RSVP_FILTERSPEC_V6_FLOW: a sender by IPv6 address and flow label, 24 bits."""

    address: IPv6Address
    flow_label: int
    type: ClassVar[FilterType] = FilterType.V6_FLOW

    def __post_init__(self) -> None:
        check_bits(self.flow_label, 24, "a flow label")


@dataclass(frozen=True, slots=True)
class FilterSpecV4Gpi:
    """RSVP_FILTERSPEC_V4_GPI: an IPsec sender by IPv4 address and SPI (RFC 2207)."""

    address: IPv4Address
    general_port_id: int
    type: ClassVar[FilterType] = FilterType.V4_GPI

    def __post_init__(self) -> None:
        check_bits(self.general_port_id, 32, "a general port id")


@dataclass(frozen=True, slots=True)
class FilterSpecV6Gpi:
    """RSVP_FILTERSPEC_V6_GPI: an IPsec sender by IPv6 address and SPI (RFC 2207)."""

    address: IPv6Address
    general_port_id: int
    type: ClassVar[FilterType] = FilterType.V6_GPI

    def __post_init__(self) -> None:
        check_bits(self.general_port_id, 32, "a general port id")


FilterSpec: TypeAlias = FilterSpecV4 | FilterSpecV6 | FilterSpecV6Flow | FilterSpecV4Gpi | FilterSpecV6Gpi
"""RSVP_FILTERSPEC."""


def filter_for(address: IPAddress, port: int) -> FilterSpec:
    """A sender by address and port, of the address's family."""
    if isinstance(address, IPv4Address):
        return FilterSpecV4(address, port)
    return FilterSpecV6(address, port)


@dataclass(frozen=True, slots=True)
class FlowDescriptor:
    """FLOWDESCRIPTOR: what to reserve, and for which senders."""

    flowspec: FlowSpec = UNSPECIFIED
    filters: tuple[FilterSpec, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyElement:
    """RSVP_POLICY: a policy element; `type` 1 to 65535, `data` a multiple of 4 bytes (RFC 2750)."""

    type: int
    data: bytes = b""

    def __post_init__(self) -> None:
        check_bits(self.type, 16, "a policy element's type")
        if len(self.data) % 4 or len(self.data) > 0xFFFF - 4:
            raise ValueError("a policy element is a multiple of 4 bytes long, and 65532 at most")


@dataclass(frozen=True, slots=True)
class GeneralParams:
    """AD_GENERAL_PARAMS: hops that know RSVP, bytes/s, microseconds, bytes, and AD_FLAG_BREAK_BIT."""

    int_serv_aware_hop_count: int = QOS_NOT_SPECIFIED
    path_bandwidth_estimate: int = QOS_NOT_SPECIFIED
    minimum_latency: int = INDETERMINATE_LATENCY
    path_mtu: int = QOS_NOT_SPECIFIED
    flags: int = 0

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class GuaranteedParams:
    """AD_GUARANTEED: C terms in bytes, D terms in microseconds (RFC 2212)."""

    c_total: int = 0
    d_total: int = 0
    c_sum: int = 0
    d_sum: int = 0

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class ParamBuffer:
    """PARAM_BUFFER: a parameter of a service by its number."""

    parameter_id: int
    data: bytes = b""

    def __post_init__(self) -> None:
        check_bits(self.parameter_id, 32, "a parameter's number")


@dataclass(frozen=True, slots=True)
class ControlService:
    """CONTROL_SERVICE: what the path offers for one service; `overrides` go before the general values.

    `guaranteed` is there for guaranteed service, `parameters` for any other.
    """

    service: int
    overrides: GeneralParams = GeneralParams()
    guaranteed: GuaranteedParams | None = None
    parameters: tuple[ParamBuffer, ...] = ()

    def __post_init__(self) -> None:
        check_bits(self.service, 32, "a service")
        if (self.service == ServiceType.GUARANTEED) != (self.guaranteed is not None):
            raise ValueError("guaranteed service has C and D terms, and no other service has")
        if self.guaranteed is not None and self.parameters:
            raise ValueError("guaranteed service has C and D terms instead of other parameters")


# --- objects -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StatusInfo:
    """RSVP_STATUS_INFO: what happened, a `Status`, and why, an `Extended` category and detail."""

    status: int
    extended_status1: int = 0
    extended_status2: int = 0
    object_type: ClassVar[ObjectType] = ObjectType.RSVP_STATUS_INFO

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class ReserveInfo:
    """RSVP_RESERVE_INFO: how a receiver reserves.

    `style` is a `ReservationStyle`; `confirm_request` asks for REQUEST_CONFIRMED; style WILDCARD has no
    `flow_descriptors`.
    """

    style: int = ReservationStyle.DEFAULT
    confirm_request: int = 0
    policy_elements: tuple[PolicyElement, ...] = ()
    flow_descriptors: tuple[FlowDescriptor, ...] = ()
    object_type: ClassVar[ObjectType] = ObjectType.RSVP_RESERVE_INFO

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class AdspecInfo:
    """RSVP_ADSPEC: what the path offers; given by a sender, the services that it is limited to."""

    general: GeneralParams = GeneralParams()
    services: tuple[ControlService, ...] = ()
    object_type: ClassVar[ObjectType] = ObjectType.RSVP_ADSPEC


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """RSVP_POLICY_INFO: policy elements."""

    elements: tuple[PolicyElement, ...] = ()
    object_type: ClassVar[ObjectType] = ObjectType.RSVP_POLICY_INFO


@dataclass(frozen=True, slots=True)
class SdMode:
    """QOS_SD_MODE: what becomes of packets beyond the flowspec, a `ShapeMode`."""

    mode: int = ShapeMode.BORROW
    object_type: ClassVar[ObjectType] = ObjectType.SD_MODE

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class ShapingRate:
    """QOS_SHAPING_RATE: the rate to shape to in bytes/s, instead of the token rate."""

    rate: int
    object_type: ClassVar[ObjectType] = ObjectType.SHAPING_RATE

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class DestAddr:
    """QOS_DESTADDR: where a socket that is not connected sends to."""

    address: IPAddress
    port: int
    object_type: ClassVar[ObjectType] = ObjectType.DESTADDR

    def __post_init__(self) -> None:
        check_bits(self.port, 16, "a port")


@dataclass(frozen=True, slots=True)
class DsClass:
    """QOS_DS_CLASS: the packets' DSCP, 0 to 63."""

    dscp: int
    object_type: ClassVar[ObjectType] = ObjectType.DS_CLASS

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class TrafficClass:
    """QOS_TRAFFIC_CLASS: the packets' 802.1p priority, 0 to 7."""

    priority: int
    object_type: ClassVar[ObjectType] = ObjectType.TRAFFIC_CLASS

    def __post_init__(self) -> None:
        _check_words(self)


@dataclass(frozen=True, slots=True)
class DiffservRule:
    """QOS_DIFFSERV_RULE: what packets that come with one DSCP leave with."""

    inbound_dscp: int
    conforming_dscp: int
    nonconforming_dscp: int
    conforming_user_priority: int
    nonconforming_user_priority: int

    def __post_init__(self) -> None:
        for field in fields(self):
            check_bits(getattr(self, field.name), 8, field.name)


@dataclass(frozen=True, slots=True)
class Diffserv:
    """QOS_DIFFSERV: the rules of a flow that is an aggregate."""

    rules: tuple[DiffservRule, ...] = ()
    object_type: ClassVar[ObjectType] = ObjectType.DIFFSERV


@dataclass(frozen=True, slots=True)
class TcpTraffic:
    """QOS_TCP_TRAFFIC: the flow is TCP's; there is nothing more to it."""

    object_type: ClassVar[ObjectType] = ObjectType.TCP_TRAFFIC


@dataclass(frozen=True, slots=True)
class FriendlyName:
    """QOS_FRIENDLY_NAME: what people call the flow, up to 256 UTF-16 units."""

    name: str
    object_type: ClassVar[ObjectType] = ObjectType.FRIENDLY_NAME

    def __post_init__(self) -> None:
        if len(self.name.encode("utf-16-le", "surrogatepass")) > 512 or "\0" in self.name:
            raise ValueError("a friendly name is at most 256 UTF-16 units long, and none of them is NUL")


@dataclass(frozen=True, slots=True)
class UnknownObject:
    """An object of another type, with its bytes after the header."""

    object_type: int
    data: bytes = b""

    def __post_init__(self) -> None:
        check_bits(self.object_type, 32, "an object's type")


QosObject: TypeAlias = (
    StatusInfo
    | ReserveInfo
    | AdspecInfo
    | PolicyInfo
    | SdMode
    | ShapingRate
    | DestAddr
    | DsClass
    | TrafficClass
    | Diffserv
    | TcpTraffic
    | FriendlyName
    | UnknownObject
)
"""What may stand in a provider-specific buffer."""


@dataclass(frozen=True, slots=True)
class Qos:
    """QOS: what is sent, what is to be received, and objects in the order of their buffer."""

    sending: FlowSpec = UNSPECIFIED
    receiving: FlowSpec = UNSPECIFIED
    provider_specific: tuple[QosObject, ...] = ()
