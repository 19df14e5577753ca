"""`rsvp admit`: what the daemon would say to a reservation, which is not made (RFC 2205 section 2.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ..jsonform import Json, read_filter, read_tspec, session
from ..objects import Session, Style, session_of
from ..paths import CONTROL
from . import arguments, options, words
from .reserve import check

if TYPE_CHECKING:
    from ..receiver import Receiver


def admit(
    destination: options.Destination,
    style: options.ReservedStyle,
    sender: options.Senders = None,
    service: options.Service = None,
    rate: options.ReservedRate = None,
    delay: options.Delay = None,
    protocol: options.Protocol = "udp",  # type: ignore[assignment]
    control: options.Control = CONTROL,
    json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Ask the daemon what it would say to a reservation.

    A dry run: no state is made, nothing is sent. Tells for each interface
    where the data leaves this node what the reservation would take there
    and what would remain, or why it would be refused, by which number and
    which rule. The exit status is 0 if it would be accepted everywhere, 1
    if not.

    Example:

        rsvp admit 10.1.0.2:5000 --style ff --sender 10.3.0.1:4000 --rate 2mbit

        rsvp admit 224.1.1.1:5000 --style wf --rate 500kbit --json
    """
    assert destination.address is not None
    about = session_of(destination.address, protocol, destination.port)
    senders = arguments.senders_of(about, *(sender or ()))
    check(destination, style, senders, service, rate, delay)

    import asyncio

    from ..receiver import Receiver, read_service

    receiver = Receiver(style, read_service(service, delay), senders, rate, delay)
    verdicts = asyncio.run(_ask(control, about, receiver))
    accepted = all(one["accepted"] for one in verdicts)
    if json:
        from json import dumps

        told = {"accepted": accepted, "session": session(about), "style": style.name, "interfaces": verdicts}
        print(dumps(told))
    else:
        for one in verdicts:
            print(sentence(one, style))
        if not verdicts:
            print("accepted: no data of it leaves this node, only previous hops have to admit it")
    return 0 if accepted else 1


async def _ask(control: str, about: Session, receiver: Receiver) -> list[dict[str, Json]]:
    from ..control.client import connect
    from ..control.schema import read_adspec
    from ..engine.outputs import PathEvent
    from ..errors import LocalError
    from ..messages import Sender

    async with await connect(control) as client:
        for entry in await client.show("senders"):
            if entry["session"] == session(about):
                adspec = None if entry["adspec"] is None else read_adspec(entry["adspec"])
                sender = Sender(read_filter(entry["sender"]), read_tspec(entry["tspec"]), adspec)
                receiver.heard(PathEvent(0, about, sender))
        flows = receiver.flows()
        if not flows:
            raise LocalError(
                f"the daemon knows no such sender in {words.session(session(about))}: "
                "name --sender and --rate to ask all the same"
            )
        return await client.admit(about, receiver.style, flows)


LIMITS = {
    "link": "{asked} asked, {available} left of what may be reserved there",
    "pool": "{asked} asked, {available} left of what this service may take there",
    "flow": "{asked} asked, {available} is the most that one reservation may take there",
    "delay": "guaranteed reservations would wait {asked} for each other, {available} are promised",
    "mtu": "packets of up to {asked}, the link takes {available}",
    "sessions": "it would make {asked}, and this node keeps {available}",
    "reservations": "it would make {asked} of this session, and this node keeps {available}",
    "neighbor": "whoever asks has {asked} with it, and this node keeps {available} of one neighbour",
    "state": "it would make {asked} of all neighbours, and this node keeps {available}",
}


def _milliseconds(value: float) -> str:
    return f"{value * 1e3:.3g} ms"


def sentence(one: dict[str, Json], style: Style) -> str:
    """A verdict as a line."""
    where = "here" if one["interface"] is None else one["interface"]
    about = f"{where}: {style.name} for {words.filters(one['filters'])}, {words.flowspec(one['flowspec'])}"
    reason = one["reason"]
    if reason is None:
        takes, held, remains = (words.rate(one[key]) for key in ("rate", "held", "remains"))
        merged = f" ({held} of it stand already)" if one["held"] else ""
        return f"{about}: accepted, takes {takes}{merged}, {remains} remain"
    why = reason["text"]
    if "limit" in reason:
        other = f"{{:.0f}} {reason['unit']}".format
        form = {"bytes/s": words.rate, "s": _milliseconds}.get(reason["unit"], other)
        numbers = {key: form(reason[key]) for key in ("asked", "available")}
        why += f", {LIMITS[reason['limit']].format(**numbers)}"
    return f"{about}: refused, {why} ({reason['section']})"
