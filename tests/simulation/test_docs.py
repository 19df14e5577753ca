"""What docs/simulation.md shows can be run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rsvp.simulation import Checked, Event, Scenario, Simulation, Topology

PAGE = (Path(__file__).parent.parent.parent / "docs" / "simulation.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def block(language: str) -> str:
    return next(text for name, text in BLOCKS if name == language)


def test_the_scenario_holds() -> None:
    scenario = Scenario.parse(block(""))
    simulation = scenario.simulation()
    checks: list[Checked] = []

    def watch(event: Event) -> None:
        if isinstance(event, Checked):
            checks.append(event)

    simulation.observe(watch)
    simulation.run(scenario.end)
    assert len(checks) > 10
    assert all(check.held for check in checks)


def test_the_lines_of_python_run(capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(block("python"), "simulation.md", "exec"), {})
    out = capsys.readouterr().out
    assert "InstalledView(" in out
    assert "ResvConfirmed(" in out


def test_step_by_step() -> None:
    simulation = Simulation(Topology.parse("link h1 r1 1ms\nlink r1 h2 1ms"))
    simulation.node("h1").send("h2:5000", 2500.0, port=4000)
    assert simulation.step()
    assert (simulation.now, len(simulation.node("r1").senders())) == (0.001, 1)
    assert simulation.step()
    assert (simulation.now, len(simulation.node("h2").sessions())) == (0.002, 1)
    assert not Simulation(Topology.parse("link h1 h2")).step()
