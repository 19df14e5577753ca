"""GMPLS: labels that are suggested or limited, protection, recovery, interfaces (RFC 3473, RFC 4872).

Objects of RFC 3473, 4872, 4873, 5063, 5284, 6780 and 8796, for any kind of link. Those that may stand in a
message's `extra`, or in a flow's `attached`, have `class_num` and `ctype`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from .iana import ClassNum, CType
from .objects import Hop, IPAddress, TimeValues, register
from .reduction import MessageId
from .te import GeneralizedLabel, Hops, Label, Records, UnknownRecord, WavebandLabel


@register(ClassNum.LABEL_REQUEST, CType.GENERALIZED_LABEL_REQUEST)
@dataclass(frozen=True, slots=True)
class GeneralizedLabelRequest:
    """Asks for a label on any kind of link (RFC 3473 section 2.1)."""

    encoding: int
    switching: int
    gpid: int
    class_num: ClassVar[int] = ClassNum.LABEL_REQUEST
    ctype: ClassVar[int] = CType.GENERALIZED_LABEL_REQUEST


@register(ClassNum.SUGGESTED_LABEL, CType.LABEL)
@dataclass(frozen=True, slots=True)
class SuggestedLabel(Label):
    """The label that the upstream node would like (RFC 3473 section 2.5)."""

    class_num: ClassVar[int] = ClassNum.SUGGESTED_LABEL


@register(ClassNum.SUGGESTED_LABEL, CType.GENERALIZED_LABEL)
@dataclass(frozen=True, slots=True)
class SuggestedGeneralizedLabel(GeneralizedLabel):
    """The label that the upstream node would like, in its link's form (RFC 3473 section 2.5)."""

    class_num: ClassVar[int] = ClassNum.SUGGESTED_LABEL


@register(ClassNum.SUGGESTED_LABEL, CType.WAVEBAND_LABEL)
@dataclass(frozen=True, slots=True)
class SuggestedWavebandLabel(WavebandLabel):
    """The band that the upstream node would like (RFC 3473 section 2.5)."""

    class_num: ClassVar[int] = ClassNum.SUGGESTED_LABEL


@register(ClassNum.UPSTREAM_LABEL, CType.LABEL)
@dataclass(frozen=True, slots=True)
class UpstreamLabel(Label):
    """The label for the way back of a two-way path (RFC 3473 section 3.1)."""

    class_num: ClassVar[int] = ClassNum.UPSTREAM_LABEL


@register(ClassNum.UPSTREAM_LABEL, CType.GENERALIZED_LABEL)
@dataclass(frozen=True, slots=True)
class UpstreamGeneralizedLabel(GeneralizedLabel):
    """The label for the way back, in the link's form (RFC 3473 section 3.1)."""

    class_num: ClassVar[int] = ClassNum.UPSTREAM_LABEL


@register(ClassNum.UPSTREAM_LABEL, CType.WAVEBAND_LABEL)
@dataclass(frozen=True, slots=True)
class UpstreamWavebandLabel(WavebandLabel):
    """The band for the way back (RFC 3473 section 3.1)."""

    class_num: ClassVar[int] = ClassNum.UPSTREAM_LABEL


@register(ClassNum.RECOVERY_LABEL, CType.LABEL)
@dataclass(frozen=True, slots=True)
class RecoveryLabel(Label):
    """The label that a node used before it restarted (RFC 3473 section 9.2)."""

    class_num: ClassVar[int] = ClassNum.RECOVERY_LABEL


@register(ClassNum.RECOVERY_LABEL, CType.GENERALIZED_LABEL)
@dataclass(frozen=True, slots=True)
class RecoveryGeneralizedLabel(GeneralizedLabel):
    """The label before the restart, in the link's form (RFC 3473 section 9.2)."""

    class_num: ClassVar[int] = ClassNum.RECOVERY_LABEL


@register(ClassNum.RECOVERY_LABEL, CType.WAVEBAND_LABEL)
@dataclass(frozen=True, slots=True)
class RecoveryWavebandLabel(WavebandLabel):
    """The band before the restart (RFC 3473 section 9.2)."""

    class_num: ClassVar[int] = ClassNum.RECOVERY_LABEL


