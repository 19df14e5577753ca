"""What an operator may look at, as frozen values: one class for each `rsvp show` word.

Interfaces are numbers, `interfaces.LOCAL` for an application on this node; `expires_in` is seconds
and None for state that applications hold and nothing times out; `application` is the handle of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from ..intserv import Adspec, Flowspec, Tspec
from ..messages import AnyFilter, AnySession
from ..objects import Filter, IPAddress, Session, Style


@dataclass(frozen=True, slots=True)
class PoolView:
    """What reservations of one service may take of a link together, and what they have; bytes/s."""

    limit: float
    reserved: float


@dataclass(frozen=True, slots=True)
class InterfaceView:
    """One interface; `bandwidth`, `reserved`, `limit` and `per_flow` in bytes/s, `reservable` a share.

    `controls_traffic` is whether reservations are enforced there, not only counted. `pools` are those of
    services that may not take all of `limit`, by name.
    """

    name: str
    index: int
    addresses: tuple[IPAddress, ...]
    mtu: int
    bandwidth: float
    reservable: float
    reserved: float
    flows: int
    limit: float
    per_flow: float
    enabled: bool
    controls_traffic: bool
    pools: Mapping[str, PoolView]


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session, with how many senders and reservations it has here."""

    session: Session
    senders: int
    reservations: int
    style: Style | None


@dataclass(frozen=True, slots=True)
class SenderView:
    """Path state (a PSB)."""

    session: Session
    sender: Filter
    phop: IPAddress | None
    interface: int
    outgoing: tuple[int, ...]
    tspec: Tspec
    adspec: Adspec | None
    expires_in: float | None
    application: int | None = None


@dataclass(frozen=True, slots=True)
class ReservationView:
    """Reservation state (an RSB)."""

    session: Session
    style: Style
    nhop: IPAddress | None
    interface: int
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    expires_in: float | None
    application: int | None = None


@dataclass(frozen=True, slots=True)
class RequestView:
    """What this node asks a previous hop for, after merging."""

    session: Session
    style: Style
    phop: IPAddress | None
    interface: int
    filters: tuple[Filter, ...]
    flowspec: Flowspec


@dataclass(frozen=True, slots=True)
class RefusalView:
    """What this node refused lately: a Path or Resv (`message`), of an application here without `neighbor`.

    `flowspec` is what a reservation asked for; `text` puts `code` and `value` into words; `times` is how
    often it was refused; `in_place` that an earlier reservation stands.
    """

    session: AnySession
    message: str
    neighbor: IPAddress | None
    interface: int
    filters: tuple[AnyFilter, ...]
    flowspec: Flowspec | None
    code: int
    value: int
    text: str
    in_place: bool
    times: int


@dataclass(frozen=True, slots=True)
class InstalledView:
    """What traffic control was told (a TCSB)."""

    session: Session
    interface: int
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    handle: int


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What would become of a reservation on one interface, if it were asked for now.

    `filters` and `flowspec` are what would stand there, merged with what stands; `rate` is what that
    takes of the link and `held` what it has of it already, bytes/s; `remains` is what the link's and
    the service's limit would leave for others, bytes/s. A refusal has `code` and `value` (else 0), in
    words `text`, by the rule of `section`. Where a number is what stands in the way, `limit` says which
    ("link", "pool" of the service, "flow", all in bytes/s; "mtu" in bytes; "delay" in seconds; "sessions",
    "reservations" of the session, "neighbor" and "state", all counted), `asked` what is asked of it and
    `available` what there is. `interface` is LOCAL where no interface comes into it.
    """

    interface: int
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    rate: float = 0.0
    held: float = 0.0
    remains: float = 0.0
    code: int = 0
    value: int = 0
    text: str = ""
    section: str = ""
    limit: str | None = None
    asked: float | None = None
    available: float | None = None

    @property
    def accepted(self) -> bool:
        """Whether it would stand."""
        return not self.code


@dataclass(frozen=True, slots=True)
class Source:
    """One thing that state came from: a message of a neighbour, or what an application here asked.

    `message` is its name ("Path", "Resv", "ResvErr"); `neighbor` None stands for an application.
    """

    message: str
    neighbor: IPAddress | None
    interface: int
    filters: tuple[AnyFilter, ...] = ()
    spec: Tspec | Flowspec | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """One reason why state is what it is: the rule in words, where it stands, and what it was applied to."""

    text: str
    section: str
    sources: tuple[Source, ...] = ()


Explained: TypeAlias = SenderView | ReservationView | RequestView | InstalledView | RefusalView
"""What can be explained: each of these says where it came from."""
