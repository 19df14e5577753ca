"""`rsvp reserve`: reserve for a flow, as its receiver (RESERVE of RFC 2205 3.11.1)."""

from __future__ import annotations

from typing import Annotated

import typer

from ..objects import Filter, Style, session_of
from . import arguments, options
from .arguments import Place


def reserve(
    destination: options.Destination,
    style: options.ReservedStyle,
    sender: options.Senders = None,
    service: options.Service = None,
    rate: options.ReservedRate = None,
    delay: options.Delay = None,
    interface: options.JoinedInterface = None,
    confirm: options.Confirm = False,
    protocol: options.Protocol = "udp",  # type: ignore[assignment]
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    count: options.Count = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S",
            parser=arguments.positive,
            help="End after S seconds; status 1 if nothing was confirmed or received.",
        ),
    ] = None,
) -> None:
    """Reserve bandwidth for a flow to this host, or to a group that it joins.

    Talks to the daemon if its control socket is there, else runs RSVP in
    this process. Tells what becomes of the reservation until interrupted,
    then tears it down.

    Example:

        rsvp reserve 10.1.0.2:5000 --style ff --confirm

        rsvp reserve 10.1.0.2:5000 --style se --service rate --rate 2mbit

        rsvp reserve 10.1.0.2:5000 --style ff --delay 20ms

        rsvp reserve 10.1.0.2:5000 --protocol esp --style ff --sender 10.0.0.1/spi=0x1234

        rsvp reserve 239.1.1.1:5000 --style wf --rate 500kbit --interface eth0
    """
    assert destination.address is not None
    session = session_of(destination.address, protocol, destination.port)
    senders = arguments.senders_of(session, *(sender or ()))
    check(destination, style, senders, service, rate, delay)
    options.check_joined(session, interface)

    import asyncio

    from ..receiver import read_service
    from .application import Limits
    from .receiving import Receiving

    limits, chosen = Limits(json, count, timeout), read_service(service, delay)
    asyncio.run(
        Receiving(session, limits, style, chosen, senders, rate, confirm, delay, interface).run(control)
    )


def check(
    destination: Place,
    style: Style,
    senders: tuple[Filter, ...],
    service: str | None,
    rate: float | None,
    delay: float | None,
) -> None:
    """Refuse options that do not go together."""
    if senders and not style.explicit:
        raise typer.BadParameter(f"style {style.name.lower()} is for all senders: leave --sender out")
    if delay is not None and service == "load":
        raise typer.BadParameter("controlled load promises no delay: leave --service out, or --delay")
    if delay is not None and rate is not None:
        raise typer.BadParameter("--delay finds the rate by itself: leave --rate out")
    assert destination.address is not None
    if any(one.address.version != destination.address.version for one in senders):
        raise typer.BadParameter("sender and destination are of different families: both IPv4, or both IPv6")
