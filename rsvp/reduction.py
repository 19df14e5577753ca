"""Objects by which two neighbours refer to each other's messages (RFC 2961 sections 4 and 5).

A message is known by the address of the node that made it, an epoch and an identifier. A summary
refresh lists identifiers in place of the messages; which of the three lists it uses depends on
whether the address of the sender, or of the destination too, is needed to find the state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from .iana import ClassNum, CType, MessageIdFlag
from .objects import IPAddress, check_bits, register


def _check_id(epoch: int, message_id: int, flags: int) -> None:
    check_bits(epoch, 24, "an epoch")
    check_bits(message_id, 32, "a message identifier")
    check_bits(flags, 8, "flags")


@register(ClassNum.MESSAGE_ID, CType.MESSAGE_ID)
@dataclass(frozen=True, slots=True)
class MessageId:
    """This message's epoch and identifier (RFC 2961 section 4.2)."""

    epoch: int
    message_id: int
    flags: int = 0
    class_num: ClassVar[ClassNum] = ClassNum.MESSAGE_ID
    ctype: ClassVar[int] = CType.MESSAGE_ID

    def __post_init__(self) -> None:
        _check_id(self.epoch, self.message_id, self.flags)

    @property
    def ack_desired(self) -> bool:
        """Whether the sender asks for an acknowledgment."""
        return bool(self.flags & MessageIdFlag.ACK_DESIRED)


@register(ClassNum.MESSAGE_ID_ACK, CType.MESSAGE_ID_ACK)
@dataclass(frozen=True, slots=True)
class MessageIdAck:
    """Says that the neighbour's message has arrived (RFC 2961 section 4.3)."""

    epoch: int
    message_id: int
    flags: int = 0
    class_num: ClassVar[ClassNum] = ClassNum.MESSAGE_ID_ACK
    ctype: ClassVar[int] = CType.MESSAGE_ID_ACK

    def __post_init__(self) -> None:
        _check_id(self.epoch, self.message_id, self.flags)


@register(ClassNum.MESSAGE_ID_ACK, CType.MESSAGE_ID_NACK)
@dataclass(frozen=True, slots=True)
class MessageIdNack:
    """Says that a summary refresh named a message that is not known here (RFC 2961 section 4.3)."""

    epoch: int
    message_id: int
    flags: int = 0
    class_num: ClassVar[ClassNum] = ClassNum.MESSAGE_ID_ACK
    ctype: ClassVar[int] = CType.MESSAGE_ID_NACK

    def __post_init__(self) -> None:
        _check_id(self.epoch, self.message_id, self.flags)


@register(ClassNum.MESSAGE_ID_LIST, CType.MESSAGE_ID_LIST)
@dataclass(frozen=True, slots=True)
class MessageIdList:
    """Messages whose state is refreshed (RFC 2961 section 5.1). A list may come empty."""

    epoch: int
    message_ids: tuple[int, ...]
    flags: int = 0
    class_num: ClassVar[ClassNum] = ClassNum.MESSAGE_ID_LIST
    ctype: ClassVar[int] = CType.MESSAGE_ID_LIST

    def __post_init__(self) -> None:
        _check_id(self.epoch, 0, self.flags)
        for message_id in self.message_ids:
            check_bits(message_id, 32, "a message identifier")


@dataclass(frozen=True, slots=True)
class SourceId:
    """A message identifier and the sender of the Path state it stands for (RFC 2961 section 5.1)."""

    message_id: int
    source: IPAddress

    def __post_init__(self) -> None:
        check_bits(self.message_id, 32, "a message identifier")


@dataclass(frozen=True, slots=True)
class MulticastId:
    """A message identifier, the sender and the destination of its Path state (RFC 2961 section 5.1)."""

    message_id: int
    source: IPAddress
    destination: IPAddress

    def __post_init__(self) -> None:
        check_bits(self.message_id, 32, "a message identifier")
        if self.source.version != self.destination.version:
            raise ValueError("source and destination are of one address family")


@register(ClassNum.MESSAGE_ID_LIST, CType.SRC_LIST_IPV4, CType.SRC_LIST_IPV6)
@dataclass(frozen=True, slots=True)
class SourceIdList:
    """MESSAGE_ID SRC_LIST: refreshed Path state, for a multicast session's address (RFC 2961 section 5.1).

    `version` is the IP version of the sources, which an empty list does not tell otherwise.
    """

    epoch: int
    entries: tuple[SourceId, ...]
    version: int = 4
    flags: int = 0
    class_num: ClassVar[ClassNum] = ClassNum.MESSAGE_ID_LIST

    def __post_init__(self) -> None:
        _check_id(self.epoch, 0, self.flags)
        _check_versions(self.version, [entry.source.version for entry in self.entries])

    @classmethod
    def of(cls, epoch: int, *entries: SourceId) -> Self:
        """A list of at least one entry, of the entries' own IP version."""
        return cls(epoch, entries, entries[0].source.version)

    @property
    def ctype(self) -> int:
        """The C-Type of the sources' address family."""
        return CType.SRC_LIST_IPV4 if self.version == 4 else CType.SRC_LIST_IPV6


@register(ClassNum.MESSAGE_ID_LIST, CType.MCAST_LIST_IPV4, CType.MCAST_LIST_IPV6)
@dataclass(frozen=True, slots=True)
class MulticastIdList:
    """MESSAGE_ID MCAST_LIST: refreshed Path state, sent to the next hop (RFC 2961 section 5.1).

    `version` is the IP version of the addresses, which an empty list does not tell otherwise.
    """

    epoch: int
    entries: tuple[MulticastId, ...]
    version: int = 4
    flags: int = 0
    class_num: ClassVar[ClassNum] = ClassNum.MESSAGE_ID_LIST

    def __post_init__(self) -> None:
        _check_id(self.epoch, 0, self.flags)
        _check_versions(self.version, [entry.source.version for entry in self.entries])

    @classmethod
    def of(cls, epoch: int, *entries: MulticastId) -> Self:
        """A list of at least one entry, of the entries' own IP version."""
        return cls(epoch, entries, entries[0].source.version)

    @property
    def ctype(self) -> int:
        """The C-Type of the addresses' family."""
        return CType.MCAST_LIST_IPV4 if self.version == 4 else CType.MCAST_LIST_IPV6


def _check_versions(version: int, found: list[int]) -> None:
    if version not in (4, 6):
        raise ValueError(f"an IP version is 4 or 6, not {version}")
    if any(one != version for one in found):
        raise ValueError(f"this list is of IPv{version} addresses")
