"""Log lines that others can cause as often as they like, written at a bounded rate."""

from __future__ import annotations

import logging

PERIOD = 10.0
"""Seconds between two lines about the same thing."""


class Seldom:
    """A log for such lines; what is left out in between is counted and told of in the next one."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._last: dict[str, tuple[float, int]] = {}

    def warning(self, about: str, now: float, message: str, *values: object) -> None:
        """Log a warning, unless there was one `about` the same, one of a few texts, a moment ago."""
        last, left_out = self._last.get(about, (now - PERIOD, 0))
        if now < last + PERIOD:
            self._last[about] = (last, left_out + 1)
            return
        self._last[about] = (now, 0)
        more = f"; {left_out} more like this in the last {now - last:.0f} s" if left_out else ""
        self._log.warning(f"{message}%s", *values, more)
