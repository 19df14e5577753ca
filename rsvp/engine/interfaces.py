"""Logical interfaces and their timing and bandwidth parameters (RFC 2205 sections 3.7, 3.11.4).

An interface is known by its number, which is the kernel's interface index and at the same time
the logical interface handle (LIH) that this node puts into its PHOPs (RFC 2205 section 3.3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..iana import DEFAULT_TTL, LATENCY_UNKNOWN, Service
from ..intserv import ALL_SERVICES, HopCharacter
from ..objects import AnyObject, IPAddress

LOCAL = 0
"""The interface number that stands for applications on this node."""

REFRESH = 30.0
"""R, seconds: the default refresh period (RFC 2205 section 3.7)."""

KEEP = 3
"""K: K-1 messages in a row may be lost before state is (RFC 2205 section 3.7)."""

SLEW_MAX = 0.30
"""Slew.Max: how fast R may grow from one refresh to the next (RFC 2205 section 3.7)."""

BLOCKADE = 4
"""Kb: blockade state lasts Kb refresh periods (RFC 2205 section 3.5; RFC 2206 suggests 4)."""

ROUTE_DELAY = 2.0
"""W, seconds: the wait before a local repair (RFC 2205 section 3.6)."""


_GUARANTEED = int(Service.GUARANTEED)

NO_SERVICE: frozenset[int] = frozenset()

MOST_D = 1 << 28
"""The largest C, bytes, and D, microseconds, of one hop (RFC 2212, "Exported Information")."""


def lifetime(refresh: float, keep: int) -> float:
    """L = (K + 0.5) * 1.5 * R, in seconds (RFC 2205 section 3.7)."""
    return (keep + 0.5) * 1.5 * refresh


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface as RSVP sees it.

    `bandwidth` is the link's rate in bytes/s (infinite where nobody knows it), `reservable` the
    share of it that reservations may take together (0 to 1), `per_flow` the most one reservation
    may take in bytes/s. `guaranteed` and `controlled_load` are the shares that reservations of one
    service may take, within what all may. `enabled` False: nothing is sent, what arrives is dropped
    and counted.
    `refresh` is R and `route_delay` W, both in seconds; `keep` is K, `blockade` Kb and `slew` Slew.Max.
    `latency` is the least that a packet takes to the next hop, in microseconds. `controls_traffic` is
    whether this node polices and schedules on the interface, `reshapes` whether it also gives flows
    their shape back where they merge or branch (RFC 2212, "Policing"). `c` in bytes and `d` in
    microseconds are the scheduler's error terms, None for those of an ideal one; `turn` and `spare` are
    the seconds that each guaranteed reservation keeps others waiting, and that D has to spare for it.
    `adds` are objects of extensions that what is reserved here takes along upstream, each with the
    service that it is for.
    """

    index: int
    name: str
    addresses: tuple[IPAddress, ...]
    mtu: int = 1500
    bandwidth: float = math.inf
    reservable: float = 0.75
    per_flow: float = math.inf
    enabled: bool = True
    refresh: float = REFRESH
    keep: int = KEEP
    slew: float = SLEW_MAX
    blockade: int = BLOCKADE
    route_delay: float = ROUTE_DELAY
    ttl: int = DEFAULT_TTL
    latency: int = LATENCY_UNKNOWN
    controls_traffic: bool = True
    reshapes: bool = False
    guaranteed: float = 1.0
    controlled_load: float = 1.0
    c: int | None = None
    d: int | None = None
    turn: float = 0.0
    spare: float = 0.0
    adds: tuple[tuple[int, AnyObject], ...] = ()

    def address(self, version: int) -> IPAddress | None:
        """The address that others know this interface by, in one IP version; it is its hop address, too.

        Link-local only where there is no other: a Resv to the previous hop may have to cross nodes
        without RSVP (RFC 2205 section 2.9).
        """
        addresses = [one for one in self.addresses if one.version == version]
        link_local = addresses[0] if addresses else None
        return next((one for one in addresses if not one.is_link_local), link_local)

    @property
    def limit(self) -> float:
        """Bytes/s that reservations may take together here."""
        return self._part(self.reservable)

    def _part(self, share: float) -> float:
        return self.bandwidth * share if share else 0.0

    @property
    def limits(self) -> tuple[float, ...]:
        """All that admission compares with on behalf of several reservations."""
        return (self.limit, self.pool(Service.GUARANTEED), self.pool(Service.CONTROLLED_LOAD))

    def pool(self, service: int) -> float:
        """Bytes/s that reservations of one service may take together here."""
        share = self.guaranteed if service == _GUARANTEED else self.controlled_load
        return self._part(share if share < self.reservable else self.reservable)

    @property
    def character(self) -> HopCharacter:
        """What this link adds to an ADSPEC (RFC 2215 section 3).

        Bandwidth is what one reservation may hope for. Where the scheduler tells no C and D of its own,
        C is one largest packet and D the time it takes on the wire, the error terms of a rate-based
        scheduler behind one packet in transmission (RFC 2212, "Guidelines for Implementors"). Without
        traffic control no service is implemented here, and no delay is guaranteed on a link whose rate
        nobody knows.
        """
        services = ALL_SERVICES if self.controls_traffic else NO_SERVICE
        if not math.isfinite(self.bandwidth) or self.bandwidth <= 0.0:
            services = services - {Service.GUARANTEED}
            return HopCharacter(0.0, self.mtu, self.latency, services=services)
        c = self.mtu if self.c is None else self.c
        d = math.ceil(self.mtu / self.bandwidth * 1e6) if self.d is None else self.d
        most = min(self.limit, self.per_flow)
        return HopCharacter(most, self.mtu, self.latency, min(c, MOST_D), min(d, MOST_D), services)


@dataclass(frozen=True, slots=True)
class Config:
    """What the engine needs to know of its node; limits keep a hostile peer from filling memory."""

    max_sessions: int = 100_000
    max_senders_per_session: int = 10_000
    max_reservations_per_session: int = 10_000
    max_state_per_neighbor: int = 200_000
    """Senders and reservations that one neighbour may have here together."""
    max_state: int = 1_000_000
    """Those of all neighbours together, as one may have any number of addresses."""
    partial_preemption: bool = True
    """Whether a link that shrinks leaves a reservation what it can (RFC 4495); else it is torn."""
    tells: bool = False
    """Whether `StateChanged` and `Refused` are among the outputs."""
