"""Packet I/O: RSVP messages in and out of IP datagrams (RFC 2205 sections 3.3, 3.11.5).

A transport knows bytes, addresses and interface numbers, nothing of what the bytes mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ..objects import IPAddress


@dataclass(frozen=True, slots=True)
class Packet:
    """One RSVP message on the wire, from the common header on.

    Received: `interface` is where it came in and `ttl` the IP TTL on arrival. To send: `interface`
    None leaves the choice to routing, `source` None to the kernel. `gateway` overrules the next hop
    that the kernel would choose on the interface, where a transport can do that. `encapsulated` says
    that it came in UDP.
    """

    data: bytes
    destination: IPAddress
    source: IPAddress | None
    interface: int | None
    ttl: int | None
    router_alert: bool = False
    gateway: IPAddress | None = None
    encapsulated: bool = False


class Encapsulation(StrEnum):
    """How RSVP goes over a link (RFC 2205 appendix C).

    `HEARD`: in IP, and in UDP as well while somebody there has spoken it lately.
    """

    HEARD = "heard"
    RAW = "raw"
    UDP = "udp"
    BOTH = "both"


class Transport(Protocol):
    """How a node reaches its neighbours."""

    def start(self, received: Callable[[Packet], None]) -> None:
        """Begin to receive; `received` is called on the event loop for each packet."""

    def send(self, packet: Packet) -> None:
        """Send one packet. Raises OSError where the kernel refuses."""

    def attend(self, links: Mapping[int, Encapsulation]) -> None:
        """The numbers of the interfaces that RSVP runs on, and how it goes there; may change at any time."""

    def close(self) -> None:
        """Stop receiving and give back the sockets."""
