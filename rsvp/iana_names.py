"""Where each message type, object class and C-Type is defined, and what a C-Type is called.

From IANA's registry "RSVP Parameters", like `iana`, which holds the names of types and classes and
the numbers that code refers to. This annex is for people who read a capture, and for the page of
supported RFCs; no code decides by it.
"""

from __future__ import annotations

from typing import Final

MESSAGE_RFCS: Final[dict[int, str]] = {
    **dict.fromkeys(range(1, 8), "RFC 2205 3.1"),
    8: "RFC 2745 3",
    9: "RFC 2745 3",
    10: "registered by F. Baker, no RFC",
    12: "RFC 2961 3",
    13: "RFC 2961 4.1",
    15: "RFC 2961 5",
    20: "RFC 3209 5",
    21: "RFC 3473 4.3",
    25: "RFC 2747 4.3",
    26: "RFC 2747 4.3",
    30: "RFC 5063 4.1",
    66: "RFC 2814",
    67: "RFC 2814",
}
"""Message type -> RFC and section."""

CLASS_RFCS: Final[dict[int, str]] = {
    0: "RFC 2205 3.1.2",
    1: "RFC 2205 A.1",
    3: "RFC 2205 A.2",
    4: "RFC 2747 2",
    5: "RFC 2205 A.4",
    6: "RFC 2205 A.5",
    7: "RFC 2205 A.6",
    8: "RFC 2205 A.7",
    9: "RFC 2210 3.2",
    10: "RFC 2205 A.9",
    11: "RFC 2205 A.10",
    12: "RFC 2210 3.1",
    13: "RFC 2210 3.3",
    14: "RFC 2205 A.13",
    15: "RFC 2205 A.14",
    16: "RFC 3209 4.1",
    19: "RFC 3209 4.2",
    20: "RFC 3209 4.3",
    21: "RFC 3209 4.4",
    22: "RFC 3209 5.2",
    23: "RFC 2961 4.2",
    24: "RFC 2961 4.3",
    25: "RFC 2961 5.1",
    30: "RFC 2745 3.3",
    31: "RFC 2745 3.5",
    32: "RFC 2745 3.6",
    33: "RFC 2745 3.4",
    34: "RFC 3473 9.5.1",
    35: "RFC 3473 3",
    36: "RFC 3473 2.6",
    37: "RFC 3473 6",
    38: "RFC 4872 15",
    42: "RFC 2814",
    43: "RFC 2814",
    44: "RFC 2814",
    45: "RFC 2814",
    50: "RFC 4875 19.3",
    63: "RFC 4090 4.2",
    64: "RFC 2747 4.3",
    65: "RFC 3270 5.1",
    66: "RFC 4124 6",
    67: "RFC 5420 5",
    128: "RFC 2746 2.3.2",
    129: "RFC 3473 2.5",
    130: "RFC 3473 4.1",
    131: "RFC 3473 9.1",
    132: "RFC 4860 2.2",
    134: "RFC 5063 4.2",
    161: "RFC 2814",
    162: "RFC 2814",
    163: "RFC 2814",
    164: "RFC 2814",
    165: "RFC 2814",
    192: "RFC 2746 2.3.1",
    193: "RFC 3477 3",
    194: "RFC 5284 3",
    195: "RFC 3473 4.2.1",
    196: "RFC 3473 7.1",
    197: "RFC 5420 4",
    198: "RFC 4783 3",
    199: "RFC 4872 16",
    200: "RFC 4873 4.1",
    201: "RFC 4873 4.2",
    202: "RFC 6001 5.1.1",
    203: "RFC 7551 4.4",
    205: "RFC 4090 4.1",
    207: "RFC 3209 4.7",
    225: "RFC 2996 2",
    228: "RFC 3474",
    229: "RFC 3476",
    230: "RFC 3474",
    232: "RFC 4874 2",
}
"""Class number -> RFC and section of its first C-Type; `CTYPES` tells where others are."""

FIRST: Final = 2205
"""The C-Types of this RFC came with their classes, also where another one says more of them."""

