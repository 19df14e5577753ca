"""Rules say which flows of a program are signalled, and with what (RFC 2205 sections 1.2 and 3.11.1).

    send udp to 10.0.2.0/24:5000-5999 rate 1mbit

or the same in a file, where the first rule that matches counts as well:

    [[rule]]
    direction = "send"           # or "receive"
    protocol = "udp"             # or "tcp"; both where it is left out
    destination = "10.0.2.0/24"  # where the flow goes; the program's own end for "receive"
    port = "5000-5999"
    source = "10.0.1.0/24"       # where it comes from; the program's own end for "send"
    source_port = 4000
    program = "iperf*"           # the name or the path of the file that runs, * and ? for any
    rate = "1mbit"               # what is announced; for "receive" what is reserved
    ignore = true                # instead of the rest: nothing is done for such flows
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from ..errors import ConfigError
from ..iana import DEFAULT_TTL, Protocol
from ..intserv import Excess, Tspec, default_bucket
from ..objects import FF, SE, WF, IPAddress, Style
from ..places import ALL_PORTS, Area, read_area, read_network, read_ports
from ..units import parse_rate, parse_time

PROTOCOLS: Final = {"tcp": int(Protocol.TCP), "udp": int(Protocol.UDP)}
STYLES: Final = {"ff": FF, "wf": WF, "se": SE}

Rate: TypeAlias = str | int | float | None
Ports: TypeAlias = str | int | None
Packet: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=65535)]

SENT: Final = ("bucket", "peak", "min", "max", "ttl", "excess")
RECEIVED: Final = ("style", "service", "delay")


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is said of a flow that the program sends; without `ttl` its socket's, towards a group."""

    tspec: Tspec
    ttl: int | None = None
    excess: Excess = Excess.BORROW


