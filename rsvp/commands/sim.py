"""`rsvp sim`: a network in virtual time, from a file, told over time."""

from __future__ import annotations

import json as json_module
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..errors import RsvpError
from ..units import parse_time
from . import arguments
from .show import print_entries

if TYPE_CHECKING:
    from ..simulation import Event, Simulation
    from ..simulation.report import Told

MAX_SEED = 10**18

PROGRESS = 0.5
"""Seconds of real time between two words of how far a run is, where nothing else tells it."""


def _print_lines(wanted: bool) -> None:
    if wanted:
        from .simlines import LINES

        print(LINES, end="")
        raise typer.Exit


read_until = arguments.as_usage(parse_time)


def sim(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE", help='A scenario: a network and what happens in it; "-" is standard input.'
        ),
    ],
    until: Annotated[
        float | None, typer.Option(metavar="T", parser=read_until, help="Run until then: 120, 30s or 2min.")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", parser=arguments.whole(0, MAX_SEED), help="In place of the file's seed."),
    ] = None,
    node: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Tell of this node only; may be given again.")
    ] = None,
    messages: Annotated[
        bool, typer.Option("--messages", help="Every message on every link, refreshes too.")
    ] = False,
    why: Annotated[
        bool, typer.Option("--why", help="Which messages and rules made each entry that is shown.")
    ] = False,
    lines: Annotated[
        bool,
        typer.Option(
            "--lines", callback=_print_lines, is_eager=True, help="Print what a file may say, and exit."
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    pcap: Annotated[
        str | None, typer.Option(metavar="OUT", help="Write every packet to a capture file.")
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write down what enters each node's engine: DIR/NODE.jsonl."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT", help="Draw reserved rates and state over time: .png, .svg or .pdf."),
    ] = None,
) -> None:
    """Run a network in virtual time and tell what happens.

    The engines, the merging and the messages are those of the daemon; only
    links and clocks are not real. Losses and delays come from the seed: the
    same file and seed give the same run, to the byte. At the end comes the
    state of each node. Exit status 1 if something that the file expects did
    not hold.

    Example: write these lines to two.rsvp, and run it.

        link h1 r1 100mbit 1ms

        link r1 h2 10mbit 1ms loss 5%

        at 0 h1 send h2:5000 from :4000 20kbit

        at 1 h2 reserve h2:5000 ff confirm

        at 10 expect r1 installed 1

        run 60

    Then:

        rsvp sim two.rsvp

        rsvp sim --lines

        rsvp sim two.rsvp --seed 7 --json | jq 'select(.event == "confirm")'

        rsvp sim two.rsvp --node r1 --why

        rsvp sim two.rsvp --pcap two.pcap --plot two.png

        rsvp sim two.rsvp --record two && rsvp replay two/r1.jsonl
    """
    from ..pictures import check
    from ..simulation import Scenario
    from ..simulation.plot import Samples
    from ..simulation.topology import STDIN

    if pcap == STDIN:
        raise typer.BadParameter(
            "it takes a file: standard output is for what happens", param_hint="'--pcap'"
        )
    if plot is not None:
        check(plot)
    scenario = Scenario.load(file)
    if record is not None:
        record.mkdir(parents=True, exist_ok=True)
    simulation = scenario.simulation(seed, record)
    nodes = [simulation.node(name) for name in node or simulation.nodes]
    end = scenario.end if until is None else until
    telling = Telling(simulation, {one.name for one in nodes}, json=json, messages=messages, why=why)
    samples = Samples()
    if plot is not None:
        samples.watch(simulation, end, nodes)
    with nullcontext() if pcap is None else open(pcap, "wb") as stream:
        if stream is not None:
            _capture(simulation, stream)
        with _progress(simulation, end):
            simulation.run(end)
    simulation.close()
    telling.end()
    if plot is not None:
        samples.draw(plot, f"{Path(file).name}, seed {simulation.seed}")
    if telling.failed:
        raise RsvpError(f"{file}: {telling.failed} of {telling.checks} expectations did not hold")


class Telling:
    """Prints what happens, for people or as JSON, and counts what was expected."""

    def __init__(
        self, simulation: Simulation, nodes: set[str], *, json: bool, messages: bool, why: bool
    ) -> None:
        from ..simulation.report import Lines
        from . import simtext

        self.checks = self.failed = 0
        self._simulation = simulation
        self._json = json
        self._messages = messages
        self._why = why
        self._nodes = nodes
        self._line: Callable[[Told], str] = Lines().line if json else simtext.line
        simulation.observe(self._tell)

    def _tell(self, event: Event) -> None:
        from ..simulation import Arrived, Checked, Crossing, Shown

        if isinstance(event, Arrived):
            return
        if isinstance(event, Checked):
            self.checks += 1
            self.failed += not event.held
        else:
            if isinstance(event, Crossing) and event.refresh and not self._messages:
                return
            if event.node is not None and event.node not in self._nodes:
                return
        if isinstance(event, Shown) and self._why:
            shown = self._simulation.node(event.node).show(event.what, why=True)
            event = replace(event, entries=shown)
        print(self._line(event))
        if isinstance(event, Shown) and not self._json and event.entries:
            print_entries(event.what, event.entries)

    def end(self) -> None:
        """Print the state of the nodes, and how much there was."""
        from ..simulation.node import WHAT
        from ..simulation.report import state, totals

        nodes = [node for name, node in self._simulation.nodes.items() if name in self._nodes]
        sums = totals(self._simulation, self.checks, self.failed)
        if self._json:
            for node in nodes:
                print(json_module.dumps(state(node, why=self._why)))
            print(json_module.dumps(sums))
            return
        apart = "\n"  # reasons end in an empty line
        for what in WHAT[1:-1]:
            entries = [
                {"node": node.name, **entry} for node in nodes for entry in node.show(what, why=self._why)
            ]
            if entries:
                print(f"{apart}{what}")
                print_entries(what, entries, "node")
                apart = "" if "why" in entries[0] else "\n"
        sys.stdout.flush()
        held = f", {self.checks - self.failed} of {self.checks} expectations held" if self.checks else ""
        messages = "1 message" if sums["messages"] == 1 else f"{sums['messages']} messages"
        print(f"{apart}{messages} in {sums['time']:g} s, {sums['lost']} lost{held}")


@contextmanager
def _progress(simulation: Simulation, end: float) -> Iterator[None]:
    """Say on the terminal how far the run is, where its events go elsewhere."""
    if sys.stdout.isatty() or not sys.stderr.isatty():
        yield
        return
    after = monotonic() + PROGRESS

    def say(event: Event) -> None:
        nonlocal after
        if monotonic() >= after:
            print(f"\r{event.time:.0f} s of {end:.0f} s", end="", file=sys.stderr, flush=True)
            after = monotonic() + PROGRESS

    simulation.observe(say)
    try:
        yield
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _capture(simulation: Simulation, stream: BinaryIO) -> None:
    """Write every packet that crosses a link to a capture."""
    from ..capture.write import PcapWriter, ip_packet
    from ..simulation import Crossing
    from ..simulation.report import frame_of

    writer = PcapWriter(stream)

    def keep(event: Event) -> None:
        if isinstance(event, Crossing):
            frame = frame_of(event)
            writer.write(frame.time_ns, *ip_packet(frame))

    simulation.observe(keep)
