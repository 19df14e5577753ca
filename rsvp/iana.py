"""Numbers of the protocol: message types, class numbers, C-Types, error codes, services.

Every literal of the wire lives in this file and its annexes, `iana_errors`, `iana_flags`,
`iana_names` and `iana_policy`, and nowhere else. The registry is IANA's "RSVP Parameters"
(https://www.iana.org/assignments/rsvp-parameters); each entry names the RFC that defines it.
Class numbers follow RFC 3936: the top two bits say what a node does with a class that it does not
know (RFC 2205 section 3.10).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from .iana_errors import (
    ERROR_CODES,
    ERROR_VALUES,
    RECEIVED_CODE,
    SUBCODE_MASK,
    SUBCODE_OWNER_SHIFT,
    SUBCODE_OWNERS,
    SUBCODE_STATE_UPDATED,
    SUBCODED,
)

RSVP_VERSION: Final = 1
"""Version in the common header (RFC 2205 section 3.1.1)."""

RSVP_PROTOCOL: Final = 46
"""IP protocol number of RSVP (RFC 2205 section 3.3)."""

UDP_FROM_HOST, UDP_TO_HOST = 1698, 1699
"""UDP ports Pu, to which a host without raw sockets sends, and Pu', to which others answer it."""

UDP_ENCAPSULATION_PORTS: Final = (UDP_FROM_HOST, UDP_TO_HOST)
"""UDP ports Pu and Pu' of encapsulated RSVP (RFC 2205 appendix C)."""

UDP_ENCAPSULATION_GROUPS: Final[dict[int, IPv4Address | IPv6Address]] = {
    4: IPv4Address("224.0.0.14"),
    6: IPv6Address("ff02::e"),
}
"""G*, the group of the nodes on a link that understand RSVP in UDP, by IP version."""

ROUTER_ALERT: Final = b"\x94\x04\x00\x00"
IPV6_ROUTER_ALERT: Final = b"\x05\x02\x00\x01"
"""Router Alert options: IPv4's with value 0 (RFC 2113), IPv6's with value 1, RSVP (RFC 2711)."""

DEFAULT_TTL: Final = 63
"""IP TTL of RSVP messages where the application never set a multicast TTL."""


class MessageType(IntEnum):
    """Message types of the common header (RFC 2205 section 3.1.1)."""

    PATH = 1
    RESV = 2
    PATH_ERR = 3
    RESV_ERR = 4
    PATH_TEAR = 5
    RESV_TEAR = 6
    RESV_CONF = 7
    DREQ = 8  # RFC 2745
    DREP = 9
    RESV_TEAR_CONFIRM = 10  # registered without an RFC
    BUNDLE = 12  # RFC 2961
    ACK = 13
    SREFRESH = 15
    HELLO = 20  # RFC 3209
    NOTIFY = 21  # RFC 3473
    INTEGRITY_CHALLENGE = 25  # RFC 2747, number from RFC 3097
    INTEGRITY_RESPONSE = 26
    RECOVERY_PATH = 30  # RFC 5063


MESSAGE_NAMES: Final[dict[int, str]] = {
    1: "Path",  # RFC 2205
    2: "Resv",
    3: "PathErr",
    4: "ResvErr",
    5: "PathTear",
    6: "ResvTear",
    7: "ResvConf",
    8: "DREQ",  # RFC 2745
    9: "DREP",
    10: "ResvTearConfirm",
    12: "Bundle",  # RFC 2961
    13: "Ack",
    15: "Srefresh",
    20: "Hello",  # RFC 3209
    21: "Notify",  # RFC 3473
    25: "IntegrityChallenge",  # RFC 2747, number from RFC 3097
    26: "IntegrityResponse",
    30: "RecoveryPath",  # RFC 5063
    66: "DSBM_willing",  # RFC 2814
    67: "I_AM_DSBM",
}
"""Names of all registered message types, also of those that are not decoded yet."""


BUNDLE: Final = 12
"""Message type whose body is whole messages instead of objects (RFC 2961 section 3)."""