@dataclass(frozen=True, slots=True)
class Reservation:
    """What is asked for a flow that the program receives: `rate` in bytes/s, `delay` in seconds.

    Without a rate it is what the sender announces. Without a style each sender that is known has a
    reservation of its own (FF), and those that are not share one (WF).
    """

    rate: float | None = None
    style: Style | None = None
    service: str | None = None
    delay: float | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Flows that a program sends or receives, and what is asked for them; None where they are ignored."""

    sends: bool
    program: str | None
    protocol: int | None
    source: Area
    destination: Area
    asks: Announcement | Reservation | None

    def names(self, program: Names, protocol: int) -> bool:
        """Whether it is about flows of such a program and protocol."""
        return self.protocol in (None, protocol) and (
            self.program is None or any(fnmatchcase(name, self.program) for name in program)
        )


class Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One [[rule]] of a file, as the module shows it."""

    direction: Literal["send", "receive"] = "send"
    ignore: bool = False
    program: Annotated[str, msgspec.Meta(min_length=1)] | None = None
    protocol: Literal["tcp", "udp"] | None = None
    destination: str | None = None
    port: Ports = None
    source: str | None = None
    source_port: Ports = None
    rate: Rate = None
    bucket: Annotated[float, msgspec.Meta(gt=0)] | None = None
    peak: Rate = None
    min: Packet | None = None
    max: Packet | None = None
    ttl: Annotated[int, msgspec.Meta(ge=1, le=255)] | None = None
    excess: Literal["borrow", "shape", "discard"] | None = None
    style: Literal["ff", "wf", "se"] | None = None
    service: Literal["load", "rate"] | None = None
    delay: str | int | float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for what cannot be."""
        self.read()

    def read(self) -> Rule:
        """The rule that is meant."""
        sends = self.direction == "send"
        strange = [word for word in (RECEIVED if sends else SENT) if getattr(self, word) is not None]
        if strange:
            verb = "sends" if sends else "receives"
            raise ValueError(f"{strange[0]} is nothing that a program which {verb} can ask for: leave it out")
        asked = [word for word in ("rate", *SENT, *RECEIVED) if getattr(self, word) is not None]
        if self.ignore and asked:
            raise ValueError(f"what is ignored needs no {asked[0]}: leave it out")
        asks: Announcement | Reservation | None = None
        if not self.ignore:
            asks = self._announcement() if sends else self._reservation()
        return Rule(
            sends,
            self.program,
            None if self.protocol is None else PROTOCOLS[self.protocol],
            _area(self.source, self.source_port),
            _area(self.destination, self.port),
            asks,
        )

    def _announcement(self) -> Announcement:
        rate, peak = _rate(self.rate), _rate(self.peak)
        if rate is None:
            raise ValueError("a rule for what a program sends needs a rate, such as 1mbit, or ignore")
        smallest, largest = self.min or 64, self.max or 1500
        if smallest > largest:
            raise ValueError(f"min {smallest} is above max {largest}: swap them")
        if peak is not None and peak < rate:
            raise ValueError("peak is below rate: a flow's peak is at least its rate")
        bucket = default_bucket(rate, largest) if self.bucket is None else self.bucket
        tspec = Tspec(rate, bucket, math.inf if peak is None else peak, smallest, largest)
        return Announcement(tspec, self.ttl, Excess(self.excess or Excess.BORROW))

    def _reservation(self) -> Reservation:
        delay = parse_time(str(self.delay)) if self.delay is not None else None
        if delay is not None and not delay > 0:
            raise ValueError(f"a delay has to be above 0, not {self.delay!r}")
        if delay is not None and self.rate is not None:
            raise ValueError("delay finds the rate by itself: leave rate out")
        if delay is not None and self.service == "load":
            raise ValueError("controlled load promises no delay: leave service out, or delay")
        style = None if self.style is None else STYLES[self.style]
        return Reservation(_rate(self.rate), style, self.service, delay)


def _rate(value: Rate) -> float | None:
    return None if value is None else parse_rate(str(value))


def _area(network: str | None, ports: Ports) -> Area:
    return Area(
        None if network is None else read_network(network), ALL_PORTS if ports is None else read_ports(ports)
    )


# --- reading them ------------------------------------------------------------------------------------

ALONE: Final[dict[str, tuple[str, str | bool]]] = {
    "send": ("direction", "send"),
    "receive": ("direction", "receive"),
    "ignore": ("ignore", True),
    "tcp": ("protocol", "tcp"),
    "udp": ("protocol", "udp"),
}
ENDS: Final = {"to": ("destination", "port"), "from": ("source", "source_port")}
VALUED: Final = ("program", "rate", *SENT, *RECEIVED)


def read_rule(text: str) -> Rule:
    """A rule in words: "receive udp from 10.0.1.0/24 to :5000 style wf".

    Raises ValueError with a sentence for people.
    """
    try:
        return msgspec.convert(_told(text), Written, strict=False).read()
    except ValueError as error:
        raise ValueError(f"rule {text!r}: {error}") from None


def _told(text: str) -> dict[str, str | bool]:
    """Words as the keys that a file has."""
    told: dict[str, str | bool] = {}
    words = iter(text.split())
    for word in words:
        if word in ALONE:
            found = dict([ALONE[word]])
        elif word in ENDS or word in VALUED:
            value = next(words, None)
            if value is None:
                raise ValueError(f"{word!r} has nothing behind it")
            found = _end(value, *ENDS[word]) if word in ENDS else {word: value}
        else:
            known = ", ".join((*ALONE, *ENDS, *VALUED))
            raise ValueError(f"{word!r} is none of the words of a rule: {known}")
        if told.keys() & found.keys():
            raise ValueError(f"{word!r} says again what was said before")
        told |= found
    return told


def _end(text: str, network: str, ports: str) -> dict[str, str | bool]:
    area = read_area(text)
    told: dict[str, str | bool] = {}
    if area.network is not None:
        told[network] = str(area.network)
    if area.ports != ALL_PORTS:
        told[ports] = f"{area.ports[0]}-{area.ports[-1]}"
    return told


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    rule: tuple[Written, ...] = ()


def load(path: str | Path) -> tuple[Rule, ...]:
    """Read a file of rules. Raises ConfigError with one sentence that says what is wrong and where."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        return tuple(rule.read() for rule in msgspec.convert(tomllib.loads(text), _File).rule)
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{path}: {error}") from None


# --- what they are about -----------------------------------------------------------------------------

Names: TypeAlias = frozenset[str]
"""What a program may be called: its process's name, its file's, and that file's path."""

End: TypeAlias = tuple[IPAddress | None, int]
"""An address and a port; None and 0 where nobody knows them yet."""

