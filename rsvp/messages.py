"""RSVP messages: one frozen class each (RFC 2205 section 3.1).

A message holds what its objects say, not the order they came in or how they were packed: FF's
list of pairs, its left-out FLOWSPECs and WF's missing filters all become `flows`. Where a decoded
message was laid out in another order than `encode` would choose, `layout` remembers the sequence
of class numbers, so that `encode(decode(data)) == data`; it takes no part in comparison.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from ._values import compiled
from .diagnostics import Diagnostic, DiagResponse, DiagSelect, Route
from .gmpls import InterfaceErrorSpec, InterfaceHop
from .iana import MESSAGE_NAMES, ClassNum, MessageType
from .intserv import Adspec, Flowspec, Tspec
from .objects import (
    AnyObject,
    Challenge,
    ErrorSpec,
    Filter,
    Hop,
    Integrity,
    PolicyData,
    ResvConfirm,
    Scope,
    Session,
    Style,
    TimeValues,
)
from .reduction import MessageIdAck, MessageIdList, MessageIdNack, MulticastIdList, SourceIdList
from .sessions import AggregateFilter, AggregateSession, GenericAggregateSession
from .te import HelloAck, HelloRequest, LspTunnelFilter, LspTunnelSession, P2mpFilter, P2mpSession

AnySession: TypeAlias = Session | AggregateSession | GenericAggregateSession | LspTunnelSession | P2mpSession
"""What a SESSION may hold; a plain RSVP node implements `Session`."""

AnyFilter: TypeAlias = Filter | AggregateFilter | LspTunnelFilter | P2mpFilter
"""What FILTER_SPEC and SENDER_TEMPLATE may hold; a plain RSVP node implements `Filter`."""

AnyHop: TypeAlias = Hop | InterfaceHop
"""What an RSVP_HOP may hold; a plain RSVP node implements `Hop`."""

AnyError: TypeAlias = ErrorSpec | InterfaceErrorSpec
"""What an ERROR_SPEC may hold."""

FRONT = frozenset({ClassNum.MESSAGE_ID_ACK, ClassNum.MESSAGE_ID})
"""Classes in `extra` that are written right behind INTEGRITY (RFC 2961 section 4.1)."""

EARLY = frozenset(
    {
        ClassNum.EXPLICIT_ROUTE,
        ClassNum.LABEL_REQUEST,
        ClassNum.PROTECTION,
        ClassNum.LABEL_SET,
        ClassNum.NOTIFY_REQUEST,
        ClassNum.ADMIN_STATUS,
        ClassNum.ASSOCIATION,
        ClassNum.SESSION_ATTRIBUTE,
    }
)
"""Classes in `extra` that are written before POLICY_DATA and the sender (RFC 3209 3.1, RFC 3473 10.1)."""


@compiled
@dataclass(frozen=True, slots=True)
class Sender:
    """A sender descriptor: who sends, how much, and what the path offers (RFC 2205 3.1.3)."""

    template: AnyFilter
    tspec: Tspec | None = None
    adspec: Adspec | None = None


@compiled
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


def _check_header(send_ttl: int, flags: int) -> None:
    if not 0 <= send_ttl < 256:
        raise ValueError(f"Send_TTL is 0 to 255, not {send_ttl}")
    if not 0 <= flags < 16:
        raise ValueError(f"the common header's flags are 0 to 15, not {flags}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sessionless:
    send_ttl: int = 0
    flags: int = 0
    integrity: Integrity | None = None
    extra: tuple[AnyObject, ...] = ()
    layout: tuple[int, ...] | None = field(default=None, compare=False, repr=False)

    type: ClassVar[MessageType]

    def __post_init__(self) -> None:
        _check_header(self.send_ttl, self.flags)

    @property
    def name(self) -> str:
        """The message's name as in RFC 2205, e.g. "PathTear"."""
        return MESSAGE_NAMES[self.type]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message(_Sessionless):
    session: AnySession


