"""Arguments and options that several commands have, each written once."""

from __future__ import annotations

from typing import Annotated

import typer

from ..objects import Session, Style
from ..paths import CONTROL
from . import arguments
from .arguments import Place

Destination = Annotated[
    Place,
    typer.Argument(metavar="DESTINATION:PORT", parser=arguments.destination, help="Where the flow goes."),
]

Protocol = Annotated[
    int, typer.Option(metavar="NAME", parser=arguments.protocol, help="udp, tcp, esp, ah, or a number.")
]

Ttl = Annotated[
    int,
    typer.Option(
        metavar="TTL",
        parser=arguments.whole(1, 255),
        help="The flow's multicast TTL, and that of its Path messages.",
    ),
]

# --- what to reserve ---------------------------------------------------------------------------------

ReservedStyle = Annotated[
    Style,
    typer.Option(
        metavar="{ff,wf,se}",
        parser=arguments.style,
        help="ff: each sender has its own; se: those named share one; wf: all senders share one.",
    ),
]

Senders = Annotated[
    list[Place] | None,
    typer.Option(
        metavar="ADDRESS:PORT",
        parser=arguments.sender,
        help="For this sender only; may be given again. Without it, for each that announces itself.",
    ),
]

Service = Annotated[
    str | None,
    typer.Option(
        metavar="{load,rate}",
        parser=arguments.service,
        help="Controlled load, or guaranteed service at R [default: load, with --delay rate].",
    ),
]

ReservedRate = Annotated[
    float | None,
    typer.Option(
        metavar="R",
        parser=arguments.rate,
        help="How much: 500kbit, 10mbit, or bytes/s; what the sender announces if left out.",
    ),
]

Delay = Annotated[
    float | None,
    typer.Option(
        metavar="TIME",
        parser=arguments.delay,
        help="How late a packet may arrive: 20ms, or seconds; guaranteed service at the R that takes.",
    ),
]

JoinedInterface = Annotated[
    str | None,
    typer.Option(
        "--interface",
        metavar="NAME",
        help="Where to join the group that it goes to [default: where the route to it leads].",
    ),
]


def check_joined(session: Session, interface: str | None) -> None:
    """Refuse an interface to join at where the destination is no group. Raises BadParameter."""
    if interface is not None and not session.destination.is_multicast:
        raise typer.BadParameter("--interface is where to join a group: leave it out, this is none")


Confirm = Annotated[bool, typer.Option("--confirm", help="Ask for a confirmation.")]

# --- whom to ask, and how to tell --------------------------------------------------------------------

Control = Annotated[str, typer.Option(metavar="PATH", help="The daemon's control socket.", show_default=True)]

ControlIfThere = Annotated[
    str | None, typer.Option(metavar="PATH", help=f"The daemon's control socket [default: {CONTROL}].")
]

JsonLines = Annotated[bool, typer.Option("--json", help="One JSON object a line for each event.")]

Count = Annotated[
    int | None,
    typer.Option(metavar="N", parser=arguments.whole(1, arguments.MAX_COUNT), help="End after N events."),
]
