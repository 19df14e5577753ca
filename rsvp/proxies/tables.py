"""The tables [[sender]], [[reservation]] and [[listener]] of rsvp.toml (RFC 5945 section 2).

The keys are those of `rsvp send` and `rsvp reserve`; rates are in bytes/s, sizes in bytes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, ClassVar, Literal, TypeVar

import msgspec

from .. import places
from ..errors import LocalError
from ..iana import DEFAULT_TTL
from ..intserv import Tspec, default_bucket
from ..objects import FF, SE, WF, Filter, GpiSession, Session, Style, session_of
from ..receiver import Receiver, read_service
from ..tables import Checked, Count, Name, Rate, Switch, WrongKey

T = TypeVar("T")

Place = Annotated[str, msgspec.Meta(description='an address with a port, such as "10.1.0.2:5000"')]
Source = Annotated[
    str | int, msgspec.Meta(description='a port, or an address with one, such as "10.0.0.1:4000"')
]
Sources = Annotated[
    tuple[str, ...], msgspec.Meta(description='a list of addresses with ports, such as ["10.0.0.1:4000"]')
]
Area = Annotated[str, msgspec.Meta(description='addresses, ports or both, such as "10.1.0.0/16:5000-5100"')]
Protocol = Annotated[str | int, msgspec.Meta(description='"udp", "tcp" or a number')]
StyleWord = Annotated[Literal["ff", "wf", "se"], msgspec.Meta(description='"ff", "wf" or "se"')]
ServiceWord = Annotated[Literal["load", "rate"], msgspec.Meta(description='"load" or "rate"')]
Answer = Annotated[Literal["reply", "reject"], msgspec.Meta(description='"reply" or "reject"')]
Bytes = Annotated[float, msgspec.Meta(gt=0, description="a number of bytes above 0")]
Packet = Annotated[int, msgspec.Meta(ge=1, le=65535, description="a whole number of bytes from 1 to 65535")]

STYLES: dict[str, Style] = {"ff": FF, "wf": WF, "se": SE}


class SenderTable(Checked, frozen=True, kw_only=True):
    """One [[sender]]: a flow that is announced while the daemon runs.

    `source` is this node's own address, or that of a host behind `interface`.
    """

    destination: Place
    source: Source
    rate: Rate
    protocol: Protocol = "udp"
    bucket: Bytes | None = None
    peak: Rate = math.inf
    min: Packet = 64
    max: Packet = 1500
    ttl: Count = DEFAULT_TTL
    interface: Name | None = None
    readings: ClassVar[tuple[str, ...]] = ("session", "template", "port", "tspec")

    def __post_init__(self) -> None:
        """Raises ValueError, WrongKey where one key is the reason."""
        super().__post_init__()
        if self.interface is not None and self.template is None:
            raise WrongKey("source", f"is a host behind {self.interface}: write its address, too")

    @property
    def session(self) -> Session:
        """Where the flow goes. Raises WrongKey."""
        return _session(self.destination, self.protocol)

    @property
    def port(self) -> int:
        """The port it comes from, or its SPI, where no address says so. Raises WrongKey."""
        if self._has_address:
            return 0
        read = places.read_spi if isinstance(self.session, GpiSession) else places.read_port
        return int(_of("source", read, str(self.source)))

    @property
    def _has_address(self) -> bool:
        return any(mark in str(self.source) for mark in ":/")

    @property
    def template(self) -> Filter | None:
        """The sender; None for this node's own address towards the destination. Raises WrongKey."""
        return _sender("source", str(self.source), self.session) if self._has_address else None

    @property
    def tspec(self) -> Tspec:
        """What it keeps to. Raises WrongKey."""
        if self.min > self.max:
            raise WrongKey("min", f"{self.min} is above max, {self.max}: swap them")
        if self.peak < self.rate:
            raise WrongKey("peak", "is below rate: a flow's peak is at least its rate")
        bucket = default_bucket(self.rate, self.max) if self.bucket is None else self.bucket
        return Tspec(self.rate, bucket, self.peak, self.min, self.max)

    def __str__(self) -> str:
        return f"sender {self.source} to {self.destination}"