class ClassNum(IntEnum):
    """Object classes that have a class of their own here (RFC 2205 appendix A and extensions)."""

    NULL = 0
    SESSION = 1
    RSVP_HOP = 3
    INTEGRITY = 4
    TIME_VALUES = 5
    ERROR_SPEC = 6
    SCOPE = 7
    STYLE = 8
    FLOWSPEC = 9
    FILTER_SPEC = 10
    SENDER_TEMPLATE = 11
    SENDER_TSPEC = 12
    ADSPEC = 13
    POLICY_DATA = 14
    RESV_CONFIRM = 15
    # Extensions. What has no field of its own in a message stands in its `extra`.
    LABEL = 16  # RFC 3209
    LABEL_REQUEST = 19
    EXPLICIT_ROUTE = 20
    RECORD_ROUTE = 21
    HELLO = 22
    MESSAGE_ID = 23  # RFC 2961
    MESSAGE_ID_ACK = 24
    MESSAGE_ID_LIST = 25
    DIAGNOSTIC = 30  # RFC 2745
    ROUTE = 31
    DIAG_RESPONSE = 32
    DIAG_SELECT = 33
    RECOVERY_LABEL = 34  # RFC 3473
    UPSTREAM_LABEL = 35
    LABEL_SET = 36
    PROTECTION = 37
    PRIMARY_PATH_ROUTE = 38  # RFC 4872
    S2L_SUB_LSP = 50  # RFC 4875
    DETOUR = 63  # RFC 4090
    CHALLENGE = 64  # RFC 2747
    LSP_REQUIRED_ATTRIBUTES = 67  # RFC 5420
    NODE_CHAR = 128  # RFC 2746
    SUGGESTED_LABEL = 129  # RFC 3473
    ACCEPTABLE_LABEL_SET = 130
    RESTART_CAP = 131
    SESSION_OF_INTEREST = 132  # RFC 4860
    CAPABILITY = 134  # RFC 5063
    SESSION_ASSOC = 192  # RFC 2746
    LSP_TUNNEL_INTERFACE_ID = 193  # RFC 3477
    USER_ERROR_SPEC = 194  # RFC 5284
    NOTIFY_REQUEST = 195  # RFC 3473
    ADMIN_STATUS = 196
    LSP_ATTRIBUTES = 197  # RFC 5420
    ASSOCIATION = 199  # RFC 4872
    SECONDARY_EXPLICIT_ROUTE = 200  # RFC 4873
    SECONDARY_RECORD_ROUTE = 201
    FAST_REROUTE = 205  # RFC 4090
    SESSION_ATTRIBUTE = 207  # RFC 3209
    DCLASS = 225  # RFC 2996
    EXCLUDE_ROUTE = 232  # RFC 4874