_IP: Final = {1: ("IPv4", 2205), 2: ("IPv6", 2205)}
_LABEL: Final = {
    1: ("label", 3209),
    2: ("generalized label", 3473),
    3: ("waveband switching label", 3473),
}
_SENDER: Final = {
    **_IP,
    3: ("IPv6 with flow label", 2205),
    4: ("IPv4 with GPI", 2207),
    5: ("IPv6 with GPI", 2207),
    7: ("LSP tunnel, IPv4", 3209),
    8: ("LSP tunnel, IPv6", 3209),
    9: ("aggregate, IPv4", 3175),
    10: ("aggregate, IPv6", 3175),
    12: ("P2MP LSP, IPv4", 4875),
    13: ("P2MP LSP, IPv6", 4875),
}
_TRAFFIC: Final = {
    2: ("integrated services", 2210),
    4: ("SONET/SDH", 4606),
    5: ("G.709", 4328),
    6: ("Ethernet", 6003),
    7: ("OTN", 7139),
    8: ("flexible grid", 7792),
}

CTYPES: Final[dict[int, dict[int, tuple[str, int]]]] = {
    1: {
        **_IP,
        3: ("IPv4 with GPI", 2207),
        4: ("IPv6 with GPI", 2207),
        7: ("LSP tunnel, IPv4", 3209),
        8: ("LSP tunnel, IPv6", 3209),
        9: ("aggregate, IPv4", 3175),
        10: ("aggregate, IPv6", 3175),
        11: ("UNI, IPv4", 3474),
        12: ("UNI, IPv6", 3474),
        13: ("P2MP LSP tunnel, IPv4", 4875),
        14: ("P2MP LSP tunnel, IPv6", 4875),
        15: ("E-NNI, IPv4", 3474),
        16: ("E-NNI, IPv6", 3474),
        17: ("generic aggregate, IPv4", 4860),
        18: ("generic aggregate, IPv6", 4860),
    },
    3: {**_IP, 3: ("IPv4 with interface", 3473), 4: ("IPv6 with interface", 3473)},
    4: {1: ("keyed digest", 2747)},
    5: {1: ("refresh period", 2205)},
    6: {**_IP, 3: ("IPv4 with interface", 3473), 4: ("IPv6 with interface", 3473)},
    7: {1: ("IPv4 list", 2205), 2: ("IPv6 list", 2205)},
    8: {1: ("option vector", 2205)},
    9: _TRAFFIC,
    10: _SENDER,
    11: _SENDER,
    12: _TRAFFIC,
    13: {2: ("integrated services", 2210)},
    14: {1: ("policy elements", 2750)},
    15: _IP,
    16: _LABEL,
    19: {
        1: ("without label range", 3209),
        2: ("with ATM label range", 3209),
        3: ("with Frame Relay label range", 3209),
        4: ("generalized", 3473),
    },
    20: {1: ("hops", 3209)},
    21: {1: ("hops", 3209)},
    22: {1: ("request", 3209), 2: ("acknowledgment", 3209)},
    23: {1: ("message identifier", 2961)},
    24: {1: ("acknowledgment", 2961), 2: ("negative acknowledgment", 2961)},
    25: {
        1: ("message identifiers", 2961),
        2: ("message identifiers by IPv4 source", 2961),
        3: ("message identifiers by IPv6 source", 2961),
        4: ("message identifiers by IPv4 source and session", 2961),
        5: ("message identifiers by IPv6 source and session", 2961),
    },
    30: {1: ("IPv4", 2745), 2: ("IPv6", 2745)},
    31: {1: ("IPv4", 2745), 2: ("IPv6", 2745)},
    32: {1: ("IPv4", 2745), 2: ("IPv6", 2745)},
    33: {1: ("wanted objects", 2745)},
    34: _LABEL,
    35: _LABEL,
    36: {1: ("labels", 3473)},
    37: {1: ("link protection", 3473), 2: ("LSP and link protection", 4872)},
    38: {1: ("hops", 4872)},
    42: {1: ("IPv4", 2814), 2: ("IPv6", 2814)},
    43: {1: ("priority", 2814)},
    44: {1: ("timers", 2814)},
    45: {1: ("segment", 2814)},
    50: {1: ("IPv4", 4875), 2: ("IPv6", 4875)},
    63: {7: ("IPv4", 4090), 8: ("IPv6", 4090)},
    64: {1: ("cookie", 2747)},
    65: {1: ("E-LSP", 3270), 2: ("L-LSP", 3270)},
    66: {1: ("class-type", 4124)},
    67: {1: ("attributes", 5420)},
    128: {0: ("characteristics", 2746)},
    129: _LABEL,
    130: {1: ("labels", 3473)},
    131: {1: ("restart times", 3473)},
    132: {1: ("generic aggregate, IPv4", 4860), 2: ("generic aggregate, IPv6", 4860)},
    134: {1: ("flags", 5063)},
    161: {1: ("IEEE canonical address", 2814)},
    162: {1: ("IEEE canonical address", 2814)},
    163: {1: ("IPv4", 2814), 2: ("IPv6", 2814)},
    164: {1: ("IPv4", 2814), 2: ("IPv6", 2814)},
    165: {1: ("traffic class", 2814)},
    192: {0: ("tunnel session", 2746)},
    193: {
        1: ("unnumbered link", 3477),
        2: ("IPv4 interface with target", 6107),
        3: ("IPv6 interface with target", 6107),
        4: ("unnumbered interface with target", 6107),
    },
    194: {1: ("user-defined error", 5284)},
    195: {1: ("IPv4", 3473), 2: ("IPv6", 3473)},
    196: {1: ("administrative status", 3473)},
    197: {1: ("attributes", 5420)},
    198: {
        1: ("IPv4", 4783),
        2: ("IPv6", 4783),
        3: ("IPv4 with interface", 4783),
        4: ("IPv6 with interface", 4783),
    },
    199: {
        1: ("IPv4", 4872),
        2: ("IPv6", 4872),
        3: ("extended, IPv4", 6780),
        4: ("extended, IPv6", 6780),
    },
    200: {1: ("hops", 4873), 2: ("hops of P2MP branches", 4875)},
    201: {1: ("hops", 4873), 2: ("hops of P2MP branches", 4875)},
    202: {1: ("attributes", 6001)},
    203: {1: ("reverse LSP", 7551)},
    205: {1: ("fast reroute", 4090), 7: ("fast reroute as drafted", 4090)},
    207: {1: ("with resource affinities", 3209), 7: ("LSP tunnel", 3209)},
    225: {1: ("DSCP", 2996)},
    229: {1: ("generalized UNI", 3476)},
    230: {1: ("operator specific", 3474), 2: ("globally unique", 3474)},
    232: {1: ("hops", 4874)},
}
"""Class number -> C-Type -> what it is called here, and the RFC that defines it."""


