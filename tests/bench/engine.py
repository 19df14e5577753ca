"""What one session costs the engine of a transit router, in processor time and memory.

`python -m tests.bench.engine` runs a node between two interfaces with 1,000, 10,000 and 100,000 sessions,
each size in a process of its own, and prints a table, with `--json` one JSON object. No two sessions are
alike in destination, sender, ports and rates; 16 neighbours send for all of them. An ADSPEC tells of the
path, so that all Paths of one neighbour have equal ones; with `--adspecs` each session has its own.

`setup` is everything from a sender's first Path to the reservation asked of its previous hop: Path in,
the answer of routing, Path out, Resv in, admission, traffic control, Resv out. `Path refresh` and `Resv
refresh` are the same messages again in another order, equal ones that were decoded anew. `sent` is a
refresh that the engine sends by itself. Decoding the same bytes is never counted in these: it stands
beside them, as the yardstick of the same run, and the refreshes are told as a multiple of it. Nor are the
fingerprints, by which the engine knows what came before: whoever decodes takes them, and what one costs
has a line of its own. `--no-fingerprints` goes without. Of times the best of some rounds is told, setups of
an engine of its own each. `last : first` is how flat a figure is. `memory` is what the process grew by for
each session, all kept messages included. The garbage collector runs as it does in a daemon.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path as File
from random import Random
from typing import Any

from rsvp import engine as e
from rsvp import messages as m
from rsvp import objects as o
from rsvp._wire import decode, encode, fingerprint
from rsvp.daemon.process import leave_alone
from tests.bench.messages import path, resv

SIZES = (1_000, 10_000, 100_000)
BATCH = 100
"""Messages that are decoded ahead of the engine at a time."""

REFRESHED = 10_000
"""Sessions that a round refreshes at most, picked at random."""

AT_MOST = {"setup": 100, "Path refresh": 5, "Resv refresh": 5, "memory": 4096}
"""What a session may cost on a machine of our day: microseconds, and bytes."""

UPSTREAM, DOWNSTREAM = 1, 2
NEIGHBORS = 8
"""Previous hops on one side, and next hops on the other."""


@cache
def own(interface: int) -> IPv4Address:
    """The router's own address on an interface; the one object that transports give again and again."""
    return IPv4Address(f"10.{interface}.0.254")


def neighbor(interface: int, n: int) -> IPv4Address:
    """The address of the neighbour that session n has on an interface."""
    return IPv4Address(f"10.{interface}.0.1") + n % NEIGHBORS


def paths(n: int, adspecs: bool) -> bytes:
    """Session n's Path, as its previous hop sends it."""
    message = path(n)
    if not adspecs:
        message = replace(message, sender=replace(message.sender, adspec=path(n % NEIGHBORS).sender.adspec))
    hop = o.Hop(neighbor(UPSTREAM, n), 7)
    return encode(replace(message, hop=hop, time_values=o.TimeValues(30_000)))


def resvs(n: int) -> bytes:
    """Session n's Resv, as its next hop sends it."""
    hop = o.Hop(neighbor(DOWNSTREAM, n), DOWNSTREAM)
    return encode(replace(resv(n), hop=hop, time_values=o.TimeValues(30_000)))


class Meter:
    """Processor time, by what it was spent on: the engine's work, and decoding what it works on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.count: dict[str, int] = {}

    def __call__(self, what: str, count: int, started: float) -> None:
        self.seconds[what] = self.seconds.get(what, 0.0) + time.process_time() - started
        self.count[what] = self.count.get(what, 0) + count

    def each(self, what: str) -> float:
        """Microseconds for one."""
        return 1e6 * self.seconds[what] / self.count[what]


class Transit:
    """A router's engine, with the test for its neighbours, its routing and its clock."""

    def __init__(self, sessions: int, fingerprints: bool) -> None:
        self.fingerprints = fingerprints
        self.engine = e.Engine(e.Config(max_sessions=sessions), rng=Random(1))
        self.now = 0.0
        self.meter = Meter()
        for index in (UPSTREAM, DOWNSTREAM):
            self.engine.handle(e.InterfaceUp(e.Interface(index, f"eth{index}", (own(index),))), 0.0)

    def receive(self, what: str, packets: list[bytes], interface: int) -> list[list[e.Output]]:
        """Packets come in through an interface; what the engine makes of each."""
        started = time.process_time()
        messages: list[Any] = [decode(packet) for packet in packets]
        self.meter(f"decode {what}", len(packets), started)
        started = time.process_time()
        prints = [fingerprint(packet) if self.fingerprints else None for packet in packets]
        self.meter(f"fingerprint {what}", len(packets), started)
        received = [
            e.Received(
                one,
                interface,
                one.hop.address,
                one.session.destination if interface == UPSTREAM else own(interface),
                one.send_ttl,
                taken,
            )
            for one, taken in zip(messages, prints, strict=True)
        ]
        handle, now = self.engine.handle, self.now
        started = time.process_time()
        outputs = [handle(one, now) for one in received]
        self.meter(what, len(packets), started)
        return outputs

    def answer(self, what: str, questions: list[list[e.Output]]) -> list[list[e.Output]]:
        """Routing answers: everything lies downstream."""
        answers = [
            e.RouteResolved(one.destination, one.source, (DOWNSTREAM,))
            for outputs in questions
            for one in outputs
            if isinstance(one, e.ResolveRoute)
        ]
        started = time.process_time()
        outputs = [self.engine.handle(one, self.now) for one in answers]
        self.meter(what, len(answers), started)
        return outputs


