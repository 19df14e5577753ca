"""`rsvp demo`: what a reservation does, in a network of namespaces that is gone afterwards."""

from __future__ import annotations

import json as json_module
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer


def demo(
    json: Annotated[bool, typer.Option("--json", help="The result as JSON on standard output.")] = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw both runs: a .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Show what a reservation does. Needs no root, takes half a minute.

    Builds two hosts and two routers in network namespaces, h1 - r1 - r2 - h2,
    the middle link slow, with a daemon in each. Overloads the slow link and
    sends a real-time flow from h1 to h2, first without, then with a
    reservation made by real Path and Resv messages; compares loss and delay.
    Leaves nothing behind.

    Example:

        rsvp demo

        rsvp demo --plot demo.png

        rsvp demo --json | jq .with.loss
    """
    from rich.console import Console

    from ..demo.network import Plan
    from ..demo.plot import draw
    from ..demo.report import follow, show
    from ..demo.run import Demo
    from ..pictures import check

    if plot is not None:
        check(plot)
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        with Demo(Plan()) as running:
            result = follow(running, Console(stderr=True))
        if plot is not None:
            draw(result, plot)
    finally:
        signal.signal(signal.SIGTERM, before)
    if json:
        print(json_module.dumps(result.to_json(), indent=2))
    else:
        show(result, Console())


def _terminate(number: int, frame: FrameType | None) -> None:
    """Leave by the way that gives the terminal back and ends the sandbox."""
    sys.exit(128 + number)
