"""`rsvp sender`: announce a flow of a host without RSVP, in the argument order of a router's console."""

from __future__ import annotations

from ..iana import DEFAULT_TTL
from . import console, options


def sender(
    session: console.Destination,
    source: console.Source,
    protocol: console.Protocol,
    dport: console.Port,
    sport: console.SourcePort,
    phop: console.Neighbor,
    interface: console.Interface,
    kbps: console.Rate,
    kbytes: console.Burst,
    ttl: options.Ttl = DEFAULT_TTL,
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    count: options.Count = None,
    timeout: console.Timeout = None,
) -> None:
    """Announce a flow for a host behind this router that has no RSVP.

    The order and the units are those of ip rsvp sender. Paths go on as if
    the host had sent them into INTERFACE; what is reserved for it ends
    here, and NEIGHBOR, which the order asks for, is sent nothing. Stays
    until interrupted, which is its no form; [[sender]] in rsvp.toml is
    one that lasts.

    Example:

        rsvp sender 239.1.2.3 10.0.1.1 udp 5150 5150 10.0.1.1 eth0 20 5
    """
    to = console.read_session(session, protocol, dport)
    place = console.read_sender(to, source, sport)
    console.check_family(to, phop)

    import asyncio

    from .application import Limits
    from .sending import Sending

    what, limits = console.tspec(kbps, kbytes), Limits(json, count, timeout)
    asyncio.run(Sending(to, limits, place, what, ttl, interface).run(control))
