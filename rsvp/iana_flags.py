"""Bits of the fields that hold flags in the objects of the extensions (RFC 3209, 3473, 4090, 4872, 5420).

An annex of `iana`, which has the flags of RFC 2205's own objects. A flag's name is also what people
read: `words` puts it into words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum, IntFlag
from typing import Final

SPELLED: Final = {
    word.upper(): word
    for word in (
        *("LSP", "MEP", "MIP", "OAM", "OOB", "P2MP", "PHP", "RI", "RSVP", "RTM", "SE", "SRLG", "TE"),
        *("RecoveryPath", "Srefresh"),
    )
}
"""What keeps its capitals."""

SPOKEN: Final = {"ACK_DESIRED": "acknowledgment desired", "E_POLICE": "police at the first hop"}
"""Names of flags that say more in other words."""


def spoken(name: str) -> str:
    """The name of a flag in words: SE_STYLE_DESIRED is "SE style desired"."""
    return SPOKEN.get(name) or " ".join(SPELLED.get(word) or word.lower() for word in name.split("_"))


def words(kind: type[IntFlag], value: int) -> list[str]:
    """What the bits of a field say, lowest first; bits without a name are passed over."""
    return [spoken(flag.name) for flag in kind if value & flag and flag.name]


class SessionAttributeFlag(IntFlag):
    """Flags of SESSION_ATTRIBUTE (RFC 3209 section 4.7.1, RFC 4090 section 4.3)."""

    LOCAL_PROTECTION_DESIRED = 0x01
    LABEL_RECORDING_DESIRED = 0x02
    SE_STYLE_DESIRED = 0x04
    BANDWIDTH_PROTECTION_DESIRED = 0x08
    NODE_PROTECTION_DESIRED = 0x10
    PATH_REEVALUATION_REQUESTED = 0x20  # RFC 4736
    SOFT_PREEMPTION_DESIRED = 0x40  # RFC 5712


class RecordFlag(IntFlag):
    """Flags of an address in RECORD_ROUTE (RFC 3209 section 4.4.1.1, RFC 4090 section 4.4)."""

    LOCAL_PROTECTION_AVAILABLE = 0x01
    LOCAL_PROTECTION_IN_USE = 0x02
    BANDWIDTH_PROTECTION = 0x04
    NODE_PROTECTION = 0x08
    PREEMPTION_PENDING = 0x10  # RFC 5712
    NODE_IDENTIFIER = 0x20  # RFC 4561


class LabelRecordFlag(IntFlag):
    """Flags of a label in RECORD_ROUTE (RFC 3209 section 4.4.1.3, RFC 3473 section 5.2)."""

    GLOBAL_LABEL = 0x01
    UPSTREAM = 0x80


class LabelHopFlag(IntFlag):
    """The flag of a label in EXPLICIT_ROUTE (RFC 3473 section 5.1)."""

    UPSTREAM = 0x80


class HopAttributesFlag(IntFlag):
    """The flag of hop attributes in EXPLICIT_ROUTE (RFC 7570 section 2.1)."""

    REQUIRED = 0x01


class FastRerouteFlag(IntFlag):
    """Flags of FAST_REROUTE (RFC 4090 section 4.1)."""

    ONE_TO_ONE_BACKUP = 0x01
    FACILITY_BACKUP = 0x02


class AdminStatusFlag(IntFlag):
    """Bits of ADMIN_STATUS (RFC 3473 section 7.1, RFC 4872 section 13)."""

    DELETION_IN_PROGRESS = 0x01
    ADMINISTRATIVELY_DOWN = 0x02
    TESTING = 0x04
    CALL_CONTROL = 0x08  # RFC 4974
    ALARMS_INHIBITED = 0x10  # RFC 4783
    LOCKOUT = 0x20
    HANDOVER = 0x40  # RFC 5852
    OAM_FLOWS_ENABLED = 0x80  # RFC 7260
    OAM_ALARMS_ENABLED = 0x100
    REFLECT = 0x80000000


class CapabilityFlag(IntFlag):
    """Bits of CAPABILITY (RFC 5063 section 4.2, RFC 8370 section 5.1)."""

    RECOVERYPATH_SREFRESH_CAPABLE = 0x01
    RECOVERYPATH_DESIRED = 0x02
    RECOVERYPATH_TRANSMIT_ENABLED = 0x04
    RI_RSVP_CAPABLE = 0x08
    PER_PEER_FLOW_CONTROL_CAPABLE = 0x10


class LinkProtectionFlag(IntFlag):
    """Protection of links in PROTECTION (RFC 3473 section 6, values of RFC 3471)."""

    EXTRA_TRAFFIC = 0x01
    UNPROTECTED = 0x02
    SHARED = 0x04
    DEDICATED_ONE_TO_ONE = 0x08
    DEDICATED_ONE_PLUS_ONE = 0x10
    ENHANCED = 0x20


class ProtectionFlag(IntFlag):
    """The path's part in its protection (RFC 3473 section 6, RFC 4872 section 14.1)."""

    OPERATIONAL = 0x10
    NOTIFICATION = 0x20
    PROTECTING = 0x40
    SECONDARY = 0x80


