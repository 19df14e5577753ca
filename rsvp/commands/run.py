"""`rsvp run`: reserve for a program that knows nothing of RSVP, by rules about its sockets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..running.rules import Rule, load, read_rule
from . import arguments, options

CONTEXT = {"allow_interspersed_args": False}
"""What comes behind COMMAND is its own, also with a dash in front."""

EXAMPLE = "--rule 'udp to :5000-5999 rate 1mbit'"


def run(
    command: Annotated[list[str], typer.Argument(metavar="COMMAND", help="What to run, and its arguments.")],
    rule: Annotated[
        list[Rule] | None,
        typer.Option(
            metavar="WORDS",
            parser=arguments.as_usage(read_rule),
            help=(
                "A rule, such as 'udp to 10.0.2.0/24:5000-5999 rate 1mbit' or 'receive tcp from :80'; "
                "may be given again."
            ),
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="More rules, from a TOML file; those of --rule go first."),
    ] = None,
    stay: Annotated[
        bool, typer.Option("--stay", help="Go on until all that COMMAND started has ended, not it alone.")
    ] = False,
    control: options.ControlIfThere = None,
    json: options.JsonLines = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Tell what happens there, and not on the standard error."),
    ] = None,
) -> int:
    """Run a program that knows nothing of RSVP, and reserve for its flows.

    The sockets of COMMAND and of all that descends from it are watched,
    and each flow that a rule names is announced with Paths, or reserved
    for, until its socket is closed or COMMAND ends. The first rule that
    matches counts; a socket that is not connected is for those that name
    the one address and port that it sends to. The program runs as ever:
    its input and output are its own, signals are passed on to it, and the
    exit status is COMMAND's, 128 + n where signal n ended it, 127 where
    there is no such command, and 126 where it cannot be executed.

    Example:

        rsvp run --rule 'udp to 10.0.2.0/24:5000-5999 rate 1mbit' -- vlc call.sdp

        rsvp run --rule 'receive tcp from :80 rate 8mbit' -- curl -O http://10.0.2.1/film

        rsvp run --rules flows.toml --json --output flows.log -- ./server
    """
    told = (*(rule or ()), *(load(rules) if rules is not None else ()))
    if not told:
        raise typer.BadParameter(f"there is no rule that says what to reserve for: give one, {EXAMPLE}")

    import asyncio

    from .running import Running

    return asyncio.run(Running(command, told, stay, json, output).run(control))