NOWHERE: Final[End] = (None, 0)


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """A socket of TCP or UDP that a program has open, as `sockets` reads it.

    `number` is the kernel's own for it. `versions` are those of IP that it speaks, `joined` the groups
    that it is a member of, and `multicast` what it does towards a group: its TTL, and from where.
    """

    number: int
    program: Names
    protocol: int
    local: End
    peer: tuple[IPAddress, int] | None = None
    versions: frozenset[int] = frozenset({4, 6})
    joined: frozenset[IPAddress] = frozenset()
    multicast_ttl: int = DEFAULT_TTL
    multicast_source: IPAddress | None = None


@dataclass(frozen=True, slots=True)
class ProgramFlow:
    """A flow to be signalled, by the rule that says so; of a sender nobody knows `source` is None, 0."""

    sends: bool
    protocol: int
    source: End
    destination: tuple[IPAddress, int]
    ttl: int
    asks: Announcement | Reservation


def flows_of(one: OpenSocket, rules: Sequence[Rule], here: Iterable[IPAddress]) -> set[ProgramFlow]:
    """The flows of a socket that rules name, on a host with the addresses `here`.

    What stays on this host is none of RSVP's. A socket that is not connected says neither whom it
    sends to nor whom it hears: there a rule counts if it names the one address, and for what is sent
    the port as well.
    """
    own = frozenset(here)
    found = set()
    about = [rule for rule in rules if rule.names(one.program, one.protocol)]
    for sends, source, destination in _candidates(one, about, own):
        for rule in about:
            if rule.sends != sends:
                continue
            known, to = _met(rule.source, source), _met(rule.destination, destination)
            if known is None or to is None or to[0] is None:
                continue
            far = to if sends else known
            if rule.asks is not None and not _stays(to[0]) and far[0] not in own:
                ttl = _ttl(one, to[0], rule.asks)
                found.add(ProgramFlow(sends, one.protocol, known, (to[0], to[1]), ttl, rule.asks))
            break
    return found


def is_unnamed(one: OpenSocket, rules: Iterable[Rule]) -> bool:
    """Whether rules might mean what a socket sends, were they to name one address and port for it."""
    return (
        one.peer is None
        and one.protocol == Protocol.UDP
        and one.local[1] != 0
        and any(
            rule.sends
            and rule.asks is not None
            and rule.names(one.program, one.protocol)
            and _met(rule.source, one.local) is not None
            and not (rule.destination.address and rule.destination.port)
            for rule in rules
        )
    )


def _candidates(
    one: OpenSocket, rules: Iterable[Rule], own: frozenset[IPAddress]
) -> Iterator[tuple[bool, End, End]]:
    """Whether it sends, source and destination of what may be flows of a socket."""
    address, port = one.local
    if not port:
        return
    if one.peer is not None:
        yield True, one.local, one.peer
        yield False, one.peer, one.local
        return
    if one.protocol != Protocol.UDP:
        return
    for area in {rule.destination for rule in rules if rule.sends}:
        if area.address is not None and area.port and area.address.version in one.versions:
            towards_group = address is None and area.address.is_multicast
            source = one.multicast_source if towards_group else address
            yield True, (source, port), (area.address, area.port)
    bound = one.joined | {here for here in own if here.version in one.versions}
    for reached in bound if address is None else (address,):
        yield False, NOWHERE, (reached, port)


def _met(area: Area, end: End) -> End | None:
    """The end if the area takes it, with what the area alone knows of it; else None."""
    address, port = end[0] or area.address, end[1] or area.port
    some_ports = not port and area.ports != ALL_PORTS
    nobodys_port = port and not end[1] and address is None
    if some_ports or nobodys_port or not area.takes(address, port):
        return None
    return address, port


def _stays(destination: IPAddress) -> bool:
    """Whether no other node can be meant."""
    if destination.is_multicast:
        return False
    return destination.is_loopback or destination.is_unspecified or destination.is_link_local


def _ttl(one: OpenSocket, destination: IPAddress, asks: Announcement | Reservation) -> int:
    if isinstance(asks, Reservation) or not (asks.ttl or destination.is_multicast):
        return DEFAULT_TTL
    return asks.ttl or one.multicast_ttl