CLASS_NAMES: Final[dict[int, str]] = {
    0: "NULL",  # RFC 2205
    1: "SESSION",
    3: "RSVP_HOP",
    4: "INTEGRITY",  # RFC 2747
    5: "TIME_VALUES",
    6: "ERROR_SPEC",
    7: "SCOPE",
    8: "STYLE",
    9: "FLOWSPEC",
    10: "FILTER_SPEC",
    11: "SENDER_TEMPLATE",
    12: "SENDER_TSPEC",
    13: "ADSPEC",
    14: "POLICY_DATA",
    15: "RESV_CONFIRM",
    16: "RSVP_LABEL",  # RFC 3209
    17: "HOP_COUNT",
    18: "STRICT_SOURCE_ROUTE",
    19: "LABEL_REQUEST",  # RFC 3209
    20: "EXPLICIT_ROUTE",
    21: "ROUTE_RECORD",
    22: "HELLO",
    23: "MESSAGE_ID",  # RFC 2961
    24: "MESSAGE_ID_ACK",
    25: "MESSAGE_ID_LIST",
    30: "DIAGNOSTIC",  # RFC 2745
    31: "ROUTE",
    32: "DIAG_RESPONSE",
    33: "DIAG_SELECT",
    34: "RECOVERY_LABEL",  # RFC 3473
    35: "UPSTREAM_LABEL",
    36: "LABEL_SET",
    37: "PROTECTION",
    38: "PRIMARY_PATH_ROUTE",  # RFC 4872
    42: "DSBM_IP_ADDRESS",  # RFC 2814
    43: "SBM_PRIORITY",
    44: "DSBM_TIMER_INTERVALS",
    45: "SBM_INFO",
    50: "S2L_SUB_LSP",  # RFC 4875
    63: "DETOUR",  # RFC 4090
    64: "CHALLENGE",  # RFC 2747
    65: "DIFF-SERV",  # RFC 3270
    66: "CLASSTYPE",  # RFC 4124
    67: "LSP_REQUIRED_ATTRIBUTES",  # RFC 5420
    128: "NODE_CHAR",  # RFC 2746
    129: "SUGGESTED_LABEL",  # RFC 3473
    130: "ACCEPTABLE_LABEL_SET",
    131: "RESTART_CAP",
    132: "SESSION-OF-INTEREST",  # RFC 4860
    133: "LINK_CAPABILITY",
    134: "CAPABILITY",  # RFC 5063
    161: "RSVP_HOP_L2",  # RFC 2814
    162: "LAN_NHOP_L2",
    163: "LAN_NHOP_L3",
    164: "LAN_LOOPBACK",
    165: "TCLASS",
    192: "SESSION_ASSOC",  # RFC 2746
    193: "LSP_TUNNEL_INTERFACE_ID",  # RFC 3477
    194: "USER_ERROR_SPEC",  # RFC 5284
    195: "NOTIFY_REQUEST",  # RFC 3473
    196: "ADMIN_STATUS",
    197: "LSP_ATTRIBUTES",  # RFC 5420
    198: "ALARM_SPEC",  # RFC 4783
    199: "ASSOCIATION",  # RFC 4872
    200: "SECONDARY_EXPLICIT_ROUTE",  # RFC 4873
    201: "SECONDARY_RECORD_ROUTE",
    202: "CALL_ATTRIBUTES",  # RFC 6001
    203: "REVERSE_LSP",  # RFC 7551
    205: "FAST_REROUTE",  # RFC 4090
    207: "SESSION_ATTRIBUTE",  # RFC 3209
    225: "DCLASS",  # RFC 2996
    226: "PACKETCABLE_EXTENSIONS",
    227: "ATM_SERVICECLASS",
    228: "CALL_OPS",
    229: "GENERALIZED_UNI",
    230: "CALL_ID",  # RFC 3474
    231: "3GPP2_OBJECT",
    232: "EXCLUDE_ROUTE",  # RFC 4874
}
"""IANA's class names, also of classes that are kept as opaque bytes."""


