"""State that is gone is gone at once: none of it waits for the collector of garbage.

A daemon lets that look seldom, as it would walk through all that stands, so what points at each other
would pile up. Asked of every story in tests/conformance.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from rsvp import engine as e
from rsvp.simulation import Scenario

from .. import garbage
from .fabric import a

SCENARIOS = sorted(Path(__file__).parent.parent.glob("conformance/*/scenario.rsvp"))


def left_over() -> list[object]:
    """What of this package waits for the collector."""
    gc.collect()
    return [one for one in gc.garbage if type(one).__module__.startswith("rsvp.")]


@pytest.fixture
def no_collector() -> Iterator[None]:
    """What points at each other stays until it is asked for."""
    garbage.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.enable()
    gc.garbage.clear()


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[e.Engine]:
    """Every engine that is made from now on; what those of nodes that crashed hold is no garbage."""
    made: list[e.Engine] = []
    new = e.Engine

    def make(*, rng: Random) -> e.Engine:
        made.append(new(rng=rng))
        return made[-1]

    monkeypatch.setattr(e, "Engine", make)
    return made


def test_nothing_that_an_engine_gives_up_is_left_over(no_collector: None, engines: list[e.Engine]) -> None:
    scenarios = [Scenario.load(file) for file in SCENARIOS]
    simulations = [one.simulation() for one in scenarios]
    for scenario, simulation in zip(scenarios, simulations, strict=True):
        simulation.run(scenario.end)
    assert len(engines) >= sum(len(one.nodes) for one in simulations)
    assert left_over() == []


def test_nor_is_what_a_growing_refresh_period_was(no_collector: None) -> None:
    node = e.Engine(rng=Random(1))
    for refresh in (10.0, 30.0):
        node.handle(e.InterfaceUp(e.Interface(1, "eth1", (a("10.1.0.254"),), refresh=refresh)), 0.0)
    while (now := node.next_timeout()) is not None:
        node.handle_timeout(now)
    assert left_over() == []
