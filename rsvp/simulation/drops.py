"""Losing chosen packets: the n-th Resv from r2 to r1, every Path on a link."""

from __future__ import annotations

from dataclasses import dataclass

from ..transport import Packet
from .parts import Port


@dataclass(slots=True)
class Drop:
    """Packets to lose: of one message type, from a node, towards a node; None for any.

    The first `skip` that match pass, the next `count` are lost; `count` None loses all.
    """

    message_type: int | None = None
    sender: str | None = None
    to: str | None = None
    skip: int = 0
    count: int | None = 1

    def hits(self, port: Port, packet: Packet) -> bool:
        """Whether this packet, about to leave through `port`, is to be lost; counts it."""
        if self.spent or not self._matches(port, packet):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.count is not None:
            self.count -= 1
        return True

    def _matches(self, port: Port, packet: Packet) -> bool:
        return (
            self.message_type in (None, packet.data[1])
            and self.sender in (None, port.node.name)
            and (self.to is None or any(end.node.name == self.to for end in port.others))
        )

    @property
    def spent(self) -> bool:
        """Whether it has lost all that it was to lose."""
        return self.count == 0