class CType:
    """C-Types, unique within their class (RFC 2205 appendix A)."""

    IPV4: Final = 1
    IPV6: Final = 2
    IPV6_FLOW_LABEL: Final = 3
    INTEGRITY: Final = 1
    TIME_VALUES: Final = 1
    STYLE: Final = 1
    INTSERV: Final = 2  # FLOWSPEC, SENDER_TSPEC and ADSPEC (RFC 2210)
    POLICY_DATA: Final = 1
    GENERIC: Final = 1  # classes of the extensions that have one C-Type
    LSP_TUNNEL_IPV4: Final = 7  # SESSION, SENDER_TEMPLATE and FILTER_SPEC (RFC 3209 section 4.6)
    LSP_TUNNEL_IPV6: Final = 8
    P2MP_SESSION_IPV4: Final = 13  # RFC 4875 section 19.1
    P2MP_SESSION_IPV6: Final = 14
    P2MP_LSP_IPV4: Final = 12  # SENDER_TEMPLATE and FILTER_SPEC
    P2MP_LSP_IPV6: Final = 13
    P2MP_ROUTE: Final = 2  # SECONDARY_EXPLICIT_ROUTE and SECONDARY_RECORD_ROUTE
    LABEL: Final = 1  # RFC 3209 section 4.1; also in the classes of the other labels
    GENERALIZED_LABEL: Final = 2  # RFC 3473 section 2.3
    WAVEBAND_LABEL: Final = 3
    LABEL_REQUEST: Final = 1  # RFC 3209 section 4.2
    ATM_LABEL_REQUEST: Final = 2
    FRAME_RELAY_LABEL_REQUEST: Final = 3
    GENERALIZED_LABEL_REQUEST: Final = 4  # RFC 3473 section 2.1
    HELLO_REQUEST: Final = 1  # RFC 3209 section 5.3
    HELLO_ACK: Final = 2
    AFFINITIES: Final = 1  # SESSION_ATTRIBUTE with resource affinities (RFC 3209 section 4.7.2)
    SESSION_ATTRIBUTE: Final = 7
    FAST_REROUTE_OLD: Final = 7  # RFC 4090 section 4.1
    DETOUR_IPV4: Final = 7
    DETOUR_IPV6: Final = 8
    IF_ID_IPV4: Final = 3  # RSVP_HOP and ERROR_SPEC (RFC 3473 section 8)
    IF_ID_IPV6: Final = 4
    LINK_PROTECTION: Final = 1  # RFC 3473 section 6
    LSP_PROTECTION: Final = 2  # RFC 4872 section 14
    TUNNEL: Final = 0  # SESSION_ASSOC and NODE_CHAR (RFC 2746 section 2.3)
    EXTENDED_IPV4: Final = 3  # ASSOCIATION (RFC 6780 section 4)
    EXTENDED_IPV6: Final = 4
    SESSION_IPV4_GPI: Final = 3  # RFC 2207 section 3
    SESSION_IPV6_GPI: Final = 4
    FILTER_IPV4_GPI: Final = 4  # FILTER_SPEC and SENDER_TEMPLATE
    FILTER_IPV6_GPI: Final = 5
    AGGREGATE_IPV4: Final = 9  # SESSION, FILTER_SPEC and SENDER_TEMPLATE (RFC 3175 section 3.3)
    AGGREGATE_IPV6: Final = 10
    GENERIC_AGGREGATE_IPV4: Final = 17  # SESSION (RFC 4860 section 2.1)
    GENERIC_AGGREGATE_IPV6: Final = 18
    CHALLENGE: Final = 1  # RFC 2747 section 4.3
    MESSAGE_ID: Final = 1  # RFC 2961 section 4
    MESSAGE_ID_ACK: Final = 1
    MESSAGE_ID_NACK: Final = 2
    MESSAGE_ID_LIST: Final = 1  # RFC 2961 section 5.1
    SRC_LIST_IPV4: Final = 2
    SRC_LIST_IPV6: Final = 3
    MCAST_LIST_IPV4: Final = 4
    MCAST_LIST_IPV6: Final = 5
    DIAG_SELECT: Final = 1  # RFC 2745 section 3.4
    DCLASS: Final = 1  # RFC 2996 section 2


BASE_CLASSES: Final = frozenset({1, *range(3, 16)})
"""Classes of RFC 2205 itself: an unknown C-Type in one of them is an error."""


class HopType(IntEnum):
    """Types of sub-objects in EXPLICIT_ROUTE, RECORD_ROUTE and EXCLUDE_ROUTE (RFC 3209)."""

    IPV4 = 1
    IPV6 = 2
    LABEL = 3
    UNNUMBERED = 4  # RFC 3477
    ATTRIBUTES = 5  # RFC 5420, in RECORD_ROUTE
    AUTONOMOUS_SYSTEM = 32
    EXCLUSIONS = 33  # RFC 4874, in EXPLICIT_ROUTE
    SRLG = 34
    HOP_ATTRIBUTES = 35  # RFC 7570
    PROTECTION = 37  # RFC 4873


class InterfaceTlv(IntEnum):
    """Types of the TLVs in IF_ID RSVP_HOP and IF_ID ERROR_SPEC (RFC 3471 section 9.1.1)."""

    IPV4 = 1
    IPV6 = 2
    INDEX = 3
    DOWNSTREAM_COMPONENT = 4
    UPSTREAM_COMPONENT = 5


class AttributeTlv(IntEnum):
    """Types of the TLVs in LSP_ATTRIBUTES and LSP_REQUIRED_ATTRIBUTES (RFC 5420 section 3)."""

    FLAGS = 1


