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

    `extended_tunnel_id` is an address of the ingress, or all zeroes.
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
class AutonomousSystemHop:
    """The nodes of an autonomous system (RFC 3209 section 4.3.3.4)."""

    number: int
    loose: bool = False


Hops: TypeAlias = PrefixHop | AutonomousSystemHop | UnknownHop


@register(ClassNum.EXPLICIT_ROUTE, CType.GENERIC)
@dataclass(frozen=True, slots=True)
class ExplicitRoute:
    """The hops that a path is to take (RFC 3209 section 4.3)."""

    hops: tuple[Hops, ...]
    class_num: ClassVar[int] = ClassNum.EXPLICIT_ROUTE
    ctype: ClassVar[int] = CType.GENERIC