class LspProtectionFlag(IntFlag):
    """Protection of a path or of its segments; none is unprotected (RFC 4872 14.1, RFC 4873 6.1)."""

    FULL_REROUTING = 0x01
    REROUTING_WITHOUT_EXTRA_TRAFFIC = 0x02
    ONE_TO_N_WITH_EXTRA_TRAFFIC = 0x04
    ONE_PLUS_ONE_UNIDIRECTIONAL = 0x08
    ONE_PLUS_ONE_BIDIRECTIONAL = 0x10


class SegmentFlag(IntFlag):
    """State of a segment's protection (RFC 4873 section 6.1)."""

    REQUIRED = 0x40
    IN_PLACE = 0x80


class NodeFlag(IntFlag):
    """Bits of NODE_CHAR (RFC 2746 section 2.3.2)."""

    TUNNEL_CAPABLE = 0x01


class AttributeFlag(IntEnum):
    """Numbers of the flags in LSP_ATTRIBUTES, 0 at the top of the first word (RFC 5420, RFC 7570 4.3)."""

    END_TO_END_REROUTING = 0  # RFC 4920
    BOUNDARY_REROUTING = 1
    SEGMENT_BASED_REROUTING = 2
    LSP_INTEGRITY_REQUIRED = 3  # RFC 4875
    CONTIGUOUS_LSP = 4  # RFC 5151
    LSP_STITCHING_DESIRED = 5  # RFC 5150
    PRE_PLANNED_LSP = 6  # RFC 6001
    NON_PHP_BEHAVIOR = 7  # RFC 6511
    OOB_MAPPING = 8
    ENTROPY_LABEL_CAPABILITY = 9  # RFC 6790
    OAM_MEP_ENTITIES_DESIRED = 10  # RFC 7260
    OAM_MIP_ENTITIES_DESIRED = 11
    SRLG_COLLECTION = 12  # RFC 8001
    LOOPBACK = 13  # RFC 7571
    P2MP_TE_TREE_REEVALUATION_REQUESTED = 14  # RFC 8149
    RTM_SET = 15  # RFC 8169
    TE_LINK_LABEL = 16  # RFC 8577


WORD_BITS: Final = 32


def attribute_numbers(flags: Iterable[int]) -> Iterator[int]:
    """The numbers of the flags that are set, from words of 32 bits (RFC 5420 section 3.1)."""
    for place, word in enumerate(flags):
        for bit in range(WORD_BITS):
            if word & 1 << (WORD_BITS - 1 - bit):
                yield place * WORD_BITS + bit


def attribute_words(flags: Iterable[int]) -> list[str]:
    """The flags of LSP_ATTRIBUTES that are set, in words; "flag 40" where there is no name."""
    names = {int(flag): spoken(flag.name) for flag in AttributeFlag}
    return [names.get(number, f"flag {number}") for number in attribute_numbers(flags)]