class AssociationType(IntEnum):
    """Types of associations whose extended identifier has a form of its own (RFC 8796 section 3)."""

    SUMMARY_READY = 5
    SUMMARY_ACTIVE = 6


class UnknownClass(IntEnum):
    """What the top two bits of an unknown class number ask for (RFC 2205 section 3.10)."""

    REJECT = 0
    IGNORE = 2
    FORWARD = 3

    @classmethod
    def of(cls, class_num: int) -> UnknownClass:
        """Say how a node that does not know `class_num` (0..255) treats the object."""
        return cls.REJECT if class_num < 128 else cls(class_num >> 6)


class SessionFlag(IntFlag):
    """Flags of the SESSION object (RFC 2205 A.1)."""

    E_POLICE = 0x01


class ErrorFlag(IntFlag):
    """Flags of the ERROR_SPEC object (RFC 2205 A.5, RFC 3473 section 4.4)."""

    IN_PLACE = 0x01
    NOT_GUILTY = 0x02
    PATH_STATE_REMOVED = 0x04


class IntegrityFlag(IntFlag):
    """Flags of the INTEGRITY object (RFC 2747 section 2)."""

    HANDSHAKE = 0x01


class MessageIdFlag(IntFlag):
    """Flags of MESSAGE_ID, its acknowledgments and lists (RFC 2961 section 4.2, RFC 5063 section 5.1)."""

    ACK_DESIRED = 0x01
    RECOVERY_PATH = 0x02  # in acknowledgments and lists


class HeaderFlag(IntFlag):
    """Flags of the common header (RFC 2961 section 2)."""

    REFRESH_REDUCTION = 0x01


class DiagnosticError(IntFlag):
    """R-error of a DIAG_RESPONSE (RFC 2745 section 3.6)."""

    NONE = 0
    NO_PATH_STATE = 0x01
    PACKET_TOO_BIG = 0x02
    ROUTE_TOO_BIG = 0x04


class StyleBits(IntEnum):
    """Option vectors of the three styles and the masks of their two fields (RFC 2205 A.7)."""

    SHARING_MASK = 0b11000
    DISTINCT = 0b01000
    SHARED = 0b10000
    SELECTION_MASK = 0b00111
    WILDCARD = 0b00001
    EXPLICIT = 0b00010
    WF = 0b10001
    FF = 0b01010
    SE = 0b10010


STYLE_NAMES: Final[dict[int, str]] = {
    StyleBits.WF: "WF",
    StyleBits.FF: "FF",
    StyleBits.SE: "SE",
}


class ErrorCode(IntEnum):
    """Error codes of ERROR_SPEC (RFC 2205 appendix B, RFC 5946 section 3.1.2)."""

    CONFIRMATION = 0
    ADMISSION_CONTROL_FAILURE = 1
    POLICY_CONTROL_FAILURE = 2
    NO_PATH_INFORMATION = 3
    NO_SENDER_INFORMATION = 4
    CONFLICTING_STYLE = 5
    UNKNOWN_STYLE = 6
    CONFLICTING_DEST_PORTS = 7
    CONFLICTING_SENDER_PORTS = 8
    SERVICE_PREEMPTED = 12
    UNKNOWN_OBJECT_CLASS = 13
    UNKNOWN_OBJECT_CTYPE = 14
    API = 20
    TRAFFIC_CONTROL_ERROR = 21
    TRAFFIC_CONTROL_SYSTEM_ERROR = 22
    RSVP_SYSTEM_ERROR = 23
    RECEIVER_PROXY = 36  # RFC 5946


class AdmissionError(IntEnum):
    """Globally defined sub-codes of error code 1 (RFC 2205 appendix B)."""

    DELAY_BOUND = 1
    BANDWIDTH_UNAVAILABLE = 2
    MTU_TOO_LARGE = 3


class TrafficControlCode(IntEnum):
    """Globally defined sub-codes of error code 21 (RFC 2205 appendix B)."""

    SERVICE_CONFLICT = 1
    SERVICE_UNSUPPORTED = 2
    BAD_FLOWSPEC = 3
    BAD_TSPEC = 4
    BAD_ADSPEC = 5


