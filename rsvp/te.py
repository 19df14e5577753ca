"""RSVP-TE: sessions, senders, labels and routes of label switched paths (RFC 3209, RFC 3477).

Classes that may stand in a message's `extra`, or in a flow's `attached`, have `class_num` and `ctype`.
Sub-objects of a type that is not known are kept as they came, in `UnknownHop` and its like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from .iana import ClassNum, CType
from .objects import IPAddress, register


@register(ClassNum.SESSION, CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV6)
@dataclass(frozen=True, slots=True)
class LspTunnelSession:
    """A tunnel: its egress, a number, and the ingress that the number belongs to (RFC 3209 4.6.1).

    `extended_tunnel_id` is an address of the ingress, or all zeroes. One router sends four bytes of it
    with an IPv6 endpoint, where the RFC asks for sixteen: they are taken as an IPv4 address.
    """

    endpoint: IPAddress
    tunnel_id: int
    extended_tunnel_id: IPAddress

    def __str__(self) -> str:
        return f"tunnel {self.tunnel_id} to {self.endpoint}"


@register(ClassNum.FILTER_SPEC, CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV6)
@register(ClassNum.SENDER_TEMPLATE, CType.LSP_TUNNEL_IPV4, CType.LSP_TUNNEL_IPV6)
@dataclass(frozen=True, slots=True)
class LspTunnelFilter:
    """One label switched path of a tunnel: its ingress and a number (RFC 3209 4.6.2)."""

    sender: IPAddress
    lsp_id: int

    def __str__(self) -> str:
        return f"LSP {self.lsp_id} from {self.sender}"


@register(ClassNum.SESSION, CType.P2MP_SESSION_IPV4, CType.P2MP_SESSION_IPV6)
@dataclass(frozen=True, slots=True)
class P2mpSession:
    """A tunnel from one ingress to many leaves (RFC 4875 section 19.1).

    `p2mp_id` is a number that is unique at the ingress, which `extended_tunnel_id` names.
    """

    p2mp_id: int
    tunnel_id: int
    extended_tunnel_id: IPAddress

    def __str__(self) -> str:
        return f"tunnel {self.tunnel_id} of point-to-multipoint {self.p2mp_id}"


@register(ClassNum.FILTER_SPEC, CType.P2MP_LSP_IPV4, CType.P2MP_LSP_IPV6)
@register(ClassNum.SENDER_TEMPLATE, CType.P2MP_LSP_IPV4, CType.P2MP_LSP_IPV6)
@dataclass(frozen=True, slots=True)
class P2mpFilter:
    """One point-to-multipoint path, or the group of its leaves that `originator` signals (RFC 4875 19.2)."""

    sender: IPAddress
    lsp_id: int
    originator: IPAddress
    sub_group_id: int

    def __str__(self) -> str:
        return f"LSP {self.lsp_id} from {self.sender}, group {self.sub_group_id} of {self.originator}"


@register(ClassNum.S2L_SUB_LSP, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class S2lSubLsp:
    """One leaf of a point-to-multipoint path (RFC 4875 section 19.3)."""

    destination: IPAddress
    class_num: ClassVar[int] = ClassNum.S2L_SUB_LSP

    @property
    def ctype(self) -> int:
        """The C-Type, which follows from the address."""
        return CType.IPV4 if self.destination.version == 4 else CType.IPV6


# --- labels -------------------------------------------------------------------------------------------


@register(ClassNum.LABEL, CType.LABEL)
@dataclass(frozen=True, slots=True)
class Label:
    """The label that packets are to carry (RFC 3209 section 4.1)."""

    label: int
    class_num: ClassVar[int] = ClassNum.LABEL
    ctype: ClassVar[int] = CType.LABEL


@register(ClassNum.LABEL, CType.GENERALIZED_LABEL)
@dataclass(frozen=True, slots=True)
class GeneralizedLabel:
    """A label of a form that the link's technology sets, such as a wavelength (RFC 3473 section 2.3)."""

    label: bytes
    class_num: ClassVar[int] = ClassNum.LABEL
    ctype: ClassVar[int] = CType.GENERALIZED_LABEL


