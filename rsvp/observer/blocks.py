"""What an observer keeps: path state, reservation state, errors and neighbours (RFC 2209 section 1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from ..intserv import Flowspec
from ..messages import AnyError, AnyFilter, AnySession, Path, Resv
from ..objects import AnyObject, IPAddress, Style


@dataclass(frozen=True, slots=True)
class Cause:
    """A message, or part of one, that did something: packet number, seconds, its name, who sent it."""

    frame: int
    time: float
    message: str
    node: IPAddress


@dataclass(slots=True)
class History:
    """Which message made some state, which changed it last, which was heard last, and how many were."""

    made: Cause
    changed: Cause
    heard: Cause
    times: int = 1

    @classmethod
    def begun(cls, cause: Cause) -> History:
        """The history of state that is new."""
        return cls(cause, cause, cause)

    def repeated(self, cause: Cause) -> None:
        """Another message said the same."""
        self.heard = cause
        self.times += 1


@dataclass(slots=True, eq=False)
class SeenPath:
    """Path state at the next hop: one sender, as one previous hop announces it.

    `refresh` is R in seconds and `until` when the state ends, on the observer's clock.
    """

    key: PathKey
    session: AnySession
    phop: IPAddress
    path: Path
    refresh: float
    until: float
    history: History


@dataclass(slots=True, eq=False)
class Refused:
    """What failed further upstream, and until when a smaller request is let through (RFC 2205 3.5)."""

    flowspec: Flowspec
    until: float


@dataclass(slots=True, eq=False)
class SeenReservation:
    """Reservation state at the previous hop, for one filter of one next hop; `filter` None for all senders.

    `attached` is what belongs to the filter, such as its label. `before` is what was reserved before
    the last change; `confirmed` is the ResvConf for it; `blockade` what its next hop may not ask for.
    """

    key: ReservationKey
    session: AnySession
    style: Style
    nhop: IPAddress
    phop: IPAddress
    filter: AnyFilter | None
    flowspec: Flowspec
    attached: tuple[AnyObject, ...]
    resv: Resv
    refresh: float
    until: float
    history: History
    before: Flowspec | None = None
    confirmed: Cause | None = None
    blockade: Refused | None = None


@dataclass(slots=True, eq=False)
class SeenError:
    """A PathErr, ResvErr or Notify: what it refuses, who found it, and on its way to whom."""

    session: AnySession
    message: str
    node: IPAddress
    neighbor: IPAddress
    filters: tuple[AnyFilter, ...]
    error: AnyError
    flowspec: Flowspec | None
    history: History


@dataclass(slots=True, eq=False)
class SeenNeighbor:
    """A node that has sent something here; `instance` is that of its Hellos (RFC 3209 section 5)."""

    address: IPAddress
    encapsulation: str
    last_heard: float
    instance: int | None = None
    sent: dict[str, int] = field(default_factory=dict)


SessionId: TypeAlias = object
"""A session without its flags, which are not part of its name."""

PathKey: TypeAlias = tuple[SessionId, AnyFilter, IPAddress]
ReservationKey: TypeAlias = tuple[SessionId, IPAddress, IPAddress, AnyFilter | None]
Block: TypeAlias = SeenPath | SeenReservation


@dataclass(frozen=True, slots=True)
class News:
    """Something that appeared, changed or went: a line of a timeline.

    `change` is "new", "changed" or "gone"; `cause` is None where only time did it.
    """

    time: float
    change: str
    block: Block | SeenError | SeenNeighbor
    why: str
    cause: Cause | None
