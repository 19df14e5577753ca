"""Numbers of the protocol: message types, class numbers, C-Types, error codes, services.

Every literal of the wire lives in this file and nowhere else. The registry is IANA's
"RSVP Parameters" (https://www.iana.org/assignments/rsvp-parameters); each entry names the RFC
that defines it. Class numbers follow RFC 3936: the top two bits say what a node does with a
class that it does not know (RFC 2205 section 3.10).
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import Final

RSVP_VERSION: Final = 1
"""Version in the common header (RFC 2205 section 3.1.1)."""

RSVP_PROTOCOL: Final = 46
"""IP protocol number of RSVP (RFC 2205 section 3.3)."""

UDP_ENCAPSULATION_PORTS: Final = (1698, 1699)
"""UDP ports Pu and Pu' of encapsulated RSVP (RFC 2205 appendix C)."""

ROUTER_ALERT: Final = b"\x94\x04\x00\x00"
"""The IPv4 Router Alert option with value 0, "examine packet" (RFC 2113)."""

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
    66: "DSBM_willing",  # RFC 2814
    67: "I_AM_DSBM",
}
"""Names of all registered message types, also of those that are not decoded yet."""


BUNDLE: Final = 12
"""Message type whose body is whole messages instead of objects (RFC 2961 section 3)."""


class ClassNum(IntEnum):
    """Object classes that RFC 2205 appendix A defines."""

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
    128: "NODE_CHAR",
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
    192: "SESSION_ASSOC",
    193: "LSP_TUNNEL_INTERFACE_ID",  # RFC 3477
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
    """Error codes of ERROR_SPEC (RFC 2205 appendix B)."""

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


ERROR_TEXTS: Final[dict[int, str]] = {
    0: "confirmation",
    1: "admission control failure",
    2: "policy control failure",
    3: "no path information for this Resv",
    4: "no sender information for this Resv",
    5: "conflicting reservation style",
    6: "unknown reservation style",
    7: "conflicting destination ports",
    8: "conflicting sender ports",
    12: "service preempted",
    13: "unknown object class",
    14: "unknown object C-Type",
    20: "error reported by the local node",
    21: "traffic control error",
    22: "traffic control system error",
    23: "RSVP system error",
    24: "routing problem",  # RFC 3209
    25: "notify",
    26: "new aggregate needed",  # RFC 3175
    27: "diffserv-aware traffic engineering error",  # RFC 3270, RFC 4124
    28: "diffserv-aware traffic engineering error",
    30: "call management",
}


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


ERROR_VALUE_TEXTS: Final[dict[tuple[int, int], str]] = {
    (1, 1): "delay bound cannot be met",
    (1, 2): "requested bandwidth unavailable",
    (1, 3): "MTU in flowspec larger than interface MTU",
    (20, 1): "no route to the destination",
    (20, 2): "the sender's address is not one of this node's",
    (20, 3): "the message does not fit the largest IP datagram",
    (21, 1): "service conflict",
    (21, 2): "service unsupported",
    (21, 3): "bad flowspec value",
    (21, 4): "bad Tspec value",
    (21, 5): "bad Adspec value",
}


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
    """IP protocols with UDP-like ports that applications name."""

    TCP = 6
    UDP = 17


PROTOCOLS_WITH_PORTS: Final = frozenset({6, 17, 33, 132, 136})
"""TCP, UDP, DCCP, SCTP and UDP-Lite carry ports as RFC 2205 section 3.2 expects them."""


def error_text(code: int, value: int) -> str:
    """Put an ERROR_SPEC's code and value into words (RFC 2205 appendix B)."""
    text = ERROR_TEXTS.get(code, f"error code {code}")
    if code in (ErrorCode.UNKNOWN_OBJECT_CLASS, ErrorCode.UNKNOWN_OBJECT_CTYPE):
        name = CLASS_NAMES.get(value >> 8, "unknown")
        return f"{text} (class {value >> 8} {name}, C-Type {value & 0xFF})"
    if code == ErrorCode.CONFLICTING_STYLE:
        return f"{text} (existing style {STYLE_NAMES.get(value & 0x1F, hex(value))})"
    detail = ERROR_VALUE_TEXTS.get((code, value))
    return f"{text}: {detail}" if detail else text if not value else f"{text}, value {value}"