@register(ClassNum.LABEL, CType.WAVEBAND_LABEL)
@dataclass(frozen=True, slots=True)
class WavebandLabel:
    """A band of wavelengths that are switched together (RFC 3473 section 2.4)."""

    waveband: int
    first: int
    last: int
    class_num: ClassVar[int] = ClassNum.LABEL
    ctype: ClassVar[int] = CType.WAVEBAND_LABEL


@register(ClassNum.LABEL_REQUEST, CType.LABEL_REQUEST)
@dataclass(frozen=True, slots=True)
class LabelRequest:
    """Asks for a label; `l3pid` is the Ethertype of what it will carry (RFC 3209 section 4.2.1)."""

    l3pid: int
    class_num: ClassVar[int] = ClassNum.LABEL_REQUEST
    ctype: ClassVar[int] = CType.LABEL_REQUEST


@register(ClassNum.LABEL_REQUEST, CType.ATM_LABEL_REQUEST)
@dataclass(frozen=True, slots=True)
class AtmLabelRequest:
    """Asks for a label out of a range of ATM circuits (RFC 3209 section 4.2.2).

    The top bit of `least_vpi` says that the node can merge circuits.
    """

    l3pid: int
    least_vpi: int
    least_vci: int
    most_vpi: int
    most_vci: int
    class_num: ClassVar[int] = ClassNum.LABEL_REQUEST
    ctype: ClassVar[int] = CType.ATM_LABEL_REQUEST


@register(ClassNum.LABEL_REQUEST, CType.FRAME_RELAY_LABEL_REQUEST)
@dataclass(frozen=True, slots=True)
class FrameRelayLabelRequest:
    """Asks for a label out of a range of Frame Relay circuits (RFC 3209 section 4.2.3).

    Bits 23 and 24 of `least_dlci` are the length indicator: 0 for 10 bits, 2 for 23.
    """

    l3pid: int
    least_dlci: int
    most_dlci: int
    class_num: ClassVar[int] = ClassNum.LABEL_REQUEST
    ctype: ClassVar[int] = CType.FRAME_RELAY_LABEL_REQUEST


# --- routes -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnknownAttribute:
    """An attribute of a type that is not known, kept as it came."""

    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AttributeFlags:
    """Flags in words of 32 bits, the first flag at the top of the first word (RFC 5420 section 3.1)."""

    flags: tuple[int, ...]


Attributes: TypeAlias = AttributeFlags | UnknownAttribute
"""What a tunnel, or one hop of it, is to do."""


@dataclass(frozen=True, slots=True)
class UnknownHop:
    """A hop of a type that is not known, kept as it came."""

    type: int
    data: bytes
    loose: bool = False


@dataclass(frozen=True, slots=True)
class PrefixHop:
    """The nodes within an address prefix (RFC 3209 sections 4.3.3.2 and 4.3.3.3)."""

    address: IPAddress
    prefix_length: int
    loose: bool = False


@dataclass(frozen=True, slots=True)
class LabelHop:
    """The label to use on the link before it; bit 0x80 of `flags`: upstream (RFC 3473 section 5.1)."""

    flags: int
    label_type: int
    label: bytes
    loose: bool = False


@dataclass(frozen=True, slots=True)
class UnnumberedHop:
    """A link without addresses: a router and its number for it (RFC 3477 section 4)."""

    router_id: IPAddress
    interface: int
    loose: bool = False


@dataclass(frozen=True, slots=True)
class AutonomousSystemHop:
    """The nodes of an autonomous system (RFC 3209 section 4.3.3.4)."""

    number: int
    loose: bool = False


@dataclass(frozen=True, slots=True)
class ProtectionHop:
    """Protection of the segment: contents of a PROTECTION object of a C-Type (RFC 4873 section 4.1)."""

    protection_type: int
    data: bytes
    loose: bool = False