class ApiError(IntEnum):
    """Values this implementation puts beside error code 20, "reserved for API"."""

    NO_ROUTE = 1
    NOT_LOCAL_ADDRESS = 2
    TOO_BIG = 3


class Service(IntEnum):
    """Integrated services numbers (RFC 2210, 2211, 2212, 2215, 2997)."""

    DEFAULT = 1
    GUARANTEED = 2
    CONTROLLED_LOAD = 5
    NULL = 6


SERVICE_NAMES: Final[dict[int, str]] = {
    Service.GUARANTEED: "guaranteed",
    Service.CONTROLLED_LOAD: "controlled-load",
    Service.NULL: "null",
}


class Parameter(IntEnum):
    """Parameter numbers inside FLOWSPEC, SENDER_TSPEC and ADSPEC (RFC 2215, 2212)."""

    IS_HOPS = 4
    PATH_BANDWIDTH = 6
    PATH_LATENCY = 8
    PATH_MTU = 10
    TOKEN_BUCKET_TSPEC = 127
    NULL_TSPEC = 128  # RFC 2997
    GUARANTEED_RSPEC = 130
    C_TOT = 133
    D_TOT = 134
    C_SUM = 135
    D_SUM = 136


BREAK_BIT: Final = 0x80
"""Flag in a service's header inside ADSPEC: some hop does not implement it (RFC 2210 section 3.3)."""

LATENCY_UNKNOWN: Final = 0xFFFFFFFF
"""Minimum path latency of a hop that does not know it (RFC 2215 section 3.4)."""


class Protocol(IntEnum):
    """IP protocols that applications name: with ports, and encrypted, where an SPI stands for them."""

    TCP = 6
    UDP = 17
    ESP = 50
    AH = 51


PROTOCOLS_WITH_PORTS: Final = frozenset({6, 17, 33, 132, 136})
"""TCP, UDP, DCCP, SCTP and UDP-Lite carry ports as RFC 2205 section 3.2 expects them."""

PROTOCOLS_WITH_SPI: Final = frozenset({50, 51})
"""ESP and AH (RFC 2207)."""


def error_text(code: int, value: int) -> str:
    """Put an ERROR_SPEC's code and value into words (RFC 2205 appendix B)."""
    text = ERROR_CODES[code][0] if code in ERROR_CODES else f"error code {code}"
    if code in (ErrorCode.UNKNOWN_OBJECT_CLASS, ErrorCode.UNKNOWN_OBJECT_CTYPE):
        name = CLASS_NAMES.get(value >> 8, "unknown")
        return f"{text} (class {value >> 8} {name}, C-Type {value & 0xFF})"
    if code == ErrorCode.CONFLICTING_STYLE:
        return f"{text} (existing style {STYLE_NAMES.get(value & 0x1F, hex(value))})"
    if code == ErrorCode.RECEIVER_PROXY and value & RECEIVED_CODE and value & 0xFF in ERROR_CODES:
        return f"{text}: {ERROR_CODES[value & 0xFF][0]}"
    if code in SUBCODED:
        return text + _subcode_text(code, value)
    detail = ERROR_VALUES.get((code, value))
    return f"{text}: {detail[0]}" if detail else text if not value else f"{text}, value {value}"


def _subcode_text(code: int, value: int) -> str:
    """The bits ssur of an error value and its sub-code, which another authority may define."""
    owner = SUBCODE_OWNERS.get(value >> SUBCODE_OWNER_SHIFT)
    subcode = value & SUBCODE_MASK
    detail = ERROR_VALUES.get((code, subcode))
    if value <= SUBCODE_MASK | SUBCODE_STATE_UPDATED and detail is not None:
        words = f": {detail[0]}"
    elif owner is not None:
        words = f", {owner} value {subcode}"
    else:
        words = f", value {value}" if value else ""
    return words + (", for information" if value & SUBCODE_STATE_UPDATED else "")


def error_reference(code: int, value: int) -> str | None:
    """The RFC that defines an error code and value, None where there is none."""
    found = ERROR_VALUES.get(
        (code, value & SUBCODE_MASK if code in SUBCODED else value), ERROR_CODES.get(code)
    )
    return None if found is None else f"RFC {found[1]}"
