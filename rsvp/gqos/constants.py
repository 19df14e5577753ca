"""The numbers of Winsock's Generic QoS, under its own names less their prefixes.

SERVICETYPE_GUARANTEED is `ServiceType.GUARANTEED`, WSA_QOS_RECEIVERS is `Status.RECEIVERS`; the GQOS_*
codes are next door in `extended`. Where a number of RSVP itself is the same, it is said so.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

QOS_NOT_SPECIFIED: Final = 0xFFFFFFFF
"""A field of a flowspec that the application leaves to the provider."""
POSITIVE_INFINITY_RATE: Final = 0xFFFFFFFE
"""A token rate or a peak without bounds; on the wire an infinite single."""
INFO_NOT_AVAILABLE: Final = 0xFFFFFFFF
"""`check_qos` does not know."""
INDETERMINATE_LATENCY: Final = 0xFFFFFFFF
"""Some hop does not know its least latency (`iana.LATENCY_UNKNOWN`)."""
AD_FLAG_BREAK_BIT: Final = 1
"""Some hop is not aware of the service, and the other values may be wrong."""
ANY_DEST_ADDR: Final = 0xFFFFFFFF
HIGHLY_DELAY_SENSITIVE: Final = 0xFFFFFFFE
MODERATELY_DELAY_SENSITIVE: Final = 0xFFFFFFFD

NULL_QOS_TYPE: Final = 0xFFFFFFFD
"""An object without a type, in old SDKs only; here it is one that nobody knows."""

SERVICE_TYPE_MASK: Final = 0x0FFF
"""The bits of a service type word that are the type; those above are `ServiceFlag`s."""

MAX_SDU_SIZE: Final = 1500
"""What MaxSduSize is in a Path where nobody said, bytes."""
MINIMUM_POLICED_SIZE: Final = 128
"""What MinimumPolicedSize is in a Path where nobody said, bytes."""


class ServiceType(IntEnum):
    """SERVICETYPE_*: what a direction of a flow gets. 7, 8, 11 and 12 are not assigned."""

    NOTRAFFIC = 0
    BESTEFFORT = 1
    CONTROLLEDLOAD = 2
    GUARANTEED = 3
    NETWORK_UNAVAILABLE = 4
    GENERAL_INFORMATION = 5
    NOCHANGE = 6
    NONCONFORMING = 9
    NETWORK_CONTROL = 10
    QUALITATIVE = 13


PRIORITY: Final = (
    ServiceType.NETWORK_CONTROL,
    ServiceType.GUARANTEED,
    ServiceType.CONTROLLEDLOAD,
    ServiceType.BESTEFFORT,
    ServiceType.QUALITATIVE,
    ServiceType.NONCONFORMING,
)
"""The service types that traffic control tells apart, most important first."""


class ServiceFlag(IntEnum):
    """SERVICE_*, to be or-ed with a service type; some have two bits, so these are no IntFlag."""

    NO_QOS_SIGNALING = 0x40000000
    NO_TRAFFIC_CONTROL = 0x81000000
    IMMEDIATE_TRAFFIC_CONTROL = 0x80000000  # old, and ignored
    BESTEFFORT = 0x80010000  # this one and the next: bit forms that were never supported
    CONTROLLEDLOAD = 0x80020000
    GUARANTEED = 0x80040000
    QUALITATIVE = 0x80200000


class ObjectType(IntEnum):
    """QOS_OBJECT_* and RSVP_OBJECT_*: what stands in a provider-specific buffer."""

    RSVP_STATUS_INFO = 1000
    RSVP_RESERVE_INFO = 1001
    RSVP_ADSPEC = 1002
    RSVP_POLICY_INFO = 1003
    RSVP_FILTERSPEC_LIST = 1004
    END_OF_LIST = 2001
    SD_MODE = 2002
    SHAPING_RATE = 2003
    DESTADDR = 2004
    DS_CLASS = 4001
    TRAFFIC_CLASS = 4002
    DIFFSERV = 4003
    TCP_TRAFFIC = 4004
    FRIENDLY_NAME = 4005


class ShapeMode(IntEnum):
    """TC_NONCONF_*: what becomes of packets beyond the flowspec."""

    BORROW = 0
    SHAPE = 1
    DISCARD = 2
    BORROW_PLUS = 3  # defined, and never supported


class ReservationStyle(IntEnum):
    """RSVP_*_STYLE, GQoS's own numbers; `objects.Style` has the wire's."""

    DEFAULT = 0
    WILDCARD = 1
    FIXED_FILTER = 2
    SHARED_EXPLICIT = 3


class FilterType(IntEnum):
    """FILTERSPEC*; each is the C-Type of the FILTER_SPEC that it becomes (RFC 2205 A.9, RFC 2207)."""

    V4 = 1
    V6 = 2
    V6_FLOW = 3
    V4_GPI = 4
    V6_GPI = 5
    END = 6


class Sio(IntEnum):
    """SIO_*: what `Socket.ioctl` is asked for."""

    GET_QOS = 0xC8000007
    GET_GROUP_QOS = 0xC8000008
    MULTIPOINT_LOOPBACK = 0x88000009
    MULTICAST_SCOPE = 0x8800000A
    SET_QOS = 0x8800000B
    SET_GROUP_QOS = 0x8800000C
    ROUTING_INTERFACE_QUERY = 0xC8000014
    CHK_QOS = 0xDC000001


class Check(IntEnum):
    """The six questions of SIO_CHK_QOS."""

    ALLOWED_TO_SEND_DATA = 50001
    ABLE_TO_RECV_RSVP = 50002
    LINE_RATE = 50003
    LOCAL_TRAFFIC_CONTROL = 50004
    LOCAL_QOSABILITY = 50005
    END_TO_END_QOSABILITY = 50006


class NetworkEvent(IntFlag):
    """FD_*: what an event object is told of."""

    QOS = 0x40
    GROUP_QOS = 0x80


class Join(IntEnum):
    """JL_*: in which direction a group is joined."""

    SENDER_ONLY = 1
    RECEIVER_ONLY = 2
    BOTH = 4


class SocketFlag(IntFlag):
    """WSA_FLAG_*: how a socket is made."""

    OVERLAPPED = 1
    MULTIPOINT_C_ROOT = 2
    MULTIPOINT_C_LEAF = 4
    MULTIPOINT_D_ROOT = 8
    MULTIPOINT_D_LEAF = 0x10


class ProviderFlag(IntFlag):
    """XP1_*: what a protocol's provider can do."""

    SUPPORT_MULTIPOINT = 0x400
    QOS_SUPPORTED = 0x2000


