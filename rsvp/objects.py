"""RSVP objects: one frozen class per meaning (RFC 2205 appendix A).

A class stands for what an object says, not for its C-Type: the address family is in the address.
Objects that applications build are checked in `__post_init__`; those that peers send are built by
the codec, which checks them itself and does not run it.

The contents of FLOWSPEC, SENDER_TSPEC and ADSPEC are integrated services' own and live in
`rsvp.intserv`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar, Protocol, TypeAlias, TypeVar

from ._values import compiled, number
from .iana import PROTOCOLS_WITH_SPI, STYLE_NAMES, ClassNum, CType, SessionFlag, StyleBits

IPAddress: TypeAlias = IPv4Address | IPv6Address
SessionKey: TypeAlias = tuple[int, int, int, int]

T = TypeVar("T")

REGISTRY: dict[tuple[int, int], type[Any]] = {}
"""(class number, C-Type) -> the class that holds such an object once decoded."""


def register(class_num: ClassNum, *ctypes: int) -> Callable[[type[T]], type[T]]:
    """Enter a class in `REGISTRY` for one class number and its C-Types."""

    def enter(cls: type[T]) -> type[T]:
        for ctype in ctypes:
            REGISTRY[class_num, ctype] = cls
        return cls

    return enter


def check_bits(value: int, bits: int, what: str) -> None:
    """Raise ValueError unless `value` fits a field of so many bits; `what` names it in the sentence."""
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{what} must be 0 to {(1 << bits) - 1}, not {value}")


@register(ClassNum.SESSION, CType.IPV4, CType.IPV6)
@compiled
@dataclass(frozen=True, slots=True)
class Session:
    """The destination of the data flow: address, IP protocol, port (RFC 2205 A.1).

    `port` is 0 for protocols without ports. `flags` travel in Path messages (`SessionFlag`) and
    are no part of the session's identity: compare `key` for that.
    """

    destination: IPAddress
    protocol: int
    port: int
    flags: int = 0

    def __post_init__(self) -> None:
        if not int(self.destination):
            raise ValueError("a session needs a destination address other than all zeroes")
        if not 0 < self.protocol < 256:
            raise ValueError(f"an IP protocol is 1 to 255, not {self.protocol}")
        check_bits(self.port, 16, "a port")
        check_bits(self.flags, 8, "session flags")

    @property
    def key(self) -> SessionKey:
        """(IP version, address, protocol, port): the same for any flags."""
        return (self.destination.version, number(self.destination), self.protocol, self.port)

    @property
    def bare(self) -> Session:
        """The same session without flags."""
        return self if not self.flags else type(self)(self.destination, self.protocol, self.port)

    @property
    def data_port(self) -> int:
        """The destination port that its data packets show, 0 for none."""
        return self.port

    @property
    def e_police(self) -> bool:
        """Whether no node so far has policed the flow (RFC 2205 section 3.8)."""
        return bool(self.flags & _E_POLICE)

    def __str__(self) -> str:
        host = f"[{self.destination}]" if self.destination.version == 6 else self.destination
        return f"{host}:{self.port}/{self.protocol}"


@register(ClassNum.SESSION, CType.SESSION_IPV4_GPI, CType.SESSION_IPV6_GPI)
@compiled
@dataclass(frozen=True, slots=True)
class GpiSession(Session):
    """The destination of an IPsec flow (RFC 2207 section 3.1).

    `port` is virtual: it tells sessions of one destination and protocol apart and stands in no data
    packet. Section 4.1 asks for one other than 0. Each sender is a `GpiFilter`.
    """

    @property
    def ctype(self) -> int:
        """The C-Type of the destination's address family."""
        return CType.SESSION_IPV4_GPI if self.destination.version == 4 else CType.SESSION_IPV6_GPI

    @property
    def key(self) -> SessionKey:
        """As that of `Session`, but never equal to one: above the virtual port stands the C-Type."""
        kind = self.ctype << 16
        return (self.destination.version, number(self.destination), self.protocol, kind | self.port)

    @property
    def data_port(self) -> int:
        """None: 0."""
        return 0

    def __str__(self) -> str:
        return f"{Session.__str__(self)} (GPI)"