def ctype_name(class_num: int, ctype: int) -> str | None:
    """What a C-Type is called, None where IANA lists none."""
    found = CTYPES.get(class_num, {}).get(ctype)
    return None if found is None else found[0]


def object_reference(class_num: int, ctype: int) -> str | None:
    """Where an object is defined: RFC and section, or the RFC alone for a later C-Type."""
    section = CLASS_RFCS.get(class_num)
    found = CTYPES.get(class_num, {}).get(ctype)
    if found is None:
        return section
    rfc = f"RFC {found[1]}"
    came_later = section is None or not (section.startswith(rfc) or found[1] == FIRST)
    return rfc if came_later else section


ENCODINGS: Final[dict[int, str]] = {
    1: "packet",
    2: "Ethernet",
    3: "PDH",
    5: "SDH/SONET",
    7: "digital wrapper",
    8: "lambda",
    9: "fiber",
    11: "Fibre Channel",
    12: "G.709 ODUk",  # RFC 4328
    13: "G.709 optical channel",
    14: "Ethernet line",  # RFC 6004
}
"""LSP encoding types (RFC 3471 section 3.1.1)."""

SWITCHINGS: Final[dict[int, str]] = {
    1: "packet 1",
    2: "packet 2",
    3: "packet 3",
    4: "packet 4",
    30: "Ethernet virtual private line",  # RFC 6004
    40: "802.1 PBB-TE",  # RFC 6060
    51: "layer 2",
    100: "time division",
    125: "data channel",  # RFC 6002
    150: "lambda",
    200: "fiber",
}
"""Switching types (RFC 3471 section 3.1.1)."""

ASSOCIATIONS: Final[dict[int, str]] = {
    1: "recovery",  # RFC 4872
    2: "resource sharing",  # RFC 4873
    3: "double-sided bidirectional",  # RFC 7551
    4: "single-sided bidirectional",
    5: "bypass summary FRR ready",  # RFC 8796
    6: "bypass summary FRR active",
}

LABEL_SET_ACTIONS: Final[dict[int, str]] = {
    0: "these labels",  # RFC 3473 section 2.6
    1: "all but these labels",
    2: "labels of these ranges",
    3: "all but labels of these ranges",
}

EXCLUSION_ATTRIBUTES: Final[dict[int, str]] = {
    0: "interface",  # RFC 4874 section 2.1
    1: "node",
    2: "shared risk link group",
}

POLICY_ELEMENTS: Final[dict[int, str]] = {
    1: "preemption priority",  # RFC 3181
    2: "user",  # RFC 3182
    3: "application",
}
