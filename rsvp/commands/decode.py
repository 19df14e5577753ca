"""`rsvp decode`: what is in a packet capture, for people and for programs (RFC 2205 section 3.1).

What only one of its ways needs is imported there: starting takes as long as thousands of packets.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ..capture import Capture, Frame
from ..capture.dissected import dissect_frame
from ..capture.link import link_name
from ..capture.report import Reporter
from ..errors import CaptureError

if TYPE_CHECKING:
    from ..capture.filter import Test
    from ..capture.text import Line


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
    wanted: Annotated[
        list[str] | None,
        typer.Option("--filter", metavar="WHAT", help="Only this message, address or session; repeatable."),
    ] = None,
    write: Annotated[
        str | None, typer.Option("--write", metavar="OUT", help="Write the packets shown to a pcap file.")
    ] = None,
) -> None:
    """Show the RSVP messages of a packet capture.

    Reads pcap and pcapng: Ethernet, Linux cooked, raw IP and loopback,
    VLAN tags, IPv4 and IPv6. Fragments are put together, and RSVP in UDP
    is found too. A broken packet is shown as far as it goes.

    A filter is a message's name (Resv), an address or a prefix (10.1.0.2,
    10.0.0.0/8) that the packet or its objects name, or a session
    (10.1.0.2:5000, 10.1.0.2:5000/udp); for a tunnel, its end and number.
    A packet has to pass all filters. Those that do can be written to
    another capture, from their IP header on.

    Example:

        tcpdump -i eth0 -w path.pcap ip proto 46

        rsvp decode path.pcap

        rsvp decode path.pcap --json | jq 'select(.message == "ResvErr")'

        rsvp decode path.pcap --filter Resv --filter 10.1.0.2:5000 --write one.pcap
    """
    tests = [_filter(text) for text in wanted or ()]
    capture = Capture(file)
    live = file == "-"
    try:
        with _target(write, file) as keep:
            chosen = _choose(capture, tests, keep) if tests or keep else iter(capture)
            if json:
                _print_json(capture, chosen, live)
            else:
                _print_text(capture, chosen, verbose, live)
    except BrokenPipeError:
        # The reader (head, less) has seen enough. Python flushes once more at exit: give it a sink.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _filter(text: str) -> Test:
    from ..capture.filter import read_filter

    try:
        return read_filter(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def _target(name: str | None, source: str) -> Iterator[Callable[[Frame], None] | None]:
    """Open the capture to write, and give what adds a frame to it."""
    if name is None:
        yield None
        return
    from ..capture.write import PcapWriter, ip_packet

    if os.path.exists(name) and os.path.exists(source) and os.path.samefile(name, source):
        raise CaptureError(f"{name} is the capture that is read: write to another file")
    try:
        with open(name, "wb") as stream:
            writer = PcapWriter(stream)
            yield lambda frame: writer.write(frame.time_ns, *ip_packet(frame))
    except OSError as error:
        if error.filename != name and not isinstance(error, BrokenPipeError):
            raise CaptureError(f"{name} cannot be written ({error.strerror}): check the disk") from None
        raise


def _choose(capture: Capture, tests: Sequence[Test], keep: Callable[[Frame], None] | None) -> Iterator[Frame]:
    """The frames that pass all filters, kept where that is asked for."""
    from ..capture.filter import matches

    for frame in capture:
        if tests and not matches(tests, frame, dissect_frame(frame)):
            continue
        if keep is not None:
            keep(frame)
        yield frame


def _print_json(capture: Capture, chosen: Iterator[Frame], live: bool) -> None:
    line = Reporter().line
    out = sys.stdout.buffer
    try:
        for frame in chosen:
            out.write(line(frame) + b"\n")
            if live:
                out.flush()
    finally:
        out.flush()
    _note_foreign(capture)


def _print_text(capture: Capture, chosen: Iterator[Frame], verbose: bool, live: bool) -> None:
    from ..capture.text import summary, tree

    write = _writer()
    shown = broken = 0
    try:
        for frame in chosen:
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
        from ..capture.text import plain

        return lambda line: sys.stdout.write(plain(line) + "\n")
    from rich.console import Console
    from rich.text import Text

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