@register(ClassNum.LABEL_SET, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class LabelSet:
    """Labels that may be chosen; `action` 0 and 1 list and exclude, 2 and 3 do it by ranges (RFC 3473 2.6).

    `label_type` is the C-Type of the labels, `labels` their words.
    """

    action: int
    label_type: int
    labels: tuple[int, ...]
    class_num: ClassVar[int] = ClassNum.LABEL_SET
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.ACCEPTABLE_LABEL_SET, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class AcceptableLabelSet(LabelSet):
    """Labels that would have been accepted, in an error message (RFC 3473 section 4.1)."""

    class_num: ClassVar[int] = ClassNum.ACCEPTABLE_LABEL_SET


@register(ClassNum.PROTECTION, CType.LINK_PROTECTION)
@dataclass(frozen=True, slots=True)
class LinkProtection:
    """How links are to be protected; bit 0x80 of `flags`: secondary (RFC 3473 section 6)."""

    flags: int
    link_flags: int
    class_num: ClassVar[int] = ClassNum.PROTECTION
    ctype: ClassVar[int] = CType.LINK_PROTECTION


@register(ClassNum.PROTECTION, CType.LSP_PROTECTION)
@dataclass(frozen=True, slots=True)
class LspProtection:
    """How the path and its segments are to be protected (RFC 4872 section 14, RFC 4873 section 6).

    The bits of `flags` from the top: secondary, protecting, notification, operational; those of
    `segment_flags`: in place, required.
    """

    flags: int
    lsp_flags: int
    link_flags: int
    segment_flags: int
    segment_protection: int
    class_num: ClassVar[int] = ClassNum.PROTECTION
    ctype: ClassVar[int] = CType.LSP_PROTECTION


@register(ClassNum.NOTIFY_REQUEST, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class NotifyRequest:
    """The node that wants to be told of errors by a Notify message (RFC 3473 section 4.2)."""

    address: IPAddress
    class_num: ClassVar[int] = ClassNum.NOTIFY_REQUEST

    @property
    def ctype(self) -> int:
        """The C-Type, which follows from the address."""
        return CType.IPV4 if self.address.version == 4 else CType.IPV6


@register(ClassNum.ADMIN_STATUS, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class AdminStatus:
    """Whether the path is down, deleted or tested by its owner's will (RFC 3473 section 7.1)."""

    flags: int
    class_num: ClassVar[int] = ClassNum.ADMIN_STATUS
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.RESTART_CAP, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class RestartCapability:
    """How long a restart and the recovery after it take, in milliseconds (RFC 3473 section 9.1)."""

    restart_ms: int
    recovery_ms: int
    class_num: ClassVar[int] = ClassNum.RESTART_CAP
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.CAPABILITY, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class Capability:
    """What a neighbour can do, one bit each (RFC 5063 section 4.2, RFC 8370 sections 2.1 and 3.1)."""

    flags: int
    class_num: ClassVar[int] = ClassNum.CAPABILITY
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.LSP_TUNNEL_INTERFACE_ID, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class LspTunnelInterfaceId:
    """The number of the link that a tunnel makes, at a router (RFC 3477 section 3.1)."""

    router_id: IPAddress
    interface: int
    class_num: ClassVar[int] = ClassNum.LSP_TUNNEL_INTERFACE_ID
    ctype: ClassVar[int] = CType.GENERIC


# --- interfaces ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UnknownInterface:
    """A TLV of a type that is not known, kept as it came."""

    type: int
    data: bytes


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """A link by an address (RFC 3471 section 9.1.1, types 1 and 2)."""

    address: IPAddress


@dataclass(frozen=True, slots=True)
class InterfaceIndex:
    """A link by a router's address and its number for it (RFC 3471 section 9.1.1, type 3)."""

    address: IPAddress
    interface: int


@dataclass(frozen=True, slots=True)
class DownstreamComponent:
    """A component of a bundled link, downstream (RFC 3471 section 9.1.1, type 4)."""

    address: IPAddress
    interface: int


@dataclass(frozen=True, slots=True)
class UpstreamComponent:
    """A component of a bundled link, upstream (RFC 3471 section 9.1.1, type 5)."""

    address: IPAddress
    interface: int


Interfaces: TypeAlias = (
    InterfaceAddress | InterfaceIndex | DownstreamComponent | UpstreamComponent | UnknownInterface
)


@register(ClassNum.RSVP_HOP, CType.IF_ID_IPV4, CType.IF_ID_IPV6)
@dataclass(frozen=True, slots=True)
class InterfaceHop:
    """The neighbour, its handle and the data links that are meant (RFC 3473 section 8.1.1)."""

    address: IPAddress
    lih: int
    interfaces: tuple[Interfaces, ...]


@register(ClassNum.ERROR_SPEC, CType.IF_ID_IPV4, CType.IF_ID_IPV6)
@dataclass(frozen=True, slots=True)
class InterfaceErrorSpec:
    """What went wrong, at which node and on which data links (RFC 3473 section 8.2.1)."""

    node: IPAddress
    code: int
    value: int
    flags: int
    interfaces: tuple[Interfaces, ...]


# --- recovery -----------------------------------------------------------------------------------------


@register(ClassNum.ASSOCIATION, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class Association:
    """Ties paths together, such as one and its backup (RFC 4872 section 16)."""

    association_type: int
    association_id: int
    source: IPAddress
    class_num: ClassVar[int] = ClassNum.ASSOCIATION

    @property
    def ctype(self) -> int:
        """The C-Type, which follows from the address."""
        return CType.IPV4 if self.source.version == 4 else CType.IPV6


@dataclass(frozen=True, slots=True)
class SummaryReady:
    """B-SFRR-Ready: the bypass tunnel that protects this path, and its group there (RFC 8796 section 3.1).

    `message_id` is what refreshes the path once it is rerouted. Addresses are of the family of the
    association's source.
    """

    tunnel_id: int
    source: IPAddress
    destination: IPAddress
    group_id: int
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class SummaryActive:
    """B-SFRR-Active: groups of paths that now go through the bypass tunnel (RFC 8796 section 3.2).

    `hop` and `time_values` take the place of those of each path; `sender` tells the backup paths.
    """

    group_ids: tuple[int, ...]
    hop: Hop
    time_values: TimeValues
    sender: IPAddress


@register(ClassNum.ASSOCIATION, CType.EXTENDED_IPV4, CType.EXTENDED_IPV6)
@dataclass(frozen=True, slots=True)
class ExtendedAssociation:
    """An association beyond one operator, with an identifier of any length (RFC 6780 section 4).

    What `extended_id` holds depends on `association_type`: bytes, or the groups of a bypass tunnel.
    """

    association_type: int
    association_id: int
    source: IPAddress
    global_source: int
    extended_id: bytes | SummaryReady | SummaryActive
    class_num: ClassVar[int] = ClassNum.ASSOCIATION

    @property
    def ctype(self) -> int:
        """The C-Type, which follows from the address."""
        return CType.EXTENDED_IPV4 if self.source.version == 4 else CType.EXTENDED_IPV6


@register(ClassNum.PRIMARY_PATH_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class PrimaryPathRoute:
    """The hops of the path that this one protects (RFC 4872 section 15)."""

    hops: tuple[Hops, ...]
    class_num: ClassVar[int] = ClassNum.PRIMARY_PATH_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.SECONDARY_EXPLICIT_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class SecondaryExplicitRoute:
    """The hops of the path that protects a segment of this one (RFC 4873 section 4.1)."""

    hops: tuple[Hops, ...]
    class_num: ClassVar[int] = ClassNum.SECONDARY_EXPLICIT_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.SECONDARY_EXPLICIT_ROUTE, CType.P2MP_ROUTE)
@dataclass(frozen=True, slots=True)
class P2mpSecondaryExplicitRoute(SecondaryExplicitRoute):
    """The hops to one leaf of a point-to-multipoint path (RFC 4875 section 19.5)."""

    ctype: ClassVar[int] = CType.P2MP_ROUTE


@register(ClassNum.SECONDARY_RECORD_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class SecondaryRecordRoute:
    """The hops that the path took which protects a segment (RFC 4873 section 4.1)."""

    records: tuple[Records, ...]
    class_num: ClassVar[int] = ClassNum.SECONDARY_RECORD_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


@register(ClassNum.SECONDARY_RECORD_ROUTE, CType.P2MP_ROUTE)
@dataclass(frozen=True, slots=True)
class P2mpSecondaryRecordRoute(SecondaryRecordRoute):
    """The hops that were taken to one leaf of a point-to-multipoint path (RFC 4875 section 19.6)."""

    ctype: ClassVar[int] = CType.P2MP_ROUTE


@register(ClassNum.USER_ERROR_SPEC, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class UserErrorSpec:
    """An error in an organisation's own terms (RFC 5284 section 3).

    The description is UTF-8, of 255 bytes at most; bytes that a peer sent and that are not are surrogates
    in it, as in the names of files (PEP 383).
    """

    enterprise: int
    sub_organisation: int
    value: int
    description: str
    parts: tuple[UnknownRecord, ...]
    class_num: ClassVar[int] = ClassNum.USER_ERROR_SPEC
    ctype: ClassVar[int] = CType.GENERIC
