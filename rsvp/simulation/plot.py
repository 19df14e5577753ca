"""The picture of a run: what is reserved, and how much state there is, over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .. import pictures
from .node import Node
from .simulation import Simulation

POINTS = 500
"""How often a run is looked at for its picture."""

SHOWN = 8
"""Interfaces that get a line of their own: those with the most reserved at any time."""


@dataclass
class Samples:
    """A run, looked at `POINTS` times.

    `reserved` is bytes/s by node and interface; `counts` the number of PSBs, RSBs and installed
    flows of all nodes together.
    """

    times: list[float] = field(default_factory=list)
    reserved: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    counts: dict[str, list[int]] = field(default_factory=dict)

    def watch(self, simulation: Simulation, until: float, nodes: list[Node]) -> None:
        """Look at these nodes from now to `until`."""
        step = (until - simulation.now) / POINTS

        def look() -> None:
            self._look(simulation, nodes)
            if step and len(self.times) <= POINTS:
                simulation.at(min(until, len(self.times) * step), look)

        simulation.at(simulation.now, look)

    def _look(self, simulation: Simulation, nodes: list[Node]) -> None:
        before = len(self.times)
        self.times.append(simulation.now)
        counts = {"senders": 0, "reservations": 0, "installed": 0}
        for node in nodes:
            for name in counts:
                counts[name] += len(getattr(node, name)())
            for view in node.interfaces():
                rates = self.reserved.setdefault((node.name, view.name), [0.0] * before)
                rates.append(view.reserved)
        for name, count in counts.items():
            self.counts.setdefault(name, []).append(count)
        for rates in self.reserved.values():
            rates.extend([0.0] * (before + 1 - len(rates)))  # an interface that is down

    def draw(self, file: Path, title: str) -> None:
        """Write the picture. Raises OSError."""
        figure, (upper, lower) = pictures.pyplot().subplots(
            2, 1, sharex=True, figsize=(8, 5.6), layout="constrained"
        )
        upper.set_title(title, fontsize=11)
        used = sorted(self.reserved.items(), key=lambda item: -max(item[1]))
        for (node, interface), rates in used[:SHOWN]:
            if max(rates):
                label = f"{node} {interface}"
                upper.step(self.times, [rate * 8e-3 for rate in rates], where="post", label=label)
        upper.set_ylabel("reserved, kbit/s")
        for name, counts in self.counts.items():
            lower.step(self.times, counts, where="post", label=name)
        lower.set_ylabel("on all nodes")
        lower.set_xlabel("time, s")
        for axes in (upper, lower):
            axes.grid(alpha=0.25)
            axes.set_ylim(bottom=0)
            axes.spines[["top", "right"]].set_visible(False)
            if axes.get_legend_handles_labels()[1]:
                axes.legend(loc="best", fontsize=8)
        pictures.save(figure, file)
