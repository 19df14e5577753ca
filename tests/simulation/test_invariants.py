"""The invariants hold over large and random runs, and notice when they do not."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from random import Random

import pytest

from rsvp.intserv import controlled_load
from rsvp.objects import FF, SE, WF, Style
from rsvp.receiver import Receiver
from rsvp.simulation import Simulation, Topology
from tests.bench.simulation import measure

GROUP = "239.1.1.1:5000"


def test_a_large_tree_with_loss() -> None:
    """The bench, smaller: every link has a reservation, every invariant holds every minute."""
    result = measure(routers=60, minutes=12)
    assert result.broken == []
    assert result.flows == 120
    assert result.lost > 100


@pytest.mark.parametrize("style", [FF, SE, WF], ids=lambda style: style.name)
@pytest.mark.parametrize("seed", range(3))
def test_random_networks_with_every_kind_of_trouble(style: Style, seed: int) -> None:
    """Senders and receivers come and go, links and nodes fail; in the end nothing is left anywhere."""
    topology = Topology.random(12, seed=seed, bandwidth=125_000.0)
    for link in topology.links:
        link.loss, link.duplication, link.reordering, link.jitter = 0.05, 0.05, 0.1, 0.005
    simulation = Simulation(topology, seed=seed, refresh=10.0, convergence=0.5)
    invariants = simulation.invariants
    rng = Random(seed)
    hosts = [node for name, node in simulation.nodes.items() if name.startswith("h")]
    routers = [node for name, node in simulation.nodes.items() if name.startswith("r")]
    senders, receivers = hosts[:3], hosts[3:]
    for node in senders:
        simulation.at(rng.uniform(0, 10), partial(node.send, GROUP, 10_000.0, port=4000))
    for node in receivers:
        rate = rng.choice([2_500.0, 5_000.0, 40_000.0])
        receiver = Receiver(style, controlled_load, rate=rate)
        simulation.at(rng.uniform(0, 100), partial(node.receive, GROUP, receiver, confirm=True))
        simulation.at(rng.uniform(150, 400), partial(node.close, GROUP))
    for _ in range(6):
        link, node = rng.choice(simulation.links), rng.choice(routers)
        when = rng.uniform(50, 300)
        simulation.at(when, partial(simulation.cut, link))
        simulation.at(when + rng.uniform(1, 60), partial(simulation.mend, link))
        simulation.at(when + 5, partial(simulation.restart, node))
    for node in senders:
        simulation.at(rng.uniform(350, 400), partial(node.close, GROUP))
    for second in range(10, 411, 10):
        simulation.run(second)
        assert invariants.check() == []
    # A tear may be lost; then the state times out, one node after the other at worst.
    simulation.run(410 + 12 * 52.5)
    assert simulation.empty


def small() -> Simulation:
    simulation = Simulation(Topology.parse("link h1 r1 10mbit\nlink r1 h2 10mbit"))
    assert simulation.invariants.check() == []
    simulation.node("h2").receive("h2:5000", Receiver(FF, controlled_load))
    simulation.node("h1").send("h2:5000", 2500.0, port=4000)
    simulation.run(10)
    assert simulation.invariants.check() == []
    return simulation


def test_what_was_not_told_to_traffic_control_is_noticed() -> None:
    simulation = small()
    simulation.node("r1").ledger.flows.clear()
    installed, reserved = simulation.invariants.check()
    assert installed.startswith("r1: installed None for ")
    assert reserved == "r1: eth2 says that 2500.0 bytes/s are reserved, but its flows take 0"


def test_a_link_that_is_promised_twice_is_noticed() -> None:
    simulation = small()
    ledger = simulation.node("r1").ledger
    (handle,) = ledger.flows
    interface, flow = ledger.flows[handle]
    much = controlled_load(2_000_000.0)
    ledger.flows[handle] = interface, replace(flow, flowspec=much, tspec=None)
    assert any("above its limit of 937500.0" in sentence for sentence in simulation.invariants.check())


def test_state_that_outlives_its_lifetime_is_noticed() -> None:
    simulation = small()
    simulation.node("r1").wake = -math.inf  # nobody looks at its timers any more
    simulation.crash(simulation.node("h1"))
    simulation.crash(simulation.node("h2"))
    simulation.run(157)
    assert simulation.invariants.check() == []
    simulation.run(168)
    assert simulation.invariants.check() == [
        "r1: the sender 10.0.1.1:4000 to port 5000 of 10.0.2.2 outlived its lifetime",
        "r1: the reservation of 10.0.2.2 for 10.0.1.1:4000 to port 5000 of 10.0.2.2 outlived its lifetime",
    ]


def test_state_that_goes_too_early_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    simulation = small()
    simulation.run(100)
    assert simulation.invariants.check() == []
    monkeypatch.setattr(simulation.node("r1"), "reservations", list)
    assert simulation.invariants.check()[-1] == (
        "r1: the reservation of 10.0.2.2 for 10.0.1.1:4000 to port 5000 of 10.0.2.2 is gone before its time"
    )
