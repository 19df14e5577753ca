"""`rsvp sender-host`: announce a flow of this host's own, in the argument order of a router's console."""

from __future__ import annotations

from ..iana import DEFAULT_TTL
from . import console, options


def sender_host(
    session: console.Destination,
    sender: console.Source,
    protocol: console.Protocol,
    dport: console.Port,
    sport: console.SourcePort,
    kbps: console.Rate,
    kbytes: console.Burst,
    ttl: options.Ttl = DEFAULT_TTL,
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    count: options.Count = None,
    timeout: console.Timeout = None,
) -> None:
    """Announce a flow that this host sends, or is to seem to send.

    The same as rsvp send, in the order and the units of ip rsvp
    sender-host: 20 5 is 20 kbit/s with a bucket of 5000 bytes. Stays until
    interrupted, which is its no form; [[sender]] in rsvp.toml is one that
    lasts.

    Example:

        rsvp sender-host 239.1.2.3 10.0.1.1 udp 5150 5150 20 5
    """
    to = console.read_session(session, protocol, dport)
    place = console.read_sender(to, sender, sport)

    import asyncio

    from .application import Limits
    from .sending import Sending

    what, limits = console.tspec(kbps, kbytes), Limits(json, count, timeout)
    asyncio.run(Sending(to, limits, place, what, ttl).run(control))
