"""Admission control: what each link has promised (RFC 2205 section 2, RFC 2210 section 2.2).

The decision is made here and at once, because a Resv may travel upstream only after it was
admitted; the kernel is told afterwards.
"""

from __future__ import annotations

from ..iana import AdmissionError, ErrorCode
from .interfaces import Interface
from .reject import Reject

_SLACK = 1e-9
"""Relative room for the rounding of single-precision rates, so that 3 thirds fit into one whole."""


class Budget:
    """The reservations of one interface, in bytes/s, by traffic control handle."""

    __slots__ = ("_rates", "reserved")

    def __init__(self) -> None:
        self._rates: dict[int, float] = {}
        self.reserved = 0.0

    def __len__(self) -> int:
        return len(self._rates)

    def room(self, interface: Interface, handle: int) -> float:
        """The most that `handle` may book, bytes/s; never less than what it has."""
        held = self.held(handle)
        return max(held, min(interface.limit - self.reserved + held, interface.per_flow))

    def admit(self, interface: Interface, handle: int, rate: float) -> None:
        """Book `rate` bytes/s for `handle`, in place of what it had.

        Raises Reject (code 1, requested bandwidth unavailable) and leaves the old booking where the
        link's limit or the limit of one flow would be exceeded. A smaller booking than the one in
        place is never refused: the link may have shrunk meanwhile.
        """
        held = self.held(handle)
        fits = self.fits(interface, rate - held) and rate <= interface.per_flow * (1 + _SLACK)
        if not fits and rate > held:
            raise Reject(ErrorCode.ADMISSION_CONTROL_FAILURE, AdmissionError.BANDWIDTH_UNAVAILABLE)
        self.book(handle, rate)

    def fits(self, interface: Interface, more: float = 0.0) -> bool:
        """Whether what is booked and `more` bytes/s are within the link's limit."""
        return self.reserved + more <= interface.limit * (1 + _SLACK)

    def held(self, handle: int) -> float:
        """What is booked for `handle`."""
        return self._rates.get(handle, 0.0)

    def book(self, handle: int, rate: float) -> None:
        """Book `rate` for `handle` whatever the limit."""
        self.reserved += rate - self.held(handle)
        self._rates[handle] = rate

    def release(self, handle: int) -> None:
        """Give back what `handle` holds."""
        self.reserved -= self._rates.pop(handle, 0.0)
        if not self._rates:
            self.reserved = 0.0  # what rounding left behind
