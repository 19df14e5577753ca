"""`rsvp decode`: what is in a packet capture, for people and for programs (RFC 2205 section 3.1)."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ..capture import Capture
from ..capture.dissected import dissect_frame
from ..capture.link import link_name
from ..capture.report import Reporter
from ..capture.text import Line, plain, summary, tree


def decode(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help='A pcap or pcapng file, "-" for standard input.')
    ],
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line for each RSVP packet.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Every object and field, with units and RFC sections.")
    ] = False,
) -> None:
    """Show the RSVP messages of a packet capture.

    Reads pcap and pcapng: Ethernet, Linux cooked, raw IP and loopback,
    VLAN tags, IPv4 and IPv6. Fragments are put together, and RSVP in UDP
    is found too. A broken packet is shown as far as it goes.

    Example:

        tcpdump -i eth0 -w path.pcap ip proto 46

        rsvp decode path.pcap

        rsvp decode path.pcap --json | jq 'select(.message == "ResvErr")'
    """
    capture = Capture(file)
    live = file == "-"
    try:
        if json:
            _print_json(capture, live)
        else:
            _print_text(capture, verbose, live)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python flushes once more at exit: give it a sink.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _print_json(capture: Capture, live: bool) -> None:
    line = Reporter().line
    out = sys.stdout.buffer
    try:
        for frame in capture:
            out.write(line(frame) + b"\n")
            if live:
                out.flush()
    finally:
        out.flush()
    _note_foreign(capture)


def _print_text(capture: Capture, verbose: bool, live: bool) -> None:
    write = _writer()
    shown = broken = 0
    try:
        for frame in capture:
            found = dissect_frame(frame)
            shown += 1
            broken += found.error is not None or any(inner.error for inner in found.messages or ())
            if verbose:
                for line in tree(frame, found):
                    write(line)
            else:
                write(summary(frame, found, capture.start_ns))
            if live:
                sys.stdout.flush()
    finally:
        sys.stdout.flush()
        if capture.packets:
            _print_counts(capture.packets, shown, broken)
    _note_foreign(capture)


def _writer() -> Callable[[Line], object]:
    """Print a line in colour where a terminal shows it, else without any."""
    if not sys.stdout.isatty():
        return lambda line: sys.stdout.write(plain(line) + "\n")
    console = Console(highlight=False, soft_wrap=True)
    return lambda line: console.print(Text.assemble(*line))


def _print_counts(packets: int, shown: int, broken: int) -> None:
    """Sum up on standard error, which leaves standard output to the packets."""
    words = f"{'1 packet' if packets == 1 else f'{packets} packets'}, {shown} RSVP"
    if broken:
        words += f", {broken} broken"
    print(words, file=sys.stderr)


def _note_foreign(capture: Capture) -> None:
    for link_type, count in capture.foreign.items():
        packets = "1 packet" if count == 1 else f"{count} packets"
        print(f"rsvp: {packets} of link type {link_name(link_type)} passed over", file=sys.stderr)
