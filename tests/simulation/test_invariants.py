"""The invariants hold over large and random runs, and notice when they do not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from rsvp.intserv import controlled_load
from rsvp.objects import FF
from rsvp.receiver import Receiver
from rsvp.simulation import Simulation, Topology
from tests.bench.simulation import measure
from tests.simulation.hunt import trouble


def test_a_large_tree_with_loss() -> None:
    """The bench, smaller: every link has a reservation, every invariant holds every minute."""
    result = measure(routers=60, minutes=12)
    assert result.broken == []
    assert result.flows == 120
    assert result.lost > 100


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_with_every_kind_of_trouble(seed: int) -> None:
    assert trouble(seed) == []


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


def test_what_is_less_than_reserved_may_be_so_for_a_lifetime() -> None:
    """A link that shrank gives back what it took with a refresh, if there is room again (RFC 4495)."""
    simulation = small()
    ledger = simulation.node("r1").ledger
    (handle,) = ledger.flows
    interface, flow = ledger.flows[handle]
    ledger.flows[handle] = interface, replace(flow, flowspec=controlled_load(1_000.0, bucket=3_000.0))

    def complaints() -> list[str]:
        return [one for one in simulation.invariants.check() if "but reserved is" in one]

    assert complaints() == []
    simulation.run(10 + 157)
    assert complaints() == []
    simulation.run(10 + 158)
    assert len(complaints()) == 1


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
