"""What an operator sets: rsvp.toml.

The file's keys are the fields of `NodeConfig` and `InterfaceConfig`; R, K, Slew.Max, W and Kb are those
of RFC 2205 sections 3.5 to 3.7. Whatever is wrong with a file is one `ConfigError` that names the file,
the line and the fix.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from .engine.interfaces import BLOCKADE, KEEP, REFRESH, ROUTE_DELAY, SLEW_MAX, Config, lifetime
from .errors import ConfigError
from .iana import DEFAULT_TTL, Service
from .paths import CONTROL
from .units import format_rate, parse_rate

__all__ = ["CONTROL", "InterfaceConfig", "NodeConfig", "format_rate", "load", "parse_rate", "read"]


# The description is how a message to people goes on after "refresh has to be ...".
Rate = Annotated[
    float, msgspec.Meta(gt=0, description='a rate above 0, such as "10mbit" or a number of bytes/s')
]
Switch = Annotated[bool, msgspec.Meta(description="true or false")]
Share = Annotated[float, msgspec.Meta(ge=0, le=1, description="a share from 0 to 1")]
Seconds = Annotated[
    float, msgspec.Meta(ge=0.01, le=86400, description="a number of seconds from 0.01 to 86400")
]
Latency = Annotated[
    float, msgspec.Meta(ge=0, le=268, description="a number of seconds from 0 to 268, such as 0.002")
]
Wait = Annotated[float, msgspec.Meta(ge=0, le=3600, description="a number of seconds from 0 to 3600")]
Growth = Annotated[float, msgspec.Meta(gt=0, le=10, description="a share above 0 and up to 10, such as 0.3")]
Count = Annotated[int, msgspec.Meta(ge=1, le=255, description="a whole number from 1 to 255")]
Many = Annotated[int, msgspec.Meta(ge=1, le=10**9, description="a whole number from 1 to 1000000000")]
Messages = Annotated[float, msgspec.Meta(gt=0, description="a number of messages a second above 0")]
CodePoint = Annotated[int, msgspec.Meta(ge=0, le=63, description="a DSCP from 0 to 63")]
Heed = Annotated[
    Literal["entry", "always", "never"], msgspec.Meta(description='"entry", "always" or "never"')
]
Speech = Annotated[
    Literal["heard", "raw", "udp", "both"],
    msgspec.Meta(description='"heard", "raw", "udp" or "both"'),
]
Text = Annotated[str, msgspec.Meta(min_length=1, description="a path in quotes")]
Size = Annotated[int, msgspec.Meta(ge=1 << 16, description="a whole number of bytes, 65536 at the least")]

RECORD_LIMIT = 64 << 20
"""Bytes that a recording may take before it goes on in a new file."""

Name = Annotated[str, msgspec.Meta(min_length=1, description="a name in quotes")]
Listening = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+):[0-9]{1,5}$",
        description='an address with a port, such as "127.0.0.1:9946"',
    ),
]

_LIMITS = Config()


class _Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A table of the file: fields are checked however the table is made."""

    def __post_init__(self) -> None:
        """Raises ValueError where a field is out of its range."""
        for field in msgspec.structs.fields(self):
            _check(field, getattr(self, field.name))


class InterfaceConfig(_Checked, frozen=True, kw_only=True):
    """One [interfaces.NAME] table.

    `shape` False leaves its queues alone and only counts what is reserved there.
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


class NodeConfig(_Checked, frozen=True, kw_only=True):
    """What a node is told: the whole of rsvp.toml, and `only`, the interfaces the command line named.

    `refresh` is R in seconds, `keep_multiplier` K, `slew_max` Slew.Max (RFC 2205 section 3.7),
    `blockade_multiplier` Kb (section 3.5), `repair_wait` W in seconds (section 3.6), `ttl` the IP TTL
    of messages that no application set one for. The limits are those of `engine.Config`, and
    `max_message_rate` is what one neighbour may send in the long run, messages a second. `record` is
    the file where all that enters the engine is written down, None for none, and `record_limit` how
    many bytes that may be before it becomes FILE.1 and a new one begins. `control_group` may use the
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
    control_group: Name | None = None
    user: Name | None = None
    metrics: Listening | None = None
    record: Text | None = None
    record_limit: Size = RECORD_LIMIT
    interfaces: Mapping[str, InterfaceConfig] = {}
    only: tuple[str, ...] = ()
    lines: Mapping[str, str] = {}
    places: Mapping[str, str] = {}

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


