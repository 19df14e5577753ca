"""The demo's picture: delay of every packet and loss, without and with the reservation."""

from __future__ import annotations

import importlib.util
import io
from pathlib import Path
from typing import Any

from ..errors import LocalError
from .run import Result, Run

FORMATS = (".png", ".svg", ".pdf")
WITHOUT, WITH = "#c2452d", "#1f6f8b"
BIN = 0.25
"""Seconds over which loss is averaged."""


def check(file: Path) -> None:
    """Raise LocalError now for what would keep `draw` from writing `file` after a long run."""
    if file.suffix.lower() not in FORMATS:
        raise LocalError(f"{file} has to end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
    if not file.absolute().parent.is_dir():
        raise LocalError(f"there is no directory {file.absolute().parent} to put {file.name} in")
    if file.is_dir():
        raise LocalError(f"{file} is a directory")
    if importlib.util.find_spec("matplotlib") is None:
        raise LocalError("--plot needs matplotlib: install it with 'pip install pyrsvp[plot]'")


def draw(result: Result, file: Path) -> None:
    """Write the picture; its form is `file`'s suffix. Raises OSError where it cannot be written."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    runs = (("without reservation", result.without, WITHOUT), ("with reservation", result.reserved, WITH))
    figure, (upper, lower) = pyplot.subplots(
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
    # Written at once when complete: an interrupt leaves no half a picture.
    picture = io.BytesIO()
    figure.savefig(picture, dpi=150, format=file.suffix[1:].lower())
    pyplot.close(figure)
    file.write_bytes(picture.getvalue())


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
