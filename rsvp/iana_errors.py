"""Error codes and error values of ERROR_SPEC in words, each with its RFC (RFC 2205 appendix B).

All that IANA's registry "RSVP Parameters" lists; `iana` holds the few that this implementation
raises itself, and only `iana.error_text` reads these tables.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class RsvpSystemError(IntEnum):
    """Values this implementation puts beside error code 23 (RFC 2205 appendix B)."""

    TOO_MANY_RESERVATIONS = 1


class PolicyControlError(IntEnum):
    """Values of error code 2 that this implementation raises (RFC 2750 appendix A, RFC 4495 section 5.1)."""

    PREEMPTED = 5
    PARTIALLY_PREEMPTED = 102


RECEIVER_PROXY_CODE: Final = 0x0100
"""Beside error code 36: the low octet is the error code that the proxy met (RFC 5946 section 3.1.2)."""

ERROR_CODES: Final[dict[int, tuple[str, int]]] = {
    0: ("confirmation", 2205),
    1: ("admission control failure", 2205),
    2: ("policy control failure", 2205),
    3: ("no path information for this Resv", 2205),
    4: ("no sender information for this Resv", 2205),
    5: ("conflicting reservation style", 2205),
    6: ("unknown reservation style", 2205),
    7: ("conflicting destination ports", 2205),
    8: ("conflicting sender ports", 2205),
    12: ("service preempted", 2205),
    13: ("unknown object class", 2205),
    14: ("unknown object C-Type", 2205),
    20: ("error reported by the local node", 2205),
    21: ("traffic control error", 2205),
    22: ("traffic control system error", 2205),
    23: ("RSVP system error", 2205),
    24: ("routing problem", 3209),
    25: ("notify", 3209),
    26: ("new aggregate needed", 3175),
    27: ("Diff-Serv error", 3270),
    28: ("Diff-Serv-aware traffic engineering error", 4124),
    29: ("unknown attribute TLV", 5420),
    30: ("unknown attribute bit", 5420),
    31: ("alarms", 4783),
    32: ("call management", 4974),
    33: ("user error", 5284),
    34: ("reroute", 5710),
    35: ("handover procedure failure", 5852),
    36: ("unrecoverable receiver proxy error", 5946),
    37: ("RSVP over MPLS problem", 6016),
    38: ("LSP hierarchy issue", 6107),
    39: ("VCAT call management", 6344),
    40: ("OAM problem", 7260),
}
"""Error code -> what it means, and the RFC that defines it."""

ERROR_VALUES: Final[dict[tuple[int, int], tuple[str, int]]] = {
    (1, 1): ("delay bound cannot be met", 2205),
    (1, 2): ("requested bandwidth unavailable", 2205),
    (1, 3): ("MTU in flowspec larger than interface MTU", 2205),
    (1, 4): ("LSP cannot be admitted", 4872),
    (1, 5): ("bad association type", 4872),
    (2, 0): ("information", 2750),
    (2, 1): ("warning", 2750),
    (2, 2): ("reason unknown", 2750),
    (2, 3): ("rejected by policy", 2750),
    (2, 4): ("quota or account exceeded", 2750),
    (2, 5): ("flow was preempted", 2750),
    (2, 6): ("installed policy expired without a refresh", 2750),
    (2, 7): ("policy data was replaced and the new one rejected", 2750),
    (2, 8): ("policies could not be merged", 2750),
    (2, 9): ("policy decision point down", 2750),
    (2, 10): ("third party's server unavailable", 2750),
    (2, 11): ("POLICY_DATA object malformed", 2750),
    (2, 12): ("POLICY_DATA object failed its integrity check", 2750),
    (2, 13): ("policy element malformed", 2750),
    (2, 14): ("mandatory policy element missing", 2750),
    (2, 15): ("no resources left for policies", 2750),
    (2, 16): ("policy decision point met bad RSVP objects", 2750),
    (2, 17): ("service type rejected", 2750),
    (2, 18): ("reservation style rejected", 2750),
    (2, 19): ("flowspec rejected as too large", 2750),
    (2, 20): ("preempted without a delay", 4872),
    (2, 21): ("recording of shared risk groups rejected", 8001),
    (2, 100): ("sender not authorized", 4804),
    (2, 101): ("receiver not authorized", 4804),
    (2, 102): ("part of the reservation preempted", 4495),
    (2, 103): ("policy failure between domains", 5151),
    (2, 104): ("explicit route rejected between domains", 5151),
    (20, 1): ("no route to the destination", 2205),
    (20, 2): ("the sender's address is not one of this node's", 2205),
    (20, 3): ("the message does not fit the largest IP datagram", 2205),
    (21, 1): ("service conflict", 2205),
    (21, 2): ("service unsupported", 2205),
    (21, 3): ("bad flowspec value", 2205),
    (21, 4): ("bad Tspec value", 2205),
    (21, 5): ("bad Adspec value", 2205),
    (23, 1): ("too many reservations in this session", 2205),
    (24, 1): ("bad EXPLICIT_ROUTE object", 3209),
    (24, 2): ("bad strict hop", 3209),
    (24, 3): ("bad loose hop", 3209),
    (24, 4): ("bad initial sub-object", 3209),
    (24, 5): ("no route toward the destination", 3209),
    (24, 6): ("unacceptable label", 3209),
    (24, 7): ("the recorded route shows a loop", 3209),
    (24, 8): ("a router on the way does not speak RSVP", 3209),
    (24, 9): ("no label could be allocated", 3209),
    (24, 10): ("unsupported L3PID", 3209),
    (24, 11): ("no label of the label set", 3473),
    (24, 12): ("switching type", 3473),
    (24, 14): ("unsupported encoding", 3473),
    (24, 15): ("unsupported link protection", 3473),
    (24, 16): ("unknown interface index", 3477),
    (24, 17): ("unsupported LSP protection", 4872),
    (24, 18): ("PROTECTION object not applicable", 4872),
    (24, 19): ("bad PRIMARY_PATH_ROUTE object", 4872),
    (24, 20): ("PRIMARY_PATH_ROUTE object not applicable", 4872),
    (24, 21): ("protection of an LSP segment failed", 4873),
    (24, 22): ("limit of rerouting attempts exceeded", 4920),
    (24, 23): ("unable to branch", 4875),
    (24, 24): ("unsupported LSP integrity", 4875),
    (24, 25): ("branches of a P2MP LSP meet again", 4875),
    (24, 26): ("branches of a P2MP LSP meet again with other parameters", 4875),
    (24, 27): ("the explicit route makes branches meet again", 4875),
    (24, 28): ("contiguous LSP not supported", 5151),
    (24, 29): ("explicit route conflicts with the signaling method between domains", 5151),
    (24, 30): ("stitching unsupported", 5150),
    (24, 31): ("unknown path computation element in a path key", 5520),
    (24, 32): ("path computation element of a path key out of reach", 5520),
    (24, 33): ("unknown path key", 5520),
    (24, 64): ("unsupported sub-object in an exclude route", 4874),
    (24, 65): ("inconsistent sub-object", 4874),
    (24, 66): ("the exclude route names this node", 4874),
    (24, 67): ("route blocked by the exclude route", 4874),
    (24, 68): ("exclude route too complex", 4874),
    (24, 69): ("exclusions inside the explicit route too complex", 4874),
    (24, 100): ("diversity not available", 3474),
    (24, 101): ("service level not available", 3474),
    (24, 102): ("unknown connection identifier", 3474),
    (24, 103): ("no route toward the source", 3474),
    (24, 104): ("unacceptable interface identifier", 3474),
    (24, 105): ("unknown call identifier", 3474),
    (24, 106): ("interface or label of a soft permanent connection not valid", 3474),
    (25, 1): ("recorded route too large for the MTU", 3209),
    (25, 2): ("recorded route", 3209),
    (25, 3): ("tunnel locally repaired", 3209),
    (25, 4): ("control channel active again", 3473),
    (25, 5): ("control channel degraded", 3473),
    (25, 6): ("a better path exists", 4736),
    (25, 7): ("link maintenance required", 4736),
    (25, 8): ("node maintenance required", 4736),
    (25, 9): ("LSP failed", 4872),
    (25, 10): ("LSP recovered", 4872),
    (25, 11): ("LSP failed locally", 4872),
    (25, 12): ("no out-of-band mapping received", 6511),
    (27, 1): ("unexpected DIFFSERV object", 3270),
    (27, 2): ("unsupported per-hop behavior", 3270),
    (27, 3): ("mapping of EXP to per-hop behavior not valid", 3270),
    (27, 4): ("unsupported scheduling class", 3270),
    (27, 5): ("no context could be allocated for this LSP", 3270),
    (28, 1): ("unexpected CLASSTYPE object", 4124),
    (28, 2): ("unsupported class-type", 4124),
    (28, 3): ("class-type value not valid", 4124),
    (28, 4): ("class-type and setup priority form no TE class", 4124),
    (28, 5): ("class-type and holding priority form no TE class", 4124),
    (28, 6): ("class-type forms no TE class with setup nor with holding priority", 4124),
    (28, 7): ("scheduling class and class-type do not agree", 4124),
    (28, 8): ("per-hop behaviors and class-type do not agree", 4124),
    (32, 1): ("call identifier taken", 4974),
    (32, 2): ("connections still exist", 4974),
    (32, 3): ("unknown call identifier", 4974),
    (32, 4): ("duplicate call", 4974),
    (33, 0): ("see the USER_ERROR_SPEC object", 5284),
}
"""(Error code, error value) -> what it means, and its RFC; codes 20 and 23 have values of our own."""

RECEIVED_CODE: Final = 0x0100
"""Bit of a value of code 36: the code that the Receiver Proxy was told stands below (RFC 5946 3.1.2)."""

SUBCODED: Final = frozenset({1, 2, 12, 21, 24, 25, 27, 28})
"""Codes whose value is split into the bits ssur and twelve bits of sub-code (RFC 2205 appendix B)."""

SUBCODE_MASK: Final = 0x0FFF
SUBCODE_OWNER_SHIFT: Final = 14
SUBCODE_OWNERS: Final[dict[int, str]] = {2: "the organization's own", 3: "the service's own"}
"""The bits ss: who defines the sub-code; 0 is IANA, 1 reserved."""

SUBCODE_STATE_UPDATED: Final = 0x2000
"""The bit u: local state was updated nonetheless, the message only informs."""
