"""`rsvp reservation`: reserve for a host without RSVP, in the argument order of a router's console."""

from __future__ import annotations

from . import console, options


def reservation(
    session: console.Destination,
    sender: console.Source,
    protocol: console.Protocol,
    dport: console.Port,
    sport: console.SourcePort,
    nhop: console.Neighbor,
    interface: console.Interface,
    style: console.Style,
    service: console.Service,
    kbps: console.Rate,
    kbytes: console.Burst,
    confirm: options.Confirm = False,
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    count: options.Count = None,
    timeout: console.Timeout = None,
) -> None:
    """Reserve for a host behind this router that has no RSVP.

    The order and the units are those of ip rsvp reservation. It is as if
    a Resv had come from INTERFACE: the link there is reserved, and so is
    the way up to the sender. NEIGHBOR, which the order asks for, is sent
    nothing. Where the style is wf, SENDER and SPORT are 0.0.0.0 and 0.
    Stays until interrupted, which is its no form; [[reservation]] in
    rsvp.toml is one that lasts.

    Example:

        rsvp reservation 10.0.3.2 10.0.1.1 udp 5150 5150 10.0.3.2 eth1 ff load 20 5
    """
    to = console.read_session(session, protocol, dport)
    senders = console.read_senders(to, style, sender, sport)
    console.check_family(to, nhop)

    from .application import Limits

    what, limits = console.tspec(kbps, kbytes), Limits(json, count, timeout)
    console.reserve(to, senders, style, service, what, limits, control, confirm=confirm, outgoing=interface)