@dataclass(frozen=True, slots=True)
class AttributesHop:
    """What the node of the hop before it is to do; bit 0x01 of `flags`: it has to (RFC 7570 section 2)."""

    flags: int
    attributes: tuple[Attributes, ...]
    loose: bool = False


@dataclass(frozen=True, slots=True)
class ExcludedPrefix:
    """Not these addresses: an interface (`attribute` 0), node (1) or risk group (2); `loose`: if possible.

    RFC 4874 section 2.1.
    """

    address: IPAddress
    prefix_length: int
    attribute: int
    loose: bool = False


@dataclass(frozen=True, slots=True)
class ExcludedInterface:
    """Not this link without addresses (RFC 4874 section 2.1)."""

    attribute: int
    router_id: IPAddress
    interface: int
    loose: bool = False


@dataclass(frozen=True, slots=True)
class ExcludedRiskGroup:
    """No link of this shared risk link group (RFC 4874 section 2.1)."""

    srlg: int
    loose: bool = False


Exclusion: TypeAlias = (
    ExcludedPrefix | ExcludedInterface | ExcludedRiskGroup | AutonomousSystemHop | UnknownHop
)


@dataclass(frozen=True, slots=True)
class ExclusionHop:
    """What to avoid between the hop before and the hop behind it (RFC 4874 section 3.1)."""

    exclusions: tuple[Exclusion, ...]
    loose: bool = False


Hops: TypeAlias = (
    PrefixHop
    | LabelHop
    | UnnumberedHop
    | AutonomousSystemHop
    | AttributesHop
    | ProtectionHop
    | ExclusionHop
    | UnknownHop
)
"""What EXPLICIT_ROUTE holds."""


