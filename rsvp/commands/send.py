"""`rsvp send`: announce a flow to whoever may want to reserve for it (SENDER of RFC 2205 3.11.1)."""

from __future__ import annotations

import math
from typing import Annotated

import typer

from ..iana import DEFAULT_TTL
from ..intserv import Tspec, default_bucket
from ..objects import session_of
from . import arguments, options
from .arguments import Place


def send(
    destination: options.Destination,
    source: Annotated[
        Place,
        typer.Option(
            metavar="[ADDRESS:]PORT",
            parser=arguments.source,
            help="Where it comes from; without ADDRESS this host's own towards the destination.",
        ),
    ],
    rate: Annotated[
        float,
        typer.Option(metavar="R", parser=arguments.rate, help="Token rate: 500kbit, 10mbit, or bytes/s."),
    ],
    bucket: Annotated[
        float | None,
        typer.Option(
            metavar="BYTES",
            parser=arguments.positive,
            help="Token bucket; what 100 ms at the rate carry if left out.",
        ),
    ] = None,
    peak: Annotated[
        float | None,
        typer.Option(metavar="R", parser=arguments.rate, help="Peak rate; unlimited if left out."),
    ] = None,
    smallest: Annotated[
        int,
        typer.Option(
            "--min",
            metavar="BYTES",
            parser=arguments.whole(0, arguments.LARGEST_PACKET),
            help="Smaller packets count as this.",
        ),
    ] = 64,
    largest: Annotated[
        int,
        typer.Option(
            "--max",
            metavar="BYTES",
            parser=arguments.whole(1, arguments.LARGEST_PACKET),
            help="The largest packet.",
        ),
    ] = 1500,
    ttl: options.Ttl = DEFAULT_TTL,
    protocol: options.Protocol = "udp",  # type: ignore[assignment]
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    count: options.Count = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S", parser=arguments.positive, help="End after S seconds; status 1 if nobody reserved."
        ),
    ] = None,
) -> None:
    """Announce a flow and tell who reserves for it.

    Talks to the daemon if its control socket is there, else runs RSVP in
    this process. Stays until interrupted, then tears down what it made.
    It announces only: the flow itself is your application's.

    Example:

        rsvp send 10.1.0.2:5000 --source 4000 --rate 1mbit

        rsvp send 10.1.0.2:5000 --source 10.0.0.1:4000 --rate 2mbit --json

        rsvp send 10.1.0.2:5000 --protocol esp --source spi=0x1234 --rate 1mbit
    """
    if smallest > largest:
        raise typer.BadParameter(f"--min {smallest} is above --max {largest}: swap them")
    _check_family(source, destination)
    depth = default_bucket(rate, largest) if bucket is None else bucket
    tspec = Tspec(rate, depth, math.inf if peak is None else peak, smallest, largest)
    if tspec.peak < tspec.rate:
        raise typer.BadParameter("--peak is below --rate: a flow's peak is at least its rate")
    assert destination.address is not None
    session = session_of(destination.address, protocol, destination.port)
    arguments.senders_of(session, source)

    import asyncio

    from .application import Limits
    from .sending import Sending

    asyncio.run(Sending(session, Limits(json, count, timeout), source, tspec, ttl).run(control))


def _check_family(source: Place, destination: Place) -> None:
    both = {place.address.version for place in (source, destination) if place.address is not None}
    if len(both) > 1:
        raise typer.BadParameter("source and destination are of different families: both IPv4, or both IPv6")
