"""`rsvp reservation-host`: reserve as the receiver, in the argument order of a router's console."""

from __future__ import annotations

from . import console, options


def reservation_host(
    session: console.Destination,
    sender: console.Source,
    protocol: console.Protocol,
    dport: console.Port,
    sport: console.SourcePort,
    style: console.Style,
    service: console.Service,
    kbps: console.Rate,
    kbytes: console.Burst,
    interface: options.JoinedInterface = None,
    confirm: options.Confirm = False,
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    count: options.Count = None,
    timeout: console.Timeout = None,
) -> None:
    """Reserve for a flow that this host receives, or is to seem to receive.

    The same as rsvp reserve, in the order and the units of ip rsvp
    reservation-host: 20 5 is 20 kbit/s with a bucket of 5000 bytes. Where
    the style is wf, SENDER and SPORT are 0.0.0.0 and 0. Stays until
    interrupted, which is its no form; [[reservation]] in rsvp.toml is one
    that lasts.

    Example:

        rsvp reservation-host 239.1.2.3 10.0.1.1 udp 5150 5150 ff load 20 5
    """
    to = console.read_session(session, protocol, dport)
    senders = console.read_senders(to, style, sender, sport)
    options.check_joined(to, interface)

    from .application import Limits

    what, limits = console.tspec(kbps, kbytes), Limits(json, count, timeout)
    console.reserve(to, senders, style, service, what, limits, control, confirm=confirm, joined=interface)
