"""What messages are called, and the file that says what is done about it: rules, best first.

[[rule]]
token = "voice"              # whole and case-sensitive; without it any token, and none
priority = "expedited"       # without it any priority, and none
protocol = "udp"             # these three say which flows the rule is about
destination = "10.0.0.0/8"
port = "5000-5100"           # the destination's, one or a range
weight = 10                  # the heaviest rule that matches counts, of equal ones the first

dscp = 46
so_priority = 6
reserve = "64kbit"           # announced with RSVP for as long as the connection is so classified

[levels]                     # the DSCP of a priority of which no rule speaks
low = 8
"""

from __future__ import annotations

import errno
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from ..errors import ClassificationError, ConfigError
from ..places import Area, read_network, read_ports
from ..units import parse_rate

Address: TypeAlias = IPv4Address | IPv6Address

LONGEST_TOKEN: Final = 128
PRINTABLE: Final = range(0x20, 0x7F)


class Priority(StrEnum):
    """How urgent something is, the most urgent first."""

    EXPEDITED = "expedited"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    BEST_EFFORT = "best_effort"


LEVELS: Final[Mapping[Priority, int]] = {
    Priority.EXPEDITED: 46,
    Priority.HIGH: 34,
    Priority.MEDIUM: 18,
    Priority.LOW: 8,
    Priority.BEST_EFFORT: 0,
}
"""DSCP by priority: EF (RFC 3246), AF41 and AF21 (RFC 2597), CS1 and default (RFC 2474)."""


@dataclass(frozen=True, slots=True)
class Classification:
    """What a program says of a message: a token of 1 to 128 printable ASCII characters, a priority, both."""

    token: str | None = None
    priority: Priority | None = None

    def __post_init__(self) -> None:
        """Raises ClassificationError (EINVAL) for a token that cannot be, or anything but one priority."""
        if self.priority is not None and not isinstance(self.priority, Priority):
            raise ClassificationError(errno.EINVAL, f"one priority, not {self.priority!r}")
        if self.token is None:
            return
        if not 1 <= len(self.token) <= LONGEST_TOKEN:
            raise ClassificationError(
                errno.EINVAL, f"a token has 1 to {LONGEST_TOKEN} characters, not {len(self.token)}"
            )
        if any(ord(one) not in PRINTABLE for one in self.token):
            raise ClassificationError(errno.EINVAL, f"a token is printable ASCII, not {self.token!r}")


UNCLASSIFIED: Final = Classification()


@dataclass(frozen=True, slots=True)
class Action:
    """What is done: None leaves it as it is. `reserve` is a rate in bytes/s."""

    dscp: int | None = None
    so_priority: int | None = None
    reserve: float | None = None


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One [[rule]] of the file, as the module shows it."""

    token: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_TOKEN)] | None = None
    priority: Priority | None = None
    protocol: Literal["tcp", "udp"] | None = None
    destination: str | None = None
    port: str | int | None = None
    weight: int = 0
    dscp: Annotated[int, msgspec.Meta(ge=0, le=63)] | None = None
    so_priority: Annotated[int, msgspec.Meta(ge=0)] | None = None
    reserve: str | int | float | None = None

    def __post_init__(self) -> None:
        """Raises ValueError where a text is no network, range or rate."""
        _ = self.area, self.action
        try:
            Classification(self.token)
        except ClassificationError as error:
            raise ValueError(error.strerror) from None

    @property
    def area(self) -> Area:
        """Where the rule's flows go."""
        network = None if self.destination is None else read_network(self.destination)
        return Area(network) if self.port is None else Area(network, read_ports(self.port))

    @property
    def action(self) -> Action:
        """What the rule does."""
        rate = parse_rate(self.reserve) if isinstance(self.reserve, str) else self.reserve
        return Action(self.dscp, self.so_priority, None if rate is None else float(rate))

    def matches(self, said: Classification, protocol: str, to: Address | None, port: int) -> bool:
        """Whether the rule is about such a message."""
        return (
            self.token in (None, said.token)
            and self.priority in (None, said.priority)
            and self.protocol in (None, protocol)
            and self.area.takes(to, port)
        )


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file; without one, priorities have the DSCPs of `LEVELS`."""

    rule: tuple[Rule, ...] = ()
    levels: dict[Priority, Annotated[int, msgspec.Meta(ge=0, le=63)]] = {}

    def find(self, said: Classification, protocol: str, to: Address | None, port: int) -> Action:
        """What is done about a message; nothing where nobody spoke of it, which is no error."""
        found = [rule for rule in self.rule if rule.matches(said, protocol, to, port)]
        if found:
            return max(found, key=lambda rule: rule.weight).action
        if said.priority is None:
            return Action()
        return Action(self.levels.get(said.priority, LEVELS[said.priority]))


def load(path: str | Path) -> Policy:
    """Read a policy file. Raises ConfigError with one sentence that says what is wrong and where."""
    try:
        return read(Path(path).read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text at byte {error.start}") from None
    except OSError as error:
        raise ConfigError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def read(text: str, file: str = "policy.toml") -> Policy:
    """Read the text of a policy file; `file` is its name in messages. Raises ConfigError."""
    try:
        return msgspec.convert(tomllib.loads(text), Policy)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{file}: {error}") from None
