"""What a node takes over of this host if it is told nothing else: its sockets, routes and queues."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from .errors import NoRight
from .objects import IPAddress
from .routing import Routing
from .tc import TrafficControl
from .transport import Transport

log = logging.getLogger("rsvp.node")

IN_UDP = (
    "no right to open raw sockets, so RSVP goes in UDP to the first router "
    "(RFC 2205 appendix C); with CAP_NET_RAW it would go by itself"
)


def transport(first_routers: Iterable[IPAddress] = (), ttl: int = 1) -> Transport:
    """Raw sockets, beside which hosts that speak UDP are heard; without the right to them, UDP.

    That goes to `first_routers`, of which there may be one for each IP version, with an IP TTL of `ttl`,
    else to the routers next to this host. Raises Unavailable where neither can be had.
    """
    from .routing.first_hop import FirstHops
    from .transport.encapsulating import EncapsulatingTransport
    from .transport.raw import RawTransport
    from .transport.udp import FarRouter, UdpTransport

    try:
        raw = RawTransport()
    except NoRight:
        far = FarRouter({one.version: one for one in first_routers}, ttl)
        encapsulated = UdpTransport(FirstHops(), far)
        log.warning(IN_UDP)
        return encapsulated
    return EncapsulatingTransport(raw, FirstHops())


def routing() -> Routing:
    """The kernel's routes, over netlink."""
    from .routing.netlink import NetlinkRouting

    return NetlinkRouting()


def traffic_control() -> TrafficControl:
    """The kernel's queues, as HTB."""
    from .tc.htb import HtbTrafficControl

    return HtbTrafficControl()


def load() -> None:
    """Load all that is needed for these, while there is still the right to read its files."""
    from .routing import first_hop, netlink  # noqa: F401
    from .tc import htb  # noqa: F401
    from .transport import encapsulating, raw, udp  # noqa: F401