@register(ClassNum.RSVP_HOP, CType.IPV4, CType.IPV6)
@compiled
@dataclass(frozen=True, slots=True)
class Hop:
    """The neighbour that sent the message, and its logical interface handle (RFC 2205 A.2)."""

    address: IPAddress
    lih: int = 0

    def __post_init__(self) -> None:
        check_bits(self.lih, 32, "a logical interface handle")


@register(ClassNum.INTEGRITY, CType.INTEGRITY)
@compiled
@dataclass(frozen=True, slots=True)
class Integrity:
    """Key identifier (48 bits), sequence number (64 bits) and keyed digest (RFC 2747 section 2)."""

    key_id: int
    sequence: int
    digest: bytes
    flags: int = 0

    def __post_init__(self) -> None:
        check_bits(self.key_id, 48, "a key identifier")
        check_bits(self.sequence, 64, "a sequence number")
        check_bits(self.flags, 8, "integrity flags")
        if not self.digest or len(self.digest) % 4:
            raise ValueError("a digest is a positive multiple of 4 bytes long")


@register(ClassNum.CHALLENGE, CType.CHALLENGE)
@compiled
@dataclass(frozen=True, slots=True)
class Challenge:
    """Asks for proof of a key, or returns what was asked (RFC 2747 section 4.3).

    `cookie` is 64 bits that the challenger makes up anew each time.
    """

    key_id: int
    cookie: int
    class_num: ClassVar[ClassNum] = ClassNum.CHALLENGE
    ctype: ClassVar[int] = CType.CHALLENGE

    def __post_init__(self) -> None:
        check_bits(self.key_id, 48, "a key identifier")
        check_bits(self.cookie, 64, "a challenge cookie")


@register(ClassNum.TIME_VALUES, CType.TIME_VALUES)
@compiled
@dataclass(frozen=True, slots=True)
class TimeValues:
    """R, how often the sender of this message will refresh it, in milliseconds (RFC 2205 A.4)."""

    refresh_ms: int

    def __post_init__(self) -> None:
        check_bits(self.refresh_ms, 32, "a refresh period in milliseconds")


@register(ClassNum.ERROR_SPEC, CType.IPV4, CType.IPV6)
@compiled
@dataclass(frozen=True, slots=True)
class ErrorSpec:
    """What went wrong and at which node (RFC 2205 A.5); see `iana.error_text` for the words."""

    node: IPAddress
    code: int
    value: int
    flags: int = 0

    def __post_init__(self) -> None:
        check_bits(self.code, 8, "an error code")
        check_bits(self.value, 16, "an error value")
        check_bits(self.flags, 8, "error flags")


@register(ClassNum.SCOPE, CType.IPV4, CType.IPV6)
@compiled
@dataclass(frozen=True, slots=True)
class Scope:
    """Senders that a wildcard reservation is meant for, ascending (RFC 2205 A.6, section 3.4)."""

    addresses: tuple[IPAddress, ...]

    def __post_init__(self) -> None:
        if not self.addresses:
            raise ValueError("a scope names at least one sender")
        if len({a.version for a in self.addresses}) > 1:
            raise ValueError("a scope holds addresses of one family")
        if list(self.addresses) != sorted(self.addresses, key=int):
            raise ValueError("the addresses of a scope are in ascending order")


STYLE_MASK = int(StyleBits.SHARING_MASK | StyleBits.SELECTION_MASK)
"""The bits of an option vector that make the style."""

_SHARING, _SHARED = int(StyleBits.SHARING_MASK), int(StyleBits.SHARED)
_SELECTION, _EXPLICIT = int(StyleBits.SELECTION_MASK), int(StyleBits.EXPLICIT)
_E_POLICE = int(SessionFlag.E_POLICE)


