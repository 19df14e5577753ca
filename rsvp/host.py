"""What a node takes over of this host if it is told nothing else: its sockets, routes and queues."""

from __future__ import annotations

import logging

from .errors import NoRight
from .routing import Routing
from .tc import TrafficControl
from .transport import Transport

log = logging.getLogger("rsvp.node")

IN_UDP = (
    "no right to open raw sockets, so RSVP goes in UDP to the router next to this host "
    "(RFC 2205 appendix C); with CAP_NET_RAW it would go by itself"
)


def transport() -> Transport:
    """Raw sockets, beside which hosts that speak UDP are heard; without the right to them, UDP.

    Raises Unavailable where neither can be had.
    """
    from .routing.first_hop import FirstHops
    from .transport.encapsulating import EncapsulatingTransport
    from .transport.raw import RawTransport
    from .transport.udp import UdpTransport

    try:
        raw = RawTransport()
    except NoRight:
        encapsulated = UdpTransport(FirstHops())
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
