"""Sessions and senders of aggregates, which have no ports (RFC 2746, 3175, 4860, 2996).

An aggregate reservation serves all traffic of one Diffserv class between two routers. DCLASS, which
names such classes, and what names the aggregate or the tunnel that serves an end-to-end session are
here as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import ClassVar

from .iana import ClassNum, CType
from .objects import IPAddress, check_bits, register


def _check_destination(address: IPAddress) -> None:
    if not int(address):
        raise ValueError("a session needs a destination address other than all zeroes")


def _check_sender(address: IPAddress) -> None:
    if not int(address):
        raise ValueError("a sender needs an address other than all zeroes")


@register(ClassNum.SESSION, CType.AGGREGATE_IPV4, CType.AGGREGATE_IPV6)
@dataclass(frozen=True, slots=True)
class AggregateSession:
    """All traffic of one DSCP to a deaggregating router (RFC 3175 section 3.3)."""

    destination: IPAddress
    dscp: int
    flags: int = 0

    def __post_init__(self) -> None:
        _check_destination(self.destination)
        check_bits(self.dscp, 6, "a DSCP")
        check_bits(self.flags, 8, "session flags")

    @property
    def ctype(self) -> int:
        """The C-Type of the destination's address family."""
        return CType.AGGREGATE_IPV4 if self.destination.version == 4 else CType.AGGREGATE_IPV6

    @property
    def key(self) -> tuple[int, int, int]:
        """(IP version, address, DSCP): the same for any flags."""
        return (self.destination.version, int(self.destination), self.dscp)

    def __str__(self) -> str:
        return f"{_host(self.destination)} DSCP {self.dscp}"


@register(ClassNum.FILTER_SPEC, CType.AGGREGATE_IPV4, CType.AGGREGATE_IPV6)
@register(ClassNum.SENDER_TEMPLATE, CType.AGGREGATE_IPV4, CType.AGGREGATE_IPV6)
@dataclass(frozen=True, slots=True)
class AggregateFilter:
    """The aggregating router, the one sender of an aggregate (RFC 3175 sections 3.4 and 3.5)."""

    address: IPAddress

    def __post_init__(self) -> None:
        _check_sender(self.address)

    @property
    def ctype(self) -> int:
        """The C-Type of the router's address family."""
        return CType.AGGREGATE_IPV4 if self.address.version == 4 else CType.AGGREGATE_IPV6

    def __str__(self) -> str:
        return str(self.address)


@register(ClassNum.SESSION, CType.GENERIC_AGGREGATE_IPV4, CType.GENERIC_AGGREGATE_IPV6)
@dataclass(frozen=True, slots=True)
class GenericAggregateSession:
    """All traffic of one per-hop behaviour to a deaggregating router (RFC 4860 section 2.1).

    `phb_id` is a PHB identification code (RFC 3140). `extended_port` is 32 bits wide with an IPv4
    destination and 128 with IPv6; 0, or an address of the aggregator that wants a session of its own.
    """

    destination: IPAddress
    phb_id: int
    virtual_port: int
    extended_port: int = 0
    flags: int = 0

    def __post_init__(self) -> None:
        _check_destination(self.destination)
        check_bits(self.phb_id, 16, "a PHB identification code")
        check_bits(self.virtual_port, 16, "a virtual port")
        check_bits(self.extended_port, self.destination.max_prefixlen, "an extended virtual port")
        check_bits(self.flags, 8, "session flags")

    @property
    def ctype(self) -> int:
        """The C-Type of the destination's address family."""
        if self.destination.version == 4:
            return CType.GENERIC_AGGREGATE_IPV4
        return CType.GENERIC_AGGREGATE_IPV6

    @property
    def key(self) -> tuple[int, int, int, int, int]:
        """(IP version, address, PHB-ID, virtual port, extended port): the same for any flags."""
        return (
            self.destination.version,
            int(self.destination),
            self.phb_id,
            self.virtual_port,
            self.extended_port,
        )

    def __str__(self) -> str:
        return f"{_host(self.destination)}:{self.virtual_port} PHB-ID {self.phb_id:#06x}"


@register(ClassNum.SESSION_OF_INTEREST, CType.IPV4, CType.IPV6)
@dataclass(frozen=True, slots=True)
class SessionOfInterest:
    """The aggregate that an end-to-end reservation is mapped onto (RFC 4860 section 2.2)."""

    session: GenericAggregateSession
    class_num: ClassVar[ClassNum] = ClassNum.SESSION_OF_INTEREST

    @property
    def ctype(self) -> int:
        """The C-Type of the session's address family."""
        return CType.IPV4 if self.session.destination.version == 4 else CType.IPV6


@register(ClassNum.DCLASS, CType.DCLASS)
@dataclass(frozen=True, slots=True)
class Dclass:
    """Diffserv code points that a sender is asked to mark with (RFC 2996 section 2).

    `ds_octets` has one octet for each as it stands in an IP header, the code point in its upper six
    bits; `dscps` are the code points.
    """

    ds_octets: tuple[int, ...]
    class_num: ClassVar[ClassNum] = ClassNum.DCLASS
    ctype: ClassVar[int] = CType.DCLASS

    def __post_init__(self) -> None:
        if not self.ds_octets:
            raise ValueError("a DCLASS names at least one code point")
        for octet in self.ds_octets:
            check_bits(octet, 8, "a DS octet")

    @classmethod
    def of(cls, *dscps: int) -> Dclass:
        """A DCLASS of these code points, 0 to 63 each."""
        for dscp in dscps:
            check_bits(dscp, 6, "a DSCP")
        return cls(tuple(dscp << 2 for dscp in dscps))

    @property
    def dscps(self) -> tuple[int, ...]:
        """The code points, 0 to 63."""
        return tuple(octet >> 2 for octet in self.ds_octets)


@register(ClassNum.SESSION_ASSOC, CType.TUNNEL)
@dataclass(frozen=True, slots=True)
class SessionAssociation:
    """The sender inside an IP tunnel whose reservation serves an end-to-end session (RFC 2746 2.3.1).

    `session` is what a SESSION may hold, `sender` what a FILTER_SPEC may. A DIAG_RESPONSE of the tunnel's
    exit has one, too (RFC 2745 section 3.7).
    """

    session: object
    sender: object
    class_num: ClassVar[ClassNum] = ClassNum.SESSION_ASSOC
    ctype: ClassVar[int] = CType.TUNNEL


@register(ClassNum.NODE_CHAR, CType.TUNNEL)
@dataclass(frozen=True, slots=True)
class NodeCharacteristics:
    """What the exit of an IP tunnel can do, a `NodeFlag` each (RFC 2746 section 2.3.2)."""

    flags: int
    class_num: ClassVar[ClassNum] = ClassNum.NODE_CHAR
    ctype: ClassVar[int] = CType.TUNNEL

    def __post_init__(self) -> None:
        check_bits(self.flags, 32, "a node's characteristics")


def _host(address: IPv4Address | IPv6Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)
