"""A scenario: a network, what happens in it when, and until when to run it.

link h1 r1 100mbit 1ms
link r1 h2 10mbit 1ms loss 5%
at 0 h1 send h2:5000 from :4000 20kbit
at 1 h2 reserve h2:5000 ff confirm
run 120
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..engine.interfaces import KEEP, REFRESH
from ..errors import ScenarioError
from .actions import Action, read_action
from .lines import Words, read_keep, read_lines, read_span, read_time, read_whole
from .reading import STATEMENTS, read_statement
from .simulation import Simulation
from .topology import STDIN, Topology, load_text

VERSIONS = {"ipv4": (4,), "ipv6": (6,), "both": (4, 6)}


@dataclass
class Step:
    """Something that happens at `time`, and every `period` seconds after that if there is one."""

    time: float
    period: float | None
    words: Words


@dataclass
class Scenario:
    """What a scenario file says. Times are seconds; the fields are the parameters of `Simulation`."""

    topology: Topology = field(default_factory=Topology)
    seed: int = 0
    refresh: float = REFRESH
    keep: int = KEEP
    convergence: float = 0.0
    versions: tuple[int, ...] = (4,)
    until: float | None = None
    steps: list[Step] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str, file: str = "scenario") -> Scenario:
        """Read a scenario's lines. Raises ScenarioError with one sentence that names the line."""
        scenario = cls()
        for words in read_lines(text, file):
            if read_statement(words, scenario.topology, (Path(file),)):
                continue
            word = words.take("")
            if word not in SETTINGS:
                words.unknown(word, "statement", (*STATEMENTS, *SETTINGS))
            SETTINGS[word](scenario, words)
        for step in scenario.steps:
            if step.time > scenario.end:
                step.words.fail(f"this would be at {step.time:g} s, and 'run' ends at {scenario.end:g} s")
        return scenario

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Scenario:
        """Read a scenario file; "-" is standard input. Raises ScenarioError."""
        file = os.fspath(path)
        text = load_text(file)
        file = "standard input" if file == STDIN else file
        scenario = cls.parse(text, file)
        if not scenario.topology.nodes:
            raise ScenarioError(f"{file}: no nodes: begin with lines such as 'link h1 r1 10mbit 1ms'")
        return scenario

    @property
    def end(self) -> float:
        """Until when it runs: as it says, else a refresh period after the last thing that happens."""
        if self.until is not None:
            return self.until
        return max((step.time for step in self.steps), default=0.0) + self.refresh

    def simulation(self, seed: int | None = None, record: Path | None = None) -> Simulation:
        """The network at its beginning, with all that is to happen. Raises ScenarioError."""
        simulation = Simulation(
            self.topology,
            seed=self.seed if seed is None else seed,
            refresh=self.refresh,
            keep=self.keep,
            convergence=self.convergence,
            versions=self.versions,
            record=record,
        )
        for step in self.steps:
            words = step.words.again()
            action = read_action(words, simulation)
            if step.period is not None:
                action = _repeated(simulation, action, step.time, step.period)
            simulation.at(step.time, action)
        return simulation


def _repeated(simulation: Simulation, action: Action, start: float, period: float) -> Action:
    times = 0

    def again() -> None:
        nonlocal times
        times += 1
        # Counted from the start, so that rounding does not add up.
        simulation.at(start + times * period, again)
        action()

    return again


# --- settings -------------------------------------------------------------------------------------


def _seed(scenario: Scenario, words: Words) -> None:
    scenario.seed = words.read(read_whole, "a number")
    words.end()


def _refresh(scenario: Scenario, words: Words) -> None:
    scenario.refresh = words.read(read_span, "a time")
    words.end()


def _keep(scenario: Scenario, words: Words) -> None:
    scenario.keep = words.read(read_keep, "a number")
    words.end()


def _convergence(scenario: Scenario, words: Words) -> None:
    scenario.convergence = words.read(read_time, "a time")
    words.end()


def _addresses(scenario: Scenario, words: Words) -> None:
    word = words.take("ipv4, ipv6 or both")
    if word not in VERSIONS:
        words.unknown(word, "kind of addresses", VERSIONS)
    scenario.versions = VERSIONS[word]
    words.end()


def _run(scenario: Scenario, words: Words) -> None:
    words.maybe("until")
    scenario.until = words.read(read_time, "a time")
    words.end()


def _at(scenario: Scenario, words: Words) -> None:
    scenario.steps.append(Step(words.read(read_time, "a time"), None, words))


def _every(scenario: Scenario, words: Words) -> None:
    period = words.read(read_span, "a time")
    start = words.read(read_time, "a time") if words.maybe("from") else period
    scenario.steps.append(Step(start, period, words))


SETTINGS: dict[str, Callable[[Scenario, Words], None]] = {
    "seed": _seed,
    "refresh": _refresh,
    "keep": _keep,
    "convergence": _convergence,
    "addresses": _addresses,
    "run": _run,
    "at": _at,
    "every": _every,
}
