"""The picture of a run: what is reserved, and how much state there is, over time."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import pictures
from ..units import format_rate
from .node import Node
from .simulation import Simulation

POINTS = 500
"""How often a run is looked at for its picture."""

SHOWN = 10
"""Interfaces that are drawn: those with the most reserved at any time."""

FILL = "#1f6f8b"
LINES = (("-", 3.5), ("--", 2.0), (":", 2.0))
"""How the counts are drawn, so that equal ones can be told apart."""


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
        used = [item for item in self.reserved.items() if max(item[1])]
        most = sorted(used, key=lambda item: -max(item[1]))[:SHOWN]
        shown = [item for item in used if item in most]
        figure, (upper, lower) = pictures.pyplot().subplots(
            2, 1, sharex=True, figsize=(8, 3.2 + 0.4 * len(shown)), layout="constrained"
        )
        upper.set_title(title, fontsize=11)
        self._draw_lanes(upper, shown)
        for (name, counts), (style, width) in zip(self.counts.items(), LINES, strict=True):
            lower.step(self.times, counts, style, where="post", label=name, linewidth=width, alpha=0.8)
        lower.set_ylabel("on all nodes")
        lower.set_xlabel("time, s")
        lower.set_ylim(bottom=0)
        lower.legend(loc="best", fontsize=8)
        for axes in (upper, lower):
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
        pictures.save(figure, file)

    def _draw_lanes(self, axes: Any, shown: list[tuple[tuple[str, str], list[float]]]) -> None:
        """What is reserved on each interface, one above the other, all to one scale."""
        scale = max((max(rates) for _, rates in shown), default=1.0)
        for lane, (_, rates) in enumerate(shown):
            floor = [-lane] * len(rates)
            tops = [-lane + 0.8 * rate / scale for rate in rates]
            axes.fill_between(self.times, floor, tops, step="post", color=FILL, linewidth=0)
        axes.set_yticks([-lane for lane in range(len(shown))])
        labels = [
            f"{node} {interface}\nup to {format_rate(max(rates))}" for (node, interface), rates in shown
        ]
        axes.set_yticklabels(labels, fontsize=8, verticalalignment="bottom")
        axes.set_ylabel("reserved")
