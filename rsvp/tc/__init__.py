"""Traffic control: reservations become bandwidth (RFC 2205 section 3.11.2).

The verbs are the RFC's, keyed by a handle that the caller picks. They are idempotent: telling a
backend twice what it already did changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..intserv import Flowspec, Tspec
from ..objects import Filter, Session


@dataclass(frozen=True, slots=True)
class Flow:
    """What to give to which packets: one reservation on one interface.

    `filters` empty is every sender of the session. `tspec` is the sum of the senders' Tspecs.
    """

    handle: int
    session: Session
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    tspec: Tspec | None = None


@dataclass(frozen=True, slots=True)
class Counters:
    """What a reservation carried: bytes and packets sent, packets dropped."""

    bytes: int = 0
    packets: int = 0
    dropped: int = 0


class TrafficControl(Protocol):
    """A scheduler and classifier for some interfaces."""

    def open_interface(self, index: int, name: str, bandwidth: float, mtu: int) -> None:
        """Take charge of an interface of `bandwidth` bytes/s; clears what a crash left behind.

        Raises TrafficControlError where somebody else's configuration is in place.
        """

    def close_interface(self, index: int) -> None:
        """Give the interface back as it was found."""

    def add_flow(self, interface: int, flow: Flow) -> None:
        """Install a reservation. Raises TrafficControlError where the kernel refuses."""

    def modify_flow(self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None) -> None:
        """Change a reservation's service without touching its filters."""

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Let one more sender's packets use the reservation."""

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Take one sender's packets out of the reservation."""

    def delete_flow(self, interface: int, handle: int) -> None:
        """Remove a reservation with its filters; unknown handles are none of our business."""

    def counters(self, interface: int) -> dict[int, Counters]:
        """Counters of every reservation on an interface, by handle."""

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """The backend's own name of a reservation, e.g. "1:a" for an HTB class."""

    def close(self) -> None:
        """Give back every interface."""
