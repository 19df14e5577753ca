"""RSVP messages: one frozen class each (RFC 2205 section 3.1).

A message holds what its objects say, not the order they came in or how they were packed: FF's
list of pairs, its left-out FLOWSPECs and WF's missing filters all become `flows`. Where a decoded
message was laid out in another order than `encode` would choose, `layout` remembers the sequence
of class numbers, so that `encode(decode(data)) == data`; it takes no part in comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from .iana import MESSAGE_NAMES, ClassNum, MessageType
from .intserv import Adspec, Flowspec, Tspec
from .objects import (
    ErrorSpec,
    Filter,
    Hop,
    Integrity,
    AnyObject,
    PolicyData,
    ResvConfirm,
    Scope,
    Session,
    Style,
    TimeValues,
)
from .te import LspTunnelFilter, LspTunnelSession

AnySession: TypeAlias = Session | LspTunnelSession
"""What a SESSION may hold; a plain RSVP node implements `Session`."""

AnyFilter: TypeAlias = Filter | LspTunnelFilter
"""What FILTER_SPEC and SENDER_TEMPLATE may hold; a plain RSVP node implements `Filter`."""

FRONT = frozenset[int]()
"""Classes in `extra` that are written right behind INTEGRITY (RFC 2961 section 3)."""

EARLY = frozenset({ClassNum.EXPLICIT_ROUTE, ClassNum.LABEL_REQUEST})
"""Classes in `extra` that are written before POLICY_DATA and the sender (RFC 3209 section 3.1)."""


@dataclass(frozen=True, slots=True)
class Sender:
    """A sender descriptor: who sends, how much, and what the path offers (RFC 2205 3.1.3)."""

    template: AnyFilter
    tspec: Tspec | None = None
    adspec: Adspec | None = None


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow descriptor: what is reserved, for which senders (RFC 2205 3.1.4).

    `filters` is empty for wildcard reservations. `flowspec` may be absent in a ResvTear only.
    `attached` holds for each filter the objects of the extensions that follow it, such as LABEL and
    RECORD_ROUTE (RFC 3209 section 3.2); it is empty where no filter has any.
    """

    flowspec: Flowspec | None
    filters: tuple[AnyFilter, ...] = ()
    attached: tuple[tuple[AnyObject, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.attached and (len(self.attached) != len(self.filters) or not any(self.attached)):
            raise ValueError("a flow has as many groups of attached objects as filters, or none at all")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    session: AnySession
    send_ttl: int = 0
    flags: int = 0
    integrity: Integrity | None = None
    extra: tuple[AnyObject, ...] = ()
    layout: tuple[int, ...] | None = field(default=None, compare=False, repr=False)

    type: ClassVar[MessageType]

    def __post_init__(self) -> None:
        if not 0 <= self.send_ttl < 256:
            raise ValueError(f"Send_TTL is 0 to 255, not {self.send_ttl}")
        if not 0 <= self.flags < 16:
            raise ValueError(f"the common header's flags are 0 to 15, not {self.flags}")

    @property
    def name(self) -> str:
        """The message's name as in RFC 2205, e.g. "PathTear"."""
        return MESSAGE_NAMES[self.type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Path(_Message):
    """Announces a sender downstream, along the path of its data (RFC 2205 3.1.3)."""

    hop: Hop
    time_values: TimeValues
    sender: Sender
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.PATH


@dataclass(frozen=True, slots=True, kw_only=True)
class Resv(_Message):
    """Asks the previous hop for a reservation (RFC 2205 3.1.4)."""

    hop: Hop
    time_values: TimeValues
    style: Style
    flows: tuple[Flow, ...] = ()
    confirm: ResvConfirm | None = None
    scope: Scope | None = None
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV


@dataclass(frozen=True, slots=True, kw_only=True)
class PathErr(_Message):
    """Reports upstream that a Path was not accepted (RFC 2205 3.1.7)."""

    error: ErrorSpec
    sender: Sender | None = None
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.PATH_ERR


@dataclass(frozen=True, slots=True, kw_only=True)
class ResvErr(_Message):
    """Reports downstream that a reservation was refused or lost (RFC 2205 3.1.8)."""

    hop: Hop
    error: ErrorSpec
    style: Style
    flow: Flow | None = None
    scope: Scope | None = None
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV_ERR


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTear(_Message):
    """Removes a sender's path state downstream (RFC 2205 3.1.5)."""

    hop: Hop
    sender: Sender
    type: ClassVar[MessageType] = MessageType.PATH_TEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class ResvTear(_Message):
    """Removes reservation state upstream (RFC 2205 3.1.6)."""

    hop: Hop
    style: Style
    flows: tuple[Flow, ...] = ()
    scope: Scope | None = None
    type: ClassVar[MessageType] = MessageType.RESV_TEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class ResvConf(_Message):
    """Confirms a reservation to the receiver that asked for it (RFC 2205 3.1.9)."""

    error: ErrorSpec
    confirm: ResvConfirm
    style: Style
    flows: tuple[Flow, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV_CONF


Message: TypeAlias = Path | Resv | PathErr | ResvErr | PathTear | ResvTear | ResvConf

MESSAGES: dict[int, type[Message]] = {
    cls.type: cls for cls in (Path, Resv, PathErr, ResvErr, PathTear, ResvTear, ResvConf)
}
"""Message type number -> class."""
