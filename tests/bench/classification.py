"""What it costs to tell whose a packet is, and to install a reservation, with few and with many of them.

`python -m tests.bench.classification` prints a table, with `--json` one JSON object. Needs no root. A
host in namespaces of its own sends UDP packets of 100 bytes over a link under traffic control, to
`SOCKETS` reservations among 10 and among `--flows` of them, in turns, each as often as `--rounds` says;
a figure is the least processor time of the sender, kernel included, for each packet. How many
reservations are installed and removed in a second of processor time, one in a turn and many, comes
with it; the kernel's own part of that grows with their number, as it looks at all classes for a new one.
"""

from __future__ import annotations

import argparse
import json
import resource
import socket
import sys
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address

from rsvp.intserv import controlled_load
from rsvp.lab import Sandbox, chain
from rsvp.objects import FilterSpec, Session
from rsvp.tc import Flow
from rsvp.tc.htb import HtbTrafficControl

FEW, SOCKETS, ROUND = 10, 8, 4000
TURN = 100
"""Reservations that come or go in one turn, where they come in crowds."""
LINK = 1.25e9
"""10 Gbit/s: more than the sender can fill."""


def processor_time() -> float:
    """Seconds that this process has spent, in the kernel too."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def timed(work: Callable[[], None]) -> float:
    """Processor time of something."""
    began = processor_time()
    work()
    return processor_time() - began


def flow(number: int, source: IPv4Address, destination: IPv4Address) -> Flow:
    """A reservation unlike any other: its destination port, then its source port tell."""
    session = Session(destination, socket.IPPROTO_UDP, 5000 + number % 1000)
    sender = FilterSpec(source, 20_000 + number // 1000)
    return Flow(number, session, (sender,), controlled_load(1000.0))


def measure(many: int, rounds: int) -> dict[str, float]:
    """Nanoseconds a packet with none, few and many reservations, and how many come and go a second."""
    lab = chain("h1", "h2")
    lab.start()
    end = lab["h1"].toward("h2")
    source, destination = end.address, lab["h2"].toward("h1").address
    ears = []
    with lab["h2"]:
        for number in range(SOCKETS):
            ears.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            ears[-1].bind((str(destination), 5000 + number))  # never read: nobody is to answer
    with lab["h1"]:
        traffic = HtbTrafficControl()
        index = socket.if_nametoindex(end.name)
        sockets = []
        for number in range(SOCKETS):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((str(source), 20_000))
            sock.connect((str(destination), 5000 + number))
            sockets.append(sock)
        packet = bytes(100)

        def send() -> None:
            for _ in range(ROUND // SOCKETS):
                for sock in sockets:
                    sock.send(packet)

        def install(turn: int, first: int, last: int) -> None:
            for number in range(first, last):
                traffic.add_flow(index, flow(number, source, destination))
                if (number - first + 1) % turn == 0:
                    assert not traffic.settle()
            assert not traffic.settle()

        def remove(turn: int, first: int, last: int) -> None:
            for number in range(first, last):
                traffic.delete_flow(index, number)
                if (number - first + 1) % turn == 0:
                    assert not traffic.settle()
            assert not traffic.settle()

        costs: dict[str, list[float]] = {"none": [], "few": [], "many": []}
        send()
        costs["none"] += [timed(send) for _ in range(rounds)]
        traffic.open_interface(index, end.name, LINK, 1500)
        install(1, 0, FEW)
        figures = {}
        for turn, name in ((1, "one"), (TURN, "crowd")):
            costs["few"] += [timed(send) for _ in range(rounds // 2)]
            figures[f"install_{name}"] = (many - FEW) / timed(partial(install, turn, FEW, many))
            costs["many"] += [timed(send) for _ in range(rounds // 2)]
            figures[f"remove_{name}"] = (many - FEW) / timed(partial(remove, turn, FEW, many))
        carried = traffic.counters(index)[0].packets
        traffic.close()
    assert carried >= rounds // SOCKETS, "the packets did not find their reservation"
    return figures | {name: 1e9 * min(times) / ROUND for name, times in costs.items()}


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=10_000, help="how many reservations are many")
    parser.add_argument("--rounds", type=int, default=200, help="times that each is measured")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    options = parser.parse_args()

    def inside() -> int:
        found = measure(options.flows, options.rounds)
        found["ratio"] = found["many"] / found["few"]
        if options.json:
            print(json.dumps(found))
        else:
            print(f"a packet without traffic control        {found['none']:8.0f} ns")
            print(f"a packet with {FEW:6d} reservations       {found['few']:8.0f} ns")
            print(f"a packet with {options.flows:6d} reservations       {found['many']:8.0f} ns")
            print(f"many beside few                         {found['ratio']:8.2f} x")
            for name, turn in (("one", 1), ("crowd", TURN)):
                print(f"installed a second, {turn:3d} in a turn        {found[f'install_{name}']:8.0f}")
                print(f"removed a second, {turn:3d} in a turn          {found[f'remove_{name}']:8.0f}")
        sys.stdout.flush()
        return 0

    with Sandbox(inside) as sandbox:
        sys.exit(sandbox.wait())


if __name__ == "__main__":
    main()
