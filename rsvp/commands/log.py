"""`rsvp log`: what happens in the daemon, as it happens."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ..paths import CONTROL
from ..vocabulary import TOPICS
from . import arguments, options

read_topic = arguments.one_of(TOPICS, f"there is no topic {{text}}: one of {', '.join(TOPICS)}")


def log(
    topic: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TOPIC",
            parser=read_topic,
            help=f"One of {', '.join(TOPICS)}; may be given again. All without it.",
            autocompletion=arguments.completes(TOPICS),
        ),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(metavar="N", parser=arguments.whole(1, arguments.MAX_COUNT), help="End after N lines."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    control: options.Control = CONTROL,
) -> None:
    """Tell what happens in the daemon, until interrupted.

    sent and received are messages, with --json as bytes, too; state is
    senders and reservations that come, change and go, and why; admission
    what is admitted and refused; traffic the orders to traffic control;
    errors what is dropped and whatever else goes wrong.

    Example:

        rsvp log --topic state --topic admission

        rsvp log --topic received --json | jq -r .data
    """
    import asyncio

    asyncio.run(_tell(control, topic or list(TOPICS), json, count))


async def _tell(control: str, topics: list[str], json: bool, count: int | None) -> None:
    from json import dumps

    from ..control.client import connect

    told = 0
    async with await connect(control) as client:
        async for line in client.log(topics):
            print(dumps(line.get("log", line)) if json else as_line(line), flush=True)
            told += "log" in line
            if told == count:
                return


def as_line(line: dict[str, Any]) -> str:
    """A line for people: the time of day, topic and text."""
    from datetime import datetime

    if "lost" in line:
        return f"({line['lost']} lines are missing here: they came faster than they were read)"
    told = line["log"]
    time = datetime.fromtimestamp(told["time"]).strftime("%H:%M:%S.%f")[:-3]
    return f"{time} {told['topic']}: {told['text']}"