# Only the command line and the loader set these; they are no keys of the file.
_NO_KEYS = {"only", "lines", "places"}


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
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_error(str(error), text, file)) from None
    tables = document.pop("interfaces", {})
    values = _read_table(NodeConfig, document, text, file, (), also=("interfaces",))
    if not isinstance(tables, dict):
        where = _where(text, file, ("interfaces",))
        raise ConfigError(f"{where}: 'interfaces' is a table: write [interfaces.NAME]")
    interfaces = {}
    for name, table in tables.items():
        if not isinstance(table, dict):
            where = _where(text, file, ("interfaces", name))
            raise ConfigError(f"{where}: an interface is a table: write [interfaces.NAME], here {name!r}")
        settings = _read_table(InterfaceConfig, table, text, file, ("interfaces", name))
        interfaces[name] = InterfaceConfig(**settings)
    lines = {name: _where(text, file, ("interfaces", name)) for name in interfaces}
    places = {key: _where(text, file, (key,)) for key in values}
    return NodeConfig(**values, interfaces=interfaces, lines=lines, places=places)


def _read_table(
    kind: type[_Checked],
    table: dict[str, Any],
    text: str,
    file: str,
    path: tuple[str, ...],
    also: tuple[str, ...] = (),
) -> dict[str, Any]:
    known = {f.name: f for f in msgspec.structs.fields(kind) if f.name not in {*_NO_KEYS, *also}}
    values = {}
    for key, value in table.items():
        if key not in known:
            near = difflib.get_close_matches(key, [*known, *also], 1)
            names = f"did you mean {near[0]!r}?" if near else f"known are {', '.join([*known, *also])}"
            raise ConfigError(f"{_where(text, file, (*path, key))}: unknown key {key!r}, {names}")
        try:
            if isinstance(value, str) and _description(known[key]).startswith("a rate"):
                value = _parse_rate_of(key, value)
            values[key] = _check(known[key], value)
        except ValueError as error:
            raise ConfigError(f"{_where(text, file, (*path, key))}: {error}") from None
    return values


def _parse_rate_of(key: str, text: str) -> float:
    try:
        return parse_rate(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _check(field: msgspec.structs.FieldInfo, value: Any) -> Any:
    """The value as its field wants it (an integer becomes a float). Raises ValueError."""
    if field.name in _NO_KEYS or field.name == "interfaces":
        return value
    try:
        return msgspec.convert(value, field.type)
    except msgspec.ValidationError:
        shown = str(value).lower() if isinstance(value, bool) else repr(value)
        raise ValueError(f"{field.name} has to be {_description(field)}, not {shown}") from None


def _description(field: msgspec.structs.FieldInfo) -> str:
    kinds = getattr(field.type, "__args__", ()) if not hasattr(field.type, "__metadata__") else (field.type,)
    for kind in kinds:
        for meta in getattr(kind, "__metadata__", ()):
            return str(meta.description)
    return "of another type"


def _syntax_error(message: str, text: str, file: str) -> str:
    """tomllib's own words, with the place at the front."""
    match = re.fullmatch(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", message, re.DOTALL)
    if match is None:
        return f"{file}: {message}"
    line = match[2] or str(max(1, len(text.splitlines())))
    words = match[1]
    return f"{file}, line {line}: {words[0].lower()}{words[1:]}"


def _where(text: str, file: str, path: tuple[str, ...]) -> str:
    """ "rsvp.toml, line 4": where the key at `path` is.

    tomllib keeps no positions, so the file is read again up to each line in turn until the key
    is there; this happens only to tell people what is wrong, and in a file of their own size.
    """
    lines = text.splitlines(keepends=True)
    begun = 1
    for end in range(1, len(lines) + 1):
        try:
            value: Any = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:
            continue  # inside a value of several lines
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
            if value is None:
                break
        else:
            return f"{file}, line {begun}"
        begun = end + 1
    return file
