"""Routing as RSVP needs it: interfaces, routes, and word of their changes (RFC 2205 3.11.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ..objects import IPAddress


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface of this host.

    `rate` is what the driver says the link carries, in bytes/s, or None where it does not tell.
    `born` tells an interface from an earlier one that had its number.
    """

    index: int
    name: str
    addresses: tuple[IPAddress, ...]
    mtu: int
    up: bool
    loopback: bool
    rate: float | None = None
    born: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """Where packets for a destination go: out of these interfaces, or to this host itself.

    `outgoing` empty and not `local`: there is no route. `incoming` is where multicast routing
    expects the data, None for unicast. `source` is the address the kernel would send from, `gateway`
    the next hop where it is a router's address of the same IP version. `by_flow`: the way to this
    unicast destination depends on more than the destination, so ask with the flow. `thresholds` are
    multicast routing's, in the order of `outgoing`: a packet leaves there if the TTL with which it came
    in exceeds the number.
    """

    outgoing: tuple[int, ...] = ()
    local: bool = False
    incoming: int | None = None
    source: IPAddress | None = None
    gateway: IPAddress | None = None
    by_flow: bool = False
    thresholds: tuple[int, ...] = ()


class Flow(Protocol):
    """What the way of a packet may depend on besides its addresses; 0 for what it has none of.

    `incoming` is the number of the interface it comes in by, 0 for a packet of this host's own.
    """

    @property
    def protocol(self) -> int: ...

    @property
    def source_port(self) -> int: ...

    @property
    def port(self) -> int: ...

    @property
    def flow_label(self) -> int: ...

    @property
    def incoming(self) -> int: ...


class Routing(Protocol):
    """What a node asks of the routing underneath it."""

    async def start(self, changed: Callable[[], None]) -> None:
        """Begin to watch; `changed` is called on the event loop when links, addresses or routes changed."""

    async def links(self) -> tuple[Link, ...]:
        """All interfaces with their addresses, loopback included."""

    async def lookup(
        self, destination: IPAddress, source: IPAddress | None = None, flow: Flow | None = None
    ) -> Route:
        """The way to `destination`, for one flow from `source`; an empty `Route` where there is none."""

    async def close(self) -> None:
        """Stop watching."""