@dataclass(frozen=True, slots=True, kw_only=True)
class _PathMessage(_Message):
    hop: AnyHop
    time_values: TimeValues
    sender: Sender
    policy: tuple[PolicyData, ...] = ()


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class Path(_PathMessage):
    """Announces a sender downstream, along the path of its data (RFC 2205 3.1.3)."""

    type: ClassVar[MessageType] = MessageType.PATH


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class Resv(_Message):
    """Asks the previous hop for a reservation (RFC 2205 3.1.4)."""

    hop: AnyHop
    time_values: TimeValues
    style: Style
    flows: tuple[Flow, ...] = ()
    confirm: ResvConfirm | None = None
    scope: Scope | None = None
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class PathErr(_Message):
    """Reports upstream that a Path was not accepted (RFC 2205 3.1.7)."""

    error: AnyError
    sender: Sender | None = None
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.PATH_ERR


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class ResvErr(_Message):
    """Reports downstream that a reservation was refused or lost (RFC 2205 3.1.8)."""

    hop: AnyHop
    error: AnyError
    style: Style
    flow: Flow | None = None
    scope: Scope | None = None
    policy: tuple[PolicyData, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV_ERR


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class PathTear(_Message):
    """Removes a sender's path state downstream (RFC 2205 3.1.5)."""

    hop: AnyHop
    sender: Sender
    type: ClassVar[MessageType] = MessageType.PATH_TEAR


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class ResvTear(_Message):
    """Removes reservation state upstream (RFC 2205 3.1.6)."""

    hop: AnyHop
    style: Style
    flows: tuple[Flow, ...] = ()
    scope: Scope | None = None
    type: ClassVar[MessageType] = MessageType.RESV_TEAR


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class ResvConf(_Message):
    """Confirms a reservation to the receiver that asked for it (RFC 2205 3.1.9)."""

    error: AnyError
    confirm: ResvConfirm
    style: Style
    flows: tuple[Flow, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV_CONF


# --- refresh reduction (RFC 2961) ---------------------------------------------------------------------


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(_Sessionless):
    """Acknowledges the neighbour's messages, or denies that they are known (RFC 2961 section 4.4)."""

    acks: tuple[MessageIdAck | MessageIdNack, ...]
    type: ClassVar[MessageType] = MessageType.ACK


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class Srefresh(_Sessionless):
    """Refreshes the state of many messages by their identifiers (RFC 2961 section 5.2)."""

    lists: tuple[MessageIdList | SourceIdList | MulticastIdList, ...]
    type: ClassVar[MessageType] = MessageType.SREFRESH


@dataclass(frozen=True, slots=True)
class BrokenMessage:
    """A message in a Bundle that cannot be decoded: its bytes, and why, as in `WireError`.

    `offset` counts from the start of this message. A Bundle inside a Bundle is one of these, too.
    """

    data: bytes
    reason: str = field(default="", compare=False)
    class_num: int | None = field(default=None, compare=False)
    ctype: int | None = field(default=None, compare=False)
    offset: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Whole messages in one datagram, to one neighbour (RFC 2961 section 3).

    Each is taken as if it had come alone: one that is broken does not spoil the others. `unsummed`
    has the places, from 0, of messages that go without a checksum, which the Bundle's own covers;
    it takes no part in comparison.
    """

    messages: tuple[Message | BrokenMessage, ...]
    send_ttl: int = 0
    flags: int = 0
    unsummed: tuple[int, ...] = field(default=(), compare=False, repr=False)
    type: ClassVar[MessageType] = MessageType.BUNDLE

    def __post_init__(self) -> None:
        _check_header(self.send_ttl, self.flags)
        if not self.messages:
            raise ValueError("a Bundle has at least one message")
        if any(isinstance(message, Bundle) for message in self.messages):
            raise ValueError("a Bundle cannot hold another Bundle")

    @property
    def name(self) -> str:
        """The message's name, "Bundle"."""
        return MESSAGE_NAMES[self.type]


# --- neighbours and distant notices (RFC 3209, RFC 3473) -----------------------------------------------


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(_Sessionless):
    """Asks a neighbour whether it lives, or answers (RFC 3209 section 5.2, RFC 5063 section 4.1)."""

    hello: HelloRequest | HelloAck
    type: ClassVar[MessageType] = MessageType.HELLO


@dataclass(frozen=True, slots=True, kw_only=True)
class Notified:
    """One session in a Notify: its sender where that is upstream, else its flows (RFC 3473 4.3.1).

    Without a style nothing says how the flows share. `extra` follows the session, as ADMIN_STATUS does.
    """

    session: AnySession
    extra: tuple[AnyObject, ...] = ()
    policy: tuple[PolicyData, ...] = ()
    sender: Sender | None = None
    flows: tuple[Flow, ...] = ()


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class Notify(_Sessionless):
    """Tells a distant node of errors or of a changed status (RFC 3473 section 4.3)."""

    error: AnyError
    sessions: tuple[Notified, ...]
    type: ClassVar[MessageType] = MessageType.NOTIFY


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryPath(_PathMessage):
    """Gives a node that has restarted its last Path back, from downstream (RFC 5063 section 4.1)."""

    type: ClassVar[MessageType] = MessageType.RECOVERY_PATH


# --- diagnostics (RFC 2745) ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Diagnostics(_Message):
    hop: AnyHop
    diagnostic: Diagnostic
    select: DiagSelect | None = None
    route: Route | None = None
    responses: tuple[DiagResponse, ...] = ()


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class DREQ(_Diagnostics):
    """Asks each node from the last hop to the sender what state it has (RFC 2745 section 3)."""

    type: ClassVar[MessageType] = MessageType.DREQ


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class DREP(_Diagnostics):
    """Brings the answers, or some of them, to the requester (RFC 2745 section 3)."""

    type: ClassVar[MessageType] = MessageType.DREP


# --- the integrity handshake (RFC 2747 section 4.3, RFC 3097), confirmed tears -------------------------


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityChallenge(_Sessionless):
    """Asks a neighbour to prove that it has the key, and its sequence number (RFC 2747 section 4.3)."""

    challenge: Challenge
    type: ClassVar[MessageType] = MessageType.INTEGRITY_CHALLENGE


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class IntegrityResponse(_Sessionless):
    """Returns a challenge, signed (RFC 2747 section 4.3)."""

    integrity: Integrity
    challenge: Challenge
    type: ClassVar[MessageType] = MessageType.INTEGRITY_RESPONSE


@compiled
@dataclass(frozen=True, slots=True, kw_only=True)
class ResvTearConfirm(_Message):
    """Confirms that a reservation was torn down.

    Message type 10 is registered, but no RFC gives its grammar: what stands in a ResvTear or a
    ResvConf (RFC 2205 sections 3.1.6 and 3.1.9) is taken, and only SESSION and STYLE are required.
    """

    style: Style
    hop: AnyHop | None = None
    error: AnyError | None = None
    confirm: ResvConfirm | None = None
    scope: Scope | None = None
    flows: tuple[Flow, ...] = ()
    type: ClassVar[MessageType] = MessageType.RESV_TEAR_CONFIRM


Message: TypeAlias = (
    Path
    | Resv
    | PathErr
    | ResvErr
    | PathTear
    | ResvTear
    | ResvConf
    | DREQ
    | DREP
    | ResvTearConfirm
    | Bundle
    | Ack
    | Srefresh
    | Hello
    | Notify
    | IntegrityChallenge
    | IntegrityResponse
    | RecoveryPath
)

MESSAGES: dict[int, type[Message]] = {
    cls.type: cls
    for cls in (
        Path,
        Resv,
        PathErr,
        ResvErr,
        PathTear,
        ResvTear,
        ResvConf,
        DREQ,
        DREP,
        ResvTearConfirm,
        Bundle,
        Ack,
        Srefresh,
        Hello,
        Notify,
        IntegrityChallenge,
        IntegrityResponse,
        RecoveryPath,
    )
}
"""Message type number -> class."""


# --- for those who only implement RFC 2205 ------------------------------------------------------------


def base_session(message: _Message) -> Session:
    """The session of a message that is known to be about one of RFC 2205, for type checkers."""
    return message.session  # type: ignore[return-value]


def base_filter(value: AnyFilter) -> Filter:
    """A filter that is known to be one of RFC 2205, for type checkers."""
    return value  # type: ignore[return-value]


def base_filters(values: tuple[AnyFilter, ...]) -> tuple[Filter, ...]:
    """Filters that are known to be of RFC 2205, for type checkers."""
    return values  # type: ignore[return-value]
