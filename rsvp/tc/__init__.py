"""Traffic control: reservations become bandwidth (RFC 2205 section 3.11.2).

The verbs are the RFC's, keyed by a handle that the caller picks. They say what is wanted and are
idempotent; `settle` carries out all that was said since the last time, in as few steps as it takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from ..intserv import ErrorTerms, Excess, Flowspec, Tspec
from ..objects import Filter, Session

NO_MARKS: Mapping[int, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Flow:
    """What to give to which packets: one reservation on one interface.

    `filters` empty is every sender of the session. `tspec` is the sum of the senders' Tspecs. `excess`
    is what becomes of packets beyond it, `dscp` what the others are marked with, None for what the
    interface says of their service. `policed` is whether packets are held to the Tspec here, as where
    they enter the network, merge or branch (RFC 2205 section 3.8); elsewhere they may come a little
    closer to each other than they were sent.
    """

    handle: int
    session: Session
    filters: tuple[Filter, ...]
    flowspec: Flowspec
    tspec: Tspec | None = None
    excess: Excess = Excess.BORROW
    dscp: int | None = None
    policed: bool = True


@dataclass(frozen=True, slots=True)
class Counters:
    """What a reservation carried: bytes and packets sent, packets dropped."""

    bytes: int = 0
    packets: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A reservation that the kernel would not have, and why.

    `standing`: it was a change that was refused, and what stood before still stands.
    """

    interface: int
    handle: int
    standing: bool
    reason: str


class TrafficControl(Protocol):
    """A scheduler and classifier for some interfaces."""

    def open_interface(
        self,
        index: int,
        name: str,
        bandwidth: float,
        mtu: int,
        *,
        shape: bool = True,
        marks: Mapping[int, int] = NO_MARKS,
    ) -> ErrorTerms | None:
        """Take charge of an interface of `bandwidth` bytes/s, and of what an earlier run left there.

        Without `shape`, or where the rate is infinite because nobody knows it, its queues are left alone
        and reservations are only counted and marked, where that can be done. `marks` are the DSCPs, by
        service, of reserved packets that keep to their Tspec, where their flow says none. Returns C and D
        of guaranteed service there, None where the scheduler tells none.

        What it left goes on until `sweep`, or is taken up as it is by a reservation that comes back.
        Raises TrafficControlError where somebody else's configuration is in place.
        """

    def sweep(self, interface: int) -> None:
        """Remove what an earlier run left and no reservation came back to.

        Raises TrafficControlError where the kernel refuses.
        """

    def close_interface(self, index: int) -> None:
        """Give the interface back as it was found."""

    def add_flow(self, interface: int, flow: Flow) -> None:
        """Install a reservation. Raises TrafficControlError where the interface is not open."""

    def modify_flow(
        self, interface: int, handle: int, flowspec: Flowspec, tspec: Tspec | None, policed: bool = True
    ) -> None:
        """Change a reservation's service without touching its filters."""

    def add_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Let one more sender's packets use the reservation."""

    def delete_filter(self, interface: int, handle: int, session: Session, filter: Filter) -> None:
        """Take one sender's packets out of the reservation."""

    def delete_flow(self, interface: int, handle: int) -> None:
        """Remove a reservation with its filters; unknown handles are none of our business."""

    def settle(self) -> list[Refused]:
        """Carry out what the verbs above asked for since the last time; what of it was refused."""

    def counters(self, interface: int) -> dict[int, Counters]:
        """Counters of every reservation on an interface, by handle."""

    def kernel_handle(self, interface: int, handle: int) -> str | None:
        """The backend's own name of a reservation, e.g. "1:a" for an HTB class."""

    def close(self) -> None:
        """Give back every interface."""
