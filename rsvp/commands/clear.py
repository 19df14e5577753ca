"""`rsvp clear`: remove state at once, or begin the counters anew."""

from __future__ import annotations

from typing import Annotated

import typer

from ..iana import Protocol
from ..objects import Session, session_of
from ..paths import CONTROL
from ..vocabulary import CLEARED
from . import arguments, options

read_what = arguments.one_of(
    CLEARED, f"there is nothing called {{text}} to clear: one of {', '.join(CLEARED)}"
)


def clear(
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            parser=read_what,
            help=f"One of {', '.join(CLEARED)}.",
            autocompletion=arguments.completes(CLEARED),
        ),
    ],
    destination: Annotated[
        arguments.Place | None,
        typer.Argument(
            metavar="DESTINATION:PORT", parser=arguments.destination, help="Of this session only."
        ),
    ] = None,
    protocol: options.Protocol = Protocol.UDP,
    json: Annotated[bool, typer.Option("--json", help="One JSON object: how many went.")] = False,
    control: options.Control = CONTROL,
) -> None:
    """Remove state that neighbours made, as tears of theirs would.

    senders sends PathTears and takes the senders' reservations along,
    reservations sends ResvTears, sessions does both. Neighbours that
    still want it bring it back with their next refresh. What
    applications here made stays: end those. counters begins the counters
    of rsvp show counters and of Prometheus at 0. Nothing is asked first.

    Example:

        rsvp clear reservations 10.1.0.2:5000

        rsvp clear counters
    """
    import asyncio

    session = None
    if destination is not None:
        assert destination.address is not None
        session = session_of(destination.address, protocol, destination.port)
    numbers = asyncio.run(_ask(control, what, session))
    if json:
        from json import dumps

        print(dumps(numbers))
    else:
        print(sentence(numbers))


async def _ask(control: str, what: str, session: Session | None) -> dict[str, int]:
    from ..control.client import connect

    async with await connect(control) as client:
        return await client.clear(what, session)


def sentence(numbers: dict[str, int]) -> str:
    """What was done, for people."""
    if "counters" in numbers:
        return f"counters of {_count(numbers['counters'], 'interface')} begin at 0"
    gone = [_count(numbers[f"{one}s"], one) for one in ("sender", "reservation") if numbers[f"{one}s"]]
    kept = f"; {numbers['kept']} of applications here stay" if numbers["kept"] else ""
    return f"removed {' and '.join(gone)}{kept}" if gone else f"nothing to remove{kept}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
