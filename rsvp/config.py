"""What an operator sets: rsvp.toml.

The file's keys are the fields of `NodeConfig` and `InterfaceConfig`; R, K, Slew.Max, W and Kb are those
of RFC 2205 sections 3.5 to 3.7. Whatever is wrong with a file is one `ConfigError` that names the file,
the line and the fix.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import msgspec

from .engine.interfaces import BLOCKADE, KEEP, REFRESH, ROUTE_DELAY, SLEW_MAX, Config, lifetime
from .errors import ConfigError
from .iana import DEFAULT_TTL, Service
from .paths import CONTROL
from .proxies.tables import ListenerTable, ReservationTable, SenderTable, Told
from .tables import (
    Addresses,
    Checked,
    CodePoint,
    Count,
    Document,
    Growth,
    Heed,
    Latency,
    Many,
    Messages,
    Name,
    Rate,
    Seconds,
    Share,
    Size,
    Speech,
    Switch,
    Text,
    Wait,
)
from .units import format_rate, parse_rate

__all__ = ["CONTROL", "Heed", "InterfaceConfig", "NodeConfig", "format_rate", "load", "parse_rate", "read"]


RECORD_LIMIT = 64 << 20
"""Bytes that a recording may take before it goes on in a new file."""

Listening = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):[0-9]{1,5}$",
        description='an address with a port, such as "127.0.0.1:9946"',
    ),
]

_LIMITS = Config()


class InterfaceConfig(Checked, frozen=True, kw_only=True):
    """One [interfaces.NAME] table.

    `shape` False leaves its queues alone: what is reserved there is only counted and marked.
    `bandwidth` is the link's rate in bytes/s, None for what the driver says; `reservable` the
    share of it that reservations may take together; `per_flow` the most that one may take, bytes/s;
    `guaranteed` and `controlled_load` the shares that reservations of one service may take, within that;
    `mark_guaranteed` and `mark_controlled_load` the DSCPs of reserved packets that keep to their Tspec;
    `heed_dclass` where the DSCP that a Resv's DCLASS asks for comes before those (RFC 2996): where flows
    enter the network, always or never; `dclass_guaranteed` and `dclass_controlled_load` the DSCPs that
    nodes upstream are asked for on behalf of what is reserved here;
    `latency` the least that a packet takes to the next hop, seconds, None where nobody knows it;
    `encapsulation` how RSVP goes over the link, in IP or in UDP (RFC 2205 appendix C). The others are
    those of `NodeConfig`, None for what that says.
    """

    enabled: Switch = True
    shape: Switch = True
    bandwidth: Rate | None = None
    reservable: Share = 0.75
    per_flow: Rate = math.inf
    guaranteed: Share = 1.0
    controlled_load: Share = 1.0
    mark_guaranteed: CodePoint | None = None
    mark_controlled_load: CodePoint | None = None
    heed_dclass: Heed = "entry"
    dclass_guaranteed: CodePoint | None = None
    dclass_controlled_load: CodePoint | None = None
    latency: Latency | None = None
    encapsulation: Speech = "heard"
    refresh: Seconds | None = None
    keep_multiplier: Count | None = None
    slew_max: Growth | None = None
    blockade_multiplier: Count | None = None
    repair_wait: Wait | None = None

    @property
    def marks(self) -> dict[int, int]:
        """The DSCP of each service that is marked here."""
        return _by_service(self.mark_guaranteed, self.mark_controlled_load)

    @property
    def dclasses(self) -> dict[int, int]:
        """The DSCP of each service that nodes upstream are asked to mark."""
        return _by_service(self.dclass_guaranteed, self.dclass_controlled_load)


def _by_service(guaranteed: int | None, controlled_load: int | None) -> dict[int, int]:
    told = {Service.GUARANTEED: guaranteed, Service.CONTROLLED_LOAD: controlled_load}
    return {service: dscp for service, dscp in told.items() if dscp is not None}


class NodeConfig(Checked, frozen=True, kw_only=True):
    """What a node is told: the whole of rsvp.toml, and `only`, the interfaces the command line named.

    `refresh` is R in seconds, `keep_multiplier` K, `slew_max` Slew.Max (RFC 2205 section 3.7),
    `blockade_multiplier` Kb (section 3.5), `repair_wait` W in seconds (section 3.6), `ttl` the IP TTL
    of messages that no application set one for. The limits are those of `engine.Config`, and
    `max_message_rate` is what one neighbour may send in the long run, messages a second. `record` is
    the file where all that enters the engine is written down, None for none, and `record_limit` how
    many bytes that may be before it becomes FILE.1 and a new one begins. `first_routers` and
    `first_router_ttl` are Ra, one of each IP version at most, and Ta of RFC 2205 appendix C, for hosts
    without raw sockets whose first router is on none of their links. `control_group` may use the
    control socket; `user` is who the daemon becomes; `metrics` is where Prometheus finds it. `lines`
    says where each interface was named, `places` where each key, for messages to people.
    """

    control: Text = CONTROL
    refresh: Seconds = REFRESH
    keep_multiplier: Count = KEEP
    slew_max: Growth = SLEW_MAX
    blockade_multiplier: Count = BLOCKADE
    repair_wait: Wait = ROUTE_DELAY
    ttl: Count = DEFAULT_TTL
    max_sessions: Many = _LIMITS.max_sessions
    max_senders_per_session: Many = _LIMITS.max_senders_per_session
    max_reservations_per_session: Many = _LIMITS.max_reservations_per_session
    max_state_per_neighbor: Many = _LIMITS.max_state_per_neighbor
    max_state: Many = _LIMITS.max_state
    max_message_rate: Messages = 5000.0
    first_routers: Addresses = ()
    first_router_ttl: Count = 1
    control_group: Name | None = None
    user: Name | None = None
    metrics: Listening | None = None
    record: Text | None = None
    record_limit: Size = RECORD_LIMIT
    interfaces: Mapping[str, InterfaceConfig] = {}
    proxies: Told = Told()
    only: tuple[str, ...] = ()
    lines: Mapping[str, str] = {}
    places: Mapping[str, str] = {}
    no_keys: ClassVar[frozenset[str]] = frozenset({"interfaces", "proxies", "only", "lines", "places"})

    def place(self, key: str) -> str:
        """Where a key was set, for messages to people."""
        return self.places.get(key, "configuration")

    @property
    def limits(self) -> Config:
        """What the engine is told of this."""
        return Config(
            self.max_sessions,
            self.max_senders_per_session,
            self.max_reservations_per_session,
            self.max_state_per_neighbor,
            self.max_state,
            tells=True,
        )

    @property
    def lifetime(self) -> float:
        """L, seconds; the longest of any interface (RFC 2205 section 3.7)."""
        tables = (InterfaceConfig(), *self.interfaces.values())
        return max(
            lifetime(table.refresh or self.refresh, table.keep_multiplier or self.keep_multiplier)
            for table in tables
        )

    def takes(self, name: str) -> bool:
        """Whether RSVP runs on this interface, were it up and no loopback.

        The command line's names go before the file's; a file that only switches interfaces off
        leaves all others on.
        """
        told = self.interfaces.get(name)
        if told is not None and not told.enabled:
            return False
        if self.only:
            return name in self.only
        return told is not None or not any(table.enabled for table in self.interfaces.values())

    def interface(self, name: str) -> InterfaceConfig:
        """What was said about an interface, or the defaults."""
        return self.interfaces.get(name, InterfaceConfig())

    def require(self, names: Collection[str]) -> None:
        """Raise ConfigError if an interface was named that is not among this host's `names`."""
        for name in (*self.only, *self.interfaces):
            if name not in names:
                where = self.lines.get(name, "--interface" if name in self.only else "configuration")
                there = ", ".join(sorted(names)) or "none"
                raise ConfigError(f"{where}: there is no interface {name!r} here, only {there}")


