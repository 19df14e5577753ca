"""Admission control: what each link has promised (RFC 2205 section 2, RFC 2210 section 2.2).

The decision is made here and at once, because a Resv may travel upstream only after it was
admitted; the kernel is told afterwards.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self

from ..iana import AdmissionError, ErrorCode, Service
from .interfaces import Interface
from .reject import Reject

_SLACK = 1 + 1e-9
"""Relative room for the rounding of single-precision rates, so that 3 thirds fit into one whole."""


class Limit(StrEnum):
    """What may stand in a reservation's way: of one interface, and of what a node keeps."""

    LINK = "link"
    POOL = "pool"
    FLOW = "flow"
    MTU = "mtu"
    SESSIONS = "sessions"
    RESERVATIONS = "reservations"
    NEIGHBOR = "neighbor"
    STATE = "state"
    DELAY = "delay"


class Budget:
    """The reservations of one interface, in bytes/s, by traffic control handle and service."""

    __slots__ = ("_guaranteed", "_pools", "_rates", "reserved")

    def __init__(self) -> None:
        self._rates: dict[int, tuple[float, int]] = {}
        self._pools: dict[int, float] = {}
        self._guaranteed = 0
        self.reserved = 0.0

    def __len__(self) -> int:
        return len(self._rates)

    def copy(self) -> Self:
        """A budget to try things with."""
        other = type(self)()
        other._rates, other._pools, other.reserved = dict(self._rates), dict(self._pools), self.reserved
        other._guaranteed = self._guaranteed
        return other

    def pooled(self, service: int) -> float:
        """What is booked for one service, bytes/s."""
        return self._pools.get(service, 0.0)

    def rooms(self, interface: Interface, handle: int, service: int) -> dict[Limit, float]:
        """What each limit would let `handle` book, bytes/s, as if it had nothing yet."""
        held, pooled = self._rates.get(handle, (0.0, service))
        return {
            Limit.LINK: interface.limit - self.reserved + held,
            Limit.POOL: interface.pool(service) - self.pooled(service) + (held if pooled == service else 0.0),
            Limit.FLOW: interface.per_flow,
        }

    def room(self, interface: Interface, handle: int, service: int) -> float:
        """The most that `handle` may book, bytes/s; never less than what it has of that service."""
        held, pooled = self._rates.get(handle, (0.0, service))
        most = min(self.rooms(interface, handle, service).values())
        return max(held, most) if pooled == service else most

    def admit(self, interface: Interface, handle: int, rate: float, service: int) -> None:
        """Book `rate` bytes/s for `handle`, in place of what it had.

        Raises Reject (code 1, requested bandwidth unavailable) and leaves the old booking where the
        link's limit, its service's or the limit of one flow would be exceeded, or (code 1, delay bound
        cannot be met) where the promise to guaranteed reservations would be broken. A smaller booking
        than the one in place is never refused, as the link may have shrunk meanwhile; only that for
        another service comes out of that one's limit.
        """
        held, pooled = self._rates.get(handle, (0.0, service))
        more, into = rate - held, rate - (held if pooled == service else 0.0)
        fits = self.reserved + more <= interface.limit * _SLACK and rate <= interface.per_flow * _SLACK
        pool = self.pooled(service) + into <= interface.pool(service) * _SLACK
        if (more > 0.0 and not fits) or (into > 0.0 and not pool):
            raise Reject(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE)
        if self.crowds(interface, handle, rate, service) is not None:
            raise Reject(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.DELAY_BOUND)
        self.book(handle, rate, service)

    def crowds(
        self, interface: Interface, handle: int, rate: float, service: int
    ) -> tuple[float, float] | None:
        """Whether `rate` for `handle` would have a guaranteed reservation wait longer than C and D say.

        Of all that take turns the fastest has the least time, C/R and what D has to spare. Returns how
        long the others' turns would take and that time, in seconds; None where they fit.
        """
        held, before = self._rates.get(handle, (0.0, Service.CONTROLLED_LOAD))
        mine = before == Service.GUARANTEED
        if service != Service.GUARANTEED or rate <= (held if mine else 0.0):
            return None
        takes = (self._guaranteed - mine) * interface.turn
        if takes <= interface.spare:
            return None  # without a look at each, of which there may be a hundred thousand
        others = [r for one, (r, s) in self._rates.items() if s == Service.GUARANTEED and one != handle]
        promised = interface.spare + interface.character.c / max(rate, *others)
        return None if takes <= promised * _SLACK else (takes, promised)

    def over(self, interface: Interface, service: int | None = None) -> float:
        """How much more is booked than the link may carry, or one service may have of it, bytes/s."""
        booked, limit = self.reserved, interface.limit
        if service is not None:
            booked, limit = self.pooled(service), interface.pool(service)
        return booked - limit if booked > limit * _SLACK else 0.0

    def held(self, handle: int) -> float:
        """What is booked for `handle`."""
        return self._rates.get(handle, (0.0, 0))[0]

    def book(self, handle: int, rate: float, service: int) -> None:
        """Book `rate` for `handle` whatever the limit."""
        self.release(handle)
        self.reserved += rate
        self._pools[service] = self.pooled(service) + rate
        self._rates[handle] = (rate, service)
        self._guaranteed += service == Service.GUARANTEED

    def release(self, handle: int) -> None:
        """Give back what `handle` holds."""
        if handle not in self._rates:
            return
        rate, service = self._rates.pop(handle)
        self._guaranteed -= service == Service.GUARANTEED
        self.reserved -= rate
        self._pools[service] -= rate
        if not self._rates:  # what rounding left behind
            self.reserved = 0.0
            self._pools.clear()