@register(ClassNum.STYLE, CType.STYLE)
@compiled
@dataclass(frozen=True, slots=True)
class Style:
    """A reservation style: who shares, and how senders are chosen (RFC 2205 A.7)."""

    option_vector: int
    flags: int = 0

    def __post_init__(self) -> None:
        check_bits(self.option_vector, 24, "a style's option vector")
        check_bits(self.flags, 8, "style flags")

    @property
    def shared(self) -> bool:
        """Whether all selected senders share one reservation."""
        return self.option_vector & _SHARING == _SHARED

    @property
    def explicit(self) -> bool:
        """Whether the reservation lists its senders."""
        return self.option_vector & _SELECTION == _EXPLICIT

    @property
    def name(self) -> str:
        """ "FF", "WF", "SE", or the option vector in hexadecimal."""
        return STYLE_NAMES.get(self.option_vector & STYLE_MASK) or f"0x{self.option_vector:06x}"

    @property
    def known(self) -> bool:
        """Whether this is one of the three styles that RFC 2205 defines."""
        return self.option_vector & STYLE_MASK in STYLE_NAMES


FF = Style(StyleBits.FF)
WF = Style(StyleBits.WF)
SE = Style(StyleBits.SE)


@register(ClassNum.FILTER_SPEC, CType.IPV4, CType.IPV6)
@register(ClassNum.SENDER_TEMPLATE, CType.IPV4, CType.IPV6)
@compiled
@dataclass(frozen=True, slots=True)
class FilterSpec:
    """One sender: its address and source port, 0 for none (RFC 2205 A.9, A.10)."""

    address: IPAddress
    port: int = 0

    def __post_init__(self) -> None:
        if not int(self.address):
            raise ValueError("a sender needs an address other than all zeroes")
        check_bits(self.port, 16, "a port")

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else self.address
        return f"{host}:{self.port}"


@register(ClassNum.FILTER_SPEC, CType.IPV6_FLOW_LABEL)
@register(ClassNum.SENDER_TEMPLATE, CType.IPV6_FLOW_LABEL)
@compiled
@dataclass(frozen=True, slots=True)
class FlowLabelFilterSpec:
    """One IPv6 sender told apart by its flow label (RFC 2205 A.9)."""

    address: IPv6Address
    flow_label: int

    def __post_init__(self) -> None:
        if not int(self.address):
            raise ValueError("a sender needs an address other than all zeroes")
        check_bits(self.flow_label, 24, "a flow label")

    def __str__(self) -> str:
        return f"[{self.address}] flow label {self.flow_label:#x}"


@register(ClassNum.FILTER_SPEC, CType.FILTER_IPV4_GPI, CType.FILTER_IPV6_GPI)
@register(ClassNum.SENDER_TEMPLATE, CType.FILTER_IPV4_GPI, CType.FILTER_IPV6_GPI)
@compiled
@dataclass(frozen=True, slots=True)
class GpiFilter:
    """One sender of an IPsec flow: its address and, as `gpi`, its SPI (RFC 2207 sections 3.2, 3.3)."""

    address: IPAddress
    gpi: int

    def __post_init__(self) -> None:
        if not int(self.address):
            raise ValueError("a sender needs an address other than all zeroes")
        check_bits(self.gpi, 32, "a generalised port identifier")

    @property
    def ctype(self) -> int:
        """The C-Type of the sender's address family."""
        return CType.FILTER_IPV4_GPI if self.address.version == 4 else CType.FILTER_IPV6_GPI

    def __str__(self) -> str:
        host = f"[{self.address}]" if self.address.version == 6 else self.address
        return f"{host}/spi={self.gpi:#x}"


Filter: TypeAlias = FilterSpec | FlowLabelFilterSpec | GpiFilter
"""What FILTER_SPEC and SENDER_TEMPLATE hold."""

SenderTemplate: TypeAlias = FilterSpec


