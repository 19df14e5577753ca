"""Objects of the diagnostic messages DREQ and DREP (RFC 2745 section 3).

A request travels from the last hop towards a sender and collects one answer at each node; a route
that it records along the way leads the reply back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from .iana import ClassNum, CType, DiagnosticError
from .objects import FilterSpec, IPAddress, Nested, check_bits, register


def _ctype(address: IPAddress) -> int:
    return CType.IPV4 if address.version == 4 else CType.IPV6


def _check_family(*addresses: IPAddress) -> None:
    if len({address.version for address in addresses}) > 1:
        raise ValueError("the addresses of a diagnostic object are of one family")


@register(ClassNum.DIAGNOSTIC, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class Diagnostic:
    """What is asked, of whom, and how far it came (RFC 2745 section 3.3).

    `max_hops` 0 means no limit; `path_mtu` and `fragment_offset` are bytes. The request starts at
    `last_hop` and goes towards `sender`; the reply goes to `requester`.
    """

    max_hops: int
    hop_count: int
    request_id: int
    path_mtu: int
    last_hop: IPAddress
    sender: FilterSpec
    requester: FilterSpec
    fragment_offset: int = 0
    more_fragments: bool = False
    class_num: ClassVar[ClassNum] = ClassNum.DIAGNOSTIC

    def __post_init__(self) -> None:
        check_bits(self.max_hops, 8, "a hop limit")
        check_bits(self.hop_count, 8, "a hop count")
        check_bits(self.request_id, 32, "a request identifier")
        check_bits(self.path_mtu, 16, "a path MTU")
        check_bits(self.fragment_offset, 16, "a fragment offset")
        _check_family(self.last_hop, self.sender.address, self.requester.address)

    @property
    def ctype(self) -> int:
        """The C-Type of the addresses' family."""
        return _ctype(self.last_hop)


@register(ClassNum.DIAG_SELECT, CType.DIAG_SELECT)
@dataclass(frozen=True, slots=True)
class DiagSelect:
    """The objects that each node is asked to report, as (class, C-Type) (RFC 2745 section 3.4).

    A C-Type of 0 stands for any. An odd number of pairs is padded on the wire with (0, 0).
    """

    wanted: tuple[tuple[int, int], ...]
    class_num: ClassVar[ClassNum] = ClassNum.DIAG_SELECT
    ctype: ClassVar[int] = CType.DIAG_SELECT

    def __post_init__(self) -> None:
        for class_num, ctype in self.wanted:
            check_bits(class_num, 8, "a class number")
            check_bits(ctype, 8, "a C-Type")
        if self.wanted and len(self.wanted) % 2 == 0 and self.wanted[-1] == (0, 0):
            raise ValueError("a pair of zeroes at the end is padding, which is added by itself")


@register(ClassNum.ROUTE, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class Route:
    """The nodes that a request went through, for the way back (RFC 2745 section 3.5).

    `version` is the IP version of the nodes, which an empty route does not tell otherwise.
    """

    nodes: tuple[IPAddress, ...] = ()
    pointer: int = 0
    version: int = 4
    class_num: ClassVar[ClassNum] = ClassNum.ROUTE

    def __post_init__(self) -> None:
        check_bits(self.pointer, 8, "a route's pointer")
        if self.version not in (4, 6):
            raise ValueError(f"an IP version is 4 or 6, not {self.version}")
        if any(node.version != self.version for node in self.nodes):
            raise ValueError(f"this route is of IPv{self.version} addresses")

    @property
    def ctype(self) -> int:
        """The C-Type of the nodes' address family."""
        return CType.IPV4 if self.version == 4 else CType.IPV6


@register(ClassNum.DIAG_RESPONSE, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class DiagResponse:
    """What one node knows of the session (RFC 2745 section 3.6).

    `arrival` is a 32-bit NTP timestamp: seconds in its upper 16 bits. Addresses are all zeroes where
    not known. `d_ttl` counts IP hops to the node below, `k` is RFC 2205's K, `timer` the refresh
    period in seconds; `merged` says whether upstream the reservation stands for others as well.
    """

    arrival: int
    incoming: IPAddress
    outgoing: IPAddress
    previous_hop: IPAddress
    d_ttl: int
    k: int
    timer: int
    merged: bool = False
    error: int = DiagnosticError.NONE
    objects: tuple[Nested, ...] = ()
    class_num: ClassVar[ClassNum] = ClassNum.DIAG_RESPONSE

    def __post_init__(self) -> None:
        check_bits(self.arrival, 32, "an arrival time")
        check_bits(self.d_ttl, 8, "a TTL")
        check_bits(self.error, 3, "a diagnostic error")
        check_bits(self.k, 4, "a refresh multiple")
        check_bits(self.timer, 16, "a timer value in seconds")
        _check_family(self.incoming, self.outgoing, self.previous_hop)

    @property
    def ctype(self) -> int:
        """The C-Type of the addresses' family."""
        return _ctype(self.incoming)
