"""How people write rates and times, in files and on the command line, and how they are told."""

from __future__ import annotations

import math
import re

UNITS = {"": 1.0, "bit": 1 / 8, "kbit": 1e3 / 8, "mbit": 1e6 / 8, "gbit": 1e9 / 8}
"""Unit of a written rate -> bytes/s."""

TIMES = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0, "min": 60.0, "h": 3600.0}
"""Unit of a written time -> seconds."""

_NUMBER = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([a-z]*)", re.ASCII)


def parse_rate(text: str) -> float:
    """Read a rate such as "10mbit" (bits, powers of ten) or "125000" (bytes/s) into bytes/s.

    Raises ValueError with a sentence for people.
    """
    match = _NUMBER.fullmatch(text.strip().lower())
    if match is None or match[2] not in UNITS:
        raise ValueError(f"{text!r} is no rate: write 500kbit, 10mbit or 1gbit, or a number of bytes/s")
    rate = float(match[1]) * UNITS[match[2]]
    if not 0 < rate < math.inf:
        raise ValueError(f"a rate has to be above 0 and finite, not {text!r}")
    return rate


def parse_time(text: str) -> float:
    """Read a time such as "1ms", "2min" or "120" (seconds) into seconds.

    Raises ValueError with a sentence for people.
    """
    match = _NUMBER.fullmatch(text.strip().lower())
    if match is None or match[2] not in TIMES:
        raise ValueError(f"{text!r} is no time: write 5, 1ms, 200us, 30s, 2min or 1h")
    seconds = float(match[1]) * TIMES[match[2]]
    if not math.isfinite(seconds):
        raise ValueError(f"{text!r} is too long a time")
    return seconds


def format_rate(rate: float) -> str:
    """Write bytes/s for people, in bit/s: "10 Mbit/s"."""
    if math.isinf(rate):
        return "unlimited"
    bits = rate * 8
    for size, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        # 999.9996 kbit/s would print as 1000 kbit/s with four digits: go to the larger unit then.
        if bits >= size * 0.99995:
            return f"{bits / size:.4g} {unit}"
    return f"{bits:.4g} bit/s"
