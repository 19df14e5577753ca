"""Random networks with every kind of trouble, the invariants checked all along.

`python -m tests.simulation.hunt 0 200` runs the seeds from 0 to 199 and says what does not hold.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from rsvp.errors import LocalError
from rsvp.intserv import controlled_load, guaranteed
from rsvp.objects import FF, SE, WF
from rsvp.receiver import Receiver
from rsvp.simulation import Node, Simulation, Topology

REFRESH = 10.0
LIFETIME = 52.5
END = 410.0
RATES = (2_500.0, 5_000.0, 40_000.0, None)
BANDWIDTHS = (20_000.0, 30_000.0, 60_000.0, 125_000.0)


def trouble(seed: int) -> list[str]:
    """Run one random history; returns what did not hold.

    Senders and receivers come, change their mind and go; packets are lost, doubled and overtaken;
    links fail and change what they carry, routers start again; some routers do not know RSVP. In
    the end all applications leave, and nothing may be left anywhere.
    """
    rng = Random(f"hunt/{seed}")
    simulation = _network(rng, seed)
    invariants = simulation.invariants
    hosts = [node for name, node in simulation.nodes.items() if name.startswith("h")]
    routers = [node for name, node in simulation.nodes.items() if name.startswith("r")]
    if rng.random() < 0.7:
        group = "239.1.1.1:5000" if hosts[0].addresses[0].version == 4 else "[ff1e::1]:5000"
        _applications(rng, simulation, group, hosts[:3], hosts[3:])
    else:
        _applications(rng, simulation, f"{hosts[-1].name}:5000", hosts[:3], hosts[-1:])
    _failures(rng, simulation, routers)
    for time in range(5, int(END) + 1, 5):
        simulation.run(time)
        broken = invariants.check()
        if broken:
            return [f"seed {seed}, {time} s: {sentence}" for sentence in broken]
    # A tear may be lost; then the state times out, one node after the other at worst.
    simulation.run(END + (len(routers) + 1) * LIFETIME)
    return [] if simulation.empty else [f"seed {seed}: state is left"]


def _network(rng: Random, seed: int) -> Simulation:
    routers = rng.choice((4, 8, 12))
    topology = Topology.random(routers, seed=seed, bandwidth=rng.choice(BANDWIDTHS))
    for number in range(1, routers + 1):
        if rng.random() < 0.15:
            topology.plain(f"r{number}")
    for link in topology.links:
        link.loss, link.duplication, link.reordering, link.jitter = 0.05, 0.05, 0.1, 0.005
    convergence, versions = rng.choice((0.0, 0.5)), rng.choice(((4,), (6,)))
    return Simulation(topology, seed=seed, refresh=REFRESH, convergence=convergence, versions=versions)


def _applications(
    rng: Random, simulation: Simulation, session: str, senders: list[Node], receivers: list[Node]
) -> None:
    style, service = rng.choice((FF, SE, WF)), rng.choice((controlled_load, guaranteed))
    for node in senders:
        for _ in range(rng.choice((1, 1, 3))):
            send = partial(node.send, session, rng.choice((5_000.0, 10_000.0)), port=4000)
            _sometime(simulation, rng.uniform(0, 200), send)
        if rng.random() < 0.3:
            _sometime(simulation, rng.uniform(100, 300), partial(node.stop, session, port=4000))
        _sometime(simulation, rng.uniform(350, 400), partial(node.close, session))
    for node in receivers:
        for _ in range(rng.choice((1, 2, 3))):
            receiver = Receiver(style, service, rate=rng.choice(RATES))
            receive = partial(node.receive, session, receiver, confirm=rng.random() < 0.5)
            _sometime(simulation, rng.uniform(0, 200), receive)
        if rng.random() < 0.5:
            _sometime(simulation, rng.uniform(100, 300), partial(node.release, session))
        _sometime(simulation, rng.uniform(350, 400), partial(node.close, session))


def _sometime(simulation: Simulation, when: float, act: Callable[[], object]) -> None:
    """Have it done if it can be: a host may not send any more that is to stop."""

    def try_it() -> None:
        with suppress(LocalError):
            act()

    simulation.at(when, try_it)


def _failures(rng: Random, simulation: Simulation, routers: list[Node]) -> None:
    for _ in range(6):
        link, other, node = rng.choice(simulation.links), rng.choice(simulation.links), rng.choice(routers)
        when = rng.uniform(50, 300)
        simulation.at(when, partial(simulation.cut, link))
        simulation.at(when, partial(simulation.change, other, bandwidth=rng.choice(BANDWIDTHS)))
        simulation.at(when + rng.uniform(1, 60), partial(simulation.mend, link))
        simulation.at(when + 5, partial(simulation.restart, node))


def main() -> int:
    """Run the seeds and print what does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.hunt", description=main.__doc__)
    parser.add_argument("first", type=int, help="the first seed")
    parser.add_argument("last", type=int, help="the seed to stop before")
    options = parser.parse_args()
    found = 0
    for seed in range(options.first, options.last):
        for sentence in trouble(seed):
            found += 1
            print(sentence, flush=True)
    print(f"{options.last - options.first} histories, {found} sentences")
    return int(found > 0)


if __name__ == "__main__":
    raise SystemExit(main())