class Condition(IntEnum):
    """CF_*: what the callback of `Socket.accept` answers."""

    ACCEPT = 0
    REJECT = 1
    DEFER = 2


class Shutdown(IntEnum):
    """SD_*: which direction ends."""

    RECEIVE = 0
    SEND = 1
    BOTH = 2


class Status(IntEnum):
    """WSA_QOS_*: what an event says, and errors of arguments. In sequence, so compare for equality."""

    RECEIVERS = 11005
    SENDERS = 11006
    NO_SENDERS = 11007
    NO_RECEIVERS = 11008
    REQUEST_CONFIRMED = 11009
    ADMISSION_FAILURE = 11010
    POLICY_FAILURE = 11011
    BAD_STYLE = 11012
    BAD_OBJECT = 11013
    TRAFFIC_CTRL_ERROR = 11014
    GENERIC_ERROR = 11015
    ESERVICETYPE = 11016
    EFLOWSPEC = 11017
    EPROVSPECBUF = 11018
    EFILTERSTYLE = 11019
    EFILTERTYPE = 11020
    EFILTERCOUNT = 11021
    EOBJLENGTH = 11022
    EFLOWCOUNT = 11023
    EUNKNOWNPSOBJ = 11024
    EUNKOWNPSOBJ = 11024  # as the headers spell it
    EPOLICYOBJ = 11025
    EFLOWDESC = 11026
    EPSFLOWSPEC = 11027
    EPSFILTERSPEC = 11028
    ESDMODEOBJ = 11029
    ESHAPERATEOBJ = 11030
    RESERVED_PETYPE = 11031


class WsaError(IntEnum):
    """WSA*: the errors of sockets that QoS calls answer with."""

    OPERATION_ABORTED = 995
    IO_PENDING = 997
    EFAULT = 10014
    EINVAL = 10022
    EWOULDBLOCK = 10035
    ENOTSOCK = 10038
    EOPNOTSUPP = 10045
    ENETDOWN = 10050
    ENOBUFS = 10055
    ECONNREFUSED = 10061
    TRY_AGAIN = 11002
    NO_DATA = 11004


class TcError(IntEnum):
    """ERROR_* of Windows' kernel traffic control, 7501 to 7521."""

    INCOMPATIBLE_TCI_VERSION = 7501
    INVALID_SERVICE_TYPE = 7502
    INVALID_TOKEN_RATE = 7503
    INVALID_PEAK_RATE = 7504
    INVALID_SD_MODE = 7505
    INVALID_QOS_PRIORITY = 7506
    INVALID_TRAFFIC_CLASS = 7507
    INVALID_ADDRESS_TYPE = 7508
    DUPLICATE_FILTER = 7509
    FILTER_CONFLICT = 7510
    ADDRESS_TYPE_NOT_SUPPORTED = 7511
    TC_SUPPORTED_OBJECTS_EXIST = 7512
    INCOMPATIBLE_QOS = 7513
    TC_NOT_SUPPORTED = 7514
    TC_OBJECT_LENGTH_INVALID = 7515
    INVALID_FLOW_MODE = 7516
    INVALID_DIFFSERV_FLOW = 7517
    DS_MAPPING_EXISTS = 7518
    INVALID_SHAPE_RATE = 7519
    INVALID_DS_CLASS = 7520
    TOO_MANY_CLIENTS = 7521


AMBIGUOUS_FILTER: Final = 9
"""An error code that early RSVP had and RFC 2205 keeps reserved; GQoS has a detail for it."""


class AdmissionValue(IntEnum):
    """Values of RSVP's error code 1 that are Windows' own."""

    FLOW_RATE = 0x8001
    PEAK_RATE = 0x8003


class PolicyOwner(IntEnum):
    """Where the three ranges of policy element types begin; type 0 is reserved."""

    STANDARD = 1
    VENDOR = 49152
    PRIVATE = 53248


DSCP: Final = {
    ServiceType.BESTEFFORT: 0x00,
    ServiceType.QUALITATIVE: 0x00,
    ServiceType.CONTROLLEDLOAD: 0x18,
    ServiceType.GUARANTEED: 0x28,
    ServiceType.NETWORK_CONTROL: 0x30,
    ServiceType.NONCONFORMING: 0x00,
}
"""Service type -> the code point of its packets, where no DS_CLASS object says otherwise."""

USER_PRIORITY: Final = {
    ServiceType.BESTEFFORT: 0,
    ServiceType.QUALITATIVE: 0,
    ServiceType.CONTROLLEDLOAD: 4,
    ServiceType.GUARANTEED: 5,
    ServiceType.NETWORK_CONTROL: 7,
    ServiceType.NONCONFORMING: 1,
}
"""Service type -> 802.1p priority, where no TRAFFIC_CLASS object says otherwise; no source is sure of it."""
