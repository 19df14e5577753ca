"""The demo's picture: delay of every packet and loss, without and with the reservation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import pictures
from .measure import Run
from .run import Result

WITHOUT, WITH = "#c2452d", "#1f6f8b"
BIN = 0.25
"""Seconds over which loss is averaged."""


def draw(result: Result, file: Path) -> None:
    """Write the picture; its form is `file`'s suffix. Raises OSError where it cannot be written."""
    runs = (("without reservation", result.without, WITHOUT), ("with reservation", result.reserved, WITH))
    figure, (upper, lower) = pictures.pyplot().subplots(
        2, 1, sharex=True, figsize=(8, 5.6), height_ratios=(3, 1.3), layout="constrained"
    )
    plan = result.plan
    upper.set_title(
        f"{plan.flow_rate * 8 / 1e6:g} Mbit/s through a {plan.link_rate * 8 / 1e6:g} Mbit/s link "
        f"that is offered {plan.background_rate * 8 / 1e6:g} Mbit/s more",
        fontsize=11,
    )
    for label, run, color in runs:
        _draw_delays(upper, label, run, color)
        _draw_loss(lower, run, color, plan.duration)
    upper.set_yscale("log")
    upper.set_ylabel("delay of each packet, ms")
    upper.yaxis.set_major_formatter("{x:g}")
    upper.legend(loc="center right", fontsize=9, markerscale=3)
    lower.set_ylabel("loss, %")
    lower.set_ylim(-4, 104)
    lower.set_xlabel("time, s")
    lower.set_xlim(0, plan.duration)
    for axes in (upper, lower):
        axes.grid(alpha=0.25, which="major")
        axes.spines[["top", "right"]].set_visible(False)
    pictures.save(figure, file)


def _draw_delays(axes: Any, label: str, run: Run, color: str) -> None:
    times = [(one.sent - run.began) / 1e9 for one in run.arrivals]
    delays = [one.delay * 1e3 for one in run.arrivals]
    told = f"{label}: {run.loss * 100:.1f} % lost" + (
        f", 99 % within {run.delay_text(0.99)}" if run.arrivals else ""
    )
    axes.plot(times, delays, ".", color=color, markersize=2.5, alpha=0.7, label=told)


def _draw_loss(axes: Any, run: Run, color: str, duration: float) -> None:
    bins = max(1, round(duration / BIN))
    sent, arrived = [0] * bins, [0] * bins
    for number in range(run.sent):
        sent[number * bins // run.sent] += 1
    for one in run.arrivals:
        arrived[one.number * bins // run.sent] += 1
    loss = [100.0 * (1.0 - got / of) if of else 0.0 for got, of in zip(arrived, sent, strict=True)]
    edges = [number * duration / bins for number in range(bins + 1)]
    axes.stairs(loss, edges, color=color, linewidth=1.8, baseline=None)