class _Reserved(Checked, frozen=True, kw_only=True):
    """What [[reservation]] and [[listener]] have in common."""

    style: StyleWord = "ff"
    service: ServiceWord = "load"
    rate: Rate | None = None
    bucket: Bytes | None = None
    confirm: Switch = False

    def __post_init__(self) -> None:
        """Raises ValueError, WrongKey where one key is the reason."""
        super().__post_init__()
        if self.bucket is not None and self.rate is None:
            raise WrongKey("bucket", "goes with a rate: write that, too")

    def receiver(self, named: tuple[Filter, ...] = ()) -> Receiver:
        """Who picks what to reserve."""
        style, service = STYLES[self.style], read_service(self.service)
        return Receiver(style, service, named, self.rate, bucket=self.bucket)


class ReservationTable(_Reserved, frozen=True, kw_only=True):
    """One [[reservation]]: what is reserved while the daemon runs.

    The receiver is this node, which is a member of a group at `join`, or a host behind `interface`.
    """

    destination: Place
    senders: Sources = ()
    protocol: Protocol = "udp"
    interface: Name | None = None
    join: Name | None = None
    readings: ClassVar[tuple[str, ...]] = ("session", "filters")

    def __post_init__(self) -> None:
        """Raises ValueError, WrongKey where one key is the reason."""
        super().__post_init__()
        if self.filters and self.style == "wf":
            raise WrongKey("senders", "are not named in style wf, which is for all: leave them out")
        if self.join is not None and not self.session.destination.is_multicast:
            raise WrongKey("join", "is where to join a group: leave it out, this is none")
        if self.join is not None and self.interface is not None:
            raise WrongKey("join", "is for a group's member on this node: leave it or interface out")

    @property
    def session(self) -> Session:
        """Where the flow goes. Raises WrongKey."""
        return _session(self.destination, self.protocol)

    @property
    def filters(self) -> tuple[Filter, ...]:
        """The senders that are named. Raises WrongKey."""
        session = self.session
        return tuple(dict.fromkeys(_sender("senders", one, session) for one in self.senders))

    def __str__(self) -> str:
        return f"reservation for {self.destination}"


class ListenerTable(_Reserved, frozen=True, kw_only=True):
    """One [[listener]]: the receivers for whose Paths this node answers."""

    destination: Area
    protocol: Protocol | None = None
    answer: Answer = "reply"
    readings: ClassVar[tuple[str, ...]] = ("area", "number")

    @property
    def area(self) -> places.Area:
        """Which addresses and ports are meant. Raises WrongKey."""
        return _area(self.destination)

    @property
    def number(self) -> int | None:
        """The number of the protocol that is meant, None for any. Raises WrongKey."""
        return None if self.protocol is None else _protocol(self.protocol)

    def takes(self, session: Session) -> bool:
        """Whether it answers for a session."""
        return self.number in (None, session.protocol) and self.area.takes(session.destination, session.port)

    def __str__(self) -> str:
        return f"listener for {self.destination}"


@dataclass(frozen=True, slots=True)
class Told:
    """All of these tables together."""

    senders: tuple[SenderTable, ...] = ()
    reservations: tuple[ReservationTable, ...] = ()
    listeners: tuple[ListenerTable, ...] = ()


def _of(key: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except (ValueError, LocalError) as error:
        raise WrongKey(key, str(error)) from None


@cache  # a listener's are asked for with every Path
def _area(text: str) -> places.Area:
    return _of("destination", places.read_area, text)


@cache
def _protocol(protocol: str | int) -> int:
    from ..aio import read_protocol

    return _of("protocol", read_protocol, str(protocol))


def _session(destination: str, protocol: str | int) -> Session:
    number = _protocol(protocol)

    def read(text: str) -> Session:
        address, port = places.read_place(text)
        return session_of(address, number, port)

    return _of("destination", read, destination)


def _sender(key: str, text: str, session: Session) -> Filter:
    from ..aio import read_sender

    def read(text: str) -> Filter:
        sender = read_sender(text, session)
        if sender.address.version != session.destination.version:
            raise ValueError(f"{sender.address} and {session.destination} are of different families")
        return sender

    return _of(key, read, text)