@register(ClassNum.EXPLICIT_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class ExplicitRoute:
    """The hops that a path is to take (RFC 3209 section 4.3)."""

    hops: tuple[Hops, ...]
    class_num: ClassVar[int] = ClassNum.EXPLICIT_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.EXCLUDE_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class ExcludeRoute:
    """What a path is to avoid all the way (RFC 4874 section 2)."""

    exclusions: tuple[Exclusion, ...]
    class_num: ClassVar[int] = ClassNum.EXCLUDE_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


@dataclass(frozen=True, slots=True)
class UnknownRecord:
    """A part of a recorded route of a type that is not known, kept as it came."""

    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AddressRecord:
    """A node that the path crosses; `flags` say how it is protected (RFC 3209 4.4.1.1, RFC 4090 4.4)."""

    address: IPAddress
    prefix_length: int
    flags: int


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """The label on the link before it (RFC 3209 section 4.4.1.3)."""

    flags: int
    label_type: int
    label: bytes


@dataclass(frozen=True, slots=True)
class UnnumberedRecord:
    """A link without addresses that the path crosses (RFC 3477 section 5)."""

    flags: int
    router_id: IPAddress
    interface: int


@dataclass(frozen=True, slots=True)
class AttributesRecord:
    """Which attribute flags a hop supports, in words of 32 bits (RFC 5420 section 7.3)."""

    flags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class HopAttributesRecord:
    """What a hop did of the attributes that it was asked for (RFC 7570 section 3)."""

    attributes: tuple[Attributes, ...]


Records: TypeAlias = (
    AddressRecord | LabelRecord | UnnumberedRecord | AttributesRecord | HopAttributesRecord | UnknownRecord
)
"""What RECORD_ROUTE holds."""


@register(ClassNum.RECORD_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class RecordRoute:
    """The hops that the message has taken, the last one first (RFC 3209 section 4.4)."""

    records: tuple[Records, ...]
    class_num: ClassVar[int] = ClassNum.RECORD_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


# --- about the tunnel ---------------------------------------------------------------------------------


@register(ClassNum.SESSION_ATTRIBUTE, CType.SESSION_ATTRIBUTE)
@dataclass(frozen=True, slots=True)
class SessionAttribute:
    """Priorities (0 is the highest), wishes and the name of a tunnel (RFC 3209 section 4.7.1).

    The name is Latin-1 text of at most 255 characters. `padding` counts zero bytes behind it that are more
    than it needs to fill whole words.
    """

    setup_priority: int
    holding_priority: int
    flags: int
    session_name: str
    padding: int = 0
    class_num: ClassVar[int] = ClassNum.SESSION_ATTRIBUTE
    ctype: ClassVar[int] = CType.SESSION_ATTRIBUTE


@register(ClassNum.SESSION_ATTRIBUTE, CType.AFFINITIES)
@dataclass(frozen=True, slots=True)
class AffinitySessionAttribute:
    """The same, with the colours of links to take or to avoid (RFC 3209 section 4.7.2)."""

    exclude_any: int
    include_any: int
    include_all: int
    setup_priority: int
    holding_priority: int
    flags: int
    session_name: str
    padding: int = 0
    class_num: ClassVar[int] = ClassNum.SESSION_ATTRIBUTE
    ctype: ClassVar[int] = CType.AFFINITIES


@register(ClassNum.FAST_REROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class FastReroute:
    """How to protect a path, and with how many bytes/s (RFC 4090 section 4.1)."""

    setup_priority: int
    holding_priority: int
    hop_limit: int
    flags: int
    bandwidth: float
    include_any: int
    exclude_any: int
    include_all: int
    class_num: ClassVar[int] = ClassNum.FAST_REROUTE
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.FAST_REROUTE, CType.FAST_REROUTE_OLD)
@dataclass(frozen=True, slots=True)
class OldFastReroute:
    """The form of FAST_REROUTE before the standard (RFC 4090 section 4.1)."""

    setup_priority: int
    holding_priority: int
    hop_limit: int
    bandwidth: float
    include_any: int
    exclude_any: int
    class_num: ClassVar[int] = ClassNum.FAST_REROUTE
    ctype: ClassVar[int] = CType.FAST_REROUTE_OLD


@register(ClassNum.DETOUR, CType.DETOUR_IPV4, CType.DETOUR_IPV6)
@dataclass(frozen=True, slots=True)
class Detour:
    """Where detours begin, each with the node that it avoids (RFC 4090 section 4.2)."""

    detours: tuple[tuple[IPAddress, IPAddress], ...]
    class_num: ClassVar[int] = ClassNum.DETOUR

    @property
    def ctype(self) -> int:
        """The C-Type, which follows from the addresses."""
        return CType.DETOUR_IPV4 if self.detours[0][0].version == 4 else CType.DETOUR_IPV6


@register(ClassNum.LSP_ATTRIBUTES, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class LspAttributes:
    """What nodes are to do that know it; others pass it on (RFC 5420 section 4)."""

    attributes: tuple[Attributes, ...]
    class_num: ClassVar[int] = ClassNum.LSP_ATTRIBUTES
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.LSP_REQUIRED_ATTRIBUTES, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class LspRequiredAttributes:
    """What every node on the way has to do (RFC 5420 section 5)."""

    attributes: tuple[Attributes, ...]
    class_num: ClassVar[int] = ClassNum.LSP_REQUIRED_ATTRIBUTES
    ctype: ClassVar[int] = CType.GENERIC


# --- hello --------------------------------------------------------------------------------------------


@register(ClassNum.HELLO, CType.HELLO_REQUEST)
@dataclass(frozen=True, slots=True)
class HelloRequest:
    """Asks whether the neighbour lives; instances change when a node restarts (RFC 3209 section 5.3)."""

    source_instance: int
    destination_instance: int
    class_num: ClassVar[int] = ClassNum.HELLO
    ctype: ClassVar[int] = CType.HELLO_REQUEST


@register(ClassNum.HELLO, CType.HELLO_ACK)
@dataclass(frozen=True, slots=True)
class HelloAck:
    """Answers a `HelloRequest` (RFC 3209 section 5.3)."""

    source_instance: int
    destination_instance: int
    class_num: ClassVar[int] = ClassNum.HELLO
    ctype: ClassVar[int] = CType.HELLO_ACK
