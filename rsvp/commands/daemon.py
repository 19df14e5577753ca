"""`rsvp daemon`: RSVP on this host, for its applications and its operator."""

from __future__ import annotations

from typing import Annotated

import typer

from ..paths import CONTROL


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
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every dropped message, too.")] = False,
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
    """
    import asyncio
    import logging

    from ..daemon.service import Settings, serve

    logging.basicConfig(format="%(name)s: %(message)s", level=logging.DEBUG if verbose else logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    raise typer.Exit(asyncio.run(serve(Settings(config, control, tuple(interface or ()), record))))