def session_of(destination: IPAddress, protocol: int, port: int) -> Session:
    """The session that people mean by these: of ESP and AH with a (virtual) port, one of IPsec flows.

    Raises ValueError for what cannot be.
    """
    kind = GpiSession if protocol in PROTOCOLS_WITH_SPI and port else Session
    return kind(destination, protocol, port)


def filter_of(session: Session, address: IPAddress, number: int) -> Filter:
    """A sender of a session by its port, which in one of IPsec flows is an SPI. Raises ValueError."""
    return (GpiFilter if isinstance(session, GpiSession) else FilterSpec)(address, int(number))


class PolicyElement(Protocol):
    """What POLICY_DATA is there to carry: one of the classes of `rsvp.policy` (RFC 2750 section 3.3)."""

    @property
    def p_type(self) -> int:
        """The element's type (P-Type)."""


@register(ClassNum.POLICY_DATA, CType.POLICY_DATA)
@dataclass(frozen=True, slots=True)
class PolicyData:
    """Policy elements, and options that say whom they are for (RFC 2205 A.13, RFC 2750 section 3).

    Nodes that have no policy forward the object as it came. Contents that RFC 2750 does not describe
    are in `data` then, and there are no options and no elements; otherwise `data` is None.
    """

    data: bytes | None = None
    options: tuple[Nested, ...] = ()
    elements: tuple[PolicyElement, ...] = ()

    def __post_init__(self) -> None:
        if self.data is None:
            return
        if self.options or self.elements:
            raise ValueError("policy data has either unread contents or options and elements")
        if len(self.data) % 4:
            raise ValueError("policy data is a multiple of 4 bytes long")


@register(ClassNum.RESV_CONFIRM, CType.IPV4, CType.IPV6)
@compiled
@dataclass(frozen=True, slots=True)
class ResvConfirm:
    """The receiver that asked for a confirmation (RFC 2205 A.14)."""

    receiver: IPAddress


def ctype_of(class_num: int, value: Any) -> int:
    """The C-Type under which an object of a class goes on the wire.

    Where a class has one for each address family, the smaller number is IPv4's.
    """
    mine = ((number, ctype) for (number, ctype), cls in REGISTRY.items() if cls is type(value))
    found = sorted(ctype for number, ctype in mine if number == class_num)
    addresses = (getattr(value, field.name) for field in fields(value))
    if any(isinstance(address, IPv6Address) for address in addresses):
        return found[-1]
    return found[0]


class AnyObject(Protocol):
    """What may stand in a message's `extra`: `Opaque`, or any class of the extensions' modules."""

    @property
    def class_num(self) -> int:
        """The class number; its top two bits say what a node does that does not implement it."""

    @property
    def ctype(self) -> int:
        """The C-Type."""


@dataclass(frozen=True, slots=True)
class Opaque:
    """An object of a class or C-Type that this package does not know, kept as it came.

    The top two bits of `class_num` say what a node does with it (RFC 2205 section 3.10,
    `iana.UnknownClass`).
    """

    class_num: int
    ctype: int
    data: bytes

    def __post_init__(self) -> None:
        check_bits(self.class_num, 8, "a class number")
        check_bits(self.ctype, 8, "a C-Type")
        if len(self.data) % 4:
            raise ValueError("an object's contents are a multiple of 4 bytes long")


@dataclass(frozen=True, slots=True)
class Nested:
    """An object inside another: an option of POLICY_DATA, or what a DIAG_RESPONSE reports.

    `value` is what an object of class `class_num` holds in a message, or an `Opaque` where its class
    or C-Type is not known, or where it has objects inside itself.
    """

    class_num: int
    value: object

    def __post_init__(self) -> None:
        check_bits(self.class_num, 8, "a class number")
        if isinstance(self.value, Opaque) and self.value.class_num != self.class_num:
            raise ValueError(f"class {self.class_num} cannot hold an object of class {self.value.class_num}")
