"""`rsvp daemon`: RSVP on this host, for its applications and its operator."""

from __future__ import annotations

from typing import Annotated

import typer

from ..paths import CONTROL
from ..vocabulary import FORMATS, LEVELS, TOPICS
from . import arguments


def daemon(
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="An rsvp.toml; SIGHUP reads it again.")
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(metavar="PATH", help=f"The control socket instead of the file's or {CONTROL}."),
    ] = None,
    interface: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Take this interface only; may be given again.")
    ] = None,
    record: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write down all that enters the engine, for rsvp replay."),
    ] = None,
    log_format: Annotated[
        str,
        typer.Option(
            parser=arguments.one_of(FORMATS, f"{{text}} is no form of a log: one of {', '.join(FORMATS)}"),
            metavar="FORM",
            help=f"One of {', '.join(FORMATS)}: lines for people, or of JSON.",
            autocompletion=arguments.completes(FORMATS),
        ),
    ] = FORMATS[0],
    log_level: Annotated[
        str | None,
        typer.Option(
            parser=arguments.one_of(LEVELS, f"{{text}} is no level: one of {', '.join(LEVELS)}"),
            metavar="LEVEL",
            help=f"One of {', '.join(LEVELS)}; info without it.",
            autocompletion=arguments.completes(LEVELS),
        ),
    ] = None,
    log_topic: Annotated[
        list[str] | None,
        typer.Option(
            parser=arguments.one_of(TOPICS, f"there is no topic {{text}}: one of {', '.join(TOPICS)}"),
            metavar="TOPIC",
            help="At level debug, tell of this topic of rsvp log only; may be given again.",
            autocompletion=arguments.completes(TOPICS),
        ),
    ] = None,
    print_unit: Annotated[
        bool, typer.Option("--print-unit", help="Print a unit for systemd that reads this --config.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="The same as --log-level debug.")] = False,
) -> None:
    """Run RSVP on this host, in the foreground.

    Takes every interface that is up, loopback aside, unless --interface
    or the file names some. Logs to standard error and says on one line
    when it is ready. SIGTERM ends it: what it made is torn down on the
    wire and its traffic control is removed.

    Example:

        rsvp daemon --config /etc/rsvp.toml

        rsvp daemon --interface eth0 --interface eth1 --control /tmp/rsvp.sock

        rsvp daemon --record /var/lib/rsvp/inputs.jsonl

        rsvp daemon --config /etc/rsvp.toml --print-unit
    """
    if print_unit:
        from ..daemon.unit import unit

        print(unit(config), end="")
        return
    import asyncio

    from ..daemon.logs import to_standard_error
    from ..daemon.process import settled
    from ..daemon.service import Settings, serve

    to_standard_error(log_format, log_level or ("debug" if verbose else "info"), log_topic or TOPICS)
    settings = Settings(config, control, tuple(interface or ()), record)
    raise typer.Exit(asyncio.run(serve(settings, settle=settled)))
