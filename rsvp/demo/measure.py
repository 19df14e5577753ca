"""One measurement of a flow between two nodes, and whether the machine itself stood in its way."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..lab import Node
from .traffic import SENT, Address, Arrival, listen, percentile, read_arrivals, receive_flow, send_flow

LATE = 0.005
"""Seconds; a sender that is later than that with more than one packet in a hundred was held up."""
ENOUGH = 0.5
"""The share of its planned rate that an overload has to reach."""
SOFTNET = Path("/proc/net/softnet_stat")


@dataclass(frozen=True)
class Run:
    """One measurement: packets sent, and those that arrived, as `Arrival`s in order of arrival.

    `late` tells how late the sender was with the packets that it sent, the 99th percentile in
    seconds; `crowded` how many packets, whosever, this machine had no room for; `overload` the share
    of its planned rate that the overload reached.
    """

    sent: int
    arrivals: list[Arrival]
    late: float = 0.0
    crowded: int = 0
    overload: float = 1.0

    @property
    def disturbed(self) -> bool:
        """Whether the machine was too busy for the network: then loss and delay may be its own."""
        return self.late > LATE or self.crowded > 0 or self.overload < ENOUGH

    @property
    def began(self) -> int:
        """When the first packet that arrived was sent, monotonic ns."""
        return min((one.sent for one in self.arrivals), default=0)

    @property
    def loss(self) -> float:
        """The share that did not arrive."""
        return 1.0 - len(self.arrivals) / self.sent if self.sent else 0.0

    def delay_ms(self, share: float) -> float | None:
        """A percentile of the delay in milliseconds; None where nothing arrived."""
        return percentile([one.delay for one in self.arrivals], share) * 1e3 if self.arrivals else None

    def delay_text(self, share: float) -> str:
        """The same for people, "-" where nothing arrived."""
        delay = self.delay_ms(share)
        return "-" if delay is None else f"{delay:.0f} ms" if delay >= 100 else f"{delay:.2g} ms"

    def to_json(self) -> dict[str, Any]:
        """{"sent", "received", "loss", "delay_ms", "disturbed"}."""
        return {
            "sent": self.sent,
            "received": len(self.arrivals),
            "loss": self.loss,
            "delay_ms": {"p50": self.delay_ms(0.50), "p99": self.delay_ms(0.99)},
            "disturbed": self.disturbed,
        }


def measure(
    near: Node, far: Node, source: Address, to: Address, rate: float, packet_size: int, duration: float
) -> Run:
    """Send `rate` bytes/s of IP packets of `packet_size` bytes between two nodes for `duration` seconds."""
    crowded = _crowded_out()
    with far, listen(to) as sock:
        sender = near.spawn(partial(send_flow, source, to, rate, packet_size, duration))
        receiver = far.spawn(partial(receive_flow, sock, sender))
    arrivals, overrun = read_arrivals(receiver.result())
    sent, late = SENT.unpack(sender.result())
    return Run(sent, arrivals, late, overrun + _crowded_out() - crowded)


def _crowded_out() -> int:
    """Packets that this machine's processors had no time for, in all namespaces together."""
    try:
        return sum(int(line.split()[1], 16) for line in SOFTNET.read_text().splitlines())
    except OSError:  # a container that hides it
        return 0
