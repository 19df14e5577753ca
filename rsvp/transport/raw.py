"""RSVP over raw sockets, for both IP versions (RFC 2205 section 3.11.5)."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping

from ..errors import Unavailable
from . import Encapsulation, Packet
from .ipv4 import IPv4Transport
from .ipv6 import IPv6Transport
from .transit import MulticastTransit

log = logging.getLogger("rsvp.transport")


class RawTransport:
    """A `Transport` over raw sockets of the network namespace it is made in; IPv6 where there is any."""

    def __init__(self) -> None:
        """Open the sockets. Raises Unavailable without CAP_NET_RAW."""
        self._by_version: dict[int, IPv4Transport | IPv6Transport] = {4: IPv4Transport()}
        try:
            self._by_version[6] = IPv6Transport()
        except Unavailable as refusal:
            log.warning("no RSVP over IPv6: %s", refusal)
        self._transit = MulticastTransit()

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive on the running event loop; `received` gets each packet."""

        def taken(packet: Packet) -> None:
            if not self._transit.brings(packet):
                received(packet)

        self._transit.start(received)
        for transport in self._by_version.values():
            transport.start(taken)

    def send(self, packet: Packet) -> None:
        """Send one packet, in fragments where it exceeds the outgoing MTU.

        A given interface overrules routing: the gateway is that of the best route through it, and
        where there is none the destination is taken to be on that link. A `ttl` of None is
        `iana.DEFAULT_TTL`. Raises OSError where the kernel refuses.
        """
        version = packet.destination.version
        if version not in self._by_version:
            raise OSError(errno.EAFNOSUPPORT, f"cannot send RSVP to {packet.destination}: no IPv{version}")
        if packet.source is not None and packet.source.version != version:
            raise OSError(
                errno.EAFNOSUPPORT, f"cannot send RSVP from {packet.source} to {packet.destination}"
            )
        self._by_version[version].send(packet)

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        """Raw sockets hear everything, and are not asked where they may."""

    def close(self) -> None:
        """Stop receiving, give back the sockets; packets that still wait to be sent are tried once."""
        self._transit.close()
        for transport in self._by_version.values():
            transport.close()
