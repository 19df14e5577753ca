"""The argument order of router consoles, and their units, which `rsvp sender-host` and its like share.

`ip rsvp sender-host` and the others are Cisco's. A kilobit is 1000 bits there, so that KBPS is 125
bytes/s; whether a kilobyte is 1000 or 1024 bytes their manuals leave open, and here it is 1000.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .. import objects
from ..intserv import Tspec
from ..objects import FilterSpec, Session
from . import arguments
from .arguments import Place

if TYPE_CHECKING:
    from .application import Limits

BYTES_PER_KBIT = 125
BYTES_PER_KBYTE = 1000

LARGEST_PACKET = 1500
"""Bytes, where the burst is no smaller: a packet above that would never keep to its Tspec."""

NOBODY = {version: arguments.host(text) for version, text in ((4, "0.0.0.0"), (6, "::"))}
"""What stands for any sender, by IP version."""

Destination = Annotated[
    Place,
    typer.Argument(metavar="SESSION", parser=arguments.host, help="The address the flow goes to."),
]
Source = Annotated[
    Place,
    typer.Argument(metavar="SENDER", parser=arguments.host, help="The address it comes from."),
]
Protocol = Annotated[
    int, typer.Argument(metavar="PROTOCOL", parser=arguments.protocol, help="tcp, udp, or a number.")
]
Port = Annotated[int, typer.Argument(metavar="DPORT", parser=arguments.port, help="The port it goes to.")]
SourcePort = Annotated[
    int, typer.Argument(metavar="SPORT", parser=arguments.port, help="The port it comes from.")
]
Neighbor = Annotated[
    Place,
    typer.Argument(metavar="NEIGHBOR", parser=arguments.host, help="The host, as the link knows it."),
]
Interface = Annotated[
    str, typer.Argument(metavar="INTERFACE", help="The name of the interface that it is behind.")
]
Style = Annotated[
    objects.Style,
    typer.Argument(
        metavar="STYLE", parser=arguments.style, help="ff: its own; se: shared by those named; wf: by all."
    ),
]
Service = Annotated[
    str,
    typer.Argument(
        metavar="SERVICE", parser=arguments.service, help="rate: guaranteed; load: controlled load."
    ),
]
Rate = Annotated[
    int,
    typer.Argument(
        metavar="KBPS", parser=arguments.whole(1, 10_000_000), help="Its rate, in units of 1000 bit/s."
    ),
]
Burst = Annotated[
    int,
    typer.Argument(
        metavar="KBYTES", parser=arguments.whole(1, 65535), help="Its bucket, in units of 1000 bytes."
    ),
]
Timeout = Annotated[
    float | None,
    typer.Option(
        metavar="S", parser=arguments.positive, help="End after S seconds; status 1 if nothing came of it."
    ),
]


def read_session(to: Place, protocol: int, port: int) -> Session:
    """The session that three arguments name. Raises BadParameter."""
    assert to.address is not None
    try:
        return Session(to.address, protocol, port)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def read_sender(session: Session, host: Place, port: int) -> Place:
    """The sender that two arguments name. Raises BadParameter."""
    check_family(session, host)
    if host == NOBODY[session.destination.version]:
        raise typer.BadParameter(f"{host.address} is nobody's address: name the sender's")
    return Place(host.address, port)


def read_senders(session: Session, style: objects.Style, host: Place, port: int) -> tuple[FilterSpec, ...]:
    """The sender that two arguments name, where the style wants one named. Raises BadParameter."""
    if style.explicit:
        sender = read_sender(session, host, port)
        assert sender.address is not None
        return (FilterSpec(sender.address, sender.port),)
    if host not in NOBODY.values() or port:
        anybody = NOBODY[session.destination.version].address
        raise typer.BadParameter(
            f"style {style.name.lower()} is for all senders: write {anybody} for SENDER and 0 for SPORT"
        )
    return ()


def check_family(session: Session, host: Place) -> None:
    """Refuse an address of the other IP version. Raises BadParameter."""
    assert host.address is not None
    if host.address.version != session.destination.version:
        raise typer.BadParameter(
            f"{host.address} and {session.destination} are of different families: both IPv4, or both IPv6"
        )


def tspec(rate: int, burst: int) -> Tspec:
    """The Tspec of KBPS and KBYTES: the peak is unlimited, as nothing is said of it."""
    bucket = burst * BYTES_PER_KBYTE
    return Tspec(rate * BYTES_PER_KBIT, bucket, M=min(LARGEST_PACKET, bucket))


def reserve(
    session: Session,
    senders: tuple[FilterSpec, ...],
    style: objects.Style,
    service: str,
    what: Tspec,
    limits: Limits,
    control: str | None,
    *,
    confirm: bool,
    joined: str | None = None,
    outgoing: str | None = None,
) -> None:
    """Reserve until it is enough; `joined` and `outgoing` are interfaces, as of `Receiving`."""
    import asyncio

    from ..receiver import read_service
    from .receiving import Receiving

    receiving = Receiving(
        session,
        limits,
        style,
        read_service(service),
        senders,
        what.rate,
        confirm,
        interface=joined,
        bucket=what.bucket,
        outgoing=outgoing,
    )
    asyncio.run(receiving.run(control))
