"""Numbers as people read them: rates in bit/s beside bytes/s, flags by name (RFC 2205, RFC 2210)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

from ..iana import LATENCY_UNKNOWN, Protocol


def bit_rate(rate: float) -> str:
    """A rate of bytes/s in bit/s: "1.5 Mbit/s", "infinite"."""
    bits = rate * 8.0
    if not math.isfinite(bits):
        return "infinite" if bits > 0 else str(bits)
    for size, unit in ((1e9, "Gbit/s"), (1e6, "Mbit/s"), (1e3, "kbit/s")):
        if bits >= size:
            return f"{bits / size:.6g} {unit}"
    return f"{bits:.6g} bit/s"


def count(value: float) -> str:
    """A number without needless digits."""
    return f"{value:.12g}" if math.isfinite(value) else "infinite"


def byte_rate(value: float) -> str:
    """A rate of bytes/s in both units."""
    if not math.isfinite(value):
        return "infinite"
    return f"{count(value)} bytes/s ({bit_rate(value)})"


def size(value: float) -> str:
    """A number of bytes."""
    return f"{count(value)} bytes"


def microseconds(value: int) -> str:
    """A latency, which a hop may not know."""
    return "unknown" if value == LATENCY_UNKNOWN else f"{value} microseconds"


def milliseconds(value: int) -> str:
    """A time on the wire in milliseconds, in seconds."""
    return f"{value / 1000:g} seconds"


def protocol(value: int) -> str:
    """An IP protocol, by name where it has one here."""
    names = {int(known): known.name for known in Protocol}
    return f"{value} ({names[value]})" if value in names else str(value)


def hexadecimal(value: int) -> str:
    """A number that is no quantity."""
    return f"{value:#x}"


def yes(value: bool) -> str:
    """yes or no."""
    return "yes" if value else "no"


def digest(value: bytes) -> str:
    """Bytes with their number."""
    return f"{value.hex()} ({len(value)} bytes)"


def flags(value: int | Iterable[int], words: Iterable[str]) -> str:
    """Flags as a number, or as several words of 32 bits, and what they are called."""
    numbers = hexadecimal(value) if isinstance(value, int) else " ".join(f"{word:08x}" for word in value)
    told = ", ".join(words)
    return f"{numbers} ({told})" if told else numbers or "none"


def named(names: Mapping[int, str]) -> Callable[[int], str]:
    """A writer of numbers that have names."""
    return lambda value: f"{value} ({names[value]})" if value in names else str(value)