def batches(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Some sessions at a time."""
    for start in range(0, len(numbers), BATCH):
        yield numbers[start : start + BATCH]


def expect(kinds: tuple[type[Any], ...], outputs: list[list[e.Output]]) -> None:
    """Make sure that the engine did what is measured."""
    for one in outputs:
        assert tuple(type(o.message if isinstance(o, e.Send) else o) for o in one) == kinds, one


def resident() -> int:
    """Bytes of memory that this process has."""
    gc.collect()
    return int(File("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def set_up(node: Transit, path_of: list[bytes], resv_of: list[bytes]) -> None:
    """Path and Resv of every session, in batches."""
    for numbers in batches(range(len(path_of))):
        node.now += 0.01
        questions = node.receive("Path", [path_of[n] for n in numbers], UPSTREAM)
        expect((e.ResolveRoute,), questions)
        expect((m.Path,), node.answer("routing", questions))
        expect((e.InstallFlow, m.Resv), node.receive("Resv", [resv_of[n] for n in numbers], DOWNSTREAM))


def setups(meter: Meter) -> dict[str, float]:
    """What a session's setup took, by a meter of `set_up`."""
    return {
        "setup": meter.each("Path") + meter.each("routing") + meter.each("Resv"),
        "decode setup": meter.each("decode Path") + meter.each("decode Resv"),
    }


def measure(sessions: int, rounds: int, adspecs: bool, fingerprints: bool) -> dict[str, float]:
    """Microseconds and bytes for one of so many sessions; of times the best of some rounds.

    Each round of setups is that of another engine, after the first has been refreshed and is gone.
    """
    leave_alone()
    node = Transit(sessions, fingerprints)
    path_of = [paths(n, adspecs) for n in range(sessions)]
    resv_of = [resvs(n) for n in range(sessions)]
    before = resident()
    set_up(node, path_of, resv_of)
    memory = (resident() - before) / sessions
    setup, best = [setups(node.meter)], dict[str, float]()
    for turn in range(rounds):
        node.meter = Meter()
        for numbers in batches(Random(turn).sample(range(sessions), min(sessions, REFRESHED))):
            node.now += 0.01
            expect((), node.receive("Path", [path_of[n] for n in numbers], UPSTREAM))
            expect((), node.receive("Resv", [resv_of[n] for n in numbers], DOWNSTREAM))
        node.now += 16.0
        started = time.process_time()
        sent = node.engine.handle_timeout(node.now)
        node.meter("sent", len(sent), started)
        assert all(isinstance(one, e.Send) and not one.trigger for one in sent)
        for what in node.meter.count:
            best[what] = min(best.get(what, 1e9), node.meter.each(what))
    for _ in range(rounds - 1):
        del node
        gc.collect()
        node = Transit(sessions, fingerprints)
        set_up(node, path_of, resv_of)
        setup.append(setups(node.meter))
    return {
        **min(setup, key=lambda one: one["setup"]),
        "Path refresh": best["Path"],
        "decode Path": best["decode Path"],
        "Path fingerprint": best["fingerprint Path"],
        "Resv refresh": best["Resv"],
        "decode Resv": best["decode Resv"],
        "Resv fingerprint": best["fingerprint Resv"],
        "sent": best["sent"],
        "memory": memory,
    }


def in_a_process_of_its_own(
    sessions: int, rounds: int, adspecs: bool, fingerprints: bool
) -> dict[str, float]:
    """The figures of one size, untouched by what the others left behind."""
    command = [sys.executable, "-m", "tests.bench.engine", "--one", str(sessions), "--rounds", str(rounds)]
    command += ["--adspecs"] if adspecs else []
    command += [] if fingerprints else ["--no-fingerprints"]
    found: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def show(results: dict[int, dict[str, float]]) -> None:
    """Print the table."""
    print(f"{'':16}" + "".join(f"{size:>12,}" for size in results) + f"{'last : first':>14}{'at most':>12}")
    sizes = list(results.values())
    for what in sizes[0]:
        unit, digits = ("B ", 0) if what == "memory" else ("us", 1)
        figures = "".join(f"{one[what]:>9,.{digits}f} {unit}" for one in sizes)
        limit = f"{AT_MOST[what]:>9,} {unit}" if what in AT_MOST else ""
        print(f"{what:16}{figures}{sizes[-1][what] / sizes[0][what]:>14.2f}{limit}")
    for kind in ("Path", "Resv"):
        ratios = "".join(f"{one[f'{kind} refresh'] / one[f'decode {kind}']:>12.2f}" for one in sizes)
        print(f"{kind} : decode   {ratios}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the best counts")
    parser.add_argument("--adspecs", action="store_true", help="give every session an ADSPEC of its own")
    parser.add_argument(
        "--no-fingerprints", dest="fingerprints", action="store_false", help="let the engine compare messages"
    )
    parser.add_argument("--one", type=int, metavar="SESSIONS", help="measure this size only, in this process")
    options = parser.parse_args()
    ways = (options.rounds, options.adspecs, options.fingerprints)
    if options.one is not None:
        print(json.dumps(measure(options.one, *ways)))
        return
    results = {size: in_a_process_of_its_own(size, *ways) for size in SIZES}
    if options.json:
        json.dump(results, sys.stdout, indent=1)
        print()
    else:
        show(results)


if __name__ == "__main__":
    main()
