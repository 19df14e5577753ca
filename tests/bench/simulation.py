"""A large network in virtual time: 1,000 routers, as many receivers of a group, half an hour, 5 % loss.

`python -m tests.bench.simulation` runs a tree of routers with a receiver's host at each, FF reservations of
four different rates, and checks all invariants on all nodes every minute; with `--json` it prints
one JSON object. Times are CPU seconds of this process, which has one core. Status 1 if an invariant
is broken, or if reservations are missing in the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from dataclasses import asdict, dataclass
from functools import partial
from random import Random

from rsvp.intserv import controlled_load
from rsvp.objects import FF
from rsvp.receiver import Receiver
from rsvp.simulation import Simulation, Topology

GROUP = "239.1.1.1:5000"
SENT = 20_000.0
RATES = (2_500.0, 5_000.0, 10_000.0, SENT)
"""What receivers reserve in turn, bytes/s."""

FAN = 3
MINUTE = 60.0
LOSS = 0.05


@dataclass
class Result:
    """What a run was like; `cpu` in seconds, the checks' apart from the rest, `memory` in MB."""

    routers: int
    receivers: int
    virtual: float
    messages: int
    lost: int
    flows: int
    broken: list[str]
    cpu: float
    checks_cpu: float
    microseconds_per_message: float
    memory: float


def network(routers: int, seed: int = 1) -> Simulation:
    """A tree with one sender at its root; the receivers come in the first minute."""
    topology = Topology.tree(routers, fan=FAN, bandwidth=1_250_000.0)
    for link in topology.links:
        link.loss = LOSS
    simulation = Simulation(topology, seed=seed)
    simulation.node("s").send(GROUP, SENT, port=4000)
    rng = Random(seed)
    for number in range(1, routers + 1):
        receiver = Receiver(FF, controlled_load, rate=RATES[number % len(RATES)])
        receive = partial(simulation.node(f"h{number}").receive, GROUP, receiver)
        simulation.at(rng.uniform(0.0, MINUTE), receive)
    return simulation


def measure(routers: int, minutes: int) -> Result:
    """Run it and check it every minute."""
    simulation = network(routers)
    invariants = simulation.invariants
    broken = []
    checks = 0.0
    began = time.process_time()
    for minute in range(1, minutes + 1):
        simulation.run(minute * MINUTE)
        before = time.process_time()
        broken += [f"{minute} min: {sentence}" for sentence in invariants.check()]
        checks += time.process_time() - before
    cpu = time.process_time() - began - checks
    return Result(
        routers,
        routers,
        simulation.now,
        simulation.crossings,
        simulation.lost,
        sum(len(node.ledger.flows) for node in simulation.nodes.values()),
        broken,
        cpu,
        checks,
        cpu / simulation.crossings * 1e6,
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.simulation", description=main.__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of words")
    parser.add_argument("--routers", type=int, default=1000, help="routers, with a receiver at each")
    parser.add_argument("--minutes", type=int, default=30, help="virtual minutes")
    options = parser.parse_args()
    result = measure(options.routers, options.minutes)
    if options.json:
        print(json.dumps(asdict(result), indent=1))
    else:
        minutes, us = result.virtual / MINUTE, result.microseconds_per_message
        print(f"{result.routers} routers, {result.receivers} receivers, {minutes:g} min of virtual time")
        print(f"{result.messages} messages on links, {result.lost} lost; {result.flows} flows at the end")
        print(f"{result.cpu:.1f} s of CPU, {us:.0f} us a message, {result.memory:.0f} MB")
        checks = f"{options.minutes} checks of all invariants, {result.checks_cpu:.1f} s"
        print(f"{checks}: {len(result.broken)} broken")
        for sentence in result.broken[:10]:
            print(sentence)
    # A reservation stands on every link, all of them being above a receiver; loss may end a few.
    return int(bool(result.broken) or result.flows < 1.98 * options.routers)


if __name__ == "__main__":
    raise SystemExit(main())
