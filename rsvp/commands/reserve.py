"""`rsvp reserve`: reserve for a flow, as its receiver (RESERVE of RFC 2205 3.11.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from ..intserv import Flowspec, controlled_load, guaranteed
from ..objects import FilterSpec, Session, Style
from ..paths import CONTROL
from . import arguments
from .arguments import Place

SERVICES: dict[str, Callable[..., Flowspec]] = {"load": controlled_load, "rate": guaranteed}


read_service = arguments.one_of(
    SERVICES, "no such service: {text}; write load (controlled load) or rate (guaranteed)"
)


def reserve(
    destination: Annotated[
        Place,
        typer.Argument(metavar="DESTINATION:PORT", parser=arguments.destination, help="Where the flow goes."),
    ],
    style: Annotated[
        Style,
        typer.Option(
            metavar="{ff,wf,se}",
            parser=arguments.style,
            help="ff: each sender has its own; se: those named share one; wf: all senders share one.",
        ),
    ],
    sender: Annotated[
        list[FilterSpec] | None,
        typer.Option(
            metavar="ADDRESS:PORT",
            parser=arguments.sender,
            help="For this sender only; may be given again. Without it, for each that announces itself.",
        ),
    ] = None,
    service: Annotated[
        str | None,
        typer.Option(
            metavar="{load,rate}",
            parser=read_service,
            help="Controlled load, or guaranteed service at R [default: load, with --delay rate].",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            parser=arguments.rate,
            help="How much: 500kbit, 10mbit, or bytes/s; what the sender announces if left out.",
        ),
    ] = None,
    delay: Annotated[
        float | None,
        typer.Option(
            metavar="TIME",
            parser=arguments.delay,
            help="How late a packet may arrive: 20ms, or seconds; guaranteed service at the R that takes.",
        ),
    ] = None,
    interface: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Where to join the group that is DESTINATION [default: where the route to it leads].",
        ),
    ] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="Ask for a confirmation.")] = False,
    protocol: Annotated[
        int, typer.Option(metavar="NAME", parser=arguments.protocol, help="udp, tcp, or a number.")
    ] = "udp",  # type: ignore[assignment]
    control: Annotated[
        str | None, typer.Option(metavar="PATH", help=f"The daemon's control socket [default: {CONTROL}].")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line for each event.")] = False,
    count: Annotated[
        int | None,
        typer.Option(metavar="N", parser=arguments.whole(1, arguments.MAX_COUNT), help="End after N events."),
    ] = None,
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

        rsvp reserve 239.1.1.1:5000 --style wf --rate 500kbit --interface eth0
    """
    senders = tuple(dict.fromkeys(sender or ()))
    check(destination, style, senders, service, rate, delay)
    assert destination.address is not None
    if interface is not None and not destination.address.is_multicast:
        raise typer.BadParameter("--interface is where to join a group: leave it out, this is none")
    session = Session(destination.address, protocol, destination.port)

    import asyncio

    from .application import Limits
    from .receiving import Receiving

    limits, chosen = Limits(json, count, timeout), SERVICES[service or ("load" if delay is None else "rate")]
    asyncio.run(
        Receiving(session, limits, style, chosen, senders, rate, confirm, delay, interface).run(control)
    )


def check(
    destination: Place,
    style: Style,
    senders: tuple[FilterSpec, ...],
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