def load(path: str | Path) -> NodeConfig:
    """Read an rsvp.toml. Raises ConfigError with one sentence that names the line."""
    try:
        return read(Path(path).read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def read(text: str, file: str = "rsvp.toml") -> NodeConfig:
    """Read the text of an rsvp.toml; `file` is its name in messages. Raises ConfigError."""
    document = Document(text, file)
    told = document.read()
    interfaces = _interfaces(document, told.pop("interfaces", {}))
    proxies = Told(
        document.listed(SenderTable, told.pop("sender", []), "sender"),
        document.listed(ReservationTable, told.pop("reservation", []), "reservation"),
        document.listed(ListenerTable, told.pop("listener", []), "listener"),
    )
    tables = ("interfaces", "sender", "reservation", "listener")
    values = document.values(NodeConfig, told, also=tables)
    lines = {name: document.where("interfaces", name) for name in interfaces}
    places = {key: document.where(key) for key in values}
    return NodeConfig(**values, interfaces=interfaces, proxies=proxies, lines=lines, places=places)


def _interfaces(document: Document, tables: Any) -> dict[str, InterfaceConfig]:
    """The [interfaces.NAME] tables. Raises ConfigError."""
    if not isinstance(tables, dict):
        raise ConfigError(f"{document.where('interfaces')}: 'interfaces' is a table: write [interfaces.NAME]")
    interfaces = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            where = document.where("interfaces", name)
            raise ConfigError(f"{where}: an interface is a table: write [interfaces.NAME], here {name!r}")
        interfaces[name] = InterfaceConfig(**document.values(InterfaceConfig, table, "interfaces", name))
    return interfaces
